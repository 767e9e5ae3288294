"""How a database finds the rows of a statement."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.past import connection_to
from tests.performance.hearing import Said


def scanned(store: Any, statements: Iterable[str]) -> set[str]:
    """Return the tables that *statements* go through from end to end."""
    with connection_to(store) as connection:
        walk = _SCANS[connection.dialect.name]
        return {name for one in statements for name in walk(connection, one)}


def plan_of(store: Any, statement: str) -> str:
    """Return the plan of a statement, as the database tells it."""
    with connection_to(store) as connection:
        return _PLANS[connection.dialect.name](connection, statement)


def cost_of(store: Any, statement: str) -> float:
    """Return what PostgreSQL expects a statement to cost, where reading a page is 1 or 4."""
    with connection_to(store) as connection:
        return float(_explained(connection, statement)["Plan"]["Total Cost"])


def _sqlite_plan(connection: Any, said: str) -> str:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}")
    return "\n".join(row[3] for row in rows)


def _sqlite_scans(connection: Any, said: str) -> set[str]:
    return set(re.findall(r"^SCAN (digistore_\w+)", _sqlite_plan(connection, said), re.MULTILINE))


def _postgresql_plan(connection: Any, said: str) -> str:
    return json.dumps(_explained(connection, said))


def _postgresql_scans(connection: Any, said: str) -> set[str]:
    """Tables that are read without a condition on an index, even where that costs most."""
    found = _nodes(_explained(connection, said)["Plan"])
    by_key = ("Index Cond", "Recheck Cond")
    return {
        node["Relation Name"]
        for node in found
        if "Relation Name" in node
        and node["Node Type"] != "ModifyTable"
        and not any(key in node for key in by_key)
    }


def _explained(connection: Any, said: str) -> Any:
    driver = connection.connection.driver_connection
    driver.execute("SET enable_seqscan = off")  # few rows would hide that there is no other way
    values = said.values if isinstance(said, Said) else None
    [(plan,)] = driver.execute(f"EXPLAIN (FORMAT JSON) {said}", values).fetchall()
    return plan[0]


def _nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


_SCANS = {"sqlite": _sqlite_scans, "postgresql": _postgresql_scans}
_PLANS = {"sqlite": _sqlite_plan, "postgresql": _postgresql_plan}
