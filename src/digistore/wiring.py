"""The wiring of one shop: every slice gets what stands before it, and no rules live here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement, select, update

from digistore.analytics import AsyncAnalytics
from digistore.analytics.rollups import reopen
from digistore.blocking import port
from digistore.catalog import AsyncCatalog
from digistore.database import (
    AnyRow,
    Database,
    Host,
    JoinedDatabase,
    ReplicaDatabase,
    Transaction,
    may_be_joined,
)
from digistore.database.migrations import check_schema
from digistore.doctor import Doctor, DoctorReport
from digistore.doctor.service import MOST_IN_A_PART
from digistore.downloads import AsyncDownloads, Personaliser
from digistore.downloads.log import downloads_of_order
from digistore.entitlements import AsyncEntitlements, ProductLines
from digistore.entitlements.moving import MovePurchases
from digistore.entitlements.tables import purchased_products
from digistore.errors import ConfigError
from digistore.events import OrderPaid, RefundFailed, RefundSucceeded
from digistore.files import AsyncFiles, BlobBackend, Scanner
from digistore.files.guarded import guarded as guarded_backend
from digistore.gateways import PaymentGateway
from digistore.gateways.guarded import guarded as guarded_gateway
from digistore.orders import AsyncOrders
from digistore.orders.kinds import Kind, LineKind
from digistore.orders.moving import move_orders
from digistore.orders.reads import order_in_flight
from digistore.orders.receipts.issuing import HANDLER as RECEIPTS
from digistore.orders.tax import TaxCalculator
from digistore.outbox import AsyncOutbox
from digistore.outbox.tables import deliveries
from digistore.payments import AsyncPayments, ReconcileReport, Refund, Settle
from digistore.payments.service.reconcile import WAITING
from digistore.settings import Settings
from digistore.short_urls import AsyncShortUrls
from digistore.support import AsyncSupport, SupportLines
from digistore.support.moving import move_requests
from digistore.tokens import Secrets
from digistore.users import Actor, AsyncUsers

ROUND = "run_due"
SKEW = timedelta(hours=1)
"""By how much the clocks of a shop's machines may differ, or be put back, and it is only waited."""


@dataclass(frozen=True, slots=True)
class DueReport:
    """What one round of ``run_due`` did; ``more`` says that another would find more.

    ``receipts`` counts the documents that this round has issued, credit and debit notes too.
    """

    delivered: int
    failed: int
    receipts: int
    reconciled: ReconcileReport
    closed_requests: int
    closed_days: int
    swept_uploads: int
    scanned_files: int
    more: bool


