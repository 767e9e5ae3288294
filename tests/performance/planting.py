"""A shop that has been selling for long: one real purchase, multiplied by the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from digistore.database.types import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.conftest import Shop

PRODUCTS = 1000
EACH = 20  # purchases of one buyer
HEAVY = "usr_heavy"  # owns every product
DAY = 86_400_000_000  # microseconds

_SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {many})"
    " SELECT n FROM s)",
    "postgresql": "(SELECT generate_series(1, CAST({many} AS bigint)) AS n)",
}

_CHECKING = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"),
    "postgresql": ("SET session_replication_role = replica", "RESET session_replication_role"),
}


def plant(connection: Connection, shop: Shop, purchases: int) -> None:
    """Multiply the first purchase in *shop*'s database until there are so many of them.

    Each buyer has 20; one more, ``HEAVY``, has all 1,000 products. They were paid evenly over the
    year before; the days of that year but the last two are closed.
    """
    off, on = _CHECKING[connection.dialect.name]
    _say(connection, off)  # the copies of what is right are right
    [(order, line, product, buyer)] = shop.rows(
        "SELECT order_id, id, product_id, buyer_id FROM digistore_order_lines"
    )
    many = purchases + PRODUCTS
    who = f"CASE WHEN n > {purchases} THEN '{HEAVY}' ELSE 'usr_' || (n / {EACH}) END"
    what = f"CASE WHEN n > {purchases} THEN n - {purchases} - 1 ELSE (n * 37) % {PRODUCTS} END"
    which = f"'prd_' || ({what})"
    ago = f"- (n * {365 * DAY // many})"
    mine = {"order_id": "'ord_' || n", "payment_id": "'pay_' || n", "product_id": which}
    here = f"order_id = '{order}'"

    def grow(table: str, where: str, count: int, **changes: str) -> None:
        multiply(connection, f"digistore_{table}", where, count, changes)

    users = {"external_id": "NULL", "email": "NULL", "login_email": "NULL", "password_hash": "NULL"}
    numbered, heavy = "'usr_' || (n - 1)", f"'{HEAVY}'"
    grow("users", f"id = '{buyer}'", purchases // EACH + 1, id=numbered, **users)
    grow("users", f"id = '{buyer}'", 1, id=heavy, **users)
    grow("user_roles", f"user_id = '{buyer}'", purchases // EACH + 1, user_id=numbered)
    grow("user_roles", f"user_id = '{buyer}'", 1, user_id=heavy)
    catalogue = {"id": "'prd_' || (n - 1)", "slug": "'book-' || n", "created_at": "created_at - n"}
    grow("products", f"id = '{product}'", PRODUCTS, **catalogue)
    own = f"product_id = '{product}'"
    grow("product_categories", own, PRODUCTS, product_id="'prd_' || (n - 1)")
    grow("releases", own, PRODUCTS, id="'rel_' || n", product_id="'prd_' || (n - 1)")
    grow(
        "orders",
        f"id = '{order}'",
        many,
        id="'ord_' || n",
        buyer_id=who,
        idempotency_key="NULL",
        paid_at=f"paid_at {ago}",
        created_at=f"created_at {ago}",
    )
    persons = {"buyer_id": who, "beneficiary_id": who}
    grow("order_lines", f"id = '{line}'", many, id="'oln_' || n", **persons, **mine)
    tries = {"id": "'att_' || n", "checkout_id": "'co_' || n", "key": "'key_' || n"}
    grow("payment_attempts", here, many, **tries, **mine)
    grow(
        "payments",
        here,
        many,
        id="'pay_' || n",
        ref="'ref_' || n",
        checkout_id="'co_' || n",
        **mine,
    )
    grow("holdings", f"user_id = '{buyer}'", many, user_id=who, product_id=which)
    grow(
        "purchased_products",
        here,
        many,
        id="'ppr_' || n",
        user_id=who,
        order_line_id="'oln_' || n",
        acquired_at=f"acquired_at {ago}",
        **mine,
    )
    grow("entitlement_facts", "1 = 1", many, grant_id="'ppr_' || n", about="'pay_' || n")
    grow("provider_events", "1 = 1", many, id="'pev_' || n", event_id="'evt_' || n")
    grow("audit", f"entity_id = '{order}'", many, entity_id="'ord_' || n")
    _plant_what_follows(connection, purchases // 10 + 1)
    _plant_links(connection, purchases // 10 + 1)
    _plant_days(connection, shop)
    _say(connection, on)
    _say(connection, "ANALYZE")


def _plant_what_follows(connection: Connection, many: int) -> None:
    """Have one payment in ten given back in part and disputed, and help asked for as often."""
    for table, row in _FOLLOWS.items():
        _say(
            connection,
            f"INSERT INTO digistore_{table} ({', '.join(row)}) SELECT {', '.join(row.values())}"
            f" FROM {_SERIES[connection.dialect.name].format(many=many)} AS series",
        )


_OF_PAYMENT = {
    "payment_id": "'pay_' || (n * 10)",
    "gateway": "'sandbox'",
    "livemode": "0",
    "account": "'sandbox'",
    "amount": "100",
    "currency": "'USD'",
    "assigned": "1",
}
_FOLLOWS = {
    "refunds": {
        **_OF_PAYMENT,
        "id": "'ref_' || n",
        "ref": "'re_' || n",
        "state": "'succeeded'",
        "origin": "'gateway'",
        "actor": "'system'",
        "respread": "0",
        "tries": "0",
        "created_at": "n",
        "succeeded_at": "n",
    },
    "refund_lines": {
        "refund_id": "'ref_' || n",
        "order_line_id": "'oln_' || (n * 10)",
        "amount": "100",
        "tax": "0",
    },
    "disputes": {
        **_OF_PAYMENT,
        "id": "'dis_' || n",
        "ref": "'dp_' || n",
        "state": "'won'",
        "ticket": "1",
        "opened_at": "n",
        "changed_at": "n",
    },
    "dispute_lines": {"dispute_id": "'dis_' || n", "order_line_id": "'oln_' || (n * 10)"},
    "support_requests": {
        "id": "'sup_' || n",
        "purchased_product_id": "'ppr_' || (n * 10)",
        "product_id": "'prd_' || n",
        "customer_id": "'usr_' || n",
        "order_id": "'ord_s' || n",
        "order_line_id": "'oln_s' || n",
        "line_kind": "'support'",
        "kind": "'setup'",
        "subject": "'Where?'",
        "body": "'Where?'",
        "scope": "'An hour.'",
        "metadata": "'{}'",
        "price": "4900",
        "currency": "'USD'",
        "state": "'unpaid'",
        "created_at": "n",
        "version": "1",
    },
    "support_facts": {
        "grant_id": "'sup_' || n",
        "about": "'pay_' || n",
        "kind": "'payment'",
        "state": "'succeeded'",
        "amount": "4900",
        "ticket": "0",
        "at": "n",
        "actor": "'system'",
    },
}


def _plant_links(connection: Connection, many: int) -> None:
    changes = {"id": "'sho_' || n", "code": "'code' || n", "created_at": "created_at - n"}
    multiply(connection, "digistore_short_urls", "1 = 1", many, changes)


def _plant_days(connection: Connection, shop: Shop) -> None:
    """Close the year before, all but its last two days, with figures of two sellers each."""
    dialect = connection.dialect.name
    day = {
        "sqlite": f"date('{shop.clock().date()}', '-' || (n + 2) || ' days')",
        "postgresql": f"CAST(date '{shop.clock().date()}' - CAST(n + 2 AS integer) AS text)",
    }[dialect]
    series = _SERIES[dialect].format(many=363)
    _say(
        connection,
        f"INSERT INTO digistore_closed_days (day) SELECT {day} FROM {series} AS series",
    )
    for seller in (shop.seller.id, "usr_1"):
        _say(
            connection,
            "INSERT INTO digistore_day_figures (day, seller, currency, figure, value)"
            f" SELECT {day}, '{seller}', 'USD', 'gross', n * 100 FROM {series} AS series",
        )


def multiply(
    connection: Connection, table: str, where: str, many: int, changes: dict[str, str]
) -> None:
    """Insert *many* copies of the row at *where*, with *changes* in SQL; ``n`` is their number."""
    columns = [one.name for one in metadata.tables[table].columns if one.name != "sequence"]
    values = ", ".join(changes.get(name, f"it.{name}") for name in columns)
    series = _SERIES[connection.dialect.name].format(many=many)
    _say(
        connection,
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
        f" FROM (SELECT * FROM {table} WHERE {where} LIMIT 1) AS it, {series} AS series",
    )


def _say(connection: Connection, text: str) -> None:
    connection.exec_driver_sql(text, execution_options={"no_parameters": True})
