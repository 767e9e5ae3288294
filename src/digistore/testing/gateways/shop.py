"""A shop over the gateway that is tested, for all that shows only when money is settled."""

from __future__ import annotations

import inspect
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import text

from digistore import SYSTEM, AsyncStore, Role, Store
from digistore.blocking import run
from digistore.gateways import (
    CheckoutRef,
    CheckoutRequest,
    GatewayEvent,
    GatewayProfile,
    HintPage,
    PaymentGateway,
    PaymentRef,
    PaymentSnapshot,
    RefundRequest,
    RefundSnapshot,
)
from digistore.orders import Checkout
from digistore.payments import WebhookOutcome
from digistore.testing.gateways.loop import Loop
from digistore.testing.gateways.world import SignedEvent, World
from digistore.testing.invariants import check_invariants

T = TypeVar("T")

SECRET = "a secret of at least thirty-two characters"  # noqa: S105  of tests
RETURN = "https://shop.example/thanks"

# What settling comes to, without ids, tickets, versions and times.
_SETTLED: Mapping[str, str] = {
    "digistore_orders": "state, late, total",
    "digistore_order_lines": "outcome, total",
    "digistore_payment_attempts": "state",
    "digistore_payments": (
        "state, disposition, captured, tax, own_refunds, gateway_refunds, disputed"
    ),
    "digistore_refunds": "amount, state, origin",
    "digistore_disputes": "amount, state",
    "digistore_purchased_products": "state",
    "digistore_payment_actions": "kind, choice",
}


