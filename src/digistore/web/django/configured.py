"""What ``DIGISTORE`` in Django's settings names."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from digistore.errors import ConfigError
from digistore.users import HostUser
from digistore.web.site import Site, WebSettings, blocking_site, checked_callable

KNOWN = {"store", "user", "settings"}


def host_user(request: HttpRequest) -> HostUser | None:
    """Return who Django says is logged in, by primary key."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    email = getattr(user, user.get_email_field_name(), None)
    name = user.get_full_name() if hasattr(user, "get_full_name") else None
    return HostUser(str(user.pk), email=email or None, name=name or None)


def store_of_settings() -> object:
    """Return the store that the settings name.

    Raises:
        ConfigError: they name none.
    """
    given = _given()
    if "store" not in given:
        raise ConfigError('name your store: DIGISTORE = {"store": "shop.wiring.store"}')
    store = _named(given["store"], "store")
    return store() if callable(store) else store


@cache
def site_of_settings() -> Site:
    """Return the store that the settings name, mounted.

    Raises:
        ConfigError: they name none, or what they name cannot be used.
    """
    store, given = store_of_settings(), _given()
    web = _named(given["settings"], "settings") if "settings" in given else None
    if web is not None and not isinstance(web, WebSettings):
        raise ConfigError('DIGISTORE["settings"] is or names a digistore.web.WebSettings')
    return blocking_site(store, web)


def user_of_settings() -> Callable[..., object]:
    """Return what tells who asks; by default Django's own ``request.user``."""
    given = _given()
    return checked_callable(_named(given["user"], "user")) if "user" in given else host_user


def _given() -> dict[str, object]:
    given = getattr(settings, "DIGISTORE", None)
    if not isinstance(given, dict) or given.keys() - KNOWN:
        raise ConfigError(f"DIGISTORE is a dictionary with the keys {', '.join(sorted(KNOWN))}")
    return given


def _named(value: object, key: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return import_string(value)
    except ImportError as error:
        raise ConfigError(f'DIGISTORE["{key}"] cannot be imported: {error}') from error
