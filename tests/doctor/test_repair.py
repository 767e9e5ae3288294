"""A repair makes of what is stored what its facts say, and writes no fact; all else it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from digistore import SYSTEM, Product, Store
from digistore.doctor import Remedy
from digistore.doctor.remedies import (
    ASK_THE_GATEWAY,
    BOOKS,
    FIGURES,
    MESSAGES,
    USES,
    remedy_of,
)
from digistore.doctor.service import CHECKS
from digistore.errors import Invalid
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from digistore.users import User
from tests.conftest import RETURN, SECRET, Shop
from tests.doctor.damage import (
    APART,
    CONTRADICTED,
    PROJECTED,
    assert_no_fact_was_written,
    damage,
    facts,
)
from tests.doctor.plant import BY_NAME, Plant, Told, copy_of
from tests.extent import extent
from tests.orders.test_races import a_product
from tests.past import connection_to
from tests.races import Race


@contextmanager
def damaged(told: Told, folder: Path, planted: Plant) -> Iterator[Store]:
    path = copy_of(told, folder)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        for name in (
            connection.execute(text("SELECT name FROM sqlite_schema WHERE type = 'trigger'"))
            .scalars()
            .all()
        ):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.commit()
        damage(connection, planted.statements, told.ids)
        connection.commit()
    with Store.open(
        f"sqlite:///{path}", files=f"file://{folder}/files", gateways=[], secret=SECRET
    ) as store:
        yield store


def content(folder: Path) -> list[bytes]:
    """Return all that SQLite has written."""
    return [path.read_bytes() for path in sorted(folder.glob("shop.db*")) if "shm" not in path.name]


def of(planted: Plant) -> str:
    return f"{planted.check}: {planted.statements[-1].removeprefix('UPDATE digistore_')[:60]}"


# The others are rebuilt together, in both colours, where a whole story is told: test_report.
@pytest.mark.parametrize("planted", extent(PROJECTED[-APART:], PROJECTED), ids=of)
def test_what_follows_from_facts_is_rebuilt(planted: Plant, told: Told, tmp_path: Path) -> None:
    with damaged(told, tmp_path, planted) as store:
        with connection_to(store) as connection:
            before = facts(connection)
        report = store.doctor(repair=True)
        assert BY_NAME[planted.check].invariant in {one.invariant for one in report.repaired}
        assert all(one.remedy is Remedy.REPAIR for one in report.repaired)
        # Of a question that was deleted its event is left: it tells that there was one.
        assert {one.invariant for one in report.findings} <= {"I26"}
        with connection_to(store) as connection:
            after = facts(connection)
        assert_no_fact_was_written(before, after)
        assert store.doctor(repair=True).repaired == ()
        with connection_to(store) as connection:
            assert facts(connection) == after


@pytest.mark.parametrize("planted", CONTRADICTED, ids=of)
def test_what_facts_contradict_is_left_to_a_person(
    planted: Plant, told: Told, tmp_path: Path
) -> None:
    with damaged(told, tmp_path, planted) as store:
        before = content(tmp_path)
        report = store.doctor(repair=True)
        assert report.repaired == ()
        assert not report.healthy
        assert Remedy.REPAIR not in {one.remedy for one in report.findings}
        assert content(tmp_path) == before


def test_a_repair_asks_what_was_never_asked(told: Told, tmp_path: Path) -> None:
    planted = next(one for one in PROJECTED if one.check == "odd_money_is_acted_on")
    with damaged(told, tmp_path, planted) as store:
        store.doctor(repair=True)
        asked = store.payments.needing_action(SYSTEM, limit=100)
        (action,) = [one for one in asked if one.payment_id == told.ids["underpaid_payment"]]
        assert (action.kind, action.reason) == ("underpaid", None)


def test_a_sound_shop_is_left_as_it_is(told: Told, tmp_path: Path) -> None:
    with damaged(told, tmp_path, Plant("", "", ())) as store:
        before = content(tmp_path)
        report = store.doctor(repair=True)
        assert (report.findings, report.repaired, report.next) == ((), (), None)
        assert report.checked == store.doctor().checked
        assert content(tmp_path) == before


def test_a_repair_loses_nothing_that_is_settled_meanwhile(race: Race) -> None:
    shop = Shop(race.store, race.sandbox, FrozenClock())
    book = shop.product()
    for number in range(2):
        buyer = race.store.users.register(f"buyer{number}@example.com")
        bought = shop.buy(book, buyer)
        purchase = shop.rows(
            f"SELECT id FROM digistore_purchased_products WHERE order_id = '{bought.order.id}'"
        )[0][0]
        spoiled = _REVOKED.format(purchase)
        with connection_to(race.store) as connection:
            connection.exec_driver_sql(spoiled)
            connection.commit()
        again = shop.checkout(book, buyer, allow_repeat=True)
        told = (race.sandbox.pay(again), race.sandbox.dashboard_refund(bought))
        race.at_once(
            lambda store: store.doctor(repair=True),
            *(partial(_hear, signed=one) for one in told),
        )
        assert race.store.doctor(repair=True).findings == ()
        states = shop.rows("SELECT order_id, state FROM digistore_purchased_products")
        ended = {(bought.order.id, "revoked"), (again.order.id, "live")}
        assert {one for one in states if one[0] in {bought.order.id, again.order.id}} == ended


def test_a_repair_counts_every_use_that_is_taken_meanwhile(race: Race) -> None:
    book = a_product(race.store)
    for number in range(extent(2, 30)):
        code = f"CODE{number}"
        discount = race.store.orders.add_discount(SYSTEM, code, percent=100)
        people = [race.store.users.guest(f"{code}{which}@example.com") for which in range(4)]
        _buy(race.store, book=book, buyer=people[0], code=code)
        with connection_to(race.store) as connection:
            connection.exec_driver_sql(_TOO_MANY.format(discount.id))
            connection.commit()
        race.at_once(
            lambda store: store.doctor(repair=True),
            *(partial(_buy, book=book, buyer=one, code=code) for one in people[1:]),
        )
        assert race.store.doctor().findings == ()
        assert race.store.orders.retire_discount(SYSTEM, discount).used == len(people)


def _buy(store: Any, *, book: Product, buyer: User, code: str) -> Any:
    return store.orders.checkout(buyer, [book], return_url=RETURN, discount=code)


def _hear(store: Store, signed: tuple[bytes, dict[str, str]]) -> Any:
    return store.payments.handle_webhook("sandbox", *signed)


_REVOKED = (
    "UPDATE digistore_purchased_products SET state = 'suspended', live_key = NULL WHERE id = '{}'"
)


_TOO_MANY = "UPDATE digistore_discounts SET used = used + 7 WHERE id = '{}'"


def test_every_remedy_names_a_check() -> None:
    assert BOOKS | MESSAGES | ASK_THE_GATEWAY | {FIGURES, USES} <= {check.name for check in CHECKS}
    assert {remedy_of(check.name) for check in CHECKS} == set(Remedy)
    assert [remedy.command for remedy in Remedy] == [
        "digistore doctor --repair",
        "digistore reconcile --since TIME",
        None,
    ]


def test_whatever_a_repair_can_undo_is_undone_in_these_tests() -> None:
    mended = {planted.check for planted in PROJECTED}
    assert BOOKS | MESSAGES | {FIGURES, USES} <= mended | ELSEWHERE


# Found beside others by the same damage, or only where a contradiction, or no constraint, is left.
ELSEWHERE = {
    "all_money_back_closes",
    "last_word_is_stored",
    "messages_are_looked_at",
    "one_live_purchase",
    "paid_help_is_open",
    "partial_refund_closes",
    "suspended_for_a_reason",
    "waiting_purchase_is_acted_on",
}


@pytest.mark.parametrize("limit", [0, -1, 10_001, True, "5"])
def test_a_limit_out_of_range_is_refused(limit: int, store: Store) -> None:
    with pytest.raises(Invalid):
        store.doctor(limit=limit)


def test_what_a_constraint_refuses_keeps_nothing_else_from_being_repaired(
    clock: FrozenClock, sandbox: SandboxGateway
) -> None:
    given: dict[str, Any] = {"gateways": [sandbox], "secret": SECRET, "clock": clock}
    with Store.open("sqlite://", files="memory://", **given) as store:
        store.migrate()
        shop = Shop(store, sandbox, clock)
        book, other = shop.product(), store.users.register("b@example.com")
        bought = [shop.buy(book), shop.buy(book, other)]
        first, second = sorted(str(one.order.id) for one in bought)
        with connection_to(store) as connection:
            connection.exec_driver_sql("UPDATE digistore_order_lines SET outcome = 'standby'")
            connection.exec_driver_sql(_ONE_MORE.format(first))
        store.doctor(repair=True)
        lines = shop.rows("SELECT order_id, outcome FROM digistore_order_lines")
        assert {(order, outcome) for order, outcome in lines} == {
            (first, "standby"),
            (second, "opened"),
        }


# An audit row of a version that the order does not have yet: its next change meets it.
_ONE_MORE = (
    "INSERT INTO digistore_audit"
    " (entity, entity_id, version, at, actor, cause, changes, digest, previous)"
    " SELECT entity, entity_id, version + 1, at, actor, cause, changes, digest, digest"
    " FROM digistore_audit WHERE entity_id = '{0}'"
    " AND version = (SELECT version FROM digistore_orders WHERE id = '{0}')"
)
