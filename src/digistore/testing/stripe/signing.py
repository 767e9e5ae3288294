"""Signatures of webhooks, as Stripe makes them: https://docs.stripe.com/webhooks#verify-manually."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

HEADER = "Stripe-Signature"

_OVERLAP = timedelta(hours=24)


class Signer:
    """Signs with the newest secret, and for 24 hours after a change with the one before it too.

    In test mode Stripe adds a ``v0`` signature, which nobody may believe; so does this.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._former: list[tuple[str, datetime]] = []

    def roll(self, secret: str, now: datetime) -> None:
        """Sign with *secret* from now on."""
        self._former.append((self.secret, now + _OVERLAP))
        self.secret = secret

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers that prove *body* to have been sent *at* that time."""
        sent = str(int(at.timestamp()))
        secrets = [self.secret, *(secret for secret, until in self._former if at < until)]
        signed = [f"v1={_signature(secret, sent, body)}" for secret in secrets]
        decoy = f"v0={_signature('v0', sent, body)}"
        return {HEADER: ",".join([f"t={sent}", *signed, decoy])}


def _signature(secret: str, sent: str, body: bytes) -> str:
    return hmac.new(secret.encode(), sent.encode() + b"." + body, hashlib.sha256).hexdigest()
