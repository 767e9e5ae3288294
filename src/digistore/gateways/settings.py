"""What any gateway is made with, refused at once where it cannot work or cannot be meant."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from digistore.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NAMESPACE = re.compile(r"[a-z0-9_-]{1,40}")
_LONGEST_TIMEOUT = 80  # seconds
_MOST_RETRIES = 5
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def check_names(name: object, namespace: object) -> None:
    """Make sure that a gateway and its shop are called something.

    Raises:
        ConfigError: they are not.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError("a gateway's name has 1 to 40 letters, digits, - or _")
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        raise ConfigError("namespace has 1 to 40 characters of a-z, 0-9, - and _")


def check_wire(timeout: object, retries: object, api_base: object, *, live: bool) -> None:
    """Make sure that calls end, and go where they may.

    Raises:
        ConfigError: no deadline, no bound for retries, or an address that cannot be meant.
    """
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 < float(str(timeout)) <= _LONGEST_TIMEOUT:
        raise ConfigError(f"timeout is seconds, above 0 and at most {_LONGEST_TIMEOUT}")
    if type(retries) is not int or not 0 <= retries <= _MOST_RETRIES:
        raise ConfigError(f"retries is a whole number, 0 to {_MOST_RETRIES}")
    if api_base is not None and not _is_an_address(api_base, live=live):
        raise ConfigError(
            "api_base is an https address; plain http is for tests on this machine alone"
        )


def is_on_this_machine(address: str) -> bool:
    """Say whether a checked address leads to this machine without TLS."""
    return address.startswith("http://")


def _is_an_address(api_base: object, *, live: bool) -> bool:
    try:
        parts = urlsplit(api_base) if isinstance(api_base, str) else None
    except ValueError:
        return False
    if parts is None or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    here = parts.hostname in _HERE
    return parts.scheme == "https" or (parts.scheme == "http" and not live and here)
