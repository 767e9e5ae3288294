from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from digistore import Money, Store
from digistore.doctor import DoctorReport
from tests.cli.conftest import URL, Host


def test_migrate_makes_the_schema_once(empty_host: Host) -> None:
    assert empty_host.run("migrate", URL)[:2] == (0, "migrated to revision dg0001\n")
    assert empty_host.run("migrate", URL)[:2] == (0, "at revision dg0001 already\n")


def test_migrate_works_on_the_host_s_store(empty_host: Host) -> None:
    assert empty_host.run_json("migrate") == (0, {"revision": "dg0001", "changed": True})


@pytest.mark.parametrize("url", ["shop.db", "postgresql://h/db", "sqlite:///no/such/folder.db"])
def test_migrate_refuses_what_it_cannot_open(empty_host: Host, url: str) -> None:
    code, out, err = empty_host.run("migrate", url)
    assert (code, out) == (2, "")
    assert err.startswith("digistore: the database") or "postgresql+psycopg" in err


@pytest.mark.usefixtures("sold")
def test_doctor_finds_nothing_in_a_sound_shop(host: Host) -> None:
    code, out, _ = host.run("doctor", URL)
    assert code == 0
    assert out.splitlines()[-1].endswith("promises checked, all kept")
    code, report = host.run_json("doctor")
    assert (code, report["findings"]) == (0, [])
    assert "I1" in report["checked"]


@pytest.mark.usefixtures("sold")
def test_doctor_names_what_is_wrong(host: Host) -> None:
    with sqlite3.connect("shop.db") as database:
        database.execute("DROP TRIGGER digistore_audit_refuse_update")
        database.execute("UPDATE digistore_audit SET actor = 'somebody else'")
    database.close()
    code, out, _ = host.run("doctor", URL)
    assert code == 1
    assert "✗ I" in out
    assert out.splitlines()[0].endswith("[a person has to decide]")
    code, report = host.run_json("doctor")
    assert code == 1
    assert {"invariant", "subject", "text", "remedy"} == report["findings"][0].keys()


def revoke() -> None:
    """Take access away past the library."""
    with sqlite3.connect("shop.db") as database:
        database.execute(
            "UPDATE digistore_purchased_products SET state = 'revoked', live_key = NULL"
        )
    database.close()


@pytest.mark.usefixtures("sold")
def test_doctor_repairs_what_follows_from_facts(host: Host) -> None:
    revoke()
    before = sha256(Path("shop.db").read_bytes()).digest()
    code, out, _ = host.run("doctor", URL)
    assert code == 1
    assert out.splitlines()[0].endswith("[digistore doctor --repair]")
    assert sha256(Path("shop.db").read_bytes()).digest() == before
    code, out, _ = host.run("doctor", URL, "--repair")
    assert code == 0
    assert out.splitlines()[0].endswith(": repaired")
    assert out.splitlines()[-1].endswith("promises checked, all kept")
    code, report = host.run_json("doctor", "--repair")
    assert (code, report["findings"], report["repaired"]) == (0, [], [])


def test_a_repair_makes_no_database(empty_host: Host) -> None:
    code, _, err = empty_host.run("doctor", URL, "--repair")
    assert (code, err) == (2, "digistore: there is no database at shop.db\n")
    assert not Path("shop.db").exists()


@pytest.mark.usefixtures("sold")
def test_doctor_goes_on_where_it_has_stopped(host: Host) -> None:
    revoke()
    _, whole = host.run_json("doctor")
    found: list[Any] = []
    place: tuple[str, ...] = ()
    while True:
        code, part = host.run_json("doctor", "--limit", "1", *place)
        found += part["findings"]
        if part["next"] is None:
            break
        assert code == 1
        assert len(part["findings"]) == 1
        place = ("--resume", part["next"])
    assert found == whole["findings"]
    assert len(found) > 1
    _, out, _ = host.run("doctor", URL, "--limit", "1")
    assert "add --resume " in out.splitlines()[-1]


@pytest.mark.usefixtures("sold")
def test_doctor_that_is_interrupted_says_where_to_go_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    look = Store.doctor

    def stopped(self: Store, **given: Any) -> DoctorReport:
        asked.append(given["after"])
        if len(asked) > 2:
            raise KeyboardInterrupt
        return look(self, **{**given, "within": timedelta(0)})

    monkeypatch.setattr(Store, "doctor", stopped)
    code, _, err = host.run("doctor", URL)
    assert code == 130
    assert asked[0] is None
    assert f"--resume {asked[-1]}\n" in err


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize("place", ["", "no place", "WyJ4IiwiWzFdIl0"])
def test_doctor_refuses_what_is_no_place(host: Host, place: str) -> None:
    code, _, err = host.run("doctor", URL, "--resume", place)
    assert code == 1
    assert "not a place that --resume knows" in err


@pytest.mark.parametrize("limit", ["0", "-1", "1e3", "10001", "²"])
def test_doctor_refuses_what_is_no_limit(host: Host, limit: str) -> None:
    assert host.run("doctor", URL, "--limit", limit)[0] == 2


@pytest.mark.usefixtures("sold")
def test_doctor_changes_nothing(host: Host) -> None:
    before = sha256(Path("shop.db").read_bytes()).digest()
    assert host.run("doctor", URL)[0] == 0
    assert sha256(Path("shop.db").read_bytes()).digest() == before


