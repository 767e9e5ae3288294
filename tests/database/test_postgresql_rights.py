"""A role of PostgreSQL that lacks a right: what it is told, and what is enough."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from digistore import AsyncStore, Store
from digistore.database.migrations import HEAD
from digistore.errors import ConfigError
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import SECRET, Shop
from tests.past import connection_to
from tests.postgres import made_database

COMMON: dict[str, Any] = {"files": "memory://", "gateways": [], "secret": SECRET}
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md"


class Place:
    """A database, and a role in it that may nothing."""

    def __init__(self, owner: str) -> None:
        self._engine = create_engine(owner, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self.owner = owner
        self.role = f"role_{uuid4().hex}"
        self.url = make_url(owner).set(username=self.role).render_as_string(hide_password=False)
        self.say("CREATE ROLE {role} LOGIN")

    def say(self, *statements: str) -> None:
        with self._engine.connect() as connection:
            for one in statements:
                database = self._engine.url.database
                connection.exec_driver_sql(one.format(role=self.role, database=database))

    def migrate(self) -> None:
        with Store.open(self.owner, schema="shop", **COMMON) as store:
            store.migrate()

    @property
    def engine(self) -> Engine:
        return self._engine


@pytest.fixture
def place() -> Iterator[Place]:
    with made_database() as url:
        made = Place(url)
        yield made
        made.say("DROP OWNED BY {role} CASCADE", "DROP ROLE {role}")


@pytest.fixture
def roles() -> Iterator[dict[str, Place]]:
    """The roles that the page on PostgreSQL names."""
    with made_database() as url:
        made = {name: Place(url) for name in ("owner", "app", "reader")}
        yield made
        for one in made.values():
            one.say("DROP OWNED BY {role} CASCADE", "DROP ROLE {role}")


def test_a_role_that_may_not_make_the_schema_is_told_so(place: Place) -> None:
    with Store.open(place.url, schema="shop", **COMMON) as store:
        with pytest.raises(ConfigError, match=r"permission denied for database.*CREATE on the"):
            store.migrate()
        place.say("GRANT CREATE ON DATABASE {database} TO {role}")
        store.migrate()
        assert store.check_schema() == "shop"


def test_a_schema_that_is_there_needs_no_right_to_make_one(place: Place) -> None:
    place.say("CREATE SCHEMA shop", "GRANT USAGE ON SCHEMA shop TO {role}")
    with Store.open(place.url, schema="shop", **COMMON) as store:
        with pytest.raises(ConfigError, match=r"permission denied for schema shop.*to migrate"):
            store.migrate()
        place.say("GRANT CREATE ON SCHEMA shop TO {role}")
        store.migrate()
        store.migrate()
        store.check_schema()


def test_a_schema_that_may_not_be_used_is_told_so(place: Place) -> None:
    place.say("CREATE SCHEMA shop")
    with (
        Store.open(place.url, schema="shop", **COMMON) as store,
        pytest.raises(ConfigError, match="grant it; to read"),
    ):
        store.migrate()


def test_a_reader_without_grants_is_told_which(place: Place) -> None:
    place.migrate()

    async def awaited() -> None:
        async with AsyncStore.open(place.url, schema="shop", **COMMON) as store:
            with pytest.raises(ConfigError, match="permission denied for table"):
                await store.catalog.find(None)

    with Store.open(place.owner, schema="shop", replica=place.url, **COMMON) as store:
        view = store.replica()
        with pytest.raises(ConfigError, match=r"permission denied for schema shop.*USAGE"):
            view.check_schema()
        place.say("GRANT USAGE ON SCHEMA shop TO {role}")
        with pytest.raises(ConfigError, match=r"permission denied for table.*SELECT"):
            view.check_schema()
        with pytest.raises(ConfigError, match="permission denied for table"):
            view.catalog.find(None)
        asyncio.run(awaited())
        place.say("GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {role}")
        assert view.check_schema() == "shop"
        assert view.catalog.find(None).items == ()
        assert view.doctor().healthy


def test_the_grants_that_the_page_shows_divide_the_work(
    roles: dict[str, Place], sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    (script,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for name, one in roles.items():
        script = re.sub(rf"\b{name}\b", one.role, script)
    owner, app, reader = roles.values()
    owner.say(script)
    with Store.open(owner.url, schema="shop", **COMMON) as store:
        store.migrate()
    given = {**COMMON, "gateways": [sandbox], "clock": clock}
    with Store.open(app.url, schema="shop", replica=reader.url, **given) as store:
        shop = Shop(store, sandbox, clock)
        shop.buy(shop.product())
        store.run_due()
        view = store.replica()
        assert view.check_schema() == "shop"
        assert view.doctor().healthy
        with connection_to(store) as connection:  # what a COMMIT that got no answer asks for
            connection.exec_driver_sql(store._shop.database.backend.later)


def test_the_rights_that_are_named_are_enough_to_sell(
    place: Place, sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    place.migrate()
    place.say(
        "GRANT USAGE ON SCHEMA shop TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA shop TO {role}",
    )
    given = {**COMMON, "gateways": [sandbox], "clock": clock}
    with Store.open(place.url, schema="shop", **given) as store:
        store.migrate()  # at the head already: nothing is made
        shop = Shop(store, sandbox, clock)
        book = shop.product()
        shop.buy(book)
        store.run_due()
        assert store.entitlements.check(shop.buyer, book)
        check_invariants(store)
    with place.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM shop.digistore_version")
        assert found.scalar_one() == HEAD
