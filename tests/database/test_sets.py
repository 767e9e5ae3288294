"""Keys of several columns, found together and by their index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import ColumnElement, or_, select

from digistore.audit.tables import audit
from digistore.database.sets import are_of
from tests.conftest import Shop
from tests.past import connection_to, database_of
from tests.performance.plans import plan_of

KEY = (audit.c.entity, audit.c.entity_id, audit.c.version)


@pytest.fixture
def known(shop: Shop) -> list[tuple[Any, ...]]:
    """Every key there is."""
    shop.buy(shop.product())
    return shop.rows("SELECT entity, entity_id, version FROM digistore_audit ORDER BY 1, 2, 3")


def found(shop: Shop, where: ColumnElement[bool]) -> list[tuple[Any, ...]]:
    with connection_to(shop.store) as connection:
        rows = connection.execute(select(*KEY).where(where).order_by(*KEY))
        return [tuple(row) for row in rows]


def test_rows_are_found_by_all_columns_of_a_key_together(
    shop: Shop, known: list[tuple[Any, ...]]
) -> None:
    (entity, first, version), (_, other, _) = known[0], known[-1]
    assert found(shop, are_of(KEY, known)) == known
    assert found(shop, are_of(KEY, known[::2])) == known[::2]
    assert found(shop, are_of(KEY, [])) == []
    assert found(shop, ~are_of(KEY, [])) == known
    assert found(shop, are_of(KEY, [(entity, other, version), (entity, first, 99)])) == []
    assert found(shop, are_of(KEY, [("'", 'a"b\\', 1), ("ü", "\u2028", 2**40)])) == []
    assert found(shop, or_(are_of(KEY, known[:1]), are_of(KEY, known[1:]))) == known


@pytest.mark.parametrize("kind_of_store", ["SQLite-Store"])
def test_they_are_looked_up(shop: Shop, known: list[tuple[Any, ...]]) -> None:
    statement = select(audit).where(are_of(KEY, known))
    dialect = database_of(shop.store).engine.dialect
    said = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    plan = plan_of(shop.store, str(said))
    assert "SEARCH digistore_audit USING INDEX" in plan
    assert "SCAN digistore_audit" not in plan
