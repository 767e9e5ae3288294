"""The report: bounded, without a person in it, with what an operator should look at."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digistore import Money, Store
from digistore.doctor import DoctorReport, signs, walks
from digistore.doctor.service import MOST
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, OpenStore, Shop
from tests.doctor.damage import assert_damage_is_rebuilt
from tests.doctor.plant import Told, copy_of, examine, found_by, write
from tests.doctor.story import Licence, tell

PROVED = {  # I17, I18, I19, I27 and I31 are properties of histories
    *(f"I{number}" for number in range(1, 17)),
    *(f"I{number}" for number in range(20, 27)),
    *("I28", "I29", "I30", "I32", "I33", "I34", "I35", "I36", "I37"),
}


def test_whatever_happens_in_a_shop_nothing_is_found(
    open_store: OpenStore, sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    shop = Shop(open_store(personalisers={"licence-1": Licence()}), sandbox, clock)
    ids = tell(shop)
    report = shop.store.doctor()
    assert report.findings == ()
    assert report.healthy
    assert {*report.checked} == PROVED
    assert_damage_is_rebuilt(shop, ids)  # here, as a story takes long to tell


def test_an_empty_shop_is_healthy_and_gives_no_sign(store: Store) -> None:
    report = store.doctor()
    assert report == DoctorReport((), (), report.checked)


def test_findings_are_bounded_and_a_warning_says_so(bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    many = (
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 150)"
        " INSERT INTO digistore_short_urls (id, domain, code, target, visits)"
        " SELECT 'url_' || n, '', 'code' || n, 'ftp://x', 0 FROM n"
    )
    write(path, (many,), {})
    report = examine(path)
    assert len(found_by(report, "links_lead_to_the_web")) == MOST
    assert f"links_lead_to_the_web: only the first {MOST} findings are named" in report.warnings
    assert not report.healthy


def test_walks_are_bounded_too(bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    many = (
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 150)"
        " INSERT INTO digistore_audit (entity, entity_id, version, at, actor, cause, changes)"
        " SELECT 'user', 'usr_' || n, 1, 1, 'x', 'x', '{}' FROM n"
    )
    write(path, (many,), {})
    report = examine(path)
    assert len(found_by(report, "audit_chain_is_whole")) == MOST
    assert f"audit_chain_is_whole: only the first {MOST} findings are named" in report.warnings


@pytest.mark.parametrize(
    ("check", "subject", "statement"),
    [
        (
            "snapshot_never_changes",
            "paid_order",
            "UPDATE digistore_orders SET total = 1 WHERE id = :paid_order",
        ),
        (
            "rebuilding_changes_nothing",
            "paid_purchase",
            "UPDATE digistore_purchased_products SET state = 'revoked' WHERE id = :paid_purchase",
        ),
        (
            "audit_chain_is_whole",
            "paid_order",
            "UPDATE digistore_audit SET cause = 'x' WHERE entity_id = :paid_order AND version = 2",
        ),
    ],
)
def test_walks_forget_nothing_between_two_pages(
    check: str,
    subject: str,
    statement: str,
    bare: Told,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walks, "ROWS", 1)
    monkeypatch.setattr(walks, "HOLDINGS", 1)
    path = copy_of(bare, tmp_path)
    assert examine(path).findings == ()
    write(path, (statement,), bare.ids)
    assert found_by(examine(path), check) == {bare.ids[subject]}


def test_what_cannot_be_read_is_a_finding(bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    spoiled = (
        "UPDATE digistore_orders SET consents = 'no json' WHERE id = :paid_order",
        "UPDATE digistore_audit SET at = 'no time' WHERE entity_id = :paid_order",
        "UPDATE digistore_closed_days SET day = 'no day'",
    )
    write(path, spoiled, bare.ids)
    found = {(f.invariant, f.subject) for f in examine(path).findings}
    assert {
        ("I14", "snapshot_never_changes"),
        ("I25", "audit_chain_is_whole"),
        ("I35", "closed_days_add_up"),
    } <= found


def test_nobody_is_named(bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        personal = {
            str(value)
            for column in ("email", "name")
            for (value,) in connection.execute(f"SELECT {column} FROM digistore_users")
            if value
        }
        for table in ("orders", "payments", "purchased_products", "users", "support_requests"):
            connection.execute(f"UPDATE digistore_{table} SET version = version + 1")
        connection.execute("UPDATE digistore_orders SET total = total + 1, state = 'open'")
        connection.execute("DELETE FROM digistore_user_roles")
    report = examine(path)
    assert len(report.findings) > 100
    for finding in report.findings:
        assert re.fullmatch(r"[a-z]{3}_[0-9A-Za-z]+", finding.subject), finding
    assert not any(value in repr(report) for value in personal)


def test_the_doctor_only_reads(told: Told, tmp_path: Path) -> None:
    path = copy_of(told, tmp_path)

    def content() -> list[str]:
        with closing(sqlite3.connect(path)) as connection:
            return list(connection.iterdump())

    before = content()
    examine(path)
    assert content() == before


# Signs.


@pytest.fixture
def quiet(template: Path, tmp_path: Path) -> Any:
    """A shop whose clock and database a test can go on with."""
    path = tmp_path / "shop.db"
    shutil.copy(template, path)
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    common: dict[str, Any] = {"gateways": [sandbox], "secret": SECRET, "clock": clock}
    with Store.open(f"sqlite:///{path}", files=f"file://{tmp_path}/files", **common) as store:
        yield Shop(store, sandbox, clock)


def test_run_due_that_has_stopped_is_told(quiet: Shop) -> None:
    quiet.store.run_due()
    quiet.clock.go(minutes=15)
    assert quiet.store.doctor().warnings == ()
    quiet.clock.go(seconds=1)
    (sign,) = quiet.store.doctor().warnings
    assert sign.startswith("run_due has not run since 2026-01-01 12:00 UTC")
    quiet.store.run_due()
    assert quiet.store.doctor().warnings == ()


def test_run_due_that_never_ran_is_told_once_something_is_due(quiet: Shop) -> None:
    quiet.checkout(quiet.product())
    quiet.clock.go(hours=12)
    assert quiet.store.doctor().warnings == ()  # due, but not for long
    quiet.clock.go(minutes=16)
    (sign,) = quiet.store.doctor().warnings
    assert sign.startswith("run_due has never run")
    assert quiet.store.doctor().healthy


def test_open_actions_are_counted(quiet: Shop) -> None:
    checkout = quiet.checkout(quiet.product())
    quiet.deliver(quiet.sandbox.pay(checkout, amount=Money("1.00", "USD")))
    assert quiet.store.doctor().warnings == (
        "1 waiting for a decision: see payments.needing_action",
    )
    (action,) = quiet.store.payments.needing_action(quiet.operator)
    quiet.store.payments.resolve(quiet.operator, action, choice="keep", reason="a gift")
    assert quiet.store.doctor().warnings == ()


def test_crowded_codes_are_told(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(open_store(), SandboxGateway(), FrozenClock())
    shop.store.short_urls.shorten(shop.operator, "https://shop.example/", domain="s.example")
    assert shop.store.doctor().warnings == ()
    monkeypatch.setattr(signs, "_ALPHABET", 1)
    assert shop.store.doctor().warnings == (
        "1 short links of 8 characters on s.example: raise Settings.code_length",
    )
