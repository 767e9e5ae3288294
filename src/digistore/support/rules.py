"""The life of a support request as a table, and what money does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digistore.entitlements.facts import AccessState
from digistore.errors import Invalid
from digistore.money import Money
from digistore.orders.kinds import Outcome
from digistore.support.models import SupportState

UNRESOLVED = frozenset({SupportState.OPEN, SupportState.IN_PROGRESS, SupportState.WAITING})
TALKS = UNRESOLVED

MOVES: Mapping[SupportState, frozenset[SupportState]] = {
    SupportState.UNPAID: frozenset(),
    SupportState.OPEN: frozenset(
        {SupportState.IN_PROGRESS, SupportState.WAITING, SupportState.RESOLVED}
    ),
    SupportState.IN_PROGRESS: frozenset({SupportState.WAITING, SupportState.RESOLVED}),
    SupportState.WAITING: frozenset({SupportState.IN_PROGRESS, SupportState.RESOLVED}),
    SupportState.RESOLVED: frozenset({SupportState.OPEN, SupportState.CLOSED}),
    SupportState.CLOSED: frozenset(),
    SupportState.CANCELED: frozenset(),
}
"""What people do to a request; what its money does is told by :func:`after_money`."""


class Told(StrEnum):
    """What happened to a request, for those who want to know."""

    PAID = "paid"
    REOPENED = "reopened"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class After:
    """What a request becomes: its state, what it resumes at, the line's outcome, what to tell."""

    state: SupportState
    resume: SupportState | None
    outcome: Outcome | None
    told: tuple[Told, ...] = ()


def after_money(  # noqa: PLR0911  one return for each row of the policy
    now: SupportState,
    resume: SupportState | None,
    worth: AccessState | None,
    *,
    access_live: bool,
    order_closed: bool,
) -> After:
    """Say what a request becomes by what became of its money.

    Args:
        now: its state.
        resume: where a canceled one was when its money went back.
        worth: what the money facts make of its line, ``None`` while it was never paid.
        access_live: whether its customer holds live access to the product.
        order_closed: whether its order expired or was canceled.
    """
    if worth is None:
        ends = now is SupportState.UNPAID and order_closed
        return After(SupportState.CANCELED if ends else now, resume, None)
    begins = now is SupportState.UNPAID or (now is SupportState.CANCELED and resume is None)
    if begins and not access_live:
        if worth is AccessState.REVOKED:
            return After(SupportState.CANCELED, None, Outcome.CLOSED)
        return After(now, None, Outcome.HELD)
    # What is heard of first when its money is back or disputed has been open all the same.
    at, told = (SupportState.OPEN, (Told.PAID,)) if begins else (now, ())
    if worth is AccessState.REVOKED:
        if at in UNRESOLVED:
            return After(SupportState.CANCELED, at, Outcome.CLOSED, (*told, Told.CANCELED))
        return After(at, resume, Outcome.CLOSED)
    outcome = Outcome.HELD if worth is AccessState.SUSPENDED else Outcome.OPENED
    if at is SupportState.CANCELED and resume is not None:
        return After(resume, None, outcome, (Told.REOPENED,))
    return After(at, None, outcome, told)


def may_reopen(resolved_at: datetime, window: timedelta, now: datetime) -> bool:
    """Say whether the time in which a request can be reopened is not over."""
    return now - resolved_at <= window


def checked_offer_price(price: object) -> Money:
    """Return *price* if help can cost it.

    Raises:
        Invalid: no Money, or not above zero (D9).
    """
    if isinstance(price, Money) and price.amount > 0:
        return price
    raise Invalid(
        "support is never free: price is Money above zero; waive it by a recorded refund",
        fields={"price": "not_positive"},
    )


def after_reply(now: SupportState, *, by_staff: bool, ask: bool) -> SupportState:
    """Say where a request stands after a reply: staff starts or asks, the customer answers."""
    if by_staff:
        return SupportState.WAITING if ask else SupportState.IN_PROGRESS
    return SupportState.IN_PROGRESS if now is SupportState.WAITING else now
