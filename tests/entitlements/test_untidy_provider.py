"""One grant, and a provider whose facts come late, twice and in any order: the rules and ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from digistore.blocking import run
from digistore.entitlements import MemoryLedger
from digistore.entitlements.facts import AccessState, Fact, FactKind, FactState
from digistore.entitlements.rules import ACCESS, REFUND_RANK, decide, effects_of
from digistore.settings import AccessPolicy, Effect
from tests.extent import extent

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRICE = 2900
STATES: Mapping[FactKind, tuple[str, ...]] = {
    FactKind.REFUND: ("pending", "succeeded", "failed", "canceled"),
    FactKind.DISPUTE: ("warning", "open", "won", "lost", "prevented", "closed", "unassigned"),
    FactKind.OPERATOR: ("revoked", "restored"),
}
ABOUT: Mapping[FactKind, tuple[str, ...]] = {
    FactKind.REFUND: ("ref_1", "ref_2", "ref_3"),
    FactKind.DISPUTE: ("dis_1", "dis_2"),
    FactKind.OPERATOR: ("operator",),
}
AMOUNTS = {"ref_1": 900, "ref_2": 2000, "ref_3": PRICE}
"""What a refund gives back never changes; the first two are all of the money."""


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """Draw a payment, or what can become of it."""
    if draw(st.integers(0, 9)) == 0:
        return Fact("pur_1", "pay_1", FactKind.PAYMENT, FactState.SUCCEEDED, PRICE, NOON)
    kind = draw(st.sampled_from(list(STATES)))
    about = draw(st.sampled_from(ABOUT[kind]))
    refund = kind is FactKind.REFUND
    return Fact(
        "pur_1",
        about,
        kind,
        FactState(draw(st.sampled_from(STATES[kind]))),
        AMOUNTS.get(about, 0),
        NOON,
        ticket=0 if refund else draw(st.integers(1, 4)),
        access={"ref_2": Effect.REVOKE}.get(about),
    )


def naive(heard: list[Fact], policy: AccessPolicy) -> AccessState | None:
    """Say the same as ``decide``, the long way."""
    if not any(fact.kind is FactKind.PAYMENT for fact in heard):
        return None
    worst = [Effect.KEEP]
    ranks: dict[str, int] = {}
    for fact in heard:
        if fact.kind is FactKind.REFUND:
            rank = REFUND_RANK.index(fact.state)
            ranks[fact.about] = max(rank, ranks.get(fact.about, 0))
    back = [about for about, rank in ranks.items() if rank <= 1]
    if sum(AMOUNTS[about] for about in back) >= PRICE:
        worst.append(Effect.REVOKE)
    worst += [Effect.REVOKE if about == "ref_2" else policy.partial_refund for about in back]
    others = {fact.about for fact in heard if fact.kind in {FactKind.DISPUTE, FactKind.OPERATOR}}
    for about in others:
        said = [fact for fact in heard if fact.about == about]
        newest = max(fact.ticket for fact in said)
        states = sorted(fact.state for fact in said if fact.ticket == newest)
        known = [state for state in states if state is not FactState.UNASSIGNED] or states
        worst.append(effects_of(policy).get((said[0].kind, known[-1]), Effect.KEEP))
    return ACCESS[max(worst, key=list(Effect).index)]


class UntidyProvider(RuleBasedStateMachine):
    """A provider whose facts come late, twice and in any order."""

    @initialize(
        policy=st.builds(
            AccessPolicy,
            partial_refund=st.sampled_from([Effect.KEEP, Effect.REVOKE]),
            dispute_warning=st.sampled_from([Effect.KEEP, Effect.SUSPEND]),
            dispute_opened=st.sampled_from([Effect.SUSPEND, Effect.KEEP]),
            dispute_lost=st.sampled_from([Effect.REVOKE, Effect.KEEP]),
        )
    )
    def begin(self, policy: AccessPolicy) -> None:
        self.policy = policy
        self.heard: list[Fact] = []
        self.ledger = MemoryLedger({"pur_1": ("usr_1", "prd_1")})

    @rule(fact=facts(), times=st.integers(1, 3))
    def hear(self, fact: Fact, times: int) -> None:
        known = fact in self.heard
        for turn in range(times):
            self.heard.append(fact)
            assert run(self.ledger.append(fact)) is (not known and turn == 0)

    @rule(shuffled=st.randoms())
    def hear_all_of_it_again(self, shuffled: Random) -> None:
        again = list(self.heard)
        shuffled.shuffle(again)
        self.heard += again

    @invariant()
    def neither_order_nor_repeats_matter(self) -> None:
        if hasattr(self, "ledger"):
            once = run(self.ledger.facts("pur_1"))
            expected = decide(once, self.policy)
            assert decide(self.heard, self.policy) == expected
            assert decide(self.heard[::-1], self.policy) == expected

    @invariant()
    def it_is_what_the_long_way_says(self) -> None:
        if hasattr(self, "ledger"):
            assert decide(self.heard, self.policy).state is naive(self.heard, self.policy)

    @invariant()
    def no_access_without_a_payment(self) -> None:  # D4
        if hasattr(self, "ledger"):
            paid = FactKind.PAYMENT in {fact.kind for fact in self.heard}
            assert (decide(self.heard, self.policy).state is not None) == paid

    @invariant()
    def what_decides_was_heard(self) -> None:
        if hasattr(self, "ledger"):
            assert set(decide(self.heard, self.policy).because) <= set(self.heard)


TestUntidyProvider = UntidyProvider.TestCase
TestUntidyProvider.settings = settings(
    deadline=None, max_examples=extent(50, 200), stateful_step_count=20, print_blob=True
)
