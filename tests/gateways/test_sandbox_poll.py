from __future__ import annotations

from datetime import timedelta

import pytest

from digistore.blocking import run
from digistore.errors import (
    Invalid,
)
from digistore.gateways import HintPage, Whose
from digistore.gateways.sandbox import SandboxGateway
from tests.gateways.sandbox_kit import (
    NOON,
    FrozenClock,
    now_of,
    opened,
)


def everything(sandbox: SandboxGateway) -> list[HintPage]:
    pages = [run(sandbox.poll(NOON))]
    while pages[-1].cursor is not None:
        pages.append(run(sandbox.poll(NOON, pages[-1].cursor)))
    return pages


def test_poll_finds_what_no_webhook_told(sandbox: SandboxGateway, clock: FrozenClock) -> None:
    quiet, busy, late = (opened(sandbox, name) for name in ("att_1", "att_2", "att_3"))
    clock.go_on(hours=1)
    sandbox.pay(busy)
    sandbox.foreign_event()

    page = run(sandbox.poll(clock.now))

    assert [hint.whose for hint in page.hints] == [Whose.OURS, Whose.FOREIGN]
    assert page.hints[0].checkout_id == busy.checkout_id
    assert page.hints[0].payment_id == now_of(sandbox, busy).payment_id
    assert page.hints[0].reference == "att_2"
    clock.go_on(hours=1)
    sandbox.pay(late, "delayed")
    sandbox.dashboard_refund(busy)
    found = {hint.reference for hint in run(sandbox.poll(clock.now)).hints}
    assert found == {"att_2", "att_3"}
    clock.go_on(hours=11)
    expired = {hint.checkout_id for hint in run(sandbox.poll(clock.now - timedelta(hours=2))).hints}
    assert expired == {quiet.checkout_id}


def test_poll_goes_page_by_page_and_misses_nothing(sandbox: SandboxGateway) -> None:
    names = [f"att_{number}" for number in range(250)]
    for name in names:
        opened(sandbox, name)

    pages = everything(sandbox)

    assert [len(page.hints) for page in pages] == [100, 100, 50]
    assert [hint.reference for page in pages for hint in page.hints] == names


def test_what_changes_between_two_pages_is_not_missed(sandbox: SandboxGateway) -> None:
    checkouts = [opened(sandbox, f"att_{number}") for number in range(200)]
    first = run(sandbox.poll(NOON))

    sandbox.pay(checkouts[0])

    second = run(sandbox.poll(NOON, first.cursor))
    third = run(sandbox.poll(NOON, second.cursor))
    assert third.hints[-1].payment_id is not None
    assert third.hints[-1].checkout_id == checkouts[0].checkout_id
    assert third.cursor is None


def test_a_full_last_page_leads_nowhere(sandbox: SandboxGateway) -> None:
    for number in range(100):
        opened(sandbox, f"att_{number}")

    assert run(sandbox.poll(NOON)).cursor is None
    assert run(SandboxGateway().poll(NOON)) == HintPage((), None)


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 19])
def test_a_cursor_of_somebody_else_is_refused(sandbox: SandboxGateway, cursor: str) -> None:
    with pytest.raises(Invalid):
        run(sandbox.poll(NOON, cursor))