class _Readers:
    """What the catalogue asks of those who know purchases and orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def live_purchase(self, user_id: str, product_id: str) -> str | None:
        row = await self._purchase(user_id, product_id, purchased_products.c.live_key == 1)
        return row.id if row else None

    async def holds(self, user_id: str, product_id: str) -> bool:
        anything = purchased_products.c.id.is_not(None)
        return await self._purchase(user_id, product_id, anything) is not None

    async def order_in_flight(self, user_id: str, product_id: str) -> str | None:
        row = await order_in_flight(self._database, user_id, product_id)
        return row.id if row else None

    async def _purchase(
        self, user_id: str, product_id: str, where: ColumnElement[bool]
    ) -> AnyRow | None:
        return await self._database.first(
            select(purchased_products.c.id).where(
                purchased_products.c.user_id == user_id,
                purchased_products.c.product_id == product_id,
                where,
            )
        )


@dataclass(frozen=True, slots=True)
class Means:
    """What a shop works with besides its database, checked."""

    backend: BlobBackend
    gateways: Mapping[str, PaymentGateway]
    secrets: Secrets
    settings: Settings
    tax: TaxCalculator
    scanner: Scanner | None
    personalisers: Mapping[str, Personaliser] | None
    replica: Database | None = None


class Shop:
    """All services of one store, made once, for either colour."""

    def __init__(self, database: Database, means: Means) -> None:
        """Wire every slice to those before it."""
        self.database = database
        self._means = means
        self.settings = settings = means.settings
        self.gateways = means.gateways
        gateways, backend = _guarded(means, database)
        signer = means.secrets.signer("download")
        self.users = AsyncUsers(database, means.secrets.signer("claim"))
        self.files = AsyncFiles(database, backend, settings, means.scanner)
        self.catalog = AsyncCatalog(
            database,
            self.users,
            self.files,
            settings,
            _Readers(database),
            means.personalisers or (),
        )
        kinds: dict[Kind, LineKind] = {Kind.PRODUCT: ProductLines(), Kind.SUPPORT: SupportLines()}
        self.short_urls = AsyncShortUrls(
            database, self.users, settings, means.secrets.signer("click")
        )
        read_click = self.short_urls.tokens.read
        settle = Settle(database, kinds, settings)
        self.orders = AsyncOrders(
            database, self.users, gateways, kinds, settle, settings, means.tax, read_click
        )
        self.entitlements = AsyncEntitlements(database, self.users, settle.ask_about_standby)
        self.payments = AsyncPayments(
            database,
            self.users,
            gateways,
            self.orders,
            settle,
            partial(downloads_of_order, database),
            settings,
        )
        self.support = AsyncSupport(
            database,
            self.users,
            self.catalog,
            self.entitlements,
            self.orders,
            settings,
            self._refund,
        )
        self.downloads = AsyncDownloads(
            database,
            self.users,
            self.entitlements,
            self.files,
            settings,
            signer,
            means.personalisers,
        )
        self.analytics = AsyncAnalytics(database, self.users)
        self.outbox = AsyncOutbox(database)
        self.effects = AsyncOutbox(database)
        self._connect(settle)
        self.doctor = Doctor(database, self.gateways.keys(), kinds, settings)

    def _connect(self, settle: Settle) -> None:
        """Tell slices what others do after them."""
        self.effects.within(OrderPaid, self.orders.receipts.take, RECEIPTS)
        self.effects.within(RefundSucceeded, self.orders.receipts.take, RECEIPTS)
        self.effects.within(RefundFailed, self.orders.receipts.take, RECEIPTS)
        self.users.claims.moves(move_orders)  # it locks orders: the others come after it
        self.users.claims.moves(MovePurchases(settle.ask_about_standby))
        self.users.claims.moves(move_requests)

    def inside(self, host: Host) -> Shop:
        """Wire the same shop in the transaction of *host*."""
        if self.database.read_only:
            self.database.refuse_inside("using")
        return Shop(JoinedDatabase(self.database, host), self._aside())

    def replica(self, *, stale_access: bool) -> Shop:
        """Wire the same shop over its read replica.

        Raises:
            ConfigError: it has none.
        """
        own = self._means.replica
        if self.database.read_only:
            raise ConfigError("this is the replica already: call replica() of the store itself")
        if own is None:
            raise ConfigError("this store has no replica: open it with replica=...")
        return Shop(ReplicaDatabase(own, stale_access=stale_access), self._aside())

    def _aside(self) -> Means:
        # Clicks that wait would wait in what nobody keeps.
        settings = self.settings.model_copy(update={"clicks": "direct"})
        return replace(self._means, settings=settings, replica=None)

    async def _refund(self, actor: Actor, line_id: str, reason: str) -> Refund:
        return await self.payments.refund(actor, line_id, reason=reason)

    async def migrate(self) -> None:
        """Bring the schema up to date, in one transaction."""
        await self.database.migrate()

    async def check_schema(self) -> str | None:
        """Compare the schema with what is needed, and return which one of PostgreSQL's it is."""
        given = self.database.backend.schema
        return await self.database.whole(partial(check_schema, schema=given))

    async def run_due(self, limit: int) -> DueReport:
        """Do one bounded round of all that must happen by itself."""
        self.database.refuse_inside("run_due")
        await self._wake()
        reconciled = await self.payments.reconcile(limit=limit)
        closed_requests = await self.support.close_old(limit)
        # What has just been found is told in the same round.
        told = await self.outbox.deliver(limit)
        owed = await self.effects.deliver(limit)
        await self.short_urls.roll_up_due()  # before the days close that it may still mend
        closed_days = await self.analytics.close_days(limit)
        swept = await self.files.sweep(limit)
        forgotten = await self.downloads.sweep(limit)
        scanned = await self.catalog.scan_again(limit)
        await self.outbox.beat(ROUND)
        return DueReport(
            delivered=told.succeeded,
            failed=told.failed + owed.failed,
            receipts=owed.made,
            reconciled=reconciled,
            closed_requests=closed_requests,
            closed_days=closed_days,
            swept_uploads=swept,
            scanned_files=scanned,
            more=told.succeeded + owed.succeeded + reconciled.due > 0
            or limit in {closed_requests, closed_days, swept, forgotten, reconciled.expired},
        )

    async def _wake(self) -> None:
        """Look at all that waits now, where a clock that has been put back said when."""
        last = await self.outbox.last_beat(ROUND)
        if last is not None and last > self.database.clock() + SKEW:
            await self.database.transact(self._look_again)

    async def _look_again(self, tx: Transaction) -> None:
        for table in (deliveries, *WAITING):
            later = table.c.next_check_at > tx.now
            await tx.rows(update(table).where(later).values(next_check_at=tx.now))
        await reopen(tx)

    async def examine(
        self, *, repair: bool, after: str | None, limit: int | None, within: timedelta | None
    ) -> DoctorReport:
        """Check every promise that can be checked, or a part of them."""
        if repair or not self.database.read_only:
            self.database.refuse_inside("doctor(repair=True)" if repair else "doctor")
        if not repair and after is None and limit is None and within is None:
            report = await self.doctor.examine()
        else:
            report = await self.doctor.examine_part(
                after=after,
                limit=MOST_IN_A_PART if limit is None else limit,
                within=within,
                repair=repair,
            )
        if after is not None:
            return report
        return replace(report, warnings=(*report.warnings, *await self.files.signs()))

    async def close(self) -> None:
        """Write what waits; let go of gateways and database."""
        if isinstance(self.database, JoinedDatabase | ReplicaDatabase):
            return  # all of them are the store's own
        await self.short_urls.flush_clicks()
        await self.downloads.give_back()
        for gateway in self.gateways.values():
            await port(gateway.close())
        await self.database.close()
        if self._means.replica is not None:
            await self._means.replica.close()


def _guarded(means: Means, database: Database) -> tuple[Mapping[str, PaymentGateway], BlobBackend]:
    """Have what leaves the database refuse to, in a transaction of the host's or on a replica.

    Here, and not in each operation, so that a new one cannot forget it.
    """
    if not (may_be_joined(database) or database.read_only):
        return means.gateways, means.backend
    calling = partial(database.refuse_inside, "a call to a payment provider")
    writing = partial(database.refuse_inside, "writing a file")
    gateways = {name: guarded_gateway(one, calling) for name, one in means.gateways.items()}
    return gateways, guarded_backend(means.backend, writing)
