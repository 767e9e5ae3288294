"""One chain per entity: every version has its row, bound to the one before it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digistore import SYSTEM, Role
from digistore.audit import Change, digest_of, record
from digistore.blocking import run
from digistore.database import Database, Transaction
from digistore.testing import FrozenClock
from tests.conftest import Shop
from tests.database.history import tell_history
from tests.past import connection_to

COLUMNS = "entity, entity_id, version, at, actor, cause, changes, digest, previous"


def own_digest(row: tuple[Any, ...]) -> bytes:
    """Work the digest out as its documentation says, without the code that made it."""
    entity, entity_id, version, at, actor, cause, changes, _, previous = row
    content = [
        entity,
        entity_id,
        version,
        at,
        actor,
        cause,
        json.loads(changes),
        previous.hex() if previous else None,
    ]
    spelled = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(spelled.encode()).digest()


@pytest.fixture(scope="module")
def history(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[tuple[Any, ...]]]:
    """All rows after something of everything has happened, oldest first."""
    path = tell_history(template, tmp_path_factory.mktemp("audit"))
    connection = sqlite3.connect(path)
    yield connection.execute(
        f"SELECT {COLUMNS} FROM digistore_audit ORDER BY entity, entity_id, version"
    ).fetchall()
    connection.close()


def test_the_chain_of_every_entity_has_no_gap(history: list[tuple[Any, ...]]) -> None:
    versions: dict[tuple[str, str], list[int]] = {}
    for row in history:
        versions.setdefault((row[0], row[1]), []).append(row[2])
    assert {entity for entity, _ in versions} >= {"user", "product", "release", "order", "payment"}
    for entity, found in versions.items():
        assert found == list(range(1, len(found) + 1)), entity


def test_every_row_is_bound_to_its_content_and_to_the_row_before(
    history: list[tuple[Any, ...]],
) -> None:
    before: dict[tuple[str, str], bytes] = {}
    for row in history:
        assert row[7] == own_digest(row), row[:3]
        assert row[8] == before.get((row[0], row[1])), row[:3]
        before[row[0], row[1]] = row[7]


def test_every_row_says_who_and_why(history: list[tuple[Any, ...]]) -> None:
    for row in history:
        assert row[4] == "system" or row[4].startswith("usr_"), row[:6]
        assert row[5], row[:6]


def test_nothing_personal_is_in_the_chain(history: list[tuple[Any, ...]]) -> None:
    said = json.dumps([[str(value) for value in row[:7]] for row in history])
    for secret in ("@example.com", "Help!", "a gesture", "too early", "Book", "Two"):
        assert secret not in said


def test_the_version_of_a_row_is_the_number_of_its_audit_rows(shop: Shop) -> None:
    product = shop.product()
    shop.store.catalog.update_product(shop.seller, product, title="Another")
    shop.store.catalog.withdraw(shop.seller, product)
    shop.buy(shop.product())
    for table, entity in {"users": "user", "products": "product", "orders": "order"}.items():
        rows = shop.rows(
            f"SELECT t.id, t.version, count(a.version) FROM digistore_{table} t"
            " LEFT JOIN digistore_audit a ON a.entity_id = t.id"
            f" AND a.entity = '{entity}' GROUP BY t.id"
        )
        assert rows
        assert [row for row in rows if row[1] != row[2]] == []


def test_a_change_is_told_with_actor_cause_and_what_changed(shop: Shop) -> None:
    user = shop.store.users.register("ada@example.com")
    shop.clock.go(minutes=1)
    shop.store.users.grant_role(shop.operator, user, Role.SELLER)
    shop.store.users.grant_role(SYSTEM, user, Role.OPERATOR)
    told = shop.rows(
        "SELECT version, actor, cause, changes FROM digistore_audit"
        f" WHERE entity_id = '{user.id}' ORDER BY version"
    )
    assert told == [
        (1, "system", "register", '{"role":"customer"}'),
        (2, shop.operator.id, "role_granted", '{"granted":"seller"}'),
        (3, "system", "role_granted", '{"granted":"operator"}'),
    ]


def test_what_changes_nothing_is_not_told(shop: Shop) -> None:
    product = shop.product()
    before = shop.count("audit")
    shop.store.users.grant_role(SYSTEM, shop.seller, Role.SELLER)
    shop.store.users.revoke_role(SYSTEM, shop.buyer, Role.SELLER)
    shop.store.catalog.put_on_sale(shop.seller, product)
    assert shop.count("audit") == before


# The recorder itself


@pytest.fixture
def database(template: Path, tmp_path: Path, clock: FrozenClock) -> Iterator[Database]:
    copy = tmp_path / "shop.db"
    copy.write_bytes(template.read_bytes())
    database = Database.open(f"sqlite:///{copy}", clock)
    yield database
    run(database.close())


def write(database: Database, *changes: Change, heads: Any = None) -> None:
    async def work(tx: Transaction) -> None:
        await record(tx, "system", "test", changes, heads)

    run(database.transact(work))


def rows_of(database: Database) -> list[tuple[Any, ...]]:
    with connection_to(database) as connection:
        found = connection.exec_driver_sql(
            f"SELECT {COLUMNS} FROM digistore_audit ORDER BY entity_id, version"
        )
        return [tuple(row) for row in found]


def test_several_versions_in_one_transaction_are_chained(database: Database) -> None:
    write(database, Change("thing", "a", 1, {"n": 1}))
    write(
        database,
        Change("thing", "a", 3),
        Change("thing", "b", 1),
        Change("thing", "a", 2, {"n": None, "ok": True}),
    )
    rows = rows_of(database)
    assert [(row[1], row[2]) for row in rows] == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert [row[8] for row in rows] == [None, rows[0][7], rows[1][7], None]
    assert all(row[7] == own_digest(row) for row in rows)


def test_a_head_that_was_not_seen_is_read(database: Database) -> None:
    write(database, Change("thing", "a", 1))
    write(database, Change("thing", "a", 2), heads={("thing", "a", 1): None})
    first, second = rows_of(database)
    assert second[8] == first[7]


def test_no_changes_write_nothing(database: Database) -> None:
    write(database)
    assert rows_of(database) == []


@pytest.mark.parametrize("version", [0, 1, 3], ids=["before the first", "twice", "a gap"])
def test_a_chain_has_one_row_per_version_and_no_gap(database: Database, version: int) -> None:
    write(database, Change("thing", "a", 1))
    with pytest.raises(sqlite3.IntegrityError):
        write(database, Change("thing", "a", version))
    assert len(rows_of(database)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"entity": "order"},
        {"entity_id": "b"},
        {"version": 2},
        {"changes": {"n": 2}},
        {"changes": {"n": "1"}},
        {"changes": {}},
    ],
    ids=str,
)
def test_a_digest_changes_with_everything_that_is_told(other: dict[str, Any]) -> None:
    now = FrozenClock()()
    told = {"entity": "thing", "entity_id": "a", "version": 1, "changes": {"n": 1}}
    change, changed = Change(**told), Change(**{**told, **other})  # type: ignore[arg-type]
    digest = digest_of(change, now, "system", "test", None)
    assert digest_of(changed, now, "system", "test", None) != digest
    assert digest_of(change, now.replace(microsecond=1), "system", "test", None) != digest
    assert digest_of(change, now, "usr_1", "test", None) != digest
    assert digest_of(change, now, "system", "other", None) != digest
    assert digest_of(change, now, "system", "test", digest) != digest
