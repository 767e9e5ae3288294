"""Decisions about support requests: what money, people and time make of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from digistore import Money
from digistore.entitlements.facts import AccessState
from digistore.errors import Invalid
from digistore.orders.kinds import Outcome
from digistore.support.models import SupportState
from digistore.support.rules import (
    UNRESOLVED,
    After,
    Told,
    after_money,
    after_reply,
    checked_offer_price,
    may_reopen,
)

UNPAID, OPEN, CANCELED = SupportState.UNPAID, SupportState.OPEN, SupportState.CANCELED
IN_PROGRESS, WAITING = SupportState.IN_PROGRESS, SupportState.WAITING
RESOLVED, CLOSED = SupportState.RESOLVED, SupportState.CLOSED
LIVE, SUSPENDED, REVOKED = AccessState.LIVE, AccessState.SUSPENDED, AccessState.REVOKED
OPENED, HELD, SHUT = Outcome.OPENED, Outcome.HELD, Outcome.CLOSED
BOTH = (True, False)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)


def money(
    now: SupportState,
    worth: AccessState | None,
    *,
    resume: SupportState | None = None,
    access_live: bool = True,
    order_closed: bool = False,
) -> After:
    return after_money(now, resume, worth, access_live=access_live, order_closed=order_closed)


# Money


@pytest.mark.parametrize("access_live", BOTH)
@pytest.mark.parametrize("resume", [None, OPEN])
@pytest.mark.parametrize("now", SupportState)
def test_while_no_money_has_come_a_request_ends_with_its_order(
    now: SupportState, resume: SupportState | None, *, access_live: bool
) -> None:
    stays = money(now, None, resume=resume, access_live=access_live)
    assert stays == After(now, resume, None)
    ended = CANCELED if now is UNPAID else now
    ends = money(now, None, resume=resume, access_live=access_live, order_closed=True)
    assert ends == After(ended, resume, None)


@pytest.mark.parametrize("order_closed", BOTH)
@pytest.mark.parametrize("now", [UNPAID, CANCELED])
def test_the_first_money_opens_a_request_whose_customer_has_access(
    now: SupportState, *, order_closed: bool
) -> None:
    found = [money(now, worth, order_closed=order_closed) for worth in (LIVE, SUSPENDED, REVOKED)]
    assert found == [
        After(OPEN, None, OPENED, (Told.PAID,)),
        After(OPEN, None, HELD, (Told.PAID,)),
        After(CANCELED, OPEN, SHUT, (Told.PAID, Told.CANCELED)),
    ]


@pytest.mark.parametrize("order_closed", BOTH)
@pytest.mark.parametrize("now", [UNPAID, CANCELED])
def test_without_access_the_first_money_waits_for_a_decision(
    now: SupportState, *, order_closed: bool
) -> None:
    found = [
        money(now, worth, access_live=False, order_closed=order_closed)
        for worth in (LIVE, SUSPENDED, REVOKED)
    ]
    assert found == [
        After(now, None, HELD),
        After(now, None, HELD),
        After(CANCELED, None, SHUT),
    ]


@pytest.mark.parametrize("access_live", BOTH)
@pytest.mark.parametrize("now", sorted(UNRESOLVED))
def test_a_paid_request_follows_its_money_whatever_becomes_of_access(
    now: SupportState, *, access_live: bool
) -> None:
    found = [money(now, worth, access_live=access_live) for worth in (LIVE, SUSPENDED, REVOKED)]
    assert found == [
        After(now, None, OPENED),
        After(now, None, HELD),
        After(CANCELED, now, SHUT, (Told.CANCELED,)),
    ]


@pytest.mark.parametrize("access_live", BOTH)
@pytest.mark.parametrize("resume", sorted(UNRESOLVED))
def test_a_canceled_request_resumes_where_it_was_once_its_money_is_there_again(
    resume: SupportState, *, access_live: bool
) -> None:
    found = [
        money(CANCELED, worth, resume=resume, access_live=access_live)
        for worth in (LIVE, SUSPENDED, REVOKED)
    ]
    assert found == [
        After(resume, None, OPENED, (Told.REOPENED,)),
        After(resume, None, HELD, (Told.REOPENED,)),
        After(CANCELED, resume, SHUT),
    ]


@pytest.mark.parametrize("access_live", BOTH)
@pytest.mark.parametrize("now", [RESOLVED, CLOSED])
def test_of_a_request_that_is_done_money_changes_only_its_line(
    now: SupportState, *, access_live: bool
) -> None:
    found = [money(now, worth, access_live=access_live) for worth in (LIVE, SUSPENDED, REVOKED)]
    assert found == [After(now, None, OPENED), After(now, None, HELD), After(now, None, SHUT)]


def test_only_a_canceled_request_resumes() -> None:
    assert money(WAITING, LIVE, resume=OPEN) == After(WAITING, None, OPENED)
    assert money(RESOLVED, SUSPENDED, resume=OPEN) == After(RESOLVED, None, HELD)


# People


@pytest.mark.parametrize("now", SupportState)
def test_a_reply_of_staff_starts_or_asks(now: SupportState) -> None:
    assert after_reply(now, by_staff=True, ask=False) is IN_PROGRESS
    assert after_reply(now, by_staff=True, ask=True) is WAITING


@pytest.mark.parametrize("ask", BOTH)
@pytest.mark.parametrize("now", SupportState)
def test_a_reply_of_the_customer_answers_what_waits_for_it(now: SupportState, *, ask: bool) -> None:
    after = IN_PROGRESS if now is WAITING else now
    assert after_reply(now, by_staff=False, ask=ask) is after


# Time


def test_a_request_can_be_reopened_until_its_window_is_over() -> None:
    tick = timedelta(microseconds=1)
    assert may_reopen(NOON, FORTNIGHT, NOON)
    assert may_reopen(NOON, FORTNIGHT, NOON + FORTNIGHT)
    assert not may_reopen(NOON, FORTNIGHT, NOON + FORTNIGHT + tick)


# Prices


def test_D9_help_costs_something() -> None:
    cheapest = Money.from_minor(1, "USD")
    assert checked_offer_price(cheapest) is cheapest


@pytest.mark.parametrize(
    "price", [Money.zero("USD"), Money.from_minor(-1, "USD"), 49, "49.00 USD", None]
)
def test_D9_help_is_never_free(price: object) -> None:
    with pytest.raises(Invalid) as caught:
        checked_offer_price(price)
    assert caught.value.fields == {"price": "not_positive"}
