"""Who may open a product: decided from facts alone, without clock, database or gateway."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from digistore.entitlements.facts import AccessState, Decision, Fact, FactKind, FactState
from digistore.settings import AccessPolicy, Effect

MONEY_IS_BACK = frozenset({FactState.PENDING, FactState.SUCCEEDED})
REFUND_RANK = (FactState.PENDING, FactState.SUCCEEDED, FactState.FAILED, FactState.CANCELED)
ACCESS: Mapping[Effect, AccessState] = {
    Effect.KEEP: AccessState.LIVE,
    Effect.SUSPEND: AccessState.SUSPENDED,
    Effect.REVOKE: AccessState.REVOKED,
}


def effects_of(policy: AccessPolicy) -> Mapping[tuple[FactKind, FactState], Effect]:
    """Return what a last word does by itself; one that is not named here keeps access."""
    return {
        (FactKind.DISPUTE, FactState.WARNING): policy.dispute_warning,
        (FactKind.DISPUTE, FactState.OPEN): policy.dispute_opened,
        (FactKind.DISPUTE, FactState.LOST): policy.dispute_lost,
        (FactKind.DISPUTE, FactState.UNASSIGNED): Effect.SUSPEND,
        (FactKind.DISPUTE, FactState.PREVENTED): Effect.REVOKE,  # the money is back already
        (FactKind.OPERATOR, FactState.REVOKED): Effect.REVOKE,
    }


def decide(facts: Iterable[Fact], policy: AccessPolicy) -> Decision:
    """Say what one grant is worth: its state and the facts that decided it.

    On each payment, refund and dispute one fact has the last word; of these words the strictest
    wins.  Refunds add up: all of the money back closes access, part of it only if the policy or
    that refund says so.  Neither the order of arrival nor repeats change the answer.
    """
    words = {fact.about: fact for fact in sorted(facts, key=by_last_word)}.values()
    paid = [f for f in words if (f.kind, f.state) == (FactKind.PAYMENT, FactState.SUCCEEDED)]
    if not paid:
        return Decision(state=None, because=())
    back = [f for f in words if f.kind is FactKind.REFUND and f.state in MONEY_IS_BACK and f.amount]
    all_back = sum(fact.amount for fact in back) >= sum(fact.amount for fact in paid)
    table = effects_of(policy)
    effects = {fact: table.get((fact.kind, fact.state), Effect.KEEP) for fact in words}
    partial = policy.partial_refund
    effects |= {f: Effect.REVOKE if all_back else f.access or partial for f in back}
    strictest = max(effects.values(), key=list(Effect).index)
    because = tuple(sorted((f for f, e in effects.items() if e is strictest), key=by_key))
    return Decision(ACCESS[strictest], because)


def by_last_word(fact: Fact) -> tuple[int, int, bool, tuple[str, str, str, int, int]]:
    """Sort so that the last word stands last.

    A refund only climbs its rank, and its newest split counts; of a dispute the newest ticket
    counts, as an appeal may open it again, and of one ticket what an operator has assigned.
    Success is a payment's last word.
    """
    rank = int(fact.state is FactState.SUCCEEDED)
    if fact.kind is FactKind.REFUND:
        rank = REFUND_RANK.index(fact.state)
    return rank, fact.ticket, fact.state is not FactState.UNASSIGNED, fact.key


def by_key(fact: Fact) -> tuple[str, str, str, int, int]:
    """Sort in one way whatever the order of arrival."""
    return fact.key


@dataclass(frozen=True, slots=True)
class Grant:
    """One of the grants of a holder and product: what it is worth, and its turn.

    ``sequence`` is that of its first fact in the ledger; ``has_place`` says that it is live now.
    """

    id: str
    worth: AccessState
    sequence: int
    has_place: bool


def choose(grants: Collection[Grant]) -> Mapping[str, AccessState]:
    """Say which grant of one holder and product is live; others that could be are ``standby`` (D8).

    Who has the place keeps it while live; else the lowest ledger sequence steps in (D7).  A
    suspended grant gives its place up and, once restored, waits if the place is taken.
    """
    worth = {grant.id: grant.worth for grant in grants}
    live = sorted((g for g in grants if g.worth is AccessState.LIVE), key=by_turn)
    return worth | {grant.id: AccessState.STANDBY for grant in live[1:]}


def by_turn(grant: Grant) -> tuple[bool, int]:
    """Sort so that who has the place stands first, then the lowest ledger sequence."""
    return not grant.has_place, grant.sequence


def refusal(states: Sequence[AccessState]) -> str:
    """Return the reason for no access, from the states of all grants of a holder and product."""
    for state in (AccessState.SUSPENDED, AccessState.STANDBY, AccessState.REVOKED):
        if state in states:
            return str(state)
    return "not_purchased"
