"""What it costs to verify and parse a webhook of Stripe, beside the floor of the same run.

The floor is what nobody can leave out: one HMAC-SHA256 over the body and one ``json.loads``.  Each
figure is the fastest of many short runs, taken in turns, so that a busy machine slows all alike.

    python benchmarks/stripe_webhook.py
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import stripe

from digistore.blocking import run
from digistore.clock import utc_now
from digistore.errors import InvalidSignature
from digistore.gateways.stripe import StripeGateway
from digistore.testing.stripe import StripeDouble

TURNS, CALLS = 200, 50
GOAL, GOAL_FORGED = 1.0, 2.0
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


def fastest(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the microseconds that each of *works* takes at best."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(TURNS):
        for name, work in works.items():
            begun = time.perf_counter()
            for _ in range(CALLS):
                work()
            best[name] = min(best[name], (time.perf_counter() - begun) / CALLS)
    return {name: seconds * 1e6 for name, seconds in best.items()}


def main() -> None:
    """Print what each way takes, and its ratio to the floor."""
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

    took = fastest(
        {
            "hmac": sign,
            "hmac + json.loads": lambda: (sign(), json.loads(webhook.body)),
            "parse_event": lambda: run(gateway.parse_event(webhook.body, webhook.headers)),
            "parse_event, forged": forged,
            "SDK construct_event": lambda: stripe.Webhook.construct_event(
                text, webhook.headers[HEADER], webhook.secret, tolerance=3600
            ),
        }
    )
    floor, mac = took["hmac + json.loads"], took["hmac"]
    print(f"body: {len(webhook.body)} bytes")
    for name, micros in took.items():
        of, base = ("hmac", mac) if name.endswith("forged") else ("floor", floor)
        print(f"{name:22} {micros:8.1f} us  {micros / base:5.2f} x {of}")
    print(f"goals: parse_event {GOAL} x floor, forged {GOAL_FORGED} x hmac")


if __name__ == "__main__":
    main()
