"""(h) verify and parse a webhook of Stripe.

The floor is what nobody can leave out: one HMAC-SHA256 over the body and one ``json.loads``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

import stripe

from benchmarks.runner import Subject, Table, Way, interleave, repeat
from digistore.blocking import run
from digistore.clock import utc_now
from digistore.errors import InvalidSignature
from digistore.gateways.stripe import StripeGateway
from digistore.testing.stripe import StripeDouble

GOAL, GOAL_FORGED = 1.0, 2.0
WHY = (
    "names that come twice are refused, the event is digested to know it again, each id is checked;"
    " it takes less than reading the body takes json.loads"
)
WHY_FORGED = "at the limit: the header is found and taken apart before the HMAC is computed"
HEADER = "Stripe-Signature"


@dataclass(frozen=True)
class Webhook:
    """One genuine event, and the same with a signature by somebody else."""

    body: bytes
    headers: Mapping[str, str]
    forged: Mapping[str, str]
    secret: str


def a_webhook() -> Webhook:
    """Have the double pay a session and tell of it."""
    with StripeDouble() as double:
        api = stripe.StripeClient(double.api_key, base_addresses={"api": double.url})
        session = api.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "line_items": [
                    {
                        "price_data": {
                            "currency": "eur",
                            "unit_amount": 2900,
                            "product_data": {"name": "The Book"},
                        },
                        "quantity": 1,
                    }
                ],
                "success_url": "https://shop.example/thanks",
                "cancel_url": "https://shop.example/back",
                "client_reference_id": "att_2Ja5TBVjgatSSgzvutU6wu",
                "metadata": {
                    "digistore_ns": "shop",
                    "digistore_ref": "att_2Ja5TBVjgatSSgzvutU6wu",
                    "digistore_order": "ord_2Ja5TBVjoaEtPV5ePjHa2j",
                },
            }
        )
        body, headers = double.pay(session.id)
        forged = {HEADER: headers[HEADER].partition(",")[0] + ",v1=" + "0" * 64}
        return Webhook(body, headers, forged, double.webhook_secret)


def parse(rounds: int) -> list[Table]:
    """(h) what is genuine, and what is forged."""
    webhook = a_webhook()
    gateway = StripeGateway(
        "sk_test_NeverSentAnywhere",
        webhook.secret,
        namespace="shop",
        tolerance=3600,
        clock=utc_now,
    )
    key, text = webhook.secret.encode(), webhook.body.decode()
    sent = webhook.headers[HEADER].partition(",")[0].removeprefix("t=").encode()

    def sign() -> str:
        return hmac.new(key, sent + b"." + webhook.body, hashlib.sha256).hexdigest()

    def forged() -> None:
        try:
            run(gateway.parse_event(webhook.body, webhook.forged))
        except InvalidSignature:
            return
        raise AssertionError

    def genuine() -> object:
        return run(gateway.parse_event(webhook.body, webhook.headers))

    def by_sdk() -> object:
        return stripe.Webhook.construct_event(
            text, webhook.headers[HEADER], webhook.secret, tolerance=3600
        )

    size = f"{len(webhook.body):,} bytes"
    ways = {
        "parse_event": Way(repeat(genuine), GOAL, WHY),
        "the SDK's": Way(repeat(by_sdk)),
    }
    return [
        interleave(
            Subject("h", f"verify and parse a webhook of {size}, beside HMAC and json.loads"),
            lambda: repeat(lambda: (sign(), json.loads(webhook.body))),
            ways,
            rounds=rounds,
        ),
        interleave(
            Subject("h", f"refuse a forged webhook of {size}, beside HMAC"),
            lambda: repeat(sign),
            {"parse_event": Way(repeat(forged), GOAL_FORGED, WHY_FORGED)},
            rounds=rounds,
        ),
    ]
