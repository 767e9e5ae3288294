"""Signed tokens: one purpose, one key, one valid spelling.

``<version>.<kid>.<fields ...>.<nonce>.<mac>``: the MAC covers everything before it, under a key
derived from the store's secret for this purpose alone, so a token of one purpose is worthless for
another. A newer secret signs; older ones, as long as they are configured, still verify.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence

from digistore.errors import ConfigError

LONGEST = 512
SHORTEST_SECRET = 32
_FIELD = re.compile(r"[A-Za-z0-9_-]{1,128}")


# Crockford's base 32: nothing in it is taken for something else.
_TYPED = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011", "- ")
TYPED_LENGTH = 12  # 60 bits; whoever takes a code counts the tries


def typed_code() -> str:
    """Return a fresh code that a person can type, such as ``7YQK-M0ZD-4TGX``."""
    signs = "".join(secrets.choice(_TYPED) for _ in range(TYPED_LENGTH))
    return "-".join(signs[at : at + 4] for at in range(0, TYPED_LENGTH, 4))


def normal_typed(code: object) -> str:
    """Return what a typed code is compared by: without case, dashes, spaces and look-alikes."""
    if not isinstance(code, str) or len(code) > LONGEST or not code.isascii():
        return ""
    return code.upper().translate(_READ_AS)


class Secrets:
    """The store's secrets, newest first; they show nowhere."""

    def __init__(self, secret: str | Sequence[str]) -> None:
        """Keep *secret*, one text or a list for rotation.

        Raises:
            ConfigError: none given, or one has under 32 characters.
        """
        given = (secret,) if isinstance(secret, str) else secret
        usable = isinstance(given, Sequence) and all(
            isinstance(one, str) and len(one.strip()) >= SHORTEST_SECRET for one in given
        )
        if not usable or not given:
            raise ConfigError(f"secret is text of at least {SHORTEST_SECRET} characters")
        self._secrets = tuple(one.encode() for one in given)

    def __repr__(self) -> str:
        """Show how many there are, never what they are."""
        return f"<{len(self._secrets)} secrets>"

    def signer(self, purpose: str) -> Signer:
        """Derive the keys of one *purpose*."""
        label = f"digistore:{purpose}".encode()
        return Signer([hmac.digest(one, label, hashlib.sha256) for one in self._secrets])


class Signer:
    """Signs and reads the tokens of one purpose."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Sign with the first of *keys*, accept all."""
        self._keys = {_kid(key): key for key in keys}
        self._kid = _kid(keys[0])

    def __repr__(self) -> str:
        """Show the id of the signing key, never a key."""
        return f"<Signer {self._kid}>"

    def digests(self, text: str) -> tuple[str, ...]:
        """Return a keyed digest of *text* per key: store the first, compare with all."""
        return tuple(
            hmac.digest(key, b"digest:" + text.encode(), hashlib.sha256).hex()
            for key in self._keys.values()
        )

    def sign(self, version: str, fields: Sequence[str]) -> str:
        """Return a token over *fields*, each of ``[A-Za-z0-9_-]``."""
        if not all(_FIELD.fullmatch(field) for field in fields):
            raise ValueError("a token's fields are 1 to 128 of A-Z a-z 0-9 _ -")
        nonce = secrets.token_urlsafe(16)
        signed = ".".join([version, self._kid, *fields, nonce])
        return f"{signed}.{_mac(self._keys[self._kid], signed)}"

    def read(self, version: str, token: str, fields: int) -> tuple[str, ...] | None:
        """Return the *fields* of a genuine *token*, ``None`` for anything else.

        The text of the MAC is compared, never its decoding: one MAC has four base64 spellings.
        """
        if not isinstance(token, str) or len(token) > LONGEST or not token.isascii():
            return None
        parts = token.split(".")
        if len(parts) != fields + 4 or parts[0] != version or parts[1] not in self._keys:
            return None
        signed, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac, _mac(self._keys[parts[1]], signed)):
            return None
        return tuple(parts[2:-2])


def _kid(key: bytes) -> str:
    return hashlib.sha256(b"kid:" + key).hexdigest()[:8]


def _mac(key: bytes, signed: str) -> str:
    digest = hmac.digest(key, signed.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
