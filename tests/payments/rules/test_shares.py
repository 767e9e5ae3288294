"""What goes with a part of the money: its tax, the use of a discount, each line's share."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from digistore.money import Money
from digistore.payments.book import Book, LineFacts, RedemptionFacts
from digistore.payments.models import RefundStatus
from digistore.payments.rules.derive import (
    HOLDS,
    MONEY_IS_BACK,
    assign_refunds,
    derive,
    left_on,
    spread_refund,
    tax_in,
    tax_left_on,
)
from tests.payments.rules.books import (
    LATER,
    NOON,
    a_book,
    a_line,
    a_paid_book,
    a_payment,
    a_refund,
    an_attempt,
    an_order,
    usd,
)

ENDS = ("expired", "canceled")

# The use of a discount.


def a_redemption(state: str) -> RedemptionFacts:
    return RedemptionFacts("rdm_1", "dsc_1", "usr_1", state, None, None)


@pytest.mark.parametrize(
    ("state", "end", "live"),
    list(
        product(["reserved", "used", "released"], ["paid", "expired", "canceled", "open"], [0, 1])
    ),
)
def test_a_discount_is_used_by_the_payment_and_free_again_once_none_can_come(
    state: str, end: str, live: int
) -> None:
    ended: dict[str, Any] = {f"{end}_at": LATER} if end in ENDS else {}
    entries = (a_payment(cover_key=1),) if end == "paid" else ()
    book = a_book(*entries, an_attempt(live_key=live or None), order=an_order(**ended))
    book.redemption = a_redemption(state)
    derive(book)
    expected = a_redemption(state)
    if state != "used" and end == "paid":
        expected.state, expected.used_at = "used", NOON
    if state == "reserved" and end in ENDS and not live:
        expected.state, expected.released_at = "released", NOON
    assert book.redemption == expected


# Tax that a gateway added to the price.


def taxed(*entries: object, tax: int = 440) -> Book:
    """An order of 29.00 and 15.00, paid with *tax* on top."""
    lines = (a_line("lin_1", 2900), a_line("lin_2", 1500))
    payment = a_payment(4400 + tax, asked=4400 + tax, tax=tax)
    return a_paid_book(*lines, payment, *entries, order=an_order(4400))


def test_tax_on_top_belongs_to_lines_by_what_they_cost() -> None:
    book = taxed()
    assert [tax_left_on(book, line) for line in book.lines] == [290, 150]
    book = taxed(tax=441)
    assert [tax_left_on(book, line) for line in book.lines] == [290, 150]


@pytest.mark.parametrize("back", [0, 1, 290, 500])
def test_with_the_last_line_goes_all_tax_that_is_left(back: int) -> None:
    given = a_refund(2900 + back, lines={"lin_1": 2900}, origin="store", key="rf:1", assigned=True)
    book = taxed(given, tax=440)
    assert [tax_left_on(book, line) for line in book.lines] == [0, max(0, 440 - back)]


def test_no_more_tax_goes_back_than_there_was() -> None:
    book = taxed(tax=440)
    book.refunds.append(a_refund(2900, lines={"lin_1": 2900}))
    book.payments[0].captured = 9999
    assert tax_left_on(book, book.lines[1]) == 440


def test_without_tax_on_top_a_cover_or_an_order_there_is_none() -> None:
    book = taxed(tax=0)
    assert [tax_left_on(book, line) for line in book.lines] == [0, 0]
    within = a_paid_book(a_payment(2900, tax=400))
    assert tax_left_on(within, within.lines[0]) == 0
    uncovered = a_book()
    assert tax_left_on(uncovered, uncovered.lines[0]) == 0
    orphan = taxed()
    orphan.order = None
    assert tax_left_on(orphan, orphan.lines[0]) == 0


# Tax within a part of a line.


def a_taxed_line(*entries: object, tax: int = 500) -> tuple[Book, LineFacts]:
    """An order of one line of 29.00 with *tax* in it."""
    line = a_line("lin_1", 2900, tax=tax)
    return a_paid_book(line, *entries), line


@pytest.mark.parametrize("tax", [0, 1, 500, 2900])
@pytest.mark.parametrize("amount", [1, 1000, 2899, 2900, 4000])
def test_a_part_of_a_line_has_its_share_of_the_tax(tax: int, amount: int) -> None:
    book, line = a_taxed_line(tax=tax)
    rest = max(0, 2900 - amount)
    expected = usd(tax).allocate([amount, rest])[0].amount
    assert tax_in(book, line, usd(amount)) == expected


@pytest.mark.parametrize("tax", [0, 1, 500])
def test_the_parts_of_a_line_have_all_of_its_tax(tax: int) -> None:
    book, _ = a_taxed_line(tax=tax)
    for number, amount in enumerate((1000, 1, 1899)):
        refund = a_refund(amount, f"ref_{number}", origin="store", key=f"rf:{number}")
        spread_refund(book, refund, book.lines)
        book.refunds.append(refund)
    assert sum(one.taxes["lin_1"] for one in book.refunds) == tax
    assert all(0 <= one.taxes["lin_1"] <= one.lines["lin_1"] for one in book.refunds)


def test_tax_that_went_back_with_another_part_is_gone() -> None:
    book, line = a_taxed_line()
    before = a_refund(1000, lines={"lin_1": 1000, "lin_2": 1}, taxes={"lin_1": 450, "lin_2": 9})
    book.refunds += [before, a_refund(100, "ref_2")]
    assert tax_in(book, line, usd(1900)) == 50  # the second one had none
    assert tax_in(book, line, usd(950)) == 25
    book.refunds[0].taxes["lin_1"] = 500
    assert tax_in(book, line, usd(950)) == 0


@pytest.mark.parametrize("state", list(RefundStatus))
def test_only_what_counts_is_taken_from_a_line(state: RefundStatus) -> None:
    book, line = a_taxed_line()
    part = a_refund(1000, state=state, lines={"lin_1": 1000}, taxes={"lin_1": 100})
    book.refunds.append(part)
    for states in (HOLDS, MONEY_IS_BACK):
        counts = state in states
        left, tax = (1900, 400) if counts else (2900, 500)
        assert left_on(book, line, states) == left
        expected = usd(tax).allocate([950, left - 950])[0].amount
        assert tax_in(book, line, usd(950), states) == expected


def test_a_part_in_another_currency_keeps_it() -> None:
    book, line = a_taxed_line()
    assert tax_in(book, line, Money.from_minor(1450, "JPY")) == 250


def test_a_refund_goes_by_what_is_back_and_not_by_what_is_asked_for() -> None:
    intent = a_refund(
        2000,
        "ref_2",
        state=RefundStatus.REQUESTED,
        lines={"lin_1": 2000},
        taxes={"lin_1": 300},
        origin="store",
        key="rf:1",
    )
    book, line = a_taxed_line(intent)
    told = a_refund(2900)
    spread_refund(book, told, [line], MONEY_IS_BACK)
    assert (told.lines, told.taxes) == ({"lin_1": 2900}, {"lin_1": 500})
    held = a_refund(2900, "ref_3")
    spread_refund(book, held, [line])
    assert (held.lines, held.taxes) == ({"lin_1": 900}, {"lin_1": 200})


def test_what_a_gateway_tells_outranks_what_was_only_asked_for() -> None:
    asked = a_refund(
        2000,
        "ref_2",
        ref=None,
        state=RefundStatus.REQUESTED,
        lines={"lin_1": 2000},
        origin="store",
        key="rf:1",
    )
    told = a_refund(2900)
    a_paid_book(told, asked)
    assert told.lines == {"lin_1": 2900}


# Which lines a refund is of, where that was not said.


def test_our_own_refund_gets_lines_once_its_payment_covers_them() -> None:
    own = a_refund(2900, origin="store", key="rf:1")
    book = a_paid_book(own)
    assert own.lines == {"lin_1": 2900}
    assert (own.assigned, own.respread) == (True, 0)
    assert book.actions == []


def test_our_own_refund_of_a_surplus_is_of_no_line() -> None:
    own = a_refund(100, origin="store", key="rf:1", assigned=True)
    book = a_paid_book(a_payment(3000), own)
    assert own.lines == {}
    assert left_on(book, book.lines[0]) == 2900


def test_tax_on_top_is_no_surplus() -> None:
    own = a_refund(3190, origin="store", key="rf:1", assigned=True)
    book = a_paid_book(a_payment(3190, asked=3190, tax=290), own)
    assert own.lines == {"lin_1": 2900}
    assert left_on(book, book.lines[0]) == 0


def test_refunds_are_spread_by_their_references_those_without_one_last() -> None:
    lines = (a_line("lin_1", 2900), a_line("lin_2", 1500))
    parts = [a_refund(2200, f"ref_{n}", ref=ref) for n, ref in enumerate([None, "b", "a"])]
    book = a_paid_book(*lines, *parts, order=an_order(4400))
    shares = {one.ref: sum(one.lines.values()) for one in parts}
    assert shares == {"a": 2200, "b": 2200, None: 0}
    assign_refunds(book, book.payments[0])
    assert {one.ref: sum(one.lines.values()) for one in parts} == shares


def test_every_new_word_about_a_refund_counts() -> None:
    lines = (a_line("lin_1", 2900), a_line("lin_2", 1500))
    part, rest = a_refund(1000), a_refund(3400, "ref_2")
    book = a_paid_book(*lines, part, rest, order=an_order(4400))
    for times, state in enumerate((RefundStatus.FAILED, RefundStatus.SUCCEEDED) * 2, start=1):
        rest.state = state
        derive(book)
        assert part.respread == times
