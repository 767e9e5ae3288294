"""What a payment is for: every verdict, and that the first that matches wins."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from typing import Any

import pytest

from digistore.payments.book import AttemptFacts, OrderFacts, PaymentFacts
from digistore.payments.models import Disposition, PaymentState
from digistore.payments.rules.judge import give, judge, judge_all
from tests.payments.rules.books import NOON, a_book, a_payment, an_attempt, an_order

ORPHAN, WRONG, UNDERPAID = Disposition.ORPHAN, Disposition.WRONG_CURRENCY, Disposition.UNDERPAID
DUPLICATE, LATE, COVERING = Disposition.DUPLICATE, Disposition.LATE, Disposition.COVERING


class Case:
    """An order, its attempt and a payment that fits, until something is spoiled."""

    def __init__(self) -> None:
        self.order: OrderFacts | None = an_order()
        self.attempt: AttemptFacts | None = an_attempt()
        self.payment = a_payment()
        self.covered = False

    def verdict(self) -> Disposition:
        return judge(self.order, self.attempt, self.payment, covered=self.covered)


def without_order(case: Case) -> None:
    case.order = None


def without_attempt(case: Case) -> None:
    case.attempt = None


def of_another_gateway(case: Case) -> None:
    case.payment.gateway = "other"


def of_another_account(case: Case) -> None:
    case.payment.account = "acct_other"


def of_another_mode(case: Case) -> None:
    case.payment.livemode = True


def in_another_currency(case: Case) -> None:
    case.payment.currency = "EUR"


def asked_for_less(case: Case) -> None:
    case.payment.asked = 2899


def captured_less(case: Case) -> None:
    case.payment.captured = 2899


def covered_already(case: Case) -> None:
    case.covered = True


def canceled(case: Case) -> None:
    if case.order is not None:
        case.order.canceled_at = NOON


# In the order in which they win.
SPOILED: list[tuple[Callable[[Case], None], Disposition]] = [
    (without_order, ORPHAN),
    (without_attempt, ORPHAN),
    (of_another_gateway, ORPHAN),
    (of_another_account, ORPHAN),
    (of_another_mode, ORPHAN),
    (in_another_currency, WRONG),
    (asked_for_less, UNDERPAID),
    (captured_less, UNDERPAID),
    (covered_already, DUPLICATE),
    (canceled, LATE),
]
RANK = [ORPHAN, WRONG, UNDERPAID, DUPLICATE, LATE, COVERING]


def test_money_that_fits_covers() -> None:
    assert Case().verdict() is COVERING


@pytest.mark.parametrize(("spoil", "verdict"), SPOILED)
def test_each_flaw_has_its_verdict(spoil: Callable[[Case], None], verdict: Disposition) -> None:
    case = Case()
    spoil(case)
    assert case.verdict() is verdict


@pytest.mark.parametrize("count", [2, 3, 4])
def test_of_several_flaws_the_first_wins(count: int) -> None:
    for flaws in combinations(SPOILED, count):
        expected = min((verdict for _, verdict in flaws), key=RANK.index)
        for order in permutations(flaws):
            case = Case()
            for spoil, _ in order:
                spoil(case)
            assert case.verdict() is expected


def test_every_disposition_is_given() -> None:
    assert {COVERING, *(verdict for _, verdict in SPOILED)} == set(Disposition)


@pytest.mark.parametrize(
    ("asked", "captured", "verdict"),
    [
        (2900, 2900, COVERING),
        (2900, 2901, COVERING),
        (3363, 3363, COVERING),  # the gateway's own tax was added
        (3363, 3362, UNDERPAID),  # of it, one cent is missing
        (2899, 2900, UNDERPAID),  # the checkout was not what we asked for
        (2900, 2899, UNDERPAID),
    ],
)
def test_captured_is_compared_with_what_was_asked_and_both_with_the_order(
    asked: int, captured: int, verdict: Disposition
) -> None:
    case = Case()
    case.payment.asked, case.payment.captured = asked, captured
    assert case.verdict() is verdict


@pytest.mark.parametrize("gateway", ["free", "external"])
def test_money_without_an_attempt_is_compared_with_the_order(gateway: str) -> None:
    case = Case()
    case.attempt, case.payment.gateway = None, gateway
    assert case.verdict() is COVERING
    case.payment.account = "bank_transfer"
    assert case.verdict() is COVERING
    case.payment.livemode = True
    assert case.verdict() is ORPHAN


# Judging a whole book.


def a_second(**more: Any) -> PaymentFacts:
    return a_payment(ref="py_2", **more)


def test_of_two_that_fit_the_first_covers() -> None:
    book = a_book(a_payment(), a_second(), an_attempt())
    judge_all(book)
    assert [one.disposition for one in book.payments] == [COVERING, DUPLICATE]
    assert [one.cover_key for one in book.payments] == [1, None]
    assert book.covering is book.payments[0]


def test_what_has_not_succeeded_is_not_judged() -> None:
    book = a_book(a_payment(0, state=PaymentState.PENDING), an_attempt())
    judge_all(book)
    assert book.payments[0].disposition is None


def test_what_was_judged_once_stays() -> None:
    book = a_book(a_payment(100, disposition=UNDERPAID), an_attempt())
    book.payments[0].captured = 2900
    judge_all(book)
    assert book.payments[0].disposition is UNDERPAID


def test_a_payment_is_judged_by_the_attempt_of_its_own_checkout() -> None:
    """A cheap order's payment opens no dear one (CVE-2026-2890, W6)."""
    cheap = an_attempt(100, id="att_0", checkout_id="co_0")
    paid = a_payment(100, asked=100, checkout_id="co_0")
    book = a_book(paid, cheap, an_attempt())
    judge_all(book)
    assert paid.disposition is UNDERPAID
    unknown = a_payment(checkout_id="co_9")
    book = a_book(unknown, an_attempt())
    judge_all(book)
    assert unknown.disposition is ORPHAN


@pytest.mark.parametrize("gateway", ["free", "external"])
def test_a_book_finds_no_attempt_for_money_from_elsewhere(gateway: str) -> None:
    book = a_book(a_payment(gateway=gateway), an_attempt(99_99))
    judge_all(book)
    assert book.payments[0].disposition is COVERING


# What a verdict brings.


@pytest.mark.parametrize("verdict", list(Disposition))
def test_a_verdict_covers_or_asks(verdict: Disposition) -> None:
    book = a_book(a_payment(), an_attempt())
    (payment,) = book.payments
    give(book, payment, verdict)
    covers = (1, 2900, "USD", False) if verdict is COVERING else (None, None, None, None)
    assert covers == (
        payment.cover_key,
        payment.covered_total,
        payment.covered_currency,
        payment.covered_livemode,
    )
    asks = verdict not in {COVERING, DUPLICATE}
    assert [action.kind for action in book.actions] == ([str(verdict)] if asks else [])


@pytest.mark.parametrize(("tax", "asked"), [(0, True), (463, False), (462, True)])
def test_a_surplus_that_is_no_tax_is_asked_about(tax: int, asked: bool) -> None:
    book = a_book(a_payment(3363, asked=3363, tax=tax), an_attempt())
    judge_all(book)
    assert [action.kind for action in book.actions] == (["overpaid"] if asked else [])


def test_an_orphan_covers_nothing() -> None:
    book = a_book(a_payment())
    book.order = None
    judge_all(book)
    assert (book.payments[0].disposition, book.payments[0].cover_key) == (ORPHAN, None)
    give(book, book.payments[0], COVERING)
    assert book.payments[0].cover_key is None
