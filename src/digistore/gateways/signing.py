"""Who speaks: signatures over the raw bytes of a message, and the time at which it was sent.

The scheme is Stripe's, https://docs.stripe.com/webhooks#verify-manually, as others have it too: a
header ``t=<seconds>,v1=<hex>``, HMAC-SHA256 over the time, a dot and the body.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from digistore.errors import ConfigError, InvalidSignature

_LONGEST_TOLERANCE = 3600  # seconds
_LONGEST_HEADER = 4096
_SHAPE = re.compile(
    r"t=(?P<sent>[0-9]{1,12})(?P<signatures>(?:,(?!t=)[a-z0-9_]{1,16}=[0-9A-Za-z+/_=-]{1,512})+)"
)
# Only v1 is believed; other schemes may stand beside it, as providers add them without notice.
_BELIEVED = re.compile(r",v1=([^,]+)")


class Signer:
    """Signs with the newest secret and believes all of them.

    Args:
        header: the name of the header that carries signatures.
        secrets: one, or several with the newest first.
        tolerance: how many seconds a message may be old, or early: 1 to 3600.
        is_secret: says whether a text can be a secret.
        wanted: what a secret looks like, for messages.

    Raises:
        ConfigError: a secret cannot be one, none is given, or the tolerance is out of bounds.
    """

    def __init__(
        self,
        header: str,
        secrets: str | Sequence[str],
        tolerance: int,
        *,
        is_secret: Callable[[str], bool],
        wanted: str,
    ) -> None:
        known = [secrets] if isinstance(secrets, str) else list(secrets or ())
        if not known or not all(isinstance(one, str) and is_secret(one) for one in known):
            raise ConfigError(wanted)
        if type(tolerance) is not int or not 1 <= tolerance <= _LONGEST_TOLERANCE:
            message = f"tolerance must be a whole number of seconds, 1 to {_LONGEST_TOLERANCE}"
            raise ConfigError(message)
        self._header = header
        self._lower = header.lower()
        # Keyed once, copied for each message: that is a third of what a short message costs.
        self._keys = tuple(hmac.new(one.encode(), digestmod=hashlib.sha256) for one in known)
        self._tolerance = tolerance

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers that prove *body* to have been sent *at* that time."""
        sent = str(int(at.timestamp()))
        return {self._header: f"t={sent},v1={_signature(self._keys[0], sent, body)}"}

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Make sure that *body* was signed with one of the secrets, not long ago.

        Raises:
            InvalidSignature: it was not, or nobody can tell.
        """
        shape = _SHAPE.fullmatch(self._only_header(headers))
        if shape is None:
            raise InvalidSignature(f"{self._header} is malformed")
        sent = shape["sent"]
        given = _BELIEVED.findall(shape["signatures"])
        wanted = [_signature(key, sent, body) for key in self._keys]
        # Every pair is compared, each in constant time: how long it takes says nothing.
        matches = [hmac.compare_digest(own, sign) for own in wanted for sign in given]
        if not any(matches):
            raise InvalidSignature("no signature fits this body and these secrets")
        if abs(int(now.timestamp()) - int(sent)) > self._tolerance:
            raise InvalidSignature("the message is too old, or comes from the future")

    def _only_header(self, headers: Mapping[str, str]) -> str:
        found = [value for name, value in headers.items() if name.lower() == self._lower]
        if len(found) != 1:
            raise InvalidSignature(f"exactly one header {self._header} is needed")
        value: object = found[0]
        if not isinstance(value, str) or len(value) > _LONGEST_HEADER:
            raise InvalidSignature(f"{self._header} is malformed")
        return value


def _signature(keyed: hmac.HMAC, sent: str, body: bytes) -> str:
    told = keyed.copy()
    told.update(f"{sent}.".encode())
    told.update(body)
    return told.hexdigest()
