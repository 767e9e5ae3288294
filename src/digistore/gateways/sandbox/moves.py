"""What can happen to a checkout: pure moves, each from one record to the next.

A move that was made already changes nothing and tells the same fact again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from digistore.errors import Invalid, InvalidTransition, NotFound, NotRefundable
from digistore.gateways.port import DisputeSnapshot, DisputeState, PayState, RefundState
from digistore.gateways.sandbox import names
from digistore.gateways.sandbox.world import Checkout, Kind, Refund, Told, tell, tell_again
from digistore.money import Money

_TIME_FOR_EVIDENCE = timedelta(days=7)


class _Outcome(NamedTuple):
    state: PayState
    kind: Kind
    failure: str | None = None


OUTCOMES: Mapping[str, _Outcome] = {
    "paid": _Outcome(PayState.PAID, Kind.PAID),
    "delayed": _Outcome(PayState.PENDING, Kind.PENDING),
    "declined": _Outcome(PayState.OPEN, Kind.DECLINED, "card_declined"),
}
REFUND_MOVES: Mapping[RefundState, frozenset[RefundState]] = {
    RefundState.PENDING: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.SUCCEEDED: frozenset({RefundState.FAILED}),
    RefundState.FAILED: frozenset(),
}
_ENDED = "start a new checkout"
_HINTS: Mapping[PayState, str] = {
    PayState.OPEN: "pay it first",
    PayState.PENDING: "clear it instead",
    PayState.PAID: "refund or dispute it instead",
    PayState.FAILED: _ENDED,
    PayState.EXPIRED: _ENDED,
}


def pay(checkout: Checkout, outcome: str, amount: Money | None, now: datetime) -> Told:
    """Let the buyer try to pay; a declined card leaves the checkout open."""
    if outcome not in OUTCOMES:
        message = f"a buyer's outcome is one of {', '.join(OUTCOMES)}"
        raise Invalid(message, fields={"outcome": "unknown"})
    _check_positive(amount)
    state, kind, failure = OUTCOMES[outcome]
    if checkout.state is PayState.OPEN:
        sent = None if failure else amount or checkout.total
        moved = replace(checkout, state=state, sent=sent, failure=failure)
        return tell(moved, kind, checkout.id, now)
    if checkout.state is state and amount in {None, checkout.sent}:
        return tell_again(checkout, kind, checkout.id)
    raise _cannot(checkout, outcome)


def clear(checkout: Checkout, state: PayState, now: datetime) -> Told:
    """End a delayed payment: its money arrives (``PAID``) or never will (``FAILED``)."""
    kind = Kind(state)
    if checkout.state is state:
        return tell_again(checkout, kind, checkout.id)
    if checkout.state is not PayState.PENDING:
        raise _cannot(checkout, "cleared")
    failure = None if state is PayState.PAID else "payment_failed"
    return tell(replace(checkout, state=state, failure=failure), kind, checkout.id, now)


def abandon(checkout: Checkout, now: datetime) -> Told:
    """Let the buyer walk away: nobody can pay this any more."""
    if checkout.state is PayState.EXPIRED:
        return tell_again(checkout, Kind.EXPIRED, checkout.id)
    if checkout.state is not PayState.OPEN:
        raise _cannot(checkout, "abandoned")
    return tell(replace(checkout, state=PayState.EXPIRED), Kind.EXPIRED, checkout.id, now)


def expire(checkout: Checkout, now: datetime) -> Checkout:
    """End an open checkout; money that came or is on its way wins."""
    return abandon(checkout, now).checkout if checkout.state is PayState.OPEN else checkout


def give_back(checkout: Checkout, refund: Refund, now: datetime) -> Told:
    """Start a refund of a paid checkout, up to what is left of its money."""
    money, left = refund.told.money, checkout.left
    _check_positive(money)
    if left is None:
        raise NotRefundable(f"the checkout is {checkout.state}, nothing was captured")
    if any(dispute.state is DisputeState.OPEN for dispute in checkout.disputes):
        nothing = Money.zero(left.currency)
        raise NotRefundable("a dispute is open, wait for its end", nothing)
    if money.currency != left.currency:
        raise NotRefundable(f"{money} is in another currency than the payment", left)
    if money > left:
        raise NotRefundable(f"{money} is too much", left)
    moved = replace(checkout, refunds=(*checkout.refunds, refund))
    return tell(moved, Kind(f"refund_{refund.told.state}"), refund.told.id, now)


def move_refund(checkout: Checkout, ref: str, state: RefundState, now: datetime) -> Told:
    """Bring a refund to *state*: the one named by *ref*, else the newest that can get there."""
    known = [refund.told for refund in reversed(checkout.refunds)]
    if ref.startswith(names.REFUND):
        known = [told for told in known if told.id == ref]
    if not known:
        raise NotFound("refund", ref)
    able = (told for told in known if state in REFUND_MOVES[told.state])
    told = next(able, known[0])
    kind = Kind(f"refund_{state}")
    if told.state is state:
        return tell_again(checkout, kind, told.id)
    if state not in REFUND_MOVES[told.state]:
        raise InvalidTransition("refund", told.state, state, "make another refund")
    refunds = tuple(
        replace(refund, told=replace(told, state=state)) if refund.told is told else refund
        for refund in checkout.refunds
    )
    return tell(replace(checkout, refunds=refunds), kind, told.id, now)


def open_dispute(
    checkout: Checkout, ref: str, amount: Money | None, state: DisputeState, now: datetime
) -> Told:
    """Let the bank ask for money, as a warning or in earnest, for the first time or again.

    The same amount, or none, is about the newest dispute; another amount makes another one.
    """
    if checkout.captured is None:
        raise InvalidTransition("checkout", checkout.state, "disputed", "nothing was captured")
    _check_positive(amount)
    if amount is not None and amount.currency != checkout.captured.currency:
        message = f"what was taken in {checkout.captured.currency} is disputed in it"
        raise Invalid(message, fields={"amount": "currency"})
    known = _known_disputes(checkout, ref)
    if not known or amount not in {None, known[0].money}:
        number = len(checkout.disputes) + 1
        dispute_id = f"{names.DISPUTE}{checkout.id.removeprefix(names.CHECKOUT)}_{number}"
        money = checkout.captured if amount is None else amount
        new = DisputeSnapshot(dispute_id, money, state, "general", now + _TIME_FOR_EVIDENCE)
        moved = replace(checkout, disputes=(*checkout.disputes, new))
        return tell(moved, Kind(f"dispute_{state}"), dispute_id, now)
    return _move_dispute(checkout, known[0], state, now)


def close_dispute(checkout: Checkout, ref: str, state: DisputeState, now: datetime) -> Told:
    """Let the bank decide on the newest dispute, or on the one named by *ref*."""
    known = _known_disputes(checkout, ref)
    if not known:
        raise NotFound("dispute", ref)
    return _move_dispute(checkout, known[0], state, now)


def _known_disputes(checkout: Checkout, ref: str) -> list[DisputeSnapshot]:
    newest_first = list(reversed(checkout.disputes))
    if ref.startswith(names.DISPUTE):
        return [dispute for dispute in newest_first if dispute.id == ref]
    return newest_first


def _move_dispute(
    checkout: Checkout, dispute: DisputeSnapshot, state: DisputeState, now: datetime
) -> Told:
    kind = Kind(f"dispute_{state}")
    if dispute.state is state:
        return tell_again(checkout, kind, dispute.id)
    asks = state in {DisputeState.WARNING, DisputeState.OPEN}
    due = now + _TIME_FOR_EVIDENCE if asks else None
    moved = replace(dispute, state=state, evidence_due=due)
    disputes = tuple(moved if known is dispute else known for known in checkout.disputes)
    return tell(replace(checkout, disputes=disputes), kind, dispute.id, now)


def _cannot(checkout: Checkout, new: str) -> InvalidTransition:
    return InvalidTransition("checkout", checkout.state, new, _HINTS[checkout.state])


def _check_positive(amount: Money | None) -> None:
    if amount is not None and amount.amount <= 0:
        raise Invalid("an amount must be above zero", fields={"amount": "not_positive"})
