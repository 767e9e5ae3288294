"""Passwords of links: kept as scrypt (RFC 7914), compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

# 16 MiB and about a fifth of a second: one of the settings that OWASP's password storage cheat
# sheet holds equal (N = 2^14, r = 8, p = 5).
_LOG_N, _R, _P = 14, 8, 5
_SALT: Final = 16
_LENGTH: Final = 32
_PARTS: Final = 6


def hashed(password: str) -> str:
    """Return what is stored of *password*; it blocks, so call it through ``offload``."""
    salt = secrets.token_bytes(_SALT)
    digest = _scrypt(password, salt, _LOG_N, _R, _P)
    return f"scrypt${_LOG_N}${_R}${_P}${_text(salt)}${_text(digest)}"


def is_password(password: str, stored: str) -> bool:
    """Say whether *password* is the one; it blocks, so call it through ``offload``."""
    parts = stored.split("$")
    if len(parts) != _PARTS or parts[0] != "scrypt":
        return False
    log_n, r, p = (int(part) for part in parts[1:4])
    found = _scrypt(password, base64.b64decode(parts[4]), log_n, r, p)
    return hmac.compare_digest(found, base64.b64decode(parts[5]))


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode(errors="surrogatepass"),
        salt=salt,
        n=1 << log_n,
        r=r,
        p=p,
        maxmem=256 * r * (1 << log_n),
        dklen=_LENGTH,
    )


def _text(found: bytes) -> str:
    return base64.b64encode(found).decode()
