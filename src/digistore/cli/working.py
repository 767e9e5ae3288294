"""Commands that do what is due: once, or until they are told to stop."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from digistore.cli.screen import Answer, Screen
from digistore.errors import DigistoreError
from digistore.store import Store
from digistore.wiring import DueReport

LONGEST_PAUSE: Final = 86_400.0


@dataclass(slots=True)
class Done:
    """What all rounds so far have done."""

    rounds: int = 0
    delivered: int = 0
    failed: int = 0
    refunds: int = 0
    expired: int = 0

    def add(self, report: DueReport) -> None:
        """Add one round."""
        self.rounds += 1
        self.delivered += report.delivered
        self.failed += report.failed + report.reconciled.failed
        self.refunds += report.reconciled.refunds
        self.expired += report.reconciled.expired

    @property
    def events(self) -> int:
        """Count all that a person who watches wants to hear of."""
        return self.delivered + self.failed + self.refunds + self.expired

    def __str__(self) -> str:
        return (
            f"{self.delivered:,} events delivered, {self.refunds:,} refunds asked about, "
            f"{self.expired:,} orders expired, {self.failed:,} failed; rounds: {self.rounds:,}"
        )


def rounds(store: Store) -> Iterator[DueReport]:
    """Run what is due until nothing more is, round by round."""
    more = True
    while more:
        report = store.run_due()
        yield report
        more = report.more


def deliver_all(store: Store, _given: argparse.Namespace, screen: Screen) -> Answer:
    """Deliver until nothing more is due; what a handler refused is tried again later."""
    done = Done()
    for report in rounds(store):
        done.add(report)
        screen.draw(f"outbox: {done.delivered:,} delivered")
    return Answer([str(done)], done, not done.failed)


def work(store: Store, given: argparse.Namespace, screen: Screen) -> Answer:
    """Do what is due, pause, and again, until SIGINT or SIGTERM; the round that runs is ended."""
    done = Done()
    with _until_told() as stop:
        if not given.once:
            screen.note(f"working every {given.every:g} s; Ctrl-C stops after the round that runs")
        while not stop.is_set():
            _work_off(store, done, screen, stop)
            if given.once or stop.wait(given.every):
                break
    return Answer([str(done)], done, not (given.once and done.failed))


def _work_off(store: Store, done: Done, screen: Screen, stop: threading.Event) -> None:
    """Do all that is due; a busy database is no reason to stop working."""
    before = done.events
    try:
        for report in rounds(store):
            done.add(report)
            if stop.is_set():
                break
    except DigistoreError as error:
        done.failed += 1
        screen.note(f"digistore: {error}")
    if done.events != before:
        screen.note(str(done))


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    """Lend an event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda *_: stop.set()) for one in signals]
    try:
        yield stop
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
