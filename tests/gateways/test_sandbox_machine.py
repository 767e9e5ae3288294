from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import TypeAdapter

from digistore.blocking import run
from digistore.errors import DigistoreError
from digistore.gateways import CheckoutRef, PayState, RefundState
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import Ending, Outcome
from digistore.gateways.sandbox.world import Checkout
from digistore.money import Money
from tests.extent import extent
from tests.gateways.sandbox_kit import FrozenClock, heard, now_of, opened, refund

NAMES = st.sampled_from(["att_1", "att_2"])
AMOUNTS = st.none() | st.integers(1, 4000).map(lambda cents: Money.from_minor(cents, "USD"))
RECORD = TypeAdapter(Checkout)


class LifeOfTwoCheckouts(RuleBasedStateMachine):
    """A buyer, a bank and a shop do whatever comes to their minds; some of it is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.sandbox = SandboxGateway(clock=self.clock)
        self.checkouts = {name: opened(self.sandbox, name) for name in ("att_1", "att_2")}
        self.bodies: dict[str, bytes] = {}
        self.paid: dict[str, Money] = {}

    @initialize(pend=st.booleans())
    def choose_how_refunds_go(self, pend: bool) -> None:
        self.sandbox.refunds_pend = pend

    @rule(name=NAMES, outcome=st.sampled_from(["paid", "delayed", "declined"]), amount=AMOUNTS)
    def pay(self, name: str, outcome: Outcome, amount: Money | None) -> None:
        with suppress(DigistoreError):
            self.sandbox.pay(self.checkouts[name], outcome, amount=amount)

    @rule(name=NAMES, ok=st.booleans())
    def clear(self, name: str, ok: bool) -> None:
        with suppress(DigistoreError):
            self.sandbox.clear(self.checkouts[name], ok)

    @rule(name=NAMES)
    def abandon(self, name: str) -> None:
        with suppress(DigistoreError):
            self.sandbox.abandon(self.checkouts[name])

    @rule(name=NAMES)
    def expire(self, name: str) -> None:
        run(self.sandbox.expire(self.checkouts[name].checkout_id))

    @rule(name=NAMES, amount=AMOUNTS, key=st.integers(1, 3))
    def give_back(self, name: str, amount: Money | None, key: int) -> None:
        snapshot = now_of(self.sandbox, self.checkouts[name])
        if snapshot.payment_id is not None:
            with suppress(DigistoreError):
                refund(self.sandbox, snapshot, amount or Money("9", "USD"), f"ref_{key}")

    @rule(name=NAMES, amount=AMOUNTS)
    def give_back_at_the_dashboard(self, name: str, amount: Money | None) -> None:
        with suppress(DigistoreError):
            self.sandbox.dashboard_refund(self.checkouts[name], amount)

    @rule(name=NAMES, ok=st.booleans())
    def end_refund(self, name: str, ok: bool) -> None:
        end = self.sandbox.clear_refund if ok else self.sandbox.fail_refund
        with suppress(DigistoreError):
            end(self.checkouts[name])

    @rule(name=NAMES, amount=AMOUNTS, warning=st.booleans())
    def dispute(self, name: str, amount: Money | None, warning: bool) -> None:
        with suppress(DigistoreError):
            self.sandbox.open_dispute(self.checkouts[name], amount, warning=warning)

    @rule(name=NAMES, state=st.sampled_from(["won", "lost", "prevented", "closed"]))
    def decide(self, name: str, state: Ending) -> None:
        with suppress(DigistoreError):
            self.sandbox.close_dispute(self.checkouts[name], state)

    @rule(hours=st.integers(1, 13))
    def wait(self, hours: int) -> None:
        self.clock.go_on(hours=hours)

    @invariant()
    def captured_money_never_changes(self) -> None:
        for name, checkout in self.checkouts.items():
            snapshot = now_of(self.sandbox, checkout)
            assert (snapshot.captured is not None) == (snapshot.state is PayState.PAID)
            if name in self.paid:
                assert snapshot.captured == self.paid[name]
            elif snapshot.captured is not None:
                self.paid[name] = snapshot.captured

    @invariant()
    def refunds_stay_within_what_was_captured(self) -> None:
        for checkout in self.checkouts.values():
            snapshot = now_of(self.sandbox, checkout)
            held = {RefundState.PENDING, RefundState.SUCCEEDED}
            back = [told.money for told in snapshot.refunds if told.state in held]
            if back:
                assert snapshot.captured is not None
                assert Money.total(back, "USD") <= snapshot.captured

    @invariant()
    def one_event_id_has_one_body_for_ever(self) -> None:
        events = self.sandbox.deliver()
        seen = {heard(self.sandbox, event).id: event[0] for event in events}
        assert len(seen) == len(events)
        assert self.bodies.items() <= seen.items()
        self.bodies = seen

    @invariant()
    def every_hint_leads_to_its_checkout(self) -> None:
        ids = {checkout.checkout_id for checkout in self.checkouts.values()}
        for event in self.sandbox.deliver():
            hint = heard(self.sandbox, event).hint
            ref = hint.checkout_id or hint.payment_id
            assert ref is not None
            assert self.sandbox.look_up(ref).id in ids

    @invariant()
    def a_record_is_the_same_after_the_file(self) -> None:
        for checkout in self.checkouts.values():
            record = self.sandbox.look_up(CheckoutRef(checkout.checkout_id))
            assert RECORD.validate_json(RECORD.dump_json(record), strict=True) == record


TestLifeOfTwoCheckouts = LifeOfTwoCheckouts.TestCase
TestLifeOfTwoCheckouts.settings = settings(
    deadline=None, max_examples=extent(20, 60), stateful_step_count=25
)
