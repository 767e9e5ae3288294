"""The store without an event loop: the wiring of one implementation, and no rules."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from digistore.analytics import Analytics
from digistore.blocking import run
from digistore.catalog import Catalog
from digistore.clock import Clock, utc_now
from digistore.database import BlockingHost, Database
from digistore.doctor import DoctorReport
from digistore.downloads import Downloads, Personaliser
from digistore.entitlements import Entitlements
from digistore.errors import ConfigError
from digistore.events import Event
from digistore.files import BlobBackend, Files, Scanner
from digistore.gateways import PaymentGateway
from digistore.making import make_shop
from digistore.orders import Orders
from digistore.orders.tax import TaxCalculator
from digistore.outbox import Handler
from digistore.payments import Payments
from digistore.settings import Settings
from digistore.short_urls import ShortUrls
from digistore.showing import Views, around_of, over
from digistore.support import Support
from digistore.users import Users
from digistore.wiring import DueReport, Shop

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.orm import Session, scoped_session


E = TypeVar("E", bound=Event)


class Store:
    """A shop for hosts without an event loop: scripts, Flask, Django, WSGI."""

    def __init__(
        self,
        engine: Engine,
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
        """Use the host's *engine*: its pool, or of SQLite its file or the memory it shares.

        digistore opens the file itself, with its own settings, and changes nothing of the host's.
        The other arguments are those of :meth:`open`.

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
        """Open a store.

        Args:
            url: of the database, such as ``sqlite:///shop.db`` or
                ``postgresql+psycopg://shop@localhost/shop``; ``sqlite://`` is in memory.
            files: where the files are, such as ``file://./shop-files`` or ``s3://bucket/prefix``;
                or a backend that ``digistore.files.open_backend`` has opened with more options.
            gateways: how customers pay; the first that takes a currency is its default.
            secret: at least 32 characters, or a list for rotation, newest first.
            settings: what the host decides.
            tax: who works tax out, such as ``FixedRates({...})``; by default nobody.
            scanner: who looks at files before they are sold; by default nobody.
            personalisers: who makes a file of each buyer's own, by the name of the recipe.
            schema: the PostgreSQL schema that has the tables; ``migrate`` makes it.
            replica: a read replica of the same database, for :meth:`replica`: its URL, which is
                opened so that it refuses to write, or the host's engine.
            clock: returns the time in UTC.

        Raises:
            ConfigError: a database, folder, secret or gateway that cannot be used.
        """
        return over(
            cls,
            make_shop(
                Database.open(url, clock, schema=schema),
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
        if shop.database.awaited:
            raise ConfigError("Store takes a blocking engine; AsyncStore takes an AsyncEngine")
        self._shop = shop
        self._views: Views[Self] = Views(shop)
        self._around = around = around_of(shop.database)
        self.users = Users(shop.users, around)
        self.files = Files(shop.files, around)
        self.catalog = Catalog(shop.catalog, around)
        self.orders = Orders(shop.orders, around)
        self.entitlements = Entitlements(shop.entitlements, around)
        self.payments = Payments(shop.payments, around)
        self.support = Support(shop.support, around)
        self.downloads = Downloads(shop.downloads, around)
        self.short_urls = ShortUrls(shop.short_urls, around)
        self.analytics = Analytics(shop.analytics, around)

    def migrate(self) -> None:
        """Bring the schema up to date; it is whole or unchanged, and may be run again."""
        run(self._shop.migrate(), self._around)

    def check_schema(self) -> str | None:
        """Compare the schema with what this version needs.

        Returns:
            The name of PostgreSQL's schema that has the tables; SQLite has none.

        Raises:
            ConfigError: they differ; the message names both and the command to run. Or the role
                may not read them; it names what to grant.
        """
        return run(self._shop.check_schema(), self._around)

    def doctor(
        self,
        *,
        repair: bool = False,
        after: str | None = None,
        limit: int | None = None,
        within: timedelta | None = None,
    ) -> DoctorReport:
        """Check every promise that can be checked, at one moment, by reading only.

        With *after*, *limit* or *within* it looks at a part, in short steps; the report's ``next``
        is where the following part begins, in this process or in another one.

        Args:
            repair: rebuild what is worked out from stored facts, and ask operators what they should
                have been asked; then look again. Facts are never written: where they contradict
                each other, or what is stored, all stays as it is and is a person's. It goes by
                parts; a second one writes nothing.
            after: the ``next`` of the part before; without it, from the beginning.
            limit: 1 to 10,000 findings; a page of rows that is read whole may bring some more.
            within: begin no further step after it; zero takes one step.

        Raises:
            Invalid: an *after* that is not the ``next`` of a report of this version, or another
                argument that is out of range.
            Busy: the database stayed locked; what is repaired stays so.
        """
        examined = self._shop.examine(repair=repair, after=after, limit=limit, within=within)
        return run(examined, self._around)

    def using(self, host: Connection | Session | scoped_session[Any]) -> Self:
        """Return the same store inside the host's open transaction, for as long as that lasts.

        Each operation is a savepoint on the host's connection: the host commits, or rolls back what
        it has written as well; one that fails leaves the host's rows as they are. What is locked is
        ``Busy`` at once. What calls a payment provider or writes files raises
        ``InsideTransaction``, and has then written nothing.

        Args:
            host: a connection or session of SQLAlchemy, to the store's own database.

        Raises:
            ConfigError: something else; or, from an operation: SQLite without foreign keys, which
                ``digistore.database.prepare_sqlite(engine)`` turns on, a connection that commits
                each statement by itself, or one to another database.
            TransactionFailed: from an operation: the host has to roll back first.
        """
        return over(type(self), self._shop.inside(BlockingHost(host)))

    def replica(self, *, stale_access: bool = False) -> Self:
        """Return the same store over its read replica, to ask what may be a little old.

        Whatever would write, call a payment provider or store a file raises ``ReadOnlyReplica``,
        before anything is sent. It needs no closing: the store closes it.

        Args:
            stale_access: let it decide on access, too. A buyer who has just paid may be refused,
                and one whose money went back may be let in, until the replica has caught up.

        Raises:
            ConfigError: the store was opened without one.
            StaleRead: from ``entitlements.check``, ``check_many`` and whatever else decides on
                access, unless *stale_access*.
        """
        return self._views.of(type(self), stale_access=stale_access)

    def on(self, kind: type[E], handler: Handler[E], *, name: str) -> None:
        """Let *handler* take events of *kind*, after the commit, at least once, by ``run_due``.

        Raises:
            Invalid: not an event type, or a name that has this type already.
            ConfigError: an async handler, which needs ``AsyncStore``.
        """
        self._shop.database.refuse_inside("on")
        if inspect.iscoroutinefunction(handler):
            raise ConfigError("an async handler needs AsyncStore")
        self._shop.outbox.on(kind, handler, name)

    def run_due(self, limit: int = 100) -> DueReport:
        """Do one bounded round of all that must happen by itself.

        Deliver events, send refunds of duplicates, reconcile, expire, close days, clean up. Call
        it after webhooks, or every minute.
        """
        return run(self._shop.run_due(limit), self._around)

    def close(self) -> None:
        """Let go of connections; of a host's nothing is closed."""
        run(self._shop.close())

    def __enter__(self) -> Self:
        """Close the store at the end of a ``with`` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()
