"""The error table: what digistore raises, as HTTP says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from digistore.clock import Clock
from digistore.errors import (
    AccessRequired,
    AlreadyExists,
    AlreadyOwned,
    AmountNotSupported,
    Busy,
    DamagedFile,
    DigistoreError,
    Forbidden,
    GatewayError,
    Invalid,
    InvalidTransition,
    NotForSale,
    NothingToDeliver,
    NotRefundable,
    PaymentInFlight,
    TooManyAttempts,
    http_status,
)
from digistore.money import Money
from digistore.web.messages import Detail, Problem

# What an error may tell besides its code and message; what is not named here stays inside.
TOLD: Mapping[type[DigistoreError], tuple[str, ...]] = {
    Forbidden: ("reason",),
    AlreadyOwned: ("product_id", "purchase_id", "state"),
    PaymentInFlight: ("order_id", "since"),
    InvalidTransition: ("now", "new"),
    AlreadyExists: ("field",),
    NotForSale: ("product_id",),
    NothingToDeliver: ("product_id",),
    AccessRequired: ("product_id", "reason"),
    NotRefundable: ("reason", "left"),
    Invalid: ("fields",),
    AmountNotSupported: ("fields", "nearest"),
    TooManyAttempts: ("retry_at",),
    GatewayError: ("order_id",),
    Busy: ("outcome_unknown",),
}
GATEWAY = "the payment provider did not do this; the same request may be sent again"
STORAGE = "the file cannot be delivered at present; try again later"
PATIENCE = 1  # seconds to wait where nothing better is known


def problem_of(error: DigistoreError, clock: Clock) -> Problem:
    """Say *error* in HTTP.

    Raises:
        DigistoreError: the error itself, if it is nothing that a request can cause.
    """
    status = http_status(error)
    if status == 500:  # noqa: PLR2004  the host's own mistake: its log must show it
        raise error
    details = {
        name: detail
        for name in _names(error)
        if (detail := _plain(getattr(error, name))) is not None
    }
    headers = _headers(error, clock)
    return Problem(status, error.code, _message(error), details=details, headers=headers)


def _names(error: DigistoreError) -> tuple[str, ...]:
    return next((TOLD[kind] for kind in type(error).__mro__ if kind in TOLD), ())


def _message(error: DigistoreError) -> str:
    # What a provider or a disk says may name accounts and paths.
    if isinstance(error, GatewayError):
        return GATEWAY
    return STORAGE if isinstance(error, DamagedFile) else str(error)


def _headers(error: DigistoreError, clock: Clock) -> Mapping[str, str]:
    if isinstance(error, TooManyAttempts):
        left = (error.retry_at - clock()).total_seconds()
        return {"Retry-After": str(max(math.ceil(left), PATIENCE))}
    # What may be done already is not to be repeated by a client that knows nothing but HTTP.
    again = isinstance(error, Busy) and not error.outcome_unknown
    return {"Retry-After": str(PATIENCE)} if again else {}


def _plain(value: object) -> Detail:
    if isinstance(value, Money):
        return {"amount": value.amount, "currency": value.currency}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, bool):
        return value or None  # what is not so is not told
    return None if value is None else str(value)
