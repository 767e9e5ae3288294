from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from digistore.blocking import run
from digistore.errors import ConfigError, GatewayKeyConflict, GatewayUnavailable, NotRefundable
from digistore.gateways import PaymentSnapshot, PayState
from digistore.gateways.sandbox import SandboxGateway
from digistore.money import Money
from tests.gateways.sandbox_kit import (
    NOON,
    PRICE,
    FrozenClock,
    a_request,
    heard,
    now_of,
    opened,
    other,
    paid,
    refund,
)

ANOTHER_PROCESS = """
import sys
from digistore.blocking import run
from digistore.gateways.sandbox import SandboxGateway
from tests.gateways.sandbox_kit import FrozenClock, opened

sandbox = SandboxGateway(sys.argv[1], clock=FrozenClock())
for number in range(25):
    sandbox.pay(opened(sandbox, f"att_{sys.argv[2]}_{number}"))
"""


@pytest.fixture
def _restless() -> Iterator[None]:
    """Let threads take turns in the middle of everything: Python sees to it far too seldom."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.json"


def test_two_gateways_over_one_file_are_one(path: Path, clock: FrozenClock) -> None:
    web, worker = SandboxGateway(path, clock=clock), SandboxGateway(str(path), clock=clock)
    checkout = opened(web)

    event = worker.pay(checkout)

    assert heard(web, event).hint.checkout_id == checkout.checkout_id
    assert now_of(web, checkout).state is PayState.PAID
    assert now_of(web, checkout) == now_of(worker, checkout)


def test_everything_survives_the_end_of_the_process(path: Path, clock: FrozenClock) -> None:
    before = SandboxGateway(path, clock=clock)
    checkout = paid(before)
    made = refund(before, checkout, Money("9", "USD"))
    before.open_dispute(checkout, warning=True)
    before.pay(opened(before, "att_2"), amount=Money("30", "EUR"))
    before.foreign_event()

    after = SandboxGateway(path, clock=clock)

    assert now_of(after, checkout) == now_of(before, checkout)
    assert after.deliver() == before.deliver()
    assert run(after.poll(NOON)) == run(before.poll(NOON))
    assert refund(after, checkout, Money("9", "USD")) == made
    with pytest.raises(GatewayKeyConflict):
        run(after.create_checkout(other(a_request(), "total")))


def test_what_is_refused_changes_nothing(path: Path, clock: FrozenClock) -> None:
    sandbox = SandboxGateway(path, clock=clock)
    checkout = paid(sandbox)
    before = path.read_bytes()

    with pytest.raises(NotRefundable):
        refund(sandbox, checkout, PRICE + PRICE)
    sandbox.pay(checkout)
    now_of(sandbox, checkout)

    assert path.read_bytes() == before


def test_processes_do_not_lose_each_others_work(path: Path, clock: FrozenClock) -> None:
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    processes = [
        subprocess.Popen([sys.executable, "-c", ANOTHER_PROCESS, str(path), name], env=env)  # noqa: S603 - our own code
        for name in ("a", "b", "c")
    ]

    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    sandbox = SandboxGateway(path, clock=clock)
    assert len(sandbox.deliver()) == 3 * 25 * 2
    assert len(run(sandbox.poll(NOON)).hints) == 75


@pytest.mark.usefixtures("_restless")
@pytest.mark.parametrize(("in_file", "rounds"), [(True, 3), (False, 60)])
def test_threads_refund_a_payment_once(
    path: Path,
    clock: FrozenClock,
    in_file: bool,
    rounds: int,
) -> None:
    sandbox = SandboxGateway(path if in_file else None, clock=clock)

    def give_back(of: PaymentSnapshot, number: int) -> bool:
        try:
            refund(sandbox, of, PRICE, f"{of.reference}_{number}")
        except NotRefundable:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        for round_ in range(rounds):
            checkout = paid(sandbox, f"att_{round_}")
            outcomes = list(threads.map(partial(give_back, checkout), range(8)))
            assert outcomes.count(True) == 1
            assert len(now_of(sandbox, checkout).refunds) == 1


def test_threads_with_one_key_make_one_checkout(path: Path, clock: FrozenClock) -> None:
    gateways = [SandboxGateway(path, clock=clock) for _ in range(4)]

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: opened(gateways[number % 4]), range(16)))

    assert set(made) == {made[0]}
    assert len(run(gateways[0].poll(NOON)).hints) == 1


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    opened(SandboxGateway(path, clock=FrozenClock()))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "sandbox.json",
        "sandbox.json.lock",
    ]


def test_the_file_holds_no_secret(path: Path) -> None:
    secret = "a secret that is long enough"
    opened(SandboxGateway(path, webhook_secret=secret, clock=FrozenClock()))

    assert secret not in path.read_text()
    assert json.loads(path.read_text())["version"] == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2}', '{"checkouts": {"a": 1}}'])
def test_a_file_of_something_else_is_refused_and_kept(path: Path, content: str) -> None:
    path.write_text(content)

    with pytest.raises(ConfigError, match=r"sandbox\.json"):
        SandboxGateway(path)

    assert path.read_text() == content


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder"):
        SandboxGateway(tmp_path / "missing" / "sandbox.json")
    with pytest.raises(ConfigError):
        SandboxGateway(tmp_path)


def test_a_file_damaged_meanwhile_is_a_gateway_that_does_not_answer(path: Path) -> None:
    sandbox = SandboxGateway(path, clock=FrozenClock())
    checkout = opened(sandbox)
    path.write_text("{")

    with pytest.raises(GatewayUnavailable):
        now_of(sandbox, checkout)


def test_a_place_that_cannot_be_written_is_a_gateway_that_does_not_answer(path: Path) -> None:
    sandbox = SandboxGateway(path, clock=FrozenClock())
    path.with_name("sandbox.json.new").mkdir()

    with pytest.raises(GatewayUnavailable):
        opened(sandbox)
    path.with_name("sandbox.json.lock").unlink()
    path.with_name("sandbox.json.lock").mkdir()
    with pytest.raises(GatewayUnavailable):
        opened(sandbox)


def test_a_look_does_not_need_a_file(path: Path) -> None:
    sandbox = SandboxGateway(path, clock=FrozenClock())

    assert sandbox.deliver() == []
    assert not path.exists()
    assert repr(sandbox) == f"SandboxGateway('sandbox', in {path})"
    assert repr(SandboxGateway()) == "SandboxGateway('sandbox', in memory)"