class Watched(PaymentGateway):
    """A gateway that tells which checkouts it has opened, and whose truth can be held still."""

    def __init__(self, gateway: PaymentGateway) -> None:
        self._gateway = gateway
        self.opened: list[PaymentSnapshot] = []
        self.truth: PaymentSnapshot | None = None

    @property
    def profile(self) -> GatewayProfile:
        """Who the gateway is."""
        return self._gateway.profile

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        snapshot = await self._gateway.create_checkout(request)
        self.opened.append(snapshot)
        return snapshot

    async def fetch(self, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        return await self._gateway.fetch(ref) if self.truth is None else self.truth

    async def resume(self, checkout_id: str, params: Mapping[str, str]) -> PaymentSnapshot:
        ask = self._gateway.resume
        return await ask(checkout_id, params) if self.truth is None else self.truth

    async def expire(self, checkout_id: str) -> PaymentSnapshot:
        return await self._gateway.expire(checkout_id)

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        return await self._gateway.refund(request)

    async def parse_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        return await self._gateway.parse_event(body, headers)

    async def poll(self, since: datetime, cursor: str | None = None) -> HintPage:
        return await self._gateway.poll(since, cursor)

    async def close(self) -> None:
        """Leave it open: whoever made it closes it."""


class ContractShop:
    """A store of either colour with one book, one seller and one buyer.

    Args:
        world: what its gateway is over.
        path: of its database; ``None`` for one in memory, which `save` and `load` need.
        gateway: another one than the world's.
        awaited: whether it is an ``AsyncStore``.
    """

    def __init__(
        self,
        world: World,
        path: Path | None = None,
        *,
        gateway: PaymentGateway | None = None,
        awaited: bool = False,
    ) -> None:
        self.world = world
        self.gateway = Watched(gateway or world.gateway)
        self.loop = Loop()
        common: dict[str, Any] = {
            "files": "memory://",
            "gateways": [self.gateway],
            "secret": SECRET,
            "clock": world.clock,
        }
        if path is None:
            self.store: Store | AsyncStore = Store.open("sqlite://", **common)
            with closing(sqlite3.connect(":memory:")) as empty:
                # One in memory cannot be in WAL mode: https://www.sqlite.org/fileformat.html#magic
                migrated = _migrated()
                empty.deserialize(migrated[:18] + b"\x01\x01" + migrated[20:])
                empty.backup(self._connection)
        else:
            path.write_bytes(_migrated())
            opens: type[Store | AsyncStore] = AsyncStore if awaited else Store
            self.store = opens.open(f"sqlite:///{path}", **common)
        self.buyer = self.ask(lambda store: store.users.register("buyer@example.com"))
        seller = self.ask(lambda store: store.users.register("seller@example.com"))
        self.seller = self.ask(lambda store: store.users.grant_role(SYSTEM, seller, Role.SELLER))
        book = self.ask(
            lambda store: store.catalog.add_product(
                self.seller, title="Async Python", price=world.price
            )
        )
        files = {"book.txt": b"Once."}
        self.ask(lambda store: store.catalog.release(self.seller, book, version="1.0", files=files))
        self.book = self.ask(lambda store: store.catalog.put_on_sale(self.seller, book))

    def ask(self, work: Callable[[Store], T]) -> T:
        """Do something with the store, whatever its colour."""
        result = work(cast("Store", self.store))
        return self.loop.wait(result) if inspect.isawaitable(result) else result

    def close(self) -> None:
        """Make sure that all is sound, and close the store."""
        try:
            if isinstance(self.store, Store):
                check_invariants(self.store)
            else:
                report = self.loop.wait(self.store.doctor())
                assert not report.findings, report.findings
        finally:
            self.ask(lambda store: store.close())
            self.loop.close()

    # What happens.

    def checkout(self) -> Checkout:
        """Let the buyer begin to buy the book."""
        return self.ask(
            lambda store: store.orders.checkout(self.buyer, [self.book], return_url=RETURN)
        )

    def opened(self) -> str:
        """Let the buyer begin to buy the book, and return the gateway's id of the checkout."""
        self.checkout()
        return self.gateway.opened[-1].checkout_id

    def hears(self, signed: SignedEvent) -> WebhookOutcome:
        """Hand a message to the shop."""
        name = self.gateway.profile.name
        return self.ask(lambda store: store.payments.handle_webhook(name, *signed))

    def hears_all(self, checkout_id: str) -> None:
        """Hand it all messages about a checkout so far."""
        for signed in self.world.events(checkout_id):
            assert self.hears(signed).status == _OK

    def reconciles(self) -> None:
        """Let the shop ask by itself, a while later."""
        self.world.clock.go(minutes=10)
        self.ask(lambda store: store.payments.reconcile())

    # What has come of it.

    def has_access(self) -> bool:
        """Say whether the buyer can open the book."""
        return bool(self.ask(lambda store: store.entitlements.check(self.buyer, self.book)))

    def settled(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what is stored of orders, money, access and open questions."""
        found = {}
        for table, columns in _SETTLED.items():
            rows = self._rows(f"SELECT {columns} FROM {table}")  # noqa: S608  of ours
            found[table.removeprefix("digistore_")] = sorted(rows, key=repr)
        return found

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self._rows(f"SELECT count(*) FROM digistore_{table}")[0][0])  # noqa: S608  of ours

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in run(self._shop.database.rows(text(sql)))]

    # What a slow door does: it draws a ticket, asks, and settles much later.

    def ticket(self, checkout_id: str) -> int:
        """Draw the next ticket of a checkout."""
        with self._shop.database.engine.begin() as connection:
            row = connection.exec_driver_sql(
                "UPDATE digistore_payment_attempts SET ticket = ticket + 1"
                " WHERE checkout_id = ? RETURNING ticket",
                (checkout_id,),
            )
            return int(row.scalar_one())

    def settles(self, snapshot: PaymentSnapshot, ticket: int) -> None:
        """Settle what was told under that ticket."""
        run(self._shop.payments._settle.settle(snapshot, ticket, "webhook"))  # noqa: SLF001

    def save(self) -> sqlite3.Connection:
        """Return a copy of the database in memory, which the caller closes."""
        copy = sqlite3.connect(":memory:")
        self._connection.backup(copy)
        return copy

    def load(self, saved: sqlite3.Connection) -> None:
        """Put the database back."""
        saved.backup(self._connection)

    @property
    def _shop(self) -> Any:  # noqa: ANN401  the wiring
        return self.store._shop  # noqa: SLF001

    @property
    def _connection(self) -> sqlite3.Connection:
        # One connection that all share, which is not handed back.
        return cast(
            "sqlite3.Connection", self._shop.database.engine.raw_connection().driver_connection
        )


_OK = 200


@cache
def _migrated() -> bytes:
    """Return a database without anything in it: migrating costs more than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shop.db")
        with Store.open(
            f"sqlite:///{path}", files="memory://", gateways=[], secret=SECRET
        ) as store:
            store.migrate()
        return path.read_bytes()
