"""Messages as Stripe signs them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "whsec_of_nothing"  # noqa: S105  of nothing


def event(name: str, kind: str, about: dict[str, Any]) -> bytes:
    """Return the body of a message about something."""
    return json.dumps(
        {
            "id": f"evt_{name}",
            "object": "event",
            "api_version": "2025-01-01",
            "created": int(time.time()),
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            "data": {"object": about},
        },
        indent=2,
    ).encode()


def signature(body: bytes) -> str:
    """Return the header that goes with it."""
    now = int(time.time())
    signed = hmac.new(SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={signed}"
