"""Both ledgers keep the same promises."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from digistore import Money, Store
from digistore.database import Transaction
from digistore.entitlements import EntitlementLedger, MemoryLedger, SqlLedger
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing.ledger import LedgerContract, NewGrant
from digistore.users import SYSTEM
from tests.conftest import RETURN, SECRET

GRANTS = 3


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def holders(self) -> dict[str, tuple[str, str]]:
        return {}

    @pytest.fixture
    def ledger(self, holders: dict[str, tuple[str, str]]) -> EntitlementLedger:
        return MemoryLedger(holders)

    @pytest.fixture
    def new_grant(self, holders: dict[str, tuple[str, str]]) -> NewGrant:
        numbers = itertools.count()

        def make() -> tuple[str, str, str]:
            grant = f"pur_{next(numbers)}"
            holders[grant] = ("usr_1", "prd_1")
            return grant, "usr_1", "prd_1"

        return make


class TestSqlLedger(LedgerContract):
    """Over grants that a real shop has made; their own facts are taken out of the way first."""

    @pytest.fixture
    def store(self, template: Path, tmp_path: Path) -> Iterator[Store]:
        path = tmp_path / "shop.db"
        path.write_bytes(template.read_bytes())
        sandbox = SandboxGateway()
        with Store.open(
            f"sqlite:///{path}", files="memory://", gateways=[sandbox], secret=SECRET
        ) as store:
            product = store.catalog.add_product(SYSTEM, title="Book", price=Money("1.00", "USD"))
            store.catalog.release(SYSTEM, product, version="1", files={"a.txt": b"a"})
            store.catalog.put_on_sale(SYSTEM, product)
            buyer = store.users.register("buyer@example.com")
            for _ in range(GRANTS):
                checkout = store.orders.checkout(
                    buyer, [product], return_url=RETURN, allow_repeat=True
                )
                store.payments.handle_webhook("sandbox", *sandbox.pay(checkout))
            with sqlite3.connect(path) as connection:
                connection.execute("DROP TRIGGER digistore_entitlement_facts_refuse_delete")
                connection.execute("DELETE FROM digistore_entitlement_facts")
            connection.close()
            yield store

    @pytest.fixture
    def tx(self, store: Store) -> Iterator[Transaction]:
        database = store._shop.database
        with database.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield Transaction(connection, database.clock(), [])
            connection.exec_driver_sql("ROLLBACK")

    @pytest.fixture
    def ledger(self, tx: Transaction) -> EntitlementLedger:
        return SqlLedger(tx)

    @pytest.fixture
    def new_grant(self, tx: Transaction) -> NewGrant:
        purchases = text("SELECT id, user_id, product_id FROM digistore_purchased_products")
        grants = iter(tx.connection.execute(purchases).all())

        def make() -> tuple[str, str, str]:
            grant_id, holder, product = next(grants)
            return grant_id, holder, product

        return make
