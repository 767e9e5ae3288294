"""An order that is free is paid by nothing; one that nobody pays any more ends, and only once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digistore.payments.book import Book, PaymentFacts
from digistore.payments.models import PaymentState
from digistore.payments.rules.derive import derive
from digistore.payments.rules.judge import judge_all
from digistore.payments.rules.without_gateway import end, pay_nothing
from tests.payments.rules.books import LATER, NOON, a_book, an_attempt, an_order

EARLIER = NOON - timedelta(hours=1)


def test_nothing_is_paid_whole() -> None:
    book = a_book(order=an_order(0, livemode=True, currency="EUR"))
    pay_nothing(book)
    assert book.payments == [
        PaymentFacts(
            id="pay_new1",
            order_id="ord_1",
            gateway="free",
            livemode=True,
            account="",
            ref="ord_1",
            checkout_id=None,
            state=PaymentState.SUCCEEDED,
            currency="EUR",
            asked=0,
            captured=0,
            created_at=NOON,
            received_at=NOON,
        )
    ]


def test_what_is_free_is_covered() -> None:
    book = a_book(order=an_order(0))
    pay_nothing(book)
    judge_all(book)
    derive(book)
    assert book.order is not None
    assert (book.order.state, book.covering) == ("paid", book.payments[0])


def test_without_an_order_there_is_nothing_to_pay_or_to_end() -> None:
    book = Book(NOON, str)
    with pytest.raises(AssertionError):
        pay_nothing(book)
    end(book, cancel=True, replaced=False)
    assert book.changed() == []


@pytest.mark.parametrize("state", ["open", "expired", "paid", "canceled", "refunded"])
@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("replaced", [False, True])
def test_an_order_ends_by_its_time_or_by_a_wish(
    state: str, *, over: bool, live: bool, cancel: bool, replaced: bool
) -> None:
    attempt = an_attempt(live_key=1 if live else None)
    order = an_order(state=state, expires_at=NOON if over else LATER)
    book = a_book(attempt, order=order)
    end(book, cancel=cancel, replaced=replaced)
    ends = state in {"open", "expired"}
    canceled = ends and cancel and not (replaced and over)
    expired = ends and not canceled and over and not live
    assert order.canceled_at == (NOON if canceled else None)
    assert order.expired_at == (NOON if expired else None)
    assert attempt.next_check_at == (NOON if ends and live else LATER)


@pytest.mark.parametrize("cancel", [False, True])
def test_an_order_keeps_the_moment_at_which_it_ended(*, cancel: bool) -> None:
    order = an_order(expires_at=NOON, canceled_at=EARLIER, expired_at=EARLIER)
    end(a_book(order=order), cancel=cancel, replaced=False)
    assert (order.canceled_at, order.expired_at) == (EARLIER, EARLIER)
