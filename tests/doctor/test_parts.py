"""The doctor in parts: bounded, resumable by anybody, and together what the whole finds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from digistore import Store
from digistore.blocking import run
from digistore.doctor import DoctorReport, checks, parts, receipts, service, walks
from digistore.doctor.checks import Statement, Step, Walk
from digistore.doctor.parts import Cursor, Parts
from digistore.doctor.service import CHECKS
from digistore.errors import Busy, Invalid
from digistore.paging import encode_cursor
from tests.conftest import SECRET, Shop
from tests.doctor.plant import Told, copy_of, write
from tests.past import connection_to, database_of

AT_ONCE = timedelta(0)  # one step
SPOILED = (
    "UPDATE digistore_orders SET version = version + 1, total = total + 1",
    "UPDATE digistore_payments SET own_refunds = own_refunds + 1, currency = 'usd'",
    "UPDATE digistore_purchased_products SET state = 'suspended', live_key = 1",
    "UPDATE digistore_audit SET cause = ''",
    "UPDATE digistore_day_figures SET value = value + 1",
    "UPDATE digistore_receipts SET total = total + 1",
    "UPDATE digistore_support_requests SET product_id = 'gone', payment_id = NULL",
    "DELETE FROM digistore_user_roles",
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut a small database into many steps."""
    monkeypatch.setattr(parts, "SLICE", 7)
    monkeypatch.setattr(walks, "ROWS", 20)
    monkeypatch.setattr(walks, "HOLDINGS", 5)
    monkeypatch.setattr(receipts, "ROWS", 3)


def opened(path: Path) -> Store:
    return Store.open(
        f"sqlite:///{path}", files=f"file://{path.parent}/files", gateways=[], secret=SECRET
    )


def named(report: DoctorReport) -> list[tuple[str, str, str]]:
    return [(one.invariant, one.subject, one.text) for one in report.findings]


@pytest.mark.usefixtures("small")
def test_the_parts_are_the_whole_whoever_goes_on(
    bare: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 1_000_000)
    path = copy_of(bare, tmp_path)
    write(path, SPOILED, bare.ids)
    found: list[Any] = []
    checked: list[str] = []
    many, place = 0, None
    with opened(path) as one, opened(path) as other:
        whole = one.doctor()
        while True:
            lost = one.doctor(after=place, limit=9, within=AT_ONCE)  # killed with its report
            part = other.doctor(after=place, limit=9, within=AT_ONCE)
            assert part == lost
            found += named(part)
            checked += part.checked
            many, place = many + 1, part.next
            if place is None:
                break
    assert many > len(CHECKS) * 3
    assert sorted(set(found)) == sorted(named(whole))
    assert checked == [*whole.checked]


@pytest.mark.usefixtures("small")
def test_a_part_ends_with_its_limit(bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    write(path, ("DELETE FROM digistore_user_roles",), {})
    with opened(path) as store:
        whole = [one for one in store.doctor().findings if one.invariant == "I32"]
        part = store.doctor(limit=5)
        assert len(part.findings) == 5
        rest = store.doctor(after=part.next, limit=10_000)
        assert [*part.findings, *rest.findings] == whole
        assert (rest.next, part.warnings == (), rest.warnings) == (None, False, ())


def test_parts_are_the_whole_in_both_colours(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SLICE", 3)
    for _ in range(4):
        shop.buy(shop.product(), shop.store.users.guest("a@example.com"))
    revoked = "UPDATE digistore_purchased_products SET state = 'revoked', live_key = NULL"
    with connection_to(shop.store) as connection:
        connection.exec_driver_sql(revoked)
        connection.commit()
    whole = shop.store.doctor()
    found: list[Any] = []
    place = None
    while True:
        part = shop.store.doctor(after=place, limit=1)
        found += named(part)
        place = part.next
        if place is None:
            break
    assert found == named(whole)
    assert len(found) >= 12
    # Repaired in parts, by whoever goes on.
    repaired, place = 0, None
    while True:
        part = shop.store.doctor(repair=True, after=place, within=AT_ONCE)
        assert part.findings == ()
        repaired += len(part.repaired)
        place = part.next
        if place is None:
            break
    assert repaired == 4
    assert shop.store.doctor().healthy


@pytest.mark.parametrize(
    "place",
    [
        "",
        "nonsense",
        encode_cursor("no_such_check", "[1]"),
        encode_cursor("access_is_covered", "{}"),
        encode_cursor("access_is_covered", "[[1]]"),
        encode_cursor("access_is_covered", "[]"),
        encode_cursor("access_is_covered", "not json"),
        encode_cursor("access_is_covered"),
    ],
)
def test_a_place_of_something_else_is_refused(place: str, store: Store) -> None:
    with pytest.raises(Invalid) as refused:
        store.doctor(after=place)
    assert "after" in refused.value.fields


def test_a_forged_place_is_text(store: Store) -> None:
    place = str(Cursor("access_is_covered", ("' OR 1 = 1 --",)))
    assert store.doctor(after=place).findings == ()


@pytest.mark.parametrize("within", [timedelta(seconds=-1), 5, "1"])
def test_a_time_that_is_none_is_refused(within: Any, store: Store) -> None:
    with pytest.raises(Invalid):
        store.doctor(within=within)


def test_what_cannot_be_read_is_a_finding_of_a_part_too(bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    spoiled = "UPDATE digistore_orders SET consents = 'no json' WHERE id = :paid_order"
    write(path, (spoiled,), bare.ids)
    with opened(path) as store:
        assert named(store.doctor(limit=1000)) == named(store.doctor())


@pytest.mark.parametrize("kind_of_store", ["PostgreSQL-Store"])
def test_a_statement_that_takes_too_long_is_cut_smaller_then_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LONGEST", 0.05)
    sizes = []

    async def cut(reader: Any, at: Any, most: int, size: int) -> Step:  # noqa: ARG001
        sizes.append(size)
        await reader.say(f"SELECT pg_sleep({10 if size > 1000 else 0})")
        return Step(["it"], None)

    slow = Statement("I2", "slow", "Slow.", "SELECT 'x' AS subject FROM pg_sleep(10)")
    steady = Walk("I1", "cut", "Cut.", lambda *_: None)  # type: ignore[arg-type]
    monkeypatch.setattr(Walk, "step", lambda _, *given: cut(*given))
    found = Parts(database_of(store), [steady, slow], None)  # type: ignore[arg-type]
    part = run(found.look(None, 10, None, repair=False))
    assert sizes == [10_000, 1000]
    assert [one.subject for one in part.findings] == ["it"]
    assert [check.name for check in part.finished] == ["cut"]
    (warning,) = part.warnings
    assert warning.startswith("slow: the database ran out of time or room")


def test_a_database_that_is_locked_ends_no_check(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: Any) -> Any:
        raise Busy("locked")

    monkeypatch.setattr(Statement, "step", locked)
    with pytest.raises(Busy):
        store.doctor(limit=1)


def test_slices_leave_out_what_is_grouped() -> None:
    cut = {check.name for check in CHECKS if isinstance(check, Statement) and check._sources}
    assert {"access_is_covered", "nothing_dangles", "refunds_add_up"} <= cut
    assert not {"one_purchase_per_line", "lines_sum_to_their_order"} & cut
    assert checks.SLICE == 10_000
