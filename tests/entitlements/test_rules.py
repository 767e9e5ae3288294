"""Who may open a product, cell by cell and in every order: the rules alone, without a shop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, permutations, product
from typing import Any

import pytest

from digistore.entitlements.facts import AccessState, Decision, Fact, FactKind, FactState
from digistore.entitlements.rules import ACCESS, Grant, choose, decide, refusal
from digistore.settings import AccessPolicy, Effect

PRICE = 2900
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIVE, SUSPENDED = AccessState.LIVE, AccessState.SUSPENDED
REVOKED, STANDBY = AccessState.REVOKED, AccessState.STANDBY

CHOICES: Mapping[str, tuple[Effect, ...]] = {
    "partial_refund": (Effect.KEEP, Effect.REVOKE),
    "dispute_warning": (Effect.KEEP, Effect.SUSPEND),
    "dispute_opened": (Effect.SUSPEND, Effect.KEEP),
    "dispute_lost": (Effect.REVOKE, Effect.KEEP),
}
POLICIES = [
    AccessPolicy.model_validate(dict(zip(CHOICES, values, strict=True)))
    for values in product(*CHOICES.values())
]
STRICT = AccessPolicy(
    partial_refund=Effect.REVOKE,
    dispute_warning=Effect.SUSPEND,
    dispute_opened=Effect.SUSPEND,
    dispute_lost=Effect.REVOKE,
)


def a_fact(kind: FactKind, state: FactState, about: str, amount: int = PRICE, **more: Any) -> Fact:
    return Fact("pur_1", about, kind, state, amount, NOON, **more)


def paid(amount: int = PRICE, about: str = "pay_1") -> Fact:
    return a_fact(FactKind.PAYMENT, FactState.SUCCEEDED, about, amount)


def refund(state: str, amount: int = PRICE, about: str = "ref_1", **more: Any) -> Fact:
    return a_fact(FactKind.REFUND, FactState(state), about, amount, **more)


def dispute(state: str, ticket: int = 1, about: str = "dis_1") -> Fact:
    return a_fact(FactKind.DISPUTE, FactState(state), about, ticket=ticket)


def operator(state: str, ticket: int = 1) -> Fact:
    return a_fact(FactKind.OPERATOR, FactState(state), "operator", 0, ticket=ticket)


def state_of(*facts: Fact, policy: AccessPolicy | None = None) -> AccessState | None:
    return decide(facts, policy or AccessPolicy()).state


# The matrix: one row of payments.md, section 5, after the other, under all sixteen policies.


@pytest.mark.parametrize("policy", POLICIES)
class TestTheMatrix:
    def test_what_was_never_paid_opens_nothing(self, policy: AccessPolicy) -> None:  # D4
        unpaid = [[], [refund("succeeded")], [dispute("open")], [operator("restored")]]
        assert {state_of(*facts, policy=policy) for facts in unpaid} == {None}

    @pytest.mark.parametrize("state", ["pending", "failed", "canceled"])
    def test_a_payment_that_has_not_succeeded_opens_nothing(
        self, policy: AccessPolicy, state: str
    ) -> None:
        waiting = a_fact(FactKind.PAYMENT, FactState(state), "pay_1")
        assert state_of(waiting, policy=policy) is None
        assert state_of(waiting, paid(), policy=policy) is LIVE

    @pytest.mark.parametrize("amount", [0, 1, PRICE])
    def test_a_payment_opens(self, policy: AccessPolicy, amount: int) -> None:
        assert state_of(paid(amount), policy=policy) is LIVE

    @pytest.mark.parametrize("state", ["pending", "succeeded"])
    def test_a_partial_refund_does_what_the_policy_says(
        self, policy: AccessPolicy, state: str
    ) -> None:
        facts = [paid(), refund(state, PRICE - 1)]
        assert state_of(*facts, policy=policy) is ACCESS[policy.partial_refund]

    @pytest.mark.parametrize("access", [Effect.KEEP, Effect.REVOKE])
    def test_a_partial_refund_can_say_for_itself(
        self, policy: AccessPolicy, access: Effect
    ) -> None:
        facts = [paid(), refund("succeeded", 1, access=access)]
        assert state_of(*facts, policy=policy) is ACCESS[access]

    @pytest.mark.parametrize("state", ["pending", "succeeded"])
    @pytest.mark.parametrize("access", [None, Effect.KEEP, Effect.REVOKE])
    def test_a_full_refund_revokes(
        self, policy: AccessPolicy, state: str, access: Effect | None
    ) -> None:
        assert state_of(paid(), refund(state, access=access), policy=policy) is REVOKED

    @pytest.mark.parametrize("state", ["failed", "canceled"])
    @pytest.mark.parametrize("before", ["pending", "succeeded"])
    def test_a_refund_that_fails_restores(
        self, policy: AccessPolicy, before: str, state: str
    ) -> None:
        assert state_of(paid(), refund(before), refund(state), policy=policy) is LIVE

    def test_a_warning_does_what_the_policy_says(self, policy: AccessPolicy) -> None:
        said = state_of(paid(), dispute("warning"), policy=policy)
        assert said is ACCESS[policy.dispute_warning]

    def test_an_open_dispute_does_what_the_policy_says(self, policy: AccessPolicy) -> None:
        assert state_of(paid(), dispute("open"), policy=policy) is ACCESS[policy.dispute_opened]

    @pytest.mark.parametrize("end", ["won", "closed"])
    def test_a_dispute_without_loss_restores(self, policy: AccessPolicy, end: str) -> None:
        facts = [paid(), dispute("open"), dispute(end, 2)]
        assert state_of(*facts, policy=policy) is LIVE

    def test_a_lost_dispute_does_what_the_policy_says(self, policy: AccessPolicy) -> None:
        facts = [paid(), dispute("open"), dispute("lost", 2)]
        assert state_of(*facts, policy=policy) is ACCESS[policy.dispute_lost]

    def test_a_prevented_dispute_revokes(self, policy: AccessPolicy) -> None:
        assert state_of(paid(), dispute("prevented"), policy=policy) is REVOKED

    def test_a_loss_without_its_lines_suspends(self, policy: AccessPolicy) -> None:
        assert state_of(paid(), dispute("unassigned"), policy=policy) is SUSPENDED

    @pytest.mark.parametrize(("taken", "state"), [("lost", None), ("closed", LIVE)])
    def test_of_one_ticket_what_an_operator_has_assigned_counts(
        self, policy: AccessPolicy, taken: str, state: AccessState | None
    ) -> None:
        expected = state or ACCESS[policy.dispute_lost]
        facts = [paid(), dispute("unassigned", 3), dispute(taken, 3)]
        for order in permutations(facts):
            assert state_of(*order, policy=policy) is expected

    def test_an_operator_revokes_and_restores(self, policy: AccessPolicy) -> None:
        facts = [paid(), operator("revoked")]
        assert state_of(*facts, policy=policy) is REVOKED
        facts += [operator("restored", 2)]
        assert state_of(*facts, policy=policy) is LIVE
        facts += [operator("revoked", 3)]
        assert state_of(*facts, policy=policy) is REVOKED

    @pytest.mark.parametrize("against", [refund("succeeded"), dispute("prevented")])
    def test_an_operator_restores_only_what_the_money_allows(
        self, policy: AccessPolicy, against: Fact
    ) -> None:
        facts = [paid(), against, operator("revoked"), operator("restored", 2)]
        assert state_of(*facts, policy=policy) is REVOKED


def test_every_cell_is_covered_by_the_matrix() -> None:
    """A new word of a fact needs a row above: these are all that there are."""
    assert set(FactState) == {
        *(FactState(state) for state in ("succeeded", "pending", "failed", "canceled")),
        *(FactState(state) for state in ("warning", "open", "won", "lost", "prevented")),
        *(FactState(state) for state in ("closed", "unassigned", "revoked", "restored")),
    }
    assert len(POLICIES) == 16
    assert set(CHOICES) == set(AccessPolicy.model_fields)


# What several facts make together.


def test_refunds_add_up() -> None:
    parts = [refund("succeeded", 1000, "ref_1"), refund("pending", 1000, "ref_2")]
    assert state_of(paid(), *parts) is LIVE
    assert state_of(paid(), *parts, refund("succeeded", 899, "ref_3")) is LIVE
    whole = decide([paid(), *parts, refund("succeeded", 900, "ref_3")], AccessPolicy())
    assert whole.state is REVOKED
    assert [fact.about for fact in whole.because] == ["ref_1", "ref_2", "ref_3"]


def test_a_refund_told_twice_counts_once() -> None:
    half = refund("succeeded", PRICE // 2)
    assert state_of(paid(), half, half) is LIVE
    assert state_of(paid(), refund("pending", PRICE // 2), half) is LIVE


def test_one_failed_part_of_many_reopens() -> None:
    parts = [refund("succeeded", PRICE // 2, about) for about in ("ref_1", "ref_2")]
    assert state_of(paid(), *parts) is REVOKED
    assert state_of(paid(), *parts, refund("failed", PRICE // 2, "ref_2")) is LIVE


def test_refund_and_dispute_together_are_their_union() -> None:
    assert state_of(paid(), refund("succeeded", 1), dispute("open")) is SUSPENDED
    assert state_of(paid(), refund("succeeded"), dispute("won")) is REVOKED
    assert state_of(paid(), refund("failed"), dispute("lost")) is REVOKED
    assert state_of(paid(), dispute("open", 1, "dis_1"), dispute("lost", 1, "dis_2")) is REVOKED


def test_the_newest_ticket_has_the_last_word_on_a_dispute() -> None:
    words = ["open", "lost", "open", "won"]
    told = [dispute(state, ticket) for ticket, state in enumerate(words, 1)]
    assert [state_of(paid(), *told[:count]) for count in range(5)] == [
        LIVE,
        SUSPENDED,
        REVOKED,
        SUSPENDED,
        LIVE,
    ]


def test_of_a_refund_the_highest_rank_has_the_last_word_whatever_the_ticket() -> None:
    late = refund("pending", ticket=9)
    assert state_of(paid(), refund("failed", ticket=1), late) is LIVE
    assert state_of(paid(), refund("canceled", ticket=1), refund("failed", ticket=2)) is LIVE


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", [FactKind.REFUND, FactKind.DISPUTE])
def test_the_decision_names_exactly_the_strictest_words(
    policy: AccessPolicy, kind: FactKind
) -> None:
    against = refund("succeeded") if kind is FactKind.REFUND else dispute("prevented")
    decision = decide([paid(), against, dispute("won", 1, "dis_2")], policy)
    assert decision == Decision(REVOKED, (against,))


def test_where_nothing_speaks_against_it_the_payment_decides() -> None:
    decision = decide([paid(), dispute("won")], AccessPolicy())
    assert decision.state is LIVE
    assert paid() in decision.because


# Neither order nor repeats matter: every permutation, with every fact told twice.

HISTORIES: Mapping[str, Sequence[Fact]] = {
    "a refund that fails at last": [
        paid(),
        refund("pending"),
        refund("succeeded"),
        refund("failed"),
        dispute("warning", 2),
        dispute("closed", 3),
    ],
    "parts of the money": [
        paid(),
        refund("pending", 1000, "ref_1"),
        refund("succeeded", 1000, "ref_1"),
        refund("succeeded", 1900, "ref_2", access=Effect.KEEP),
        refund("failed", 1900, "ref_2"),
        refund("pending", 1900, "ref_3"),
    ],
    "an appeal": [
        paid(),
        dispute("open", 2),
        dispute("lost", 4),
        dispute("open", 5),
        dispute("won", 7),
        dispute("lost", 8),
    ],
    "a loss that an operator assigns": [
        paid(),
        dispute("open", 2),
        dispute("unassigned", 4),
        dispute("closed", 4),
        refund("succeeded", 10),
        operator("revoked"),
    ],
    "an operator changes their mind": [
        paid(),
        operator("revoked", 1),
        operator("restored", 2),
        operator("revoked", 3),
        operator("restored", 4),
        dispute("warning", 1),
    ],
    "two disputes and a refund": [
        paid(),
        dispute("open", 1, "dis_1"),
        dispute("open", 1, "dis_2"),
        dispute("won", 2, "dis_1"),
        dispute("prevented", 3, "dis_2"),
        refund("pending", 100),
    ],
}


@pytest.mark.parametrize("policy", [AccessPolicy(), STRICT], ids=["default", "strict"])
@pytest.mark.parametrize("name", HISTORIES)
def test_neither_order_nor_repeats_change_the_decision(name: str, policy: AccessPolicy) -> None:
    facts = HISTORIES[name]
    expected = decide(facts, policy)
    for order in permutations(facts):
        assert decide(order, policy) == expected
        assert decide(chain(order, order), policy) == expected
        assert decide((fact for fact in order for _ in range(2)), policy) == expected
        assert decide([*order, order[0]], policy) == expected


@pytest.mark.parametrize("name", HISTORIES)
def test_every_beginning_of_a_history_is_decided_the_same_in_every_order(name: str) -> None:
    """Whatever has arrived so far, in whatever order, is worth the same."""
    for count in range(1, 6):
        known = HISTORIES[name][:count]
        assert {state_of(*order) for order in permutations(known)} == {state_of(*known)}


def test_what_is_said_of_a_fact_does_not_change_what_it_says() -> None:
    later = [
        replace(fact, at=NOON + timedelta(days=9), actor="usr_9", reason="late")
        for fact in HISTORIES["an appeal"]
    ]
    told = decide(later, AccessPolicy())
    assert told.state is decide(HISTORIES["an appeal"], AccessPolicy()).state


# Which of several grants is live.


def a_grant(name: str, worth: AccessState, sequence: int, *, place: bool = False) -> Grant:
    return Grant(name, worth, sequence, place)


def every_holding(count: int) -> Iterable[list[Grant]]:
    """All holdings of *count* grants, with the place at nobody's or at one of them."""
    names = [f"pur_{number}" for number in range(count)]
    for worths in product((LIVE, SUSPENDED, REVOKED), repeat=count):
        for place in range(-1, count):
            yield [
                a_grant(name, worth, number, place=number == place)
                for number, (name, worth) in enumerate(zip(names, worths, strict=True))
            ]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_at_most_one_is_live_and_one_is_if_any_could_be(count: int) -> None:  # D7, D8
    for grants in every_holding(count):
        chosen = choose(grants)
        assert chosen.keys() == {grant.id for grant in grants}
        live = [name for name, state in chosen.items() if state is LIVE]
        could = [grant for grant in grants if grant.worth is LIVE]
        assert len(live) == min(1, len(could))
        waiting = {name for name, state in chosen.items() if state is STANDBY}
        assert waiting == {grant.id for grant in could} - set(live)
        others = {grant.id: grant.worth for grant in grants if grant.worth is not LIVE}
        assert chosen.items() >= others.items()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_who_has_the_place_keeps_it_else_the_first_steps_in(count: int) -> None:  # D8
    for grants in every_holding(count):
        could = [grant for grant in grants if grant.worth is LIVE]
        if could:
            holder = next((grant for grant in could if grant.has_place), could[0])
            assert choose(grants)[holder.id] is LIVE


