"""What a Stripe gateway is made with, refused at once where it cannot work or cannot be meant."""

from __future__ import annotations

import re

from digistore.errors import ConfigError

_KEY = re.compile(r"(?:sk|rk)_(?P<mode>test|live)_[A-Za-z0-9_]{8,250}")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,250}")
_TAX_BEHAVIORS = (None, "inclusive", "exclusive")

SECRETS_WANTED = (
    "webhook_secrets are the signing secrets of your endpoints in Stripe's dashboard: whsec_..."
)


def is_webhook_secret(secret: str) -> bool:
    """Say whether *secret* can be the signing secret of an endpoint."""
    return _SECRET.fullmatch(secret) is not None


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


def checked_tax_behavior(tax_behavior: object) -> str | None:
    """Return how Stripe's own tax is asked for, ``None`` for not at all.

    Raises:
        ConfigError: there is no such behavior.
    """
    if tax_behavior not in _TAX_BEHAVIORS:
        raise ConfigError("tax_behavior is None, 'inclusive' or 'exclusive'")
    return None if tax_behavior is None else str(tax_behavior)
