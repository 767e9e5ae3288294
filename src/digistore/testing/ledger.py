"""What every ledger of facts about access promises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from digistore.blocking import run
from digistore.entitlements import EntitlementLedger
from digistore.entitlements.facts import Fact, FactKind, FactState
from digistore.entitlements.rules import decide
from digistore.settings import AccessPolicy, Effect

AT = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
OTHER_WORDS: dict[str, Any] = {
    "about": "ref_other",
    "state": FactState.FAILED,
    "amount": 1,
    "ticket": 7,
}


@dataclass(frozen=True, slots=True)
class Holding:
    """Whose grants a ledger keeps, each with its payment, in the order in which they were paid.

    ``first`` and ``second`` are of one holder and product, ``of_another`` is somebody else's.
    """

    holder: str
    product: str
    first: str
    second: str
    of_another: str


class LedgerContract:
    """What an EntitlementLedger promises: give a ``ledger`` fixture and its ``holding``."""

    def test_a_fact_told_twice_is_kept_once(
        self, ledger: EntitlementLedger, holding: Holding
    ) -> None:
        fact, before = a_refund(holding.first), facts(ledger, holding.first)
        assert run(ledger.append(fact)) is True
        assert run(ledger.append(fact)) is False
        assert facts(ledger, holding.first) == [*before, fact]

    def test_when_and_by_whom_it_is_told_makes_no_other_fact(
        self, ledger: EntitlementLedger, holding: Holding
    ) -> None:
        fact = a_refund(holding.first)
        run(ledger.append(fact))
        later = replace(fact, at=AT + timedelta(days=1), actor="usr_1", reason="told again")
        assert run(ledger.append(later)) is False
        assert facts(ledger, holding.first)[-1] == fact

    @pytest.mark.parametrize("word", OTHER_WORDS)
    def test_another_word_makes_another_fact(
        self, ledger: EntitlementLedger, holding: Holding, word: str
    ) -> None:
        fact = a_refund(holding.first)
        other = replace(fact, **{word: OTHER_WORDS[word]})
        assert run(ledger.append(fact)) is True
        assert run(ledger.append(other)) is True
        assert facts(ledger, holding.first)[-2:] == [fact, other]

    def test_the_same_word_about_another_grant_is_another_fact(
        self, ledger: EntitlementLedger, holding: Holding
    ) -> None:
        for grant in (holding.first, holding.second, holding.of_another):
            assert run(ledger.append(a_refund(grant))) is True
            assert facts(ledger, grant)[-1] == a_refund(grant)
            assert {fact.grant_id for fact in facts(ledger, grant)} == {grant}

    @pytest.mark.parametrize(
        "fact",
        [
            Fact("", "ref_1", FactKind.REFUND, FactState.PENDING, 2**53 - 1, AT),
            Fact("", "ref_1", FactKind.REFUND, FactState.SUCCEEDED, 1, AT, access=Effect.REVOKE),
            Fact("", "dis_1", FactKind.DISPUTE, FactState.UNASSIGNED, 2900, AT, ticket=2**31 - 1),
            Fact(
                "", "operator", FactKind.OPERATOR, FactState.REVOKED, 0, AT, 1, None, "usr_1", "ü"
            ),
        ],
        ids=["the largest", "with an effect", "with a ticket", "with a reason"],
    )
    def test_a_fact_comes_back_whole(
        self, ledger: EntitlementLedger, holding: Holding, fact: Fact
    ) -> None:
        told = replace(fact, grant_id=holding.first)
        run(ledger.append(told))
        assert facts(ledger, holding.first)[-1] == told

    def test_facts_come_back_in_the_order_in_which_they_were_kept(
        self, ledger: EntitlementLedger, holding: Holding
    ) -> None:
        told = [a_refund(holding.first, f"ref_{name}") for name in "cabzy"]
        told += [replace(told[0], at=AT - timedelta(days=9), amount=5)]
        for fact in told:
            run(ledger.append(fact))
        assert facts(ledger, holding.first)[-len(told) :] == told

    def test_grants_come_back_by_their_first_fact(
        self, ledger: EntitlementLedger, holding: Holding
    ) -> None:
        expected = [holding.first, holding.second]
        assert grants(ledger, holding.holder, holding.product) == expected
        run(ledger.append(a_refund(holding.second)))
        run(ledger.append(a_refund(holding.first)))
        assert grants(ledger, holding.holder, holding.product) == expected

    def test_nobody_has_the_grants_of_another(
        self, ledger: EntitlementLedger, holding: Holding
    ) -> None:
        assert grants(ledger, holding.holder, "prd_unknown") == []
        assert grants(ledger, "usr_unknown", holding.product) == []
        assert holding.of_another not in grants(ledger, holding.holder, holding.product)

    def test_of_what_was_never_told_there_are_no_facts(self, ledger: EntitlementLedger) -> None:
        assert facts(ledger, "pur_unknown") == []

    def test_what_it_keeps_decides_as_what_was_told(
        self, ledger: EntitlementLedger, holding: Holding
    ) -> None:
        told = facts(ledger, holding.first)
        price = sum(fact.amount for fact in told if fact.kind is FactKind.PAYMENT)
        for fact in a_life(holding.first, price):
            run(ledger.append(fact))
            told.append(fact)
            for policy in (AccessPolicy(), AccessPolicy(partial_refund=Effect.REVOKE)):
                kept = decide(facts(ledger, holding.first), policy)
                assert kept == decide(told, policy)


def a_refund(grant_id: str, about: str = "ref_1") -> Fact:
    """Return a fact about a grant."""
    return Fact(grant_id, about, FactKind.REFUND, FactState.SUCCEEDED, 100, AT)


def a_life(grant_id: str, price: int) -> list[Fact]:
    """Return what may become of a grant: each fact changes what it is worth."""
    refund, dispute = FactKind.REFUND, FactKind.DISPUTE
    return [
        Fact(grant_id, "ref_1", refund, FactState.PENDING, 1, AT),
        Fact(grant_id, "dis_1", dispute, FactState.OPEN, price, AT, ticket=1),
        Fact(grant_id, "dis_1", dispute, FactState.LOST, price, AT, ticket=2),
        Fact(grant_id, "dis_1", dispute, FactState.WON, price, AT, ticket=3),
        Fact(grant_id, "ref_2", refund, FactState.SUCCEEDED, price, AT),
        Fact(grant_id, "ref_2", refund, FactState.FAILED, price, AT),
        Fact(grant_id, "operator", FactKind.OPERATOR, FactState.REVOKED, 0, AT, ticket=1),
    ]


def facts(ledger: EntitlementLedger, grant_id: str) -> list[Fact]:
    """Return the facts of one grant."""
    return list(run(ledger.facts(grant_id)))


def grants(ledger: EntitlementLedger, holder: str, product: str) -> list[str]:
    """Return the grants of a holder and product."""
    return list(run(ledger.grants(holder, product)))
