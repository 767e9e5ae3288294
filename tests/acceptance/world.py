"""A small shop with something of everything in it, saved once and put back before each try."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from typing import Any, ClassVar, Self, cast

from digistore import (
    SYSTEM,
    AsyncStore,
    Money,
    PayWhatYouWant,
    PurchasedProduct,
    Role,
    Settings,
    Store,
)
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.world import World as Provider
from digistore.orders import Discount, Order
from digistore.testing import FrozenClock
from digistore.users import User
from tests.conftest import RETURN, SECRET, Awaited
from tests.payments.asking import record, usd
from tests.payments.end_state import every_row
from tests.payments.memory import MemoryShop, load, migrated
from tests.postgres import process
from tests.vault import MemoryVault, PostgreSQLVault, Vault

SETTINGS = Settings(link_hosts=frozenset({"example.com"}))


_UNTIL_THE_END = ExitStack()
_KEPT: dict[tuple[type[World], str], Any] = {}
atexit.register(_UNTIL_THE_END.close)


class World(MemoryShop):
    """Everything of *seller*: what was sold is *buyer*'s, what was not is still to be had."""

    more: ClassVar[Mapping[str, Any]] = {}  # what its store is opened with beside the usual
    saved: tuple[Any, Provider]
    other: User
    stranger: User
    host_user: User
    discount: Discount
    gift: Order

    def __init__(
        self,
        store: Store,
        sandbox: SandboxGateway,
        clock: FrozenClock,
        vault: Vault | None = None,
    ) -> None:
        self.vault = vault or MemoryVault(store)
        self.began = clock.now
        self.nobody, self.system = None, SYSTEM
        super().__init__(store, sandbox, clock)

    @classmethod
    @contextmanager
    def of_kind(cls, kind: str) -> Iterator[Self]:
        """Make a world on a database and in a colour, such as ``PostgreSQL-AsyncStore``.

        Those on PostgreSQL take a second, and stay until the process ends.
        """
        if kind.startswith("SQLite"):
            with ExitStack() as ended:
                yield cls._made(kind, ended)
            return
        if (cls, kind) not in _KEPT:
            _KEPT[cls, kind] = cls._made(kind, _UNTIL_THE_END)
        world = _KEPT[cls, kind]
        world.clock.now = world.began
        world.put_back()
        yield world

    @classmethod
    def _made(cls, kind: str, ended: ExitStack) -> Self:
        clock = FrozenClock()
        sandbox = SandboxGateway(clock=clock)
        database, colour = kind.split("-")
        given: dict[str, Any] = {
            "files": "memory://",
            "gateways": [sandbox],
            "secret": SECRET,
            "clock": clock,
            "settings": SETTINGS,
            **cls.more,
        }
        loop = asyncio.new_event_loop()
        ended.callback(loop.close)
        on_server = (
            PostgreSQLVault(f"digistore_{process()}_{cls.__name__}_{colour}".lower())
            if database == "PostgreSQL"
            else None
        )
        url = on_server.url if on_server else "sqlite://"
        if colour == "Store":
            store = Store.open(url, **given)
        else:
            store = cast("Store", Awaited(AsyncStore.open(url, **given), loop))
        ended.callback(store.close)
        if on_server is None:
            load(store, migrated())
        else:
            ended.callback(on_server.close)
        world = cls(store, sandbox, clock, on_server)
        world.fill()
        return world

    def fill(self) -> None:
        """Make products in every state, orders, a purchase, requests, and an open question."""
        store, seller = self.store, self.seller
        self.other = self.new_seller("other@example.com")
        self.stranger = store.users.register("stranger@example.com")
        self.host_user = store.users.ensure("host-1", email="host@example.com")
        self.book, self.shelf = self.product("Book"), self.product("Shelf")
        self.pending = self.product("Pending")
        self.draft = store.catalog.add_product(seller, title="Draft", price=usd("5.00"))
        self.ready = store.catalog.add_product(seller, title="Ready", price=usd("5.00"))
        store.catalog.release(seller, self.ready, version="1.0", files={"a.txt": b"ready"})
        self.gone = store.catalog.withdraw(seller, self.product("Gone"))
        self.house = self.product("House", seller=self.operator)
        self.yen = self.product("Yen", seller=self.operator, price=Money("2900", "JPY"))
        bounds = PayWhatYouWant(minimum=usd("5.00"), maximum=usd("50.00"))
        self.named_price = self.product("Named", price=bounds)
        self.hidden = store.catalog.release(
            seller, self.book, version="2.0", files={"a.txt": b"hidden"}, publish=False
        )
        (self.published,) = (r for r in store.catalog.releases(seller, self.book) if r.is_latest)
        store.support.offer(seller, self.book, kind="setup", price=usd("49.00"), scope="One hour.")
        self.paid = self.buy(self.book).order
        purchase = store.entitlements.check(self.buyer, self.book).purchase
        assert purchase is not None
        self.purchase: PurchasedProduct = purchase
        self.unpaid = self.checkout(self.shelf, idempotency_key="the-only-key").order
        on_its_way = self.checkout(self.pending)
        self.deliver(self.sandbox.pay(on_its_way, "delayed"))
        self.processing = on_its_way.order
        self.transferred = self.checkout(self.product("Transfer")).order
        record(self, self.transferred, usd("29.00"))
        self.discount = store.orders.add_discount(seller, "TENTH", percent=10)
        self.gift = self.buy(self.product("Gift"), gift_to=self.stranger).order
        self.request = self.asked("Open")
        self.resolved = store.support.resolve(seller, self.asked("Resolved"))
        short = self.checkout(self.product("Short"))
        self.deliver(self.sandbox.pay(short, amount=usd("1.00")))
        *_, self.action = store.payments.needing_action(self.operator)
        self.signed = self.sandbox.pay(self.checkout(self.product("Told of later")))
        self.link = store.short_urls.shorten(seller, "https://example.com/book", code="my-book")
        self.saved = self.save(), self.provider()
        self.seen = self.digest()

    def asked(self, subject: str) -> Any:
        made = self.store.support.request(
            self.buyer, self.book, kind="setup", subject=subject, body="Hm?", return_url=RETURN
        )
        self.deliver(self.sandbox.pay(made))
        return self.store.support.get(self.buyer, made.request)

    @property
    def changes(self) -> int:
        return self.vault.changes

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.vault.rows(sql)

    def save(self) -> Any:
        return self.vault.save()

    def load(self, data: Any) -> None:
        self.vault.load(data)

    def put_back(self) -> None:
        """Bring database and provider back to where they were saved."""
        data, provider = self.saved
        self.load(data)
        self.sandbox._worlds._world = _copied(provider)  # type: ignore[attr-defined]

    def provider(self) -> Provider:
        """What the provider knows now."""
        return _copied(self.sandbox._worlds._world)  # type: ignore[attr-defined]

    def digest(self) -> Any:
        """Everything that is stored, here and at the provider."""
        inbox = self.rows("SELECT * FROM digistore_provider_events ORDER BY 1")
        stored = every_row(self.rows)
        stored.pop("digistore_tries")  # a code that cannot be used is counted, and no more
        return stored, inbox, self.provider()

    def assert_untouched(self) -> None:
        """Nothing has changed, here or at the provider, since the last look (or ever)."""
        before, self.seen = self.seen, self.digest()
        assert self.seen == before

    def actor(self, who: str) -> Any:
        """Who tries; a former seller has just lost the role."""
        if who == "former_seller":
            return self.store.users.revoke_role(self.operator, self.seller, Role.SELLER)
        return getattr(self, who)


def _copied(provider: Provider) -> Provider:
    twin = copy(provider)
    twin.checkouts, twin.refunds = dict(provider.checkouts), dict(provider.refunds)
    return twin
