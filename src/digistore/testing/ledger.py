"""What an EntitlementLedger promises, as tests that an author runs over an own one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from digistore.blocking import run
from digistore.entitlements import EntitlementLedger
from digistore.entitlements.facts import AccessState, Fact, FactKind, FactState
from digistore.entitlements.rules import decide
from digistore.settings import AccessPolicy

NewGrant = Callable[[], tuple[str, str, str]]
"""Makes a grant without facts; returns its id, its holder and its product."""


def a_fact(grant_id: str, kind: FactKind = FactKind.PAYMENT, about: str = "pay_1") -> Fact:
    """Return a payment of 29.00, or what is asked for."""
    return Fact(
        grant_id=grant_id,
        about=about,
        kind=kind,
        state=FactState.SUCCEEDED,
        amount=2900,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        reason="told by the contract",
    )


class LedgerContract:
    """What an EntitlementLedger promises: subclass this, with ``ledger`` and ``new_grant``.

    ``ledger`` is a fixture that gives an empty ledger, ``new_grant`` one that gives a
    :data:`NewGrant`; grants of one test share holder and product.
    """

    def test_a_fact_told_twice_is_kept_once(
        self, ledger: EntitlementLedger, new_grant: NewGrant
    ) -> None:
        fact = a_fact(new_grant()[0])
        assert run(ledger.append(fact)) is True
        assert run(ledger.append(fact)) is False
        assert list(run(ledger.facts(fact.grant_id))) == [fact]

    def test_what_differs_in_time_actor_or_reason_is_the_same_fact(
        self, ledger: EntitlementLedger, new_grant: NewGrant
    ) -> None:
        fact = a_fact(new_grant()[0])
        again = replace(fact, at=datetime(2027, 1, 1, tzinfo=UTC), actor="usr_1", reason=None)
        assert run(ledger.append(fact)) is True
        assert run(ledger.append(again)) is False
        assert list(run(ledger.facts(fact.grant_id))) == [fact]

    def test_a_new_state_amount_or_ticket_is_a_new_fact(
        self, ledger: EntitlementLedger, new_grant: NewGrant
    ) -> None:
        fact = a_fact(new_grant()[0], FactKind.DISPUTE, "dis_1")
        others = [
            replace(fact, state=FactState.WON),
            replace(fact, amount=1),
            replace(fact, ticket=2),
        ]
        for one in (fact, *others):
            assert run(ledger.append(one)) is True
        assert list(run(ledger.facts(fact.grant_id))) == [fact, *others]

    def test_facts_come_back_in_the_order_in_which_they_were_kept(
        self, ledger: EntitlementLedger, new_grant: NewGrant
    ) -> None:
        grant_id = new_grant()[0]
        facts = [a_fact(grant_id, FactKind.REFUND, f"ref_{number}") for number in (3, 1, 2)]
        for fact in facts:
            run(ledger.append(fact))
        assert list(run(ledger.facts(grant_id))) == facts

    def test_facts_of_one_grant_are_not_those_of_another(
        self, ledger: EntitlementLedger, new_grant: NewGrant
    ) -> None:
        one, other = new_grant()[0], new_grant()[0]
        run(ledger.append(a_fact(one)))
        assert list(run(ledger.facts(other))) == []
        assert list(run(ledger.facts("pur_unknown"))) == []

    def test_grants_of_a_holder_stand_in_the_order_of_their_first_facts(
        self, ledger: EntitlementLedger, new_grant: NewGrant
    ) -> None:
        (first, holder, product), (second, *_) = new_grant(), new_grant()
        run(ledger.append(a_fact(second)))
        run(ledger.append(a_fact(first)))
        run(ledger.append(a_fact(second, FactKind.REFUND, "ref_1")))
        assert list(run(ledger.grants(holder, product))) == [second, first]
        assert list(run(ledger.grants("usr_unknown", product))) == []
        assert list(run(ledger.grants(holder, "prd_unknown"))) == []

    def test_the_engine_decides_over_it(
        self, ledger: EntitlementLedger, new_grant: NewGrant
    ) -> None:
        grant_id = new_grant()[0]
        policy = AccessPolicy()
        assert decide(run(ledger.facts(grant_id)), policy).state is None
        run(ledger.append(a_fact(grant_id)))
        assert decide(run(ledger.facts(grant_id)), policy).state is AccessState.LIVE
        run(ledger.append(a_fact(grant_id, FactKind.REFUND, "ref_1")))
        assert decide(run(ledger.facts(grant_id)), policy).state is AccessState.REVOKED