def test_doctor_makes_no_database(empty_host: Host) -> None:
    code, _, err = empty_host.run("doctor", URL)
    assert (code, err) == (2, "digistore: there is no database at shop.db\n")
    assert not Path("shop.db").exists()


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "what?.db", "number#1.db"])
def test_doctor_reads_files_of_any_name(host: Host, name: str) -> None:
    Path("shop.db").rename(name)
    code, _, err = host.run("doctor", f"sqlite:///{name}")
    if "?" in name:  # in a URL a query begins here
        assert code == 2
    else:
        assert (code, err) == (0, "")


@pytest.mark.parametrize("url", ["sqlite:///file:shop.db?uri=true", "sqlite:///./shop.db"])
def test_doctor_takes_a_file_however_it_is_named(host: Host, url: str) -> None:
    assert host.run("doctor", url)[0] == 0


@pytest.mark.parametrize("url", ["shop.db", "sqlite://", "sqlite:///:memory:", "mysql://h/db"])
def test_doctor_refuses_what_is_no_database(empty_host: Host, url: str) -> None:
    before = list(empty_host.folder.iterdir())
    code, out, err = empty_host.run("doctor", url)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert list(empty_host.folder.iterdir()) == before


def test_doctor_leaves_another_s_database_alone(empty_host: Host) -> None:
    database = sqlite3.connect("shop.db")
    database.execute("CREATE TABLE things (thing TEXT)")
    database.close()
    before = Path("shop.db").read_bytes()
    code, _, err = empty_host.run("doctor", URL)
    assert code == 2
    assert err.startswith("digistore: the database")
    assert Path("shop.db").read_bytes() == before


@pytest.mark.parametrize("words", [("doctor",), ("work", "--once"), ("reconcile",)])
def test_a_schema_that_does_not_fit_is_said(empty_host: Host, words: tuple[str, ...]) -> None:
    code, out, err = empty_host.run_on_store(*words)
    assert (code, out) == (2, "")
    assert "is at revision none, dg0001 is needed: run store.migrate()" in err


def test_reconcile_finds_a_payment_that_nobody_told_of(host: Host) -> None:
    with host.store() as store:
        book = host.sell(store)
        host.sandbox.pay(host.order(store, book))
        buyer = store.users.ensure("ann")
        assert not store.entitlements.check(buyer, book)
        code, out, _ = host.run_on_store("reconcile")
        assert code == 0
        assert "polled              1" in out
        assert store.entitlements.check(buyer, book)


@pytest.mark.usefixtures("sold")
def test_reconcile_asks_since_a_time(host: Host) -> None:
    assert host.run_json("reconcile")[1]["polled"] == 1
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert host.run_json("reconcile", "--since", later)[1]["polled"] == 0
    assert host.run_json("reconcile", "--since", "2026-01-31")[1]["polled"] == 1


@pytest.mark.usefixtures("sold")
def test_reconcile_says_what_could_not_be_asked(host: Host) -> None:
    code, report = host.run_json("reconcile", code="sandbox.fail_next('timeout', 9, 'poll')")
    assert (code, report["failed"]) == (1, 1)


def test_reconcile_says_how_much_waits_for_an_operator(host: Host) -> None:
    with host.store() as store:
        book = host.sell(store)
        host.sandbox.pay(host.order(store, book), amount=Money("1.00", "USD"))
    code, out, _ = host.run_on_store("reconcile")
    assert code == 0
    assert out.splitlines()[-1].startswith("1 waiting for an operator, the oldest since 20")


@pytest.mark.usefixtures("sold")
def test_verify_reads_every_file(host: Host) -> None:
    code, out, _ = host.run_on_store("files", "verify")
    assert (code, out) == (0, "✓ 1 file is what was published\n")


@pytest.mark.usefixtures("sold")
def test_verify_names_what_is_damaged(host: Host) -> None:
    known = sha256(b"All of it.").hexdigest()
    (blob,) = (path for path in Path("shop-files").rglob("*") if known in path.name)
    blob.chmod(0o600)
    blob.write_bytes(b"Not at all")
    code, out, _ = host.run_on_store("files", "verify")
    assert code == 1
    assert out == f"✗ damaged    {known}\n"
    blob.unlink()
    code, report = host.run_json("files", "verify")
    assert (code, report["missing"]) == (1, [known])


@pytest.mark.usefixtures("sold")
def test_a_document_is_all_that_a_program_reads(host: Host) -> None:
    for words in (("doctor", URL), ("migrate", URL)):
        code, out, err = host.run("--json", *words)
        assert (code, err) == (0, "")
        assert isinstance(json.loads(out), dict)


@pytest.mark.usefixtures("sold")
def test_collect_says_what_would_go_and_does_it_when_told_to(host: Host) -> None:
    code, out, _ = host.run_on_store("files", "collect")
    assert code == 0
    assert out.splitlines()[-1].startswith("nothing was changed")
    code, report = host.run_json("files", "collect", "--delete")
    assert (code, report["dry_run"], report["deleted"]) == (0, False, 0)
    assert host.run_on_store("files", "verify")[0] == 0


def test_a_schema_goes_with_a_url_of_postgresql(host: Host) -> None:
    code, _, err = host.run_on_store("doctor", "--schema", "shop")
    assert (code, err.partition(":")[2].strip()[:8]) == (2, "--schema")
    code, _, err = host.run("migrate", URL, "--schema", "shop")
    assert (code, err) == (2, "digistore: SQLite has no schemas: leave schema out\n")
