"""A store as it is mounted in a host: its services, its sandboxes and what the host decides."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from pydantic import Field

from digistore.blocking import Around, on_loop
from digistore.clock import Clock
from digistore.errors import ConfigError
from digistore.fields import Input
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Billing
from digistore.orders.receipts.texts import ReceiptTexts
from digistore.showing import around_of
from digistore.store import AsyncStore, Store
from digistore.users import HostUser, User, UserRef
from digistore.web.messages import Request
from digistore.web.pages.texts import PageTexts

if TYPE_CHECKING:
    from digistore.wiring import Shop

Services: TypeAlias = "Shop | AsyncStore"

_ADDRESS = r"^(https?://[^\s\\]+|/([^\s\\/][^\s\\]*)?)$"


class WebSettings(Input):
    """What a host decides about its routes.

    Args:
        return_url: where buyers come back to, absolute; ``{reference}`` in it becomes the
            reference of their checkout. By default the return page of these routes.
        cancel_url: where those come back to who give up; by default the same.
        next_url: where the return page leads on to.
        run_due: whether webhooks and the return page are followed by ``store.run_due()``.
        texts: the words of the pages.
        receipts: the words of receipts.
        link_domains: host names whose short links are their own, made with ``domain=``; at any
            other host the shop's links are served.
        billing: called by the JSON API with what a buyer typed and the neutral request; returns
            the billing to use, with the tax id looked up and the evidence that you have. It
            blocks, and raises ``Invalid`` for what it refuses. Without it no tax id is taken
            there, as anybody could end tax by a made-up one.
    """

    return_url: str | None = Field(default=None, pattern=r"^https?://[^\s\\]+$")
    cancel_url: str | None = Field(default=None, pattern=r"^https?://[^\s\\]+$")
    next_url: str = Field(default="/", pattern=_ADDRESS)
    run_due: bool = True
    texts: PageTexts = PageTexts()
    receipts: ReceiptTexts = ReceiptTexts()
    link_domains: frozenset[str] = frozenset()
    billing: Callable[[Billing, Request], Billing] | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """All that handlers work with."""

    services: Services
    settings: WebSettings
    sandboxes: Mapping[str, SandboxGateway]
    clock: Clock
    require_login: bool

    def return_url(self, mount: str) -> str:
        """Return where buyers come back to, for routes that hang below *mount*."""
        return self.settings.return_url or f"{mount}/return/{{reference}}"


def blocking_site(store: object, settings: WebSettings | None) -> Site:
    """Mount a store in a host without an event loop.

    Raises:
        ConfigError: not a ``Store``.
    """
    if not isinstance(store, Store):
        raise ConfigError("this host has no event loop: give it a Store, not an AsyncStore")
    shop = store._shop  # noqa: SLF001  the same services, to be run
    around = around_of(shop.database)
    return _site(store, shop if around is None else cast("Shop", _Within(shop, around)), settings)


def async_site(store: object, settings: WebSettings | None) -> Site:
    """Mount a store in a host with an event loop.

    Raises:
        ConfigError: not an ``AsyncStore``.
    """
    if not isinstance(store, AsyncStore):
        raise ConfigError("this host has an event loop: give it an AsyncStore, not a Store")
    return _site(store, store, settings)


class _Within:
    """The services of a shop, with what is around each operation in a transaction of the host's."""

    def __init__(self, shop: Shop, around: Around) -> None:
        self._shop = shop
        self._around = around

    def __getattr__(self, name: str) -> object:
        found = getattr(self._shop, name)
        if inspect.iscoroutinefunction(found):
            return getattr(on_loop(self._shop, self._around), name)
        return on_loop(found, self._around)


def _site(store: Store | AsyncStore, services: Services, settings: WebSettings | None) -> Site:
    shop = store._shop  # noqa: SLF001  nobody else need know its gateways
    gateways = shop.gateways.items()
    sandboxes = {name: one for name, one in gateways if isinstance(one, SandboxGateway)}
    return Site(
        services,
        settings or WebSettings(),
        sandboxes,
        shop.database.clock,
        require_login=shop.settings.require_login,
    )


def checked_user(user: object) -> UserRef | None:
    """Return who asks, as a host's ``user`` says; whatever is false is nobody.

    Raises:
        ConfigError: neither an id, a ``HostUser`` nor a ``User``: above all never ``SYSTEM``.
    """
    if not user:
        return None
    if isinstance(user, str | HostUser | User):
        return user
    kind = type(user).__name__
    raise ConfigError(f"user returns a digistore user id, a HostUser or None, not {kind}")


def checked_callable(user: object) -> Callable[..., object]:
    """Return a host's ``user``, if it can be called.

    Raises:
        ConfigError: it cannot.
    """
    if not callable(user):
        raise ConfigError("user is a callable that returns who asks")
    return cast("Callable[..., object]", user)
