"""Who speaks: signatures over the raw bytes of a message, and the time at which it was sent."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from digistore.errors import ConfigError, InvalidSignature

HEADER = "Sandbox-Signature"

_SHORTEST_SECRET = 16
_LONGEST_TOLERANCE = 3600  # seconds
_LONGEST_HEADER = 4096
_SHAPE = re.compile(r"t=(?P<sent>[0-9]{1,12})(?P<signatures>(?:,v[0-9]{1,3}=[0-9a-f]{1,128})+)")


class Signer:
    """Signs with the newest secret and believes all of them.

    Args:
        secrets: one, or several with the newest first; at least 16 characters each.
        tolerance: how many seconds a message may be old, or early: 1 to 3600.

    Raises:
        ConfigError: a secret is blank or short, none is given, or the tolerance is out of bounds.
    """

    def __init__(self, secrets: str | Sequence[str], tolerance: int) -> None:
        known = [secrets] if isinstance(secrets, str) else list(secrets or ())
        if not known or not all(_is_a_secret(secret) for secret in known):
            message = f"webhook_secret must have {_SHORTEST_SECRET} characters or more"
            raise ConfigError(message)
        if type(tolerance) is not int or not 1 <= tolerance <= _LONGEST_TOLERANCE:
            message = f"tolerance must be a whole number of seconds, 1 to {_LONGEST_TOLERANCE}"
            raise ConfigError(message)
        self._keys = tuple(secret.encode() for secret in known)
        self._tolerance = tolerance

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers that prove *body* to have been sent *at* that time."""
        sent = str(int(at.timestamp()))
        return {HEADER: f"t={sent},v1={_signature(self._keys[0], sent, body)}"}

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Make sure that *body* was signed with one of the secrets, not long ago.

        Raises:
            InvalidSignature: it was not, or nobody can tell.
        """
        shape = _SHAPE.fullmatch(_only_header(headers))
        if shape is None:
            raise InvalidSignature(f"{HEADER} is malformed")
        sent = shape["sent"]
        versions = (item.split("=") for item in shape["signatures"][1:].split(","))
        given = [signature for version, signature in versions if version == "v1"]
        wanted = [_signature(key, sent, body) for key in self._keys]
        # Every pair is compared, each in constant time: how long it takes says nothing.
        matches = [hmac.compare_digest(own, sign) for own in wanted for sign in given]
        if not any(matches):
            raise InvalidSignature("no signature fits this body and these secrets")
        if abs(int(now.timestamp()) - int(sent)) > self._tolerance:
            raise InvalidSignature("the message is too old, or comes from the future")


def _only_header(headers: Mapping[str, str]) -> str:
    found = [value for name, value in headers.items() if name.lower() == HEADER.lower()]
    if len(found) != 1:
        raise InvalidSignature(f"exactly one header {HEADER} is needed")
    return _short_text(found[0])


def _short_text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_HEADER:
        raise InvalidSignature(f"{HEADER} is malformed")
    return value


def _is_a_secret(secret: object) -> bool:
    return isinstance(secret, str) and len(secret.strip()) >= _SHORTEST_SECRET


def _signature(key: bytes, sent: str, body: bytes) -> str:
    return hmac.new(key, sent.encode() + b"." + body, hashlib.sha256).hexdigest()