def test_the_order_of_the_grants_does_not_matter() -> None:
    for grants in every_holding(4):
        expected = choose(grants)
        assert all(choose(order) == expected for order in permutations(grants))


def test_choosing_again_changes_nothing() -> None:
    for grants in every_holding(4):
        first = choose(grants)
        settled = [replace(grant, has_place=first[grant.id] is LIVE) for grant in grants]
        assert choose(settled) == first


def test_a_standby_steps_in_and_the_restored_one_waits() -> None:  # D7, D8
    first = a_grant("pur_1", LIVE, 1, place=True)
    second = a_grant("pur_2", LIVE, 2)
    assert choose([first, second]) == {"pur_1": LIVE, "pur_2": STANDBY}
    suspended = replace(first, worth=SUSPENDED)
    assert choose([suspended, second]) == {"pur_1": SUSPENDED, "pur_2": LIVE}
    restored, moved = replace(first, has_place=False), replace(second, has_place=True)
    assert choose([restored, moved]) == {"pur_1": STANDBY, "pur_2": LIVE}


# Why there is no access.


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([], "not_purchased"),
        ([REVOKED], "revoked"),
        ([REVOKED, STANDBY], "standby"),
        ([REVOKED, SUSPENDED, STANDBY], "suspended"),
    ],
)
def test_a_refusal_names_the_nearest_hope(states: list[AccessState], reason: str) -> None:
    assert refusal(states) == reason
    assert refusal(states[::-1]) == reason


def test_without_a_payment_nothing_has_decided() -> None:
    assert decide([], AccessPolicy()) == Decision(state=None, because=())
