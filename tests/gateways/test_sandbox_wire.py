from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from digistore.blocking import run
from digistore.errors import (
    CheckoutNotFound,
    Invalid,
)
from digistore.gateways import CheckoutRef, PayState, Whose
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.events import KNOWN_TYPES, TYPES
from digistore.gateways.sandbox.world import Kind
from digistore.money import Money
from tests.gateways.sandbox_kit import (
    NOON,
    FrozenClock,
    heard,
    now_of,
    opened,
    paid,
    refund,
)


def a_long_life(sandbox: SandboxGateway) -> None:
    """Let every kind of fact happen."""
    sandbox.refunds_pend = True
    one, two, three = (opened(sandbox, name) for name in ("att_1", "att_2", "att_3"))
    sandbox.pay(one, "declined")
    sandbox.pay(one)
    refund(sandbox, now_of(sandbox, one), Money("9", "USD"))
    sandbox.clear_refund(one)
    sandbox.fail_refund(one)
    sandbox.open_dispute(one, warning=True)
    sandbox.open_dispute(one)
    sandbox.close_dispute(one, "won")
    sandbox.close_dispute(one, "lost")
    sandbox.close_dispute(one, "prevented")
    sandbox.close_dispute(one, "closed")
    sandbox.pay(two, "delayed")
    sandbox.clear(two, ok=False)
    sandbox.abandon(three)


def ids(
    sandbox: SandboxGateway, shuffle: int | None = None, duplicate: int = 1, lose: int = 0
) -> list[str]:
    events = sandbox.deliver(shuffle=shuffle, duplicate=duplicate, lose=lose)
    return [heard(sandbox, event).id for event in events]


def test_every_fact_is_told_under_two_ids(sandbox: SandboxGateway) -> None:
    a_long_life(sandbox)

    events = [heard(sandbox, event) for event in sandbox.deliver()]

    assert {event.type for event in events} == KNOWN_TYPES
    assert len({event.id for event in events}) == len(events)
    assert len({event.digest for event in events}) == len(events)
    assert all(event.known and event.hint.whose is Whose.OURS for event in events)
    assert len(events) == 2 * len(Kind)


def test_each_kind_of_fact_has_two_types_of_its_own() -> None:
    assert set(TYPES) == set(Kind)
    assert len(KNOWN_TYPES) == 2 * len(Kind)


def test_one_id_never_has_two_bodies(sandbox: SandboxGateway, clock: FrozenClock) -> None:
    checkout = paid(sandbox)
    before = dict(zip(ids(sandbox), sandbox.deliver(), strict=True))
    clock.go_on(hours=1)
    sandbox.dashboard_refund(checkout)
    sandbox.open_dispute(checkout)

    after = dict(zip(ids(sandbox), sandbox.deliver(), strict=True))

    assert before.keys() < after.keys()
    assert all(after[event_id][0] == body for event_id, (body, _) in before.items())


def test_a_sandbox_that_forgot_all_gives_no_old_id_to_a_new_body(clock: FrozenClock) -> None:
    first = SandboxGateway(clock=clock)
    paid(first)
    clock.go_on(seconds=1)
    second = SandboxGateway(clock=clock)
    paid(second)

    assert not set(ids(first)) & set(ids(second))


def test_only_events_about_a_checkout_name_it(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    sandbox.dashboard_refund(checkout)

    hints = {
        event.type: event.hint for event in (heard(sandbox, sent) for sent in sandbox.deliver())
    }

    assert hints["checkout.paid"].checkout_id == checkout.checkout_id
    assert hints["payment.succeeded"].checkout_id is None
    assert hints["payment.succeeded"].reference == "att_1"
    assert hints["payment.refunded"].reference is None
    assert {hint.payment_id for hint in hints.values()} == {checkout.payment_id}


def test_an_expiry_by_the_clock_is_told_at_its_time(
    sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    opened(sandbox)
    assert sandbox.deliver() == []

    clock.go_on(days=1)

    told = [heard(sandbox, event) for event in sandbox.deliver()]
    assert [event.type for event in told] == ["checkout.expired", "checkout.closed"]
    assert {event.created for event in told} == {NOON + timedelta(hours=12)}
    assert ids(sandbox) == [event.id for event in told]


def test_things_are_told_in_the_order_in_which_they_happened(
    sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    one, two = opened(sandbox, "att_1"), opened(sandbox, "att_2")
    sandbox.pay(two, "delayed")
    clock.go_on(minutes=1)
    sandbox.pay(one)
    clock.go_on(minutes=1)
    sandbox.clear(two)

    types = [heard(sandbox, event).type for event in sandbox.deliver()]

    assert types[::2] == ["checkout.pending", "checkout.paid", "checkout.paid"]


def test_one_checkout_can_be_delivered_alone(sandbox: SandboxGateway) -> None:
    one = opened(sandbox, "att_1")
    sandbox.pay(one)
    paid(sandbox, "att_2")

    events = [heard(sandbox, event) for event in sandbox.deliver(one.url)]

    assert len(events) == 2
    assert {event.hint.reference for event in events} == {"att_1"}
    with pytest.raises(CheckoutNotFound):
        sandbox.deliver("cs_unknown")


def test_a_seed_shuffles_and_shuffles_the_same_way_again(sandbox: SandboxGateway) -> None:
    a_long_life(sandbox)
    straight = ids(sandbox)

    one, two = ids(sandbox, shuffle=1), ids(sandbox, shuffle=2)

    assert sorted(one) == sorted(two) == sorted(straight)
    assert one != two
    assert straight not in (one, two)
    assert ids(sandbox, shuffle=1) == one


def test_each_event_can_be_sent_several_times(sandbox: SandboxGateway) -> None:
    a_long_life(sandbox)

    assert set(Counter(ids(sandbox, shuffle=1, duplicate=3)).values()) == {3}


def test_events_get_lost_with_all_their_repeats(sandbox: SandboxGateway) -> None:
    a_long_life(sandbox)
    all_of_them = set(ids(sandbox))

    arrived = ids(sandbox, shuffle=1, duplicate=2, lose=5)

    assert len(set(arrived)) == len(all_of_them) - 5
    assert set(Counter(arrived).values()) == {2}
    assert arrived == ids(sandbox, shuffle=1, duplicate=2, lose=5)
    assert sandbox.deliver(lose=1_000) == []


def test_no_event_is_sent_less_than_never(sandbox: SandboxGateway) -> None:
    with pytest.raises(Invalid):
        sandbox.deliver(duplicate=0)
    with pytest.raises(Invalid):
        sandbox.deliver(lose=-1)


def test_another_shop_on_the_account_is_foreign(sandbox: SandboxGateway) -> None:
    events = [heard(sandbox, sandbox.foreign_event()) for _ in range(2)]

    assert {event.hint.whose for event in events} == {Whose.FOREIGN}
    assert len({event.hint.checkout_id for event in events}) == 2
    for event in events:
        assert event.hint.checkout_id is not None
        snapshot = run(sandbox.fetch(CheckoutRef(event.hint.checkout_id)))
        assert snapshot.whose is Whose.FOREIGN
        assert snapshot.state is PayState.PAID
        assert snapshot.reference is None


def test_an_event_is_json_that_anybody_can_read(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))

    assert json.loads(body)["object"] == "event"
    assert list(headers) == ["Sandbox-Signature"]
