"""Django: an app with URLs, views and a command; put it into ``INSTALLED_APPS`` by this name.

``DIGISTORE = {"store": "shop.wiring.store"}`` names your store, or a function that returns it;
``"user"`` and ``"settings"`` may name a function of the request and a ``WebSettings``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from digistore.clock import Clock, utc_now
from digistore.downloads import Personaliser
from digistore.files import BlobBackend, Scanner
from digistore.gateways import PaymentGateway
from digistore.making import make_shop
from digistore.orders.tax import TaxCalculator
from digistore.settings import Settings
from digistore.showing import over
from digistore.store import Store


def store(
    *,
    files: str | BlobBackend,
    gateways: Sequence[PaymentGateway],
    secret: str | Sequence[str],
    settings: Settings | None = None,
    tax: TaxCalculator | None = None,
    scanner: Scanner | None = None,
    personalisers: Mapping[str, Personaliser] | None = None,
    clock: Clock = utc_now,
    database: str = "default",
) -> Store:
    """Open a store on Django's own connection: SQLite, or PostgreSQL through psycopg 3.

    Inside ``atomic()`` each operation is a savepoint of Django's transaction, which takes its rows
    with it when it is rolled back, as a ``TestCase`` does; what calls a payment provider or writes
    files raises ``InsideTransaction`` there. Elsewhere operations have their own transactions, on
    the same connection. The other arguments are those of ``Store.open``.

    Args:
        files: where the files are, such as ``file://./shop-files``.
        gateways: how customers pay.
        secret: at least 32 characters, or a list for rotation, newest first.
        settings: what the host decides.
        tax: who works tax out.
        scanner: who looks at files before they are sold.
        personalisers: who makes a file of each buyer's own.
        clock: returns the time in UTC.
        database: which of ``DATABASES``.

    Raises:
        ConfigError: that database is neither, or ``Store.open`` refuses the rest.
    """
    from digistore.web.django.connection import shared_database  # noqa: PLC0415  settings come first

    return over(
        Store,
        make_shop(
            shared_database(database, clock),
            files,
            gateways,
            secret,
            settings,
            tax,
            scanner,
            personalisers,
        ),
    )
