"""Django: an app with URLs, views and a command; put it into ``INSTALLED_APPS`` by this name.

``DIGISTORE = {"store": "shop.wiring.store"}`` names your store, or a function that returns it;
``"user"`` and ``"settings"`` may name a function of the request and a ``WebSettings``.
"""

from __future__ import annotations

from collections.abc import Sequence

from digistore.errors import ConfigError
from digistore.gateways import PaymentGateway
from digistore.settings import Settings
from digistore.store import Store

SQLITE = "django.db.backends.sqlite3"


def store(
    *,
    files: str,
    gateways: Sequence[PaymentGateway],
    secret: str | Sequence[str],
    settings: Settings | None = None,
    database: str = "default",
) -> Store:
    """Open a store in the SQLite file of Django's own database.

    It has connections of its own there, with its own settings: what Django rolls back does not
    take the store's rows with it. The other arguments are those of ``Store.open``.

    Args:
        files: where the files are, such as ``file://./shop-files``.
        gateways: how customers pay.
        secret: at least 32 characters, or a list for rotation, newest first.
        settings: what the host decides.
        database: which of ``DATABASES``.

    Raises:
        ConfigError: that database is not in a SQLite file, or ``Store.open`` refuses.
    """
    from django.conf import settings as of_django  # noqa: PLC0415  only where they are configured

    given = of_django.DATABASES.get(database, {})
    name = str(given.get("NAME") or "")
    if given.get("ENGINE") != SQLITE or not name or ":memory:" in name or "mode=memory" in name:
        raise ConfigError(
            f'DATABASES["{database}"] is not in a SQLite file; open a database of its own by '
            "Store.open(...)"
        )
    return Store.open(
        f"sqlite:///{name}", files=files, gateways=gateways, secret=secret, settings=settings
    )
