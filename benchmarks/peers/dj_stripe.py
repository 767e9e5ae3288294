"""dj-stripe: a message of Stripe that a payment succeeded, with Stripe on a loopback server."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.peers.django_ready import ready
from benchmarks.peers.signed import SECRET, event, signature
from benchmarks.peers.writing import Peer, measure
from benchmarks.runner import prepared, repeat

WORK = (
    "request and event kept, signature checked, the payment asked for again over HTTP (a stub on "
    "the loopback) and kept; no order, no access, no outbox"
)

ACCOUNT = {"id": "acct_1", "object": "account", "settings": {}, "metadata": {}}


def payment(name: str) -> dict[str, Any]:
    """Return a payment as Stripe tells it."""
    return {
        "id": name,
        "object": "payment_intent",
        "amount": 2900,
        "amount_capturable": 0,
        "amount_received": 2900,
        "capture_method": "automatic",
        "client_secret": f"{name}_secret",
        "confirmation_method": "automatic",
        "created": 1_760_000_000,
        "currency": "usd",
        "customer": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "payment_method": None,
        "payment_method_types": ["card"],
        "status": "succeeded",
    }


class Stub(BaseHTTPRequestHandler):
    """Tells of any payment that it succeeded."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        name = self.path.partition("?")[0].rpartition("/")[2]
        body = json.dumps(ACCOUNT if name == "account" else payment(name)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


def serve() -> str:
    """Serve the stub in a process of its own, which ends with this one; return where."""
    listening = socket.create_server(("127.0.0.1", 0))
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(writing)
        server = HTTPServer(listening.getsockname(), Stub, bind_and_activate=False)
        server.socket = listening
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.read(reading, 1)  # until the other end is gone
        os._exit(0)
    os.close(reading)
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def peers(folder: Path) -> Sequence[tuple[str, str, Peer]]:
    """Open its webhook."""
    url = serve()
    ready(
        folder,
        ["djstripe"],
        STRIPE_TEST_SECRET_KEY=f"sk_test_{'0' * 24}",
        STRIPE_LIVE_MODE=False,
        DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
    )
    import stripe  # noqa: PLC0415  once Django is ready
    from django.test import RequestFactory  # noqa: PLC0415
    from djstripe.models import PaymentIntent, WebhookEndpoint, WebhookEventTrigger  # noqa: PLC0415

    stripe.api_base = url
    endpoint = WebhookEndpoint.objects.create(
        id="we_1",
        livemode=False,
        secret=SECRET,
        url="https://shop.example/",
        status="enabled",
        enabled_events=["*"],
        djstripe_validation_method="verify_signature",
    )
    requests, numbers = RequestFactory(), count()

    def messages(many: int) -> list[object]:
        found: list[object] = []
        for number in (next(numbers) for _ in range(many)):
            body = event(str(number), "payment_intent.succeeded", payment(f"pi_{number}"))
            header = {"STRIPE_SIGNATURE": signature(body)}
            found.append(requests.post("/", body, content_type="application/json", headers=header))
        return found

    def take(request: object) -> None:
        if not WebhookEventTrigger.from_request(request, webhook_endpoint=endpoint).processed:
            raise AssertionError

    [again] = messages(1)
    take(again)
    if PaymentIntent.objects.count() != 1:
        raise AssertionError
    kept = "request kept once more, signature checked, event found"
    return [
        ("c", "webhook", (prepared(messages, take), WORK)),
        ("d", "webhook", (repeat(lambda: take(again)), kept)),
    ]


if __name__ == "__main__":
    measure("dj-stripe", peers)
