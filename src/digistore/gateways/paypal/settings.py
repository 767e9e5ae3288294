"""What a PayPal gateway is made with, refused at once where it cannot work or cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec

from digistore.errors import ConfigError

API = {
    True: "https://api-m.paypal.com",
    False: "https://api-m.sandbox.paypal.com",
}
CERTIFICATES = {
    True: "https://api.paypal.com",
    False: "https://api.sandbox.paypal.com",
}
"""The only hosts whose certificates are believed, by mode: what a message says of it is a claim."""

_CREDENTIAL = re.compile(r"[A-Za-z0-9_-]{16,250}")
_WEBHOOK_ID = re.compile(r"[A-Za-z0-9]{5,50}")
_LONGEST_TOLERANCE = 7 * 24 * 3600  # seconds
_KEYS_LIVE = (timedelta(hours=6), timedelta(hours=72))


def check_credentials(client_id: object, client_secret: object) -> None:
    """Make sure that there is an app to speak for.

    Raises:
        ConfigError: one of the two cannot be of an app.
    """
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not isinstance(value, str) or not _CREDENTIAL.fullmatch(value):
            raise ConfigError(f"{name} is that of a REST app in PayPal's dashboard")


def checked_webhook_ids(webhook_id: str | Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the shop's webhooks.

    Raises:
        ConfigError: there is none, or one that cannot be an id.
    """
    ids = (webhook_id,) if isinstance(webhook_id, str) else tuple(webhook_id or ())
    if not ids or not all(isinstance(one, str) and _WEBHOOK_ID.fullmatch(one) for one in ids):
        raise ConfigError("webhook_id is what PayPal's dashboard shows beside your webhook's url")
    return ids


def check_mode(live: object) -> None:
    """Make sure that somebody has said whether money is real.

    Raises:
        ConfigError: nobody did.
    """
    if not isinstance(live, bool):
        raise ConfigError("live is True for real money, False for PayPal's sandbox")


def checked_tolerance(tolerance: object) -> timedelta:
    """Return how old a message may be.

    Raises:
        ConfigError: no whole number of seconds, or out of bounds.
    """
    if type(tolerance) is not int or not 1 <= tolerance <= _LONGEST_TOLERANCE:
        message = f"tolerance must be a whole number of seconds, 1 to {_LONGEST_TOLERANCE}"
        raise ConfigError(message)
    return timedelta(seconds=tolerance)


def check_key_ttl(key_ttl: object) -> None:
    """Make sure that keys live as long as PayPal keeps them.

    https://developer.paypal.com/docs/api/orders/v2/#orders_create says 6 hours, and up to 72 for
    those who ask their account manager.

    Raises:
        ConfigError: they cannot.
    """
    shortest, longest = _KEYS_LIVE
    if not isinstance(key_ttl, timedelta) or not shortest <= key_ttl <= longest:
        raise ConfigError("key_ttl is 6 hours, or up to 72 if PayPal has agreed to it")


def check_installed() -> None:
    """Make sure that signatures can be verified, without importing what does it.

    Raises:
        ConfigError: they cannot.
    """
    if find_spec("cryptography") is None:
        raise ConfigError("install what PayPal's signatures need: pip install 'digistore[paypal]'")
