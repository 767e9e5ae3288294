"""A process that dies, by SIGKILL, at the n-th point of an operation.

Points are seen from outside: each statement that the database is about to run, a commit among them,
and each call of the gateway, before it and after it. Run as a program, it takes one JSON object a
line, forks for each, and answers how that process ended: forking is a hundred times cheaper than
starting Python again, and a process without threads may do it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Self, TypeVar

from sqlalchemy import event

from digistore import SYSTEM, Store
from digistore.gateways import CheckoutRequest, PaymentSnapshot, RefundRequest, RefundSnapshot
from digistore.gateways.port import CheckoutRef, HintPage, PaymentRef
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock

T = TypeVar("T")

SECRET = "a secret of at least thirty-two characters"
RETURN = "https://shop.example/thanks"
ROOT = Path(__file__).parents[2]

OPERATIONS: dict[str, Callable[[Store, dict[str, Any]], object]] = {
    "checkout": lambda store, a: store.orders.checkout(
        a["buyer"], [a["book"]], return_url=RETURN, idempotency_key="once"
    ),
    "webhook": lambda store, a: store.payments.handle_webhook(
        "sandbox", a["body"].encode(), a["headers"]
    ),
    "confirm": lambda store, a: store.payments.confirm(a["buyer"], a["order"]),
    "reconcile": lambda store, _: store.payments.reconcile(),
    "refund": lambda store, a: store.payments.refund(SYSTEM, a["order"], reason="asked"),
    "assign": lambda store, a: store.payments.resolve(
        SYSTEM, a["action"], choice="assign", reason="x", order=a["order"]
    ),
}


class Death:
    """Counts points and dies at one of them, leaving its name behind."""

    def __init__(self, at: int, note: Path) -> None:
        self.at = at
        self.note = note
        self.seen = 0
        self.armed = False

    def pass_by(self, name: str) -> None:
        if not self.armed:
            return
        self.seen += 1
        if self.seen == self.at:
            self.note.write_text(f"{self.seen}: {name}", encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)


class MortalGateway(SandboxGateway):
    """A sandbox in a file; whoever asks it may die before the question or after the answer."""

    def __init__(self, path: Path, clock: FrozenClock, death: Death) -> None:
        super().__init__(path, clock=clock)
        self._death = death

    async def _call(self, name: str, answer: Awaitable[T]) -> T:
        self._death.pass_by(f"before {name}")
        told = await answer
        self._death.pass_by(f"after {name}")
        return told

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        return await self._call("create_checkout", super().create_checkout(request))

    async def fetch(self, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        return await self._call("fetch", super().fetch(ref))

    async def resume(self, checkout_id: str, params: Any) -> PaymentSnapshot:
        return await self._call("resume", super().resume(checkout_id, params))

    async def expire(self, checkout_id: str) -> PaymentSnapshot:
        return await self._call("expire", super().expire(checkout_id))

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        return await self._call("refund", super().refund(request))

    async def poll(self, since: Any, cursor: str | None = None) -> HintPage:
        return await self._call("poll", super().poll(since, cursor))


def open_shop(folder: Path, sandbox: SandboxGateway, clock: FrozenClock) -> Store:
    """Open the shop that is kept in a folder."""
    return Store.open(
        f"sqlite:///{folder}/shop.db",
        files=f"file://{folder}/files",
        gateways=[sandbox],
        secret=SECRET,
        clock=clock,
    )


def live_until(order: dict[str, Any]) -> None:
    """Do one operation, as far as one comes."""
    folder = Path(order["folder"])
    death, clock = Death(order["at"], folder / "point"), FrozenClock()
    clock.go(minutes=1)
    store = open_shop(folder, MortalGateway(folder / "world.json", clock, death), clock)
    engine = store._shop.database.engine

    # The first statement makes a new connection: nothing is said on those that are there.
    engine.dispose()

    @event.listens_for(engine, "connect")
    def listen(driver: Any, _record: object) -> None:
        driver.set_trace_callback(death.pass_by)

    death.armed = True
    OPERATIONS[order["operation"]](store, order)
    store.close()


class Victims:
    """The program below, as tests see it."""

    def __init__(self) -> None:
        self._program = Popen(
            [sys.executable, "-m", "tests.payments.dying"],
            stdin=PIPE,
            stdout=PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(self, folder: Path, operation: str, at: int, about: dict[str, Any]) -> int:
        """Run an operation until point *at*; return how its process ended: -9 or 0."""
        order = {"folder": str(folder), "operation": operation, "at": at, **about}
        if self._program.stdin is None or self._program.stdout is None:
            raise AssertionError
        self._program.stdin.write(f"{json.dumps(order)}\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._program.communicate()


def main() -> None:
    """Fork for every line; say how each one ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                live_until(json.loads(line))
                code = 0
            except BaseException:  # noqa: BLE001  whatever it is, it belongs to the child alone
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
