from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Host, Sold

LISTENS = """
from pathlib import Path

def note(event):
    Path("told.txt").write_text(event.order_id)

def make_store(make=make_store):
    store = make()
    store.on(OrderPaid, note, name="note")
    return store
"""
FAILS = LISTENS.replace('Path("told.txt")', 'Path("no/such/folder.txt")')


def test_outbox_run_delivers_what_is_due(host: Host, sold: Sold) -> None:
    code, found = host.run_json("outbox", "run", code=LISTENS)
    assert (code, found["delivered"], found["failed"]) == (0, 1, 0)
    assert Path("told.txt").read_text() == sold.checkout.order.id
    assert host.run_json("outbox", "run", code=LISTENS)[1]["delivered"] == 0


@pytest.mark.usefixtures("sold")
def test_outbox_run_is_for_people_too(host: Host) -> None:
    code, out, _ = host.run_on_store("outbox", "run", code=LISTENS)
    assert code == 0
    assert out.startswith("1 events delivered")


@pytest.mark.parametrize("words", [("outbox", "run"), ("work", "--once")])
@pytest.mark.usefixtures("sold")
def test_a_handler_that_fails_is_said(host: Host, words: tuple[str, ...]) -> None:
    code, found = host.run_json(*words, code=FAILS)
    assert (code, found["delivered"], found["failed"]) == (1, 0, 1)


def test_work_once_does_all_that_is_due(host: Host) -> None:
    with host.store() as store:
        book = host.sell(store)
        host.sandbox.pay(host.order(store, book))  # nobody tells
        code, out, err = host.run_on_store("work", "--once", code=LISTENS)
        assert code == 0
        assert out.startswith("1 events delivered")
        assert err.startswith("1 events delivered")
        assert store.entitlements.check(store.users.ensure("ann"), book)


@pytest.mark.usefixtures("sold")
def test_work_goes_on_when_a_round_fails(host: Host) -> None:
    code = """
from digistore.errors import Busy

def make_store(make=make_store):
    store = make()
    def busy(limit=100):
        raise Busy("the database is busy")
    store.run_due = busy
    return store
"""
    exit_code, out, err = host.run_on_store("work", "--once", code=code)
    assert exit_code == 1
    assert "1 failed" in out
    assert "digistore: the database is busy" in err


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("sold")
def test_work_stops_cleanly_when_told(host: Host, told: signal.Signals) -> None:
    module = host.wire(LISTENS)
    command = [sys.executable, "-W", "error", "-m", "digistore", "--json"]
    command += ["--store", f"{module}:make_store", "work", "--every", "0.2"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        patience = time.monotonic() + 30
        while not Path("told.txt").exists() and time.monotonic() < patience:
            time.sleep(0.05)
        time.sleep(0.5)  # some more rounds
        os.kill(worker.pid, told)
        out, err = worker.communicate(timeout=30)
    assert worker.returncode == 0, err
    found = json.loads(out)
    assert found["delivered"] == 1
    assert found["rounds"] > 1
    assert err.startswith("working every 0.2 s")
    assert "Traceback" not in err


def test_signals_are_given_back(host: Host) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    host.run_on_store("work", "--once")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
