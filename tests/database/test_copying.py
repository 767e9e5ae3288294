"""A shop moves to another database as a whole: row by row the same, and it sells on there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from digistore import SYSTEM, Money, Store
from digistore.blocking import run
from digistore.clock import utc_now
from digistore.database import Database, copying
from digistore.database.copying import _as_stored, copy_rows
from digistore.database.types import metadata
from digistore.errors import Busy, ConfigError
from digistore.gateways.sandbox import SandboxGateway
from digistore.short_urls import Visit
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import RETURN, SECRET, Shop
from tests.doctor.story import Licence, tell
from tests.past import lightning
from tests.postgres import made_database

TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger"
    " WHERE NOT tgisinternal",
}


@pytest.fixture(scope="module")
def told(template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a shop is in which everything has happened."""
    path = Path(shutil.copy(template, tmp_path_factory.mktemp("told") / "shop.db"))
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with Store.open(
        f"sqlite:///{path}",
        files=f"file://{path.parent}/files",
        gateways=[sandbox],
        secret=SECRET,
        clock=clock,
        personalisers={"licence-1": Licence()},
    ) as store:
        shop = Shop(store, sandbox, clock)
        tell(shop)
        deep = None
        for name in ("Deep", "Deeper", "Deepest"):
            deep = store.catalog.add_category(shop.operator, name, parent=deep)
        link = store.short_urls.shorten(shop.operator, "https://shop.example/")
        store.short_urls.resolve(link.code, Visit("GET", {}, "203.0.113.7"))
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql() -> Iterator[str]:
    with made_database() as url:
        yield url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/new.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def new(request: pytest.FixtureRequest) -> str:
    """Where nothing is yet."""
    return str(request.getfixturevalue(request.param))


def copied(source: str, target: str) -> dict[str, int]:
    one, other = Database.open_replica(source, utc_now), Database.open(target, utc_now)
    try:
        return run(copy_rows(one, other, lambda _table, _done: None))
    finally:
        one.drop()
        other.drop()


@contextmanager
def at(url: str) -> Iterator[Connection]:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def rows_at(url: str) -> dict[str, set[tuple[Any, ...]]]:
    with at(url) as connection:
        return {
            one.name: {tuple(row) for row in connection.execute(select(_as_stored(one)))}
            for one in metadata.sorted_tables
        }


def triggers_at(url: str) -> dict[str, str]:
    with at(url) as connection:
        found = connection.execute(text(TRIGGERS[connection.dialect.name]))
        return {row[0]: row[1] for row in found}


def migrated(url: str) -> str:
    with Store.open(url, files="memory://", gateways=[], secret=SECRET) as store:
        store.migrate()
    return url


def sell_on(url: str, files: str) -> None:
    """Sell once more, take the money back, and look whether all is sound."""
    clock = FrozenClock()
    clock.go(days=30)
    sandbox = SandboxGateway(clock=clock)
    with Store.open(url, files=files, gateways=[sandbox], secret=SECRET, clock=clock) as store:
        check_invariants(store)
        book = store.catalog.add_product(SYSTEM, title="New", price=Money("9.00", "USD"))
        store.catalog.release(SYSTEM, book, version="1", files={"new.txt": b"New."})
        book = store.catalog.put_on_sale(SYSTEM, book)
        buyer = store.users.register("new.buyer@example.com")
        checkout = store.orders.checkout(buyer, [book], return_url=RETURN)
        store.payments.handle_webhook("sandbox", *sandbox.pay(checkout))
        assert store.entitlements.check(buyer, book)
        store.payments.refund(SYSTEM, checkout.order, reason="no")
        assert not store.entitlements.check(buyer, book)
        check_invariants(store)


def test_every_row_is_the_same_there_and_back_again(
    told: str, postgresql: str, sqlite: str
) -> None:
    before = rows_at(told)
    assert [name for name, rows in before.items() if not rows] == []
    counts = copied(told, postgresql)
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert rows_at(postgresql) == before
    assert copied(postgresql, sqlite) == counts
    assert rows_at(sqlite) == before


def test_the_shop_sells_on_where_it_has_moved(told: str, new: str) -> None:
    copied(told, new)
    sell_on(new, f"file://{Path(told.removeprefix('sqlite:///')).parent}/files")


def test_the_triggers_stand_afterwards_as_before(told: str, new: str) -> None:
    before = triggers_at(migrated(new))
    copied(told, new)
    assert triggers_at(new) == before
    for change, why in (
        ("DELETE FROM digistore_audit", "only ever added"),
        ("UPDATE digistore_receipts SET number = number", "only ever added"),
        ("INSERT INTO digistore_release_files SELECT * FROM digistore_release_files", "published"),
    ):
        with pytest.raises(DBAPIError, match=why), at(new) as connection:
            connection.execute(text(change))


