"""The words that tests of the double are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import stripe
from stripe.checkout import Session
from stripe.params.checkout import SessionCreateParams

from digistore.testing import FrozenClock
from digistore.testing.stripe import StripeDouble

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRICE = 2900  # 29.00 EUR
FOREVER = 10**12  # seconds that a signature may be old: the clock of tests stands still


class Shop:
    """A double, its clock, and the real SDK that talks to it."""

    def __init__(self, double: StripeDouble, clock: FrozenClock) -> None:
        self.double = double
        self.clock = clock
        self.stripe = client(double)

    def session(self, *, key: str | None = None, **changed: object) -> Session:
        options: stripe.RequestOptions = {} if key is None else {"idempotency_key": key}
        params = cast("SessionCreateParams", asked(**changed))
        return self.stripe.v1.checkout.sessions.create(params, options)

    def now(self, session: Session | str, *expand: str) -> Session:
        """The session as the API tells it now."""
        session_id = session if isinstance(session, str) else session.id
        return self.stripe.v1.checkout.sessions.retrieve(session_id, {"expand": list(expand)})

    def paid(self, *, key: str | None = None, **changed: object) -> Session:
        session = self.session(key=key, **changed)
        self.double.pay(session.id)
        return self.now(session)

    def types(self, session: Session) -> list[str]:
        """What was told of a session, in Stripe's order."""
        return [event["type"] for event in told(self.double, session)]


def client(double: StripeDouble, **options: Any) -> stripe.StripeClient:
    given: dict[str, Any] = {"base_addresses": {"api": double.url}, "max_network_retries": 0}
    return stripe.StripeClient(double.api_key, **given | options)


def asked(**changed: object) -> dict[str, Any]:
    """What a shop asks for when it makes a session; ``None`` leaves a parameter out."""
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [line()],
        "success_url": "https://shop.example/thanks",
    }
    return {name: value for name, value in (params | changed).items() if value is not None}


def line(
    amount: int = PRICE, currency: str = "eur", quantity: int = 1, **price: object
) -> dict[str, Any]:
    data = {"currency": currency, "unit_amount": amount, "product_data": {"name": "The Book"}}
    return {"price_data": data | price, "quantity": quantity}


def told(double: StripeDouble, session: Session | None = None) -> list[dict[str, Any]]:
    """All events, or those of one session, as they would be sent."""
    signed = double.events(None if session is None else session.id)
    return [read(body) for body, _ in signed]


def read(body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(body)
    return event


def intent_of(session: Session) -> str:
    assert isinstance(session.payment_intent, str)
    return session.payment_intent


def refused(error: pytest.ExceptionInfo[stripe.StripeError]) -> Mapping[str, Any]:
    """The error as it came over the wire."""
    body = cast("Mapping[str, Any]", error.value.json_body)
    found: Mapping[str, Any] = body["error"]
    return found
