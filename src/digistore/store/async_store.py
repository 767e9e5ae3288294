"""The same store for an event loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from digistore.blocking import in_thread, offload
from digistore.clock import Clock, utc_now
from digistore.database import AwaitedHost, Database
from digistore.doctor import DoctorReport
from digistore.downloads import Personaliser
from digistore.events import Event
from digistore.files import BlobBackend, Scanner
from digistore.gateways import PaymentGateway
from digistore.making import make_shop
from digistore.orders.tax import TaxCalculator
from digistore.outbox import Handler
from digistore.settings import Settings
from digistore.showing import Views, over, shown
from digistore.wiring import DueReport, Shop

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import (
        AsyncConnection,
        AsyncEngine,
        AsyncSession,
        async_scoped_session,
    )


E = TypeVar("E", bound=Event)


class AsyncStore:
    """The same shop for hosts with an event loop: ``await`` each operation."""

    def __init__(
        self,
        engine: Engine | AsyncEngine,
        *,
        files: str | BlobBackend,
        gateways: Sequence[PaymentGateway],
        secret: str | Sequence[str],
        settings: Settings | None = None,
        tax: TaxCalculator | None = None,
        scanner: Scanner | None = None,
        personalisers: Mapping[str, Personaliser] | None = None,
        replica: str | Engine | AsyncEngine | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Use the host's *engine*, as :class:`Store` does; an ``AsyncEngine`` is awaited.

        Raises:
            ConfigError: an engine, folder, secret or gateway that cannot be used.
        """
        self._begin(
            make_shop(
                Database.over(engine, clock),
                files,
                gateways,
                secret,
                settings,
                tax,
                scanner,
                personalisers,
                replica,
            )
        )

    @classmethod
    def open(
        cls,
        url: str,
        *,
        files: str | BlobBackend,
        gateways: Sequence[PaymentGateway],
        secret: str | Sequence[str],
        settings: Settings | None = None,
        tax: TaxCalculator | None = None,
        scanner: Scanner | None = None,
        personalisers: Mapping[str, Personaliser] | None = None,
        schema: str | None = None,
        replica: str | Engine | AsyncEngine | None = None,
        clock: Clock = utc_now,
    ) -> Self:
        """Open a store; the arguments are those of :meth:`Store.open`.

        Raises:
            ConfigError: a database, folder, secret or gateway that cannot be used.
        """
        return over(
            cls,
            make_shop(
                Database.open(url, clock, schema=schema, awaited=True),
                files,
                gateways,
                secret,
                settings,
                tax,
                scanner,
                personalisers,
                replica,
                schema,
            ),
        )

    def _begin(self, shop: Shop) -> None:
        self._closed = False
        self._shop = shop
        self._views: Views[Self] = Views(shop)
        self._pool, show = shown(shop.database)
        self._whole = show(shop)
        self.users = show(shop.users)
        self.files = show(shop.files)
        self.catalog = show(shop.catalog)
        self.orders = show(shop.orders)
        self.entitlements = show(shop.entitlements)
        self.payments = show(shop.payments)
        self.support = show(shop.support)
        self.downloads = show(shop.downloads)
        self.short_urls = show(shop.short_urls)
        self.analytics = show(shop.analytics)

    async def migrate(self) -> None:
        """Bring the schema up to date; it is whole or unchanged, and may be run again."""
        await self._whole.migrate()

    async def check_schema(self) -> str | None:
        """Compare the schema with what this version needs.

        Returns:
            The name of PostgreSQL's schema that has the tables; SQLite has none.

        Raises:
            ConfigError: they differ; the message names both and the command to run. Or the role
                may not read them; it names what to grant.
        """
        return await self._whole.check_schema()

    async def doctor(
        self,
        *,
        repair: bool = False,
        after: str | None = None,
        limit: int | None = None,
        within: timedelta | None = None,
    ) -> DoctorReport:
        """Check every promise that can be checked, whole or in parts: see :meth:`Store.doctor`.

        Raises:
            Invalid, Busy: as :meth:`Store.doctor` says.
        """
        return await self._whole.examine(repair=repair, after=after, limit=limit, within=within)

    def using(self, host: AsyncConnection | AsyncSession | async_scoped_session[Any]) -> Self:
        """Return the same store inside the host's open transaction: see :meth:`Store.using`.

        Args:
            host: an async connection or session of SQLAlchemy, of psycopg or aiosqlite; as all that
                one connection does, operations are awaited one after the other.

        Raises:
            ConfigError, TransactionFailed: as :meth:`Store.using` says.
        """
        return over(type(self), self._shop.inside(AwaitedHost(host)))

    def replica(self, *, stale_access: bool = False) -> Self:
        """Return the same store over its read replica: see :meth:`Store.replica`.

        Raises:
            ConfigError, StaleRead: as :meth:`Store.replica` says.
        """
        return self._views.of(type(self), stale_access=stale_access)

    def on(self, kind: type[E], handler: Handler[E], *, name: str) -> None:
        """Let *handler*, async or not, take events of *kind*: see :meth:`Store.on`.

        An async handler runs on the loop that awaits ``run_due``, a blocking one in a thread.

        Raises:
            Invalid: not an event type, or a name that has this type already.
        """
        self._shop.database.refuse_inside("on")
        self._shop.outbox.on(kind, handler, name)

    async def run_due(self, limit: int = 100) -> DueReport:
        """Do one bounded round of all that must happen by itself: see :meth:`Store.run_due`."""
        return await self._whole.run_due(limit)

    async def close(self) -> None:
        """Let go of connections and threads; closed, it stays closed."""
        if not self._closed:
            self._closed = True
            for view in self._views:
                await view.close()
            if self._pool is None:
                await self._whole.close()
                return
            # What has begun ends before its database is closed; it may need the loop for that.
            await offload(self._pool.shutdown)
            last = ThreadPoolExecutor(1)
            try:
                await in_thread(self._shop, last).close()
            finally:
                last.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        """Close the store at the end of an ``async with`` block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        await self.close()
