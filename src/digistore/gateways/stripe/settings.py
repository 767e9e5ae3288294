"""What a Stripe gateway is made with, refused at once where it cannot work or cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from digistore.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NAMESPACE = re.compile(r"[a-z0-9_-]{1,40}")
_KEY = re.compile(r"(?:sk|rk)_(?P<mode>test|live)_[A-Za-z0-9_]{8,250}")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,250}")
_LONGEST_TIMEOUT = 80  # seconds, the SDK's own default
_MOST_RETRIES = 5
_TAX_BEHAVIORS = (None, "inclusive", "exclusive")

SECRETS_WANTED = (
    "webhook_secrets are the signing secrets of your endpoints in Stripe's dashboard: whsec_..."
)


def is_webhook_secret(secret: str) -> bool:
    """Say whether *secret* can be the signing secret of an endpoint."""
    return _SECRET.fullmatch(secret) is not None


def check_names(name: object, namespace: object) -> None:
    """Make sure that a gateway and its shop are called something.

    Raises:
        ConfigError: they are not.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError("a gateway's name has 1 to 40 letters, digits, - or _")
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        raise ConfigError("namespace has 1 to 40 characters of a-z, 0-9, - and _")


def mode_of(api_key: object, livemode: object) -> bool:
    """Return whether *api_key* moves real money.

    Args:
        api_key: a secret or restricted key.
        livemode: what the host expects, ``None`` if the key may say.

    Raises:
        ConfigError: it is no such key, or one of the other mode.
    """
    found = _KEY.fullmatch(api_key) if isinstance(api_key, str) else None
    if found is None:
        raise ConfigError(
            "api_key is a secret or restricted key: sk_test_..., rk_test_..., sk_live_... or "
            "rk_live_...; a publishable key (pk_...) cannot take money"
        )
    live = found["mode"] == "live"
    if livemode is not None and livemode is not live:
        given = "live" if live else "test"
        raise ConfigError(f"this is a {given} key, but livemode={livemode!r} was given")
    return live


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
            "api_base is an https address; plain http is for test keys on this machine alone"
        )


def checked_tax_behavior(tax_behavior: object) -> str | None:
    """Return how Stripe's own tax is asked for, ``None`` for not at all.

    Raises:
        ConfigError: there is no such behavior.
    """
    if tax_behavior not in _TAX_BEHAVIORS:
        raise ConfigError("tax_behavior is None, 'inclusive' or 'exclusive'")
    return None if tax_behavior is None else str(tax_behavior)


def _is_an_address(api_base: object, *, live: bool) -> bool:
    try:
        parts = urlsplit(api_base) if isinstance(api_base, str) else None
    except ValueError:
        return False
    if parts is None or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    here: Callable[[str], bool] = {"localhost", "127.0.0.1", "::1"}.__contains__
    return parts.scheme == "https" or (parts.scheme == "http" and not live and here(parts.hostname))
