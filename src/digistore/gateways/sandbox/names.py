"""Ids and fingerprints that follow from what they name.

Nothing here is drawn or counted across checkouts: a fresh sandbox beside an old database of a
shop never gives the id of one checkout to another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime

from digistore.clock import to_micros
from digistore.gateways.port import CheckoutRequest, RefundRequest
from digistore.money import Money

_ID_LENGTH = 24  # hex digits, 96 bits: names of tests and demos, no secrets

CHECKOUT, PAYMENT, REFUND, DISPUTE, EVENT = "cs_", "pi_", "re_", "dp_", "evt_"


def digest(*parts: object) -> str:
    """Return hex digits that depend on *parts*, on their order and on where each of them ends."""
    text = json.dumps([str(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]


def fingerprint(request: CheckoutRequest | RefundRequest) -> str:
    """Return what two requests have in common only if all of their fields are equal."""
    text = json.dumps(_plain(request), default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Money):
        return [value.amount, value.currency]
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    message = f"a request holds JSON and money only, not {type(value).__name__}"
    raise TypeError(message)
