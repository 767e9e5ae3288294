"""Both ledgers keep what the contract promises, and decide alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from digistore import Money
from digistore.blocking import run
from digistore.database import Transaction
from digistore.database.lanes import BlockingLane
from digistore.entitlements import EntitlementLedger, MemoryLedger, SqlLedger
from digistore.entitlements.facts import Fact, FactKind, FactState
from digistore.entitlements.rules import Grant, choose, decide
from digistore.settings import AccessPolicy, Effect
from digistore.testing.ledger import AT, Holding, LedgerContract, facts, grants
from tests.conftest import Shop
from tests.past import connection_to, database_of

STRICT = AccessPolicy(
    partial_refund=Effect.REVOKE,
    dispute_warning=Effect.SUSPEND,
    dispute_opened=Effect.SUSPEND,
    dispute_lost=Effect.REVOKE,
)


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def holding(self) -> Holding:
        return Holding("usr_1", "prd_1", "pur_1", "pur_2", "pur_3")

    @pytest.fixture
    def ledger(self, holding: Holding) -> EntitlementLedger:
        mine, other = (holding.holder, holding.product), ("usr_2", holding.product)
        ledger = MemoryLedger(
            {holding.first: mine, holding.second: mine, holding.of_another: other}
        )
        for number, grant in enumerate([holding.first, holding.of_another, holding.second]):
            paid = Fact(grant, f"pay_{number}", FactKind.PAYMENT, FactState.SUCCEEDED, 2900, AT)
            run(ledger.append(paid))
        return ledger


@pytest.fixture(
    params=[
        "SQLite-Store",
        pytest.param("PostgreSQL-Store", marks=pytest.mark.on_postgresql(one_in=4)),
    ]
)
def kind_of_store(request: pytest.FixtureRequest) -> str:
    """A ledger is driven here by hand, which an AsyncStore's would not let itself be."""
    return str(request.param)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop that has sold a book twice to one buyer and once to another."""
    book = shop.product()
    shop.buy(book)
    other = shop.store.users.register("other@example.com")
    shop.buy(book, other)
    shop.buy(book, allow_repeat=True)
    return shop


@contextmanager
def ledger_of(shop: Shop) -> Iterator[SqlLedger]:
    """The ledger of the shop, in a transaction that is rolled back."""
    backend = database_of(shop.store).backend
    with connection_to(shop.store) as connection:
        opening, _ = backend.opening(None)
        lane = BlockingLane(connection, backend)
        yield SqlLedger(Transaction(lane, shop.clock(), [], [], opening))
        connection.exec_driver_sql("ROLLBACK")


@pytest.fixture
def in_sql(shop: Shop) -> Iterator[SqlLedger]:
    with ledger_of(shop) as ledger:
        yield ledger


class TestSqlLedger(LedgerContract):
    @pytest.fixture
    def holding(self, shop: Shop) -> Holding:
        first, second = shop.rows(
            "SELECT p.id, p.product_id FROM digistore_purchased_products p"
            f" WHERE user_id = '{shop.buyer.id}' ORDER BY state"  # live before standby
        )
        ((other,),) = shop.rows(
            f"SELECT id FROM digistore_purchased_products WHERE user_id <> '{shop.buyer.id}'"
        )
        return Holding(shop.buyer.id, first[1], first[0], second[0], other)

    @pytest.fixture
    def ledger(self, holding: Holding, in_sql: SqlLedger) -> EntitlementLedger:
        return in_sql


def test_both_ledgers_decide_as_the_shop_did(shop: Shop) -> None:
    """After a life through the API: its facts in memory come to what is stored in the shop."""
    happen_a_lot(shop)
    purchases = shop.rows("SELECT id, user_id, product_id, state FROM digistore_purchased_products")
    told_first = shop.rows(
        "SELECT grant_id FROM digistore_entitlement_facts GROUP BY 1 ORDER BY MIN(sequence)"
    )
    in_memory = MemoryLedger({grant: (user, title) for grant, user, title, _ in purchases})
    with ledger_of(shop) as in_sql:
        for (grant,) in told_first:
            for fact in facts(in_sql, grant):
                assert run(in_memory.append(fact)) is True
        for grant, user, product, state in purchases:
            assert grants(in_memory, user, product) == grants(in_sql, user, product)
            for policy in (AccessPolicy(), STRICT):
                told = facts(in_sql, grant)
                assert decide(facts(in_memory, grant), policy) == decide(told, policy)
            assert the_states(in_memory, user, product, purchases)[grant] == state


def the_states(
    ledger: EntitlementLedger, user: str, product: str, purchases: list[tuple[str, ...]]
) -> dict[str, str]:
    """Choose among the grants of a holding, with the place where the shop has it."""
    live = {grant for grant, _, _, state in purchases if state == "live"}
    held = [
        Grant(grant, decide(facts(ledger, grant), AccessPolicy()).state, turn, grant in live)  # type: ignore[arg-type]
        for turn, grant in enumerate(grants(ledger, user, product))
    ]
    return {grant: str(state) for grant, state in choose(held).items()}


def happen_a_lot(shop: Shop) -> None:
    """Let the first purchase be disputed, and give part of the others back."""
    first, other, second = (
        url for (url,) in shop.rows("SELECT url FROM digistore_payment_attempts ORDER BY rowid")
    )
    for event in (
        shop.sandbox.open_dispute(first),
        shop.sandbox.dashboard_refund(second, Money("10.00", "USD")),
        shop.sandbox.close_dispute(first, "lost"),
        shop.sandbox.dashboard_refund(other),
        shop.sandbox.fail_refund(other),
        shop.sandbox.close_dispute(first, "won"),
    ):
        shop.deliver(event)
    states = [state for (state,) in shop.rows("SELECT state FROM digistore_purchased_products")]
    assert sorted(states) == ["live", "live", "standby"]