def test_the_source_is_only_read(told: str, new: str) -> None:
    file = Path(told.removeprefix("sqlite:///"))
    before = file.read_bytes()
    copied(told, new)
    assert file.read_bytes() == before


def test_rows_travel_in_chunks(told: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "CHUNK", 2)
    copied(told, new)
    assert rows_at(new) == rows_at(told)


def test_a_row_follows_those_of_its_table_that_it_points_at(
    told: str, new: str, tmp_path: Path
) -> None:
    path = shutil.copy(told.removeprefix("sqlite:///"), tmp_path / "turned.db")
    turned = f"sqlite:///{path}"
    with at(turned) as connection:  # a child that was stored before its parent, as UPDATE can do
        connection.execute(text("UPDATE digistore_categories SET rowid = -rowid"))
    copied(turned, new)
    assert rows_at(new) == rows_at(told)


def test_a_target_with_rows_is_refused_and_left_alone(told: str, new: str) -> None:
    with Store.open(migrated(new), files="memory://", gateways=[], secret=SECRET) as store:
        store.users.register("somebody@example.com")
    before = rows_at(new)
    with pytest.raises(ConfigError, match=r"has rows already.* nothing was copied"):
        copied(told, new)
    assert rows_at(new) == before


def test_a_target_that_somebody_writes_to_is_left_to_them(
    told: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PATIENCE", 0.01)
    with at(migrated(new)) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(text("DELETE FROM digistore_rounds"))
        with pytest.raises(Busy):
            copied(told, new)
    assert not any(rows_at(new).values())


def test_a_target_that_takes_rows_away_is_told(told: str, postgresql: str) -> None:
    with at(migrated(postgresql)) as connection:
        connection.exec_driver_sql(
            "CREATE RULE taken AS ON INSERT TO digistore_clicks DO INSTEAD NOTHING"
        )
    with pytest.raises(ConfigError, match=r"rows of digistore_clicks, 0 have arrived"):
        copied(told, postgresql)
    assert not any(rows_at(postgresql).values())


def test_a_target_that_fails_midway_is_left_empty(told: str, new: str) -> None:
    database = Database.open(migrated(new), utc_now)
    with lightning(database, "digistore_support_messages"):
        before = triggers_at(new)
        with pytest.raises((DBAPIError, ConfigError)):
            copied(told, new)
        assert triggers_at(new) == before
    database.drop()
    assert not any(rows_at(new).values())
    copied(told, new)
    assert rows_at(new) == rows_at(told)


def test_rows_that_break_a_rule_are_not_copied(told: str, new: str, tmp_path: Path) -> None:
    path = shutil.copy(told.removeprefix("sqlite:///"), tmp_path / "damaged.db")
    damaged = f"sqlite:///{path}"
    with at(damaged) as connection:  # foreign keys are off
        connection.execute(text("UPDATE digistore_order_lines SET order_id = 'x' || order_id"))
    with pytest.raises(ConfigError, match=r"digistore_order_lines breaks a rule.*doctor"):
        copied(damaged, new)
    assert not any(rows_at(new).values())


def test_a_source_without_the_schema_is_refused_before_the_target_is_touched(
    new: str, tmp_path: Path
) -> None:
    with at(f"sqlite:///{tmp_path}/bare.db") as connection:
        connection.execute(text("PRAGMA journal_mode = WAL"))
        connection.execute(text("CREATE TABLE things (thing TEXT)"))
    with pytest.raises(ConfigError, match="is at revision none"):
        copied(f"sqlite:///{tmp_path}/bare.db", new)
    assert triggers_at(new) == {}


def test_who_owns_the_tables_needs_be_no_superuser(told: str, postgresql: str) -> None:
    with at(postgresql) as connection:
        name = connection.engine.url.database
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        connection.execute(text(f"ALTER DATABASE {name} OWNER TO {name}"))
        connection.execute(text(f"ALTER SCHEMA public OWNER TO {name}"))
    try:
        as_owner = create_engine(postgresql).url.set(username=name)
        copied(told, as_owner.render_as_string(hide_password=False))
        assert rows_at(postgresql) == rows_at(told)
    finally:
        with at(postgresql) as connection:
            connection.execute(text(f"DROP OWNED BY {name}"))
            connection.execute(text(f"REASSIGN OWNED BY {name} TO CURRENT_USER"))
            connection.execute(text(f"DROP ROLE {name}"))
