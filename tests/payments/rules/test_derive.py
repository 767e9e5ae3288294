"""What follows from the facts: sums, states, splits, causes and questions, by a book alone."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from digistore.gateways import DisputeState
from digistore.orders.kinds import Outcome
from digistore.payments.book import Book
from digistore.payments.models import ActionKind, Disposition, PaymentState, RefundStatus
from digistore.payments.rules.derive import (
    HOLDS,
    MONEY_IS_BACK,
    MONEY_IS_GONE,
    TOLD,
    ask_about,
    ask_about_standby,
    causes,
    derive,
    left_on,
    return_duplicates,
    sold_lines,
    spread_refund,
    take_outcomes,
)
from tests.payments.rules.books import (
    NOON,
    a_book,
    a_dispute,
    a_line,
    a_paid_book,
    a_payment,
    a_refund,
    an_attempt,
    an_order,
)

OWN = {"origin": "store", "key": "rf:1"}
TWO = (a_line("lin_1", 2900), a_line("lin_2", 1500))


def two_lines(*entries: object) -> Book:
    """A paid order of 29.00 and 15.00."""
    lines = (a_line("lin_1", 2900), a_line("lin_2", 1500))
    return a_paid_book(*lines, *entries, order=an_order(4400))


def questions(book: Book) -> list[tuple[str, str]]:
    known = {payment.id for payment in book.payments}
    assert {one.payment_id for one in book.actions} <= known  # each says about which money
    return [(str(one.kind), one.subject) for one in book.actions if one.open_key]


# Sums.


@pytest.mark.parametrize("state", list(RefundStatus))
@pytest.mark.parametrize("origin", ["store", "gateway"])
def test_a_refund_is_summed_while_it_holds_money(state: RefundStatus, origin: str) -> None:
    book = a_paid_book(a_refund(1000, state=state, origin=origin))
    (payment,) = book.payments
    own = 1000 if origin == "store" and state in HOLDS else 0
    gateway = 1000 if origin == "gateway" and state in MONEY_IS_BACK else 0
    assert (payment.own_refunds, payment.gateway_refunds) == (own, gateway)
    assert payment.left == 2900 - own - gateway


@pytest.mark.parametrize("state", list(DisputeState))
def test_a_dispute_is_summed_while_the_bank_has_the_money(state: DisputeState) -> None:
    (payment,) = a_paid_book(a_dispute(1000, state)).payments
    assert payment.disputed == (1000 if state in MONEY_IS_GONE else 0)


def test_refunds_of_either_origin_add_up() -> None:
    own = [a_refund(100, f"ref_{number}", origin="store", key=f"rf:{number}") for number in "12"]
    told = [a_refund(300, f"ref_{number}") for number in "34"]
    (payment,) = a_paid_book(*own, *told).payments
    assert (payment.own_refunds, payment.gateway_refunds, payment.left) == (200, 600, 2100)


def test_nothing_is_left_where_the_bank_took_more_than_there_was() -> None:
    (payment,) = a_paid_book(a_dispute(2900, "lost"), a_refund(1000)).payments
    assert payment.left == 0


@pytest.mark.parametrize(("amount", "asked"), [(2900, False), (2901, True)])
def test_more_back_than_was_captured_is_asked_about(amount: int, asked: bool) -> None:
    book = a_paid_book(a_refund(amount))
    assert questions(book) == ([("over_refund", "pay_py_1")] if asked else [])


def test_what_was_not_captured_yet_is_not_too_much() -> None:
    pending = a_payment(0, state=PaymentState.PENDING)
    book = a_book(pending, a_refund(1000), an_attempt())
    derive(book)
    assert questions(book) == []


@pytest.mark.parametrize("state", list(RefundStatus))
@pytest.mark.parametrize("origin", ["store", "gateway"])
def test_our_own_refund_that_fails_is_asked_about(state: RefundStatus, origin: str) -> None:
    book = a_paid_book(a_refund(1000, state=state, origin=origin))
    asked = origin == "store" and state in {RefundStatus.FAILED, RefundStatus.CANCELED}
    assert (("refund_failed", "ref_1") in questions(book)) == asked


# The order.


@pytest.mark.parametrize(
    ("covered", "canceled", "pending", "expired"), list(product([False, True], repeat=4))
)
def test_the_state_of_an_order_follows_from_its_money(
    covered: bool,
    canceled: bool,
    pending: bool,
    expired: bool,
) -> None:
    order = an_order(canceled_at=NOON if canceled else None, expired_at=NOON if expired else None)
    book = a_book(order=order)
    if covered:
        book.payments.append(a_payment(disposition=Disposition.COVERING, cover_key=1))
    if pending:
        book.payments.append(a_payment(0, "py_2", state=PaymentState.PENDING))
    book.payments.append(a_payment(0, "py_3", state=PaymentState.FAILED))
    derive(book)
    expected = (
        "paid"
        if covered
        else "canceled"
        if canceled
        else "processing"
        if pending
        else "expired"
        if expired
        else "open"
    )
    assert order.state == expected
    assert (order.paid_at is not None) == covered
    assert order.late == (covered and (canceled or expired))
    assert book.lines[0].open_key == (1 if expected in {"open", "processing"} else None)


def test_deriving_again_changes_nothing() -> None:
    book = two_lines(a_refund(1000), a_dispute(1000, "lost"))
    book.remember()
    derive(book)
    assert book.changed() == []
    assert book.only_tickets() == {}


def test_a_book_without_an_order_has_sums_only() -> None:
    book = a_book(a_payment(disposition=Disposition.ORPHAN), a_refund(1000))
    book.order = None
    derive(book)
    assert book.payments[0].gateway_refunds == 1000
    assert (sold_lines(book), causes(book)) == ([], [])


# Which lines money went back for.


def test_a_refund_of_one_line_is_assigned_by_itself() -> None:
    book = a_paid_book(a_refund(1000))
    assert book.refunds[0].lines == {"lin_1": 1000}
    assert questions(book) == []


def test_a_part_of_several_lines_is_asked_about_until_all_is_back() -> None:
    book = two_lines(a_refund(1000))
    assert (book.refunds[0].assigned, book.refunds[0].lines) == (False, {})
    assert questions(book) == [("unassigned_reversal", "ref_1")]
    book.refunds.append(a_refund(3400, "ref_2"))
    derive(book)
    assert [left_on(book, line) for line in book.lines] == [0, 0]
    assert questions(book) == []


@pytest.mark.parametrize("state", [one for one in RefundStatus if one not in MONEY_IS_BACK])
def test_a_refund_that_is_not_back_is_not_assigned(state: RefundStatus) -> None:
    book = a_paid_book(a_refund(1000, state=state))
    assert not book.refunds[0].assigned


@pytest.mark.parametrize("order", list(permutations([1000, 900, 2500])))
def test_what_is_spread_over_lines_ends_at_exactly_zero(order: tuple[int, ...]) -> None:
    book = two_lines()
    for number, amount in enumerate(order):
        refund = a_refund(amount, f"ref_{number}")
        spread_refund(book, refund, book.lines)
        book.refunds.append(refund)
        assert sum(refund.lines.values()) == amount
    assert [left_on(book, line) for line in book.lines] == [0, 0]


def test_more_than_is_left_is_spread_as_far_as_it_goes() -> None:
    book = two_lines()
    refund = a_refund(9999)
    spread_refund(book, refund, book.lines[1:])
    assert refund.lines == {"lin_2": 1500}
    book.refunds.append(refund)
    nothing = a_refund(100, "ref_2")
    spread_refund(book, nothing, book.lines[1:])
    assert (nothing.lines, nothing.assigned) == ({}, True)


def test_a_line_without_money_left_gets_no_part() -> None:
    given = {"lin_2": 1500}
    book = two_lines(a_refund(1500, lines=given, assigned=True, origin="store", key="rf:1"))
    refund = a_refund(900, "ref_2")
    spread_refund(book, refund, book.lines)
    assert refund.lines == {"lin_1": 900}


@pytest.mark.parametrize("state", list(DisputeState))
def test_only_a_lost_dispute_takes_lines(state: DisputeState) -> None:
    book = a_paid_book(a_dispute(100, state))
    loses = state in {DisputeState.LOST, DisputeState.PREVENTED}
    assert book.disputes[0].lines == ({"lin_1"} if loses else set())
    assert book.disputes[0].assigned == loses


def test_a_part_of_several_lines_that_is_lost_is_asked_about() -> None:
    book = two_lines(a_dispute(1500, "lost"))
    assert questions(book) == [("unassigned_reversal", "dis_1")]
    book.disputes[0].lines, book.disputes[0].assigned = {"lin_2"}, True
    derive(book)
    assert book.disputes[0].lines == {"lin_2"}
    book.disputes[0].amount = 4400
    derive(book)
    assert book.disputes[0].lines == {"lin_1", "lin_2"}
    assert questions(book) == []


@pytest.mark.parametrize("state", [RefundStatus.FAILED, RefundStatus.CANCELED])
def test_a_part_that_failed_is_not_asked_about_any_more(state: RefundStatus) -> None:
    book = two_lines(a_refund(1000))
    assert questions(book) == [("unassigned_reversal", "ref_1")]
    book.refunds[0].state = state
    derive(book)
    assert questions(book) == []


def test_a_part_is_asked_about_as_long_as_it_is_lost() -> None:
    book = two_lines(a_dispute(1500, "lost"))
    for state, asked in [("won", []), ("lost", [("unassigned_reversal", "dis_1")]), ("open", [])]:
        book.disputes[0].state = DisputeState(state)
        derive(book)
        assert questions(book) == asked


def test_a_part_is_spread_only_while_all_of_the_money_is_back() -> None:
    """What was said of the lines is taken back by a newer word; what a person said stays."""
    part, rest = a_refund(1000, "ref_1", ref="re_1"), a_refund(3400, "ref_2", ref="re_2")
    book = two_lines(part, rest)
    assert (sum(part.lines.values()), part.respread, questions(book)) == (1000, 0, [])
    words = [cause.ticket for cause in causes(book) if cause.about == "ref_1"]
    assert words == [0, 0]
    rest.state = RefundStatus.FAILED
    derive(book)
    assert (part.lines, part.assigned, part.respread) == ({}, False, 1)
    assert questions(book) == [("unassigned_reversal", "ref_1")]
    told = [(one.amount, one.ticket) for one in causes(book) if one.about == "ref_1"]
    assert told == [(0, 1), (0, 1)]
    spread_refund(book, part, book.lines[:1])
    book.settle_action(ActionKind.UNASSIGNED_REVERSAL, "ref_1", "assign", "she said so")
    derive(book)
    assert (part.lines, questions(book)) == ({"lin_1": 1000}, [])


# What buyers asked for.


@pytest.mark.parametrize("subject", ["ord_1", "lin_1"])
def test_what_a_buyer_asked_for_is_answered_by_the_money(subject: str) -> None:
    book = two_lines()
    book.act(ActionKind.REFUND_REQUESTED, subject, book.covering)
    derive(book)
    assert questions(book) == [("refund_requested", subject)]
    whole = {"lin_1": 2900, "lin_2": 1500} if subject == "ord_1" else {"lin_1": 2900}
    book.refunds.append(
        a_refund(sum(whole.values()), assigned=True, lines=whole, origin="store", key="rf:1")
    )
    derive(book)
    assert questions(book) == []


# What the kinds hear.


def test_lines_know_what_pays_for_them() -> None:
    paid, open_ = two_lines(), a_book()
    assert [line.payment_id for line in sold_lines(paid)] == ["pay_py_1", "pay_py_1"]
    assert [(line.total, line.order_total) for line in sold_lines(paid)] == [
        (2900, 4400),
        (1500, 4400),
    ]
    assert [line.payment_id for line in sold_lines(open_)] == [None]


@pytest.mark.parametrize("state", ["open", "processing", "paid", "expired", "canceled"])
def test_an_order_that_ends_unpaid_is_told(state: str) -> None:
    told = causes(a_book(order=an_order(state=state)))
    expected = [("order", state)] if state in {"expired", "canceled"} else []
    assert [(cause.kind, cause.state) for cause in told] == expected


@pytest.mark.parametrize("state", list(RefundStatus))
def test_a_refund_is_told_of_the_lines_that_it_is_of(state: RefundStatus) -> None:
    refund = a_refund(1000, state=state, assigned=True, lines={"lin_2": 1000}, **OWN)
    told = [cause for cause in causes(two_lines(refund)) if cause.kind == "refund"]
    expected = [("lin_2", str(state), 1000)] if state in TOLD else []
    assert [(cause.line_id, cause.state, cause.amount) for cause in told] == expected


@pytest.mark.parametrize(
    ("state", "assigned", "words"),
    [
        ("warning", None, ["warning", "warning"]),
        ("open", None, ["open", "open"]),
        ("won", None, ["won", "won"]),
        ("closed", None, ["closed", "closed"]),
        ("lost", None, ["unassigned", "unassigned"]),
        ("prevented", None, ["unassigned", "unassigned"]),
        ("lost", "lin_2", ["closed", "lost"]),
        ("prevented", "lin_2", ["closed", "prevented"]),
    ],
)
def test_a_dispute_is_told_of_every_line_in_its_own_words(
    state: str, assigned: str | None, words: list[str]
) -> None:
    lines = {assigned} if assigned else set()
    book = two_lines(a_dispute(1500, state, assigned=bool(assigned), lines=lines, ticket=7))
    told = [cause for cause in causes(book) if cause.kind == "dispute"]
    assert [cause.state for cause in told] == words
    assert {cause.ticket for cause in told} == {7}


def test_the_payment_is_told_of_each_line() -> None:
    told = [cause for cause in causes(two_lines()) if cause.kind == "payment"]
    assert [(cause.line_id, cause.amount, cause.at) for cause in told] == [
        ("lin_1", 2900, NOON),
        ("lin_2", 1500, NOON),
    ]


# Money that opened nothing.


@pytest.mark.parametrize(
    ("before", "allow_repeat", "total", "gateway", "duplicates", "then"),
    [
        (None, False, 2900, "sandbox", True, "refund"),
        (None, False, 2900, "sandbox", False, "ask"),
        (None, False, 2900, "external", True, "ask"),
        (None, True, 2900, "sandbox", True, "keep"),
        (None, False, 0, "free", True, "keep"),
        (Outcome.HELD, False, 2900, "sandbox", True, "ask"),
        (Outcome.OPENED, False, 2900, "sandbox", True, "ask"),
        (Outcome.STANDBY, False, 2900, "sandbox", True, "keep"),
    ],
)
def test_a_second_purchase_of_a_product_that_waits(
    before: Outcome | None,
    allow_repeat: bool,
    total: int,
    gateway: str,
    duplicates: bool,
    then: str,
) -> None:  # D8
    line = a_line(total=total, outcome=before, allow_repeat=allow_repeat)
    paid = a_payment(total, asked=total, gateway=gateway)
    book = a_paid_book(line, paid, order=an_order(total))
    take_outcomes(book, {"lin_1": Outcome.STANDBY}, refund_duplicates=duplicates)
    assert line.outcome is Outcome.STANDBY
    assert [(one.key, one.amount, one.lines) for one in book.refunds] == (
        [("rf:dup:lin_1", 2900, {"lin_1": 2900})] if then == "refund" else []
    )
    assert questions(book) == ([("standby_paid", "lin_1")] if then == "ask" else [])
    take_outcomes(book, {"lin_1": Outcome.STANDBY}, refund_duplicates=duplicates)
    assert len(book.refunds) == (then == "refund")


@pytest.mark.parametrize("outcome", [Outcome.OPENED, Outcome.HELD, Outcome.CLOSED])
def test_other_outcomes_are_noted(outcome: Outcome) -> None:
    book = a_paid_book()
    take_outcomes(book, {"lin_1": outcome}, refund_duplicates=True)
    assert book.lines[0].outcome is outcome
    take_outcomes(book, {}, refund_duplicates=True)
    assert book.lines[0].outcome is outcome
    assert (book.refunds, questions(book)) == ([], [])


def test_a_line_without_money_left_is_not_given_back_again() -> None:
    book = a_paid_book(a_refund(2900))
    take_outcomes(book, {"lin_1": Outcome.STANDBY}, refund_duplicates=True)
    assert len(book.refunds) == 1


@pytest.mark.parametrize(
    ("gateway", "duplicates", "then"),
    [
        ("sandbox", True, "refund"),
        ("sandbox", False, "ask"),
        ("external", True, "ask"),
    ],
)
def test_a_second_payment_of_an_order(gateway: str, duplicates: bool, then: str) -> None:
    book = a_paid_book()
    book.payments.append(a_payment(ref="py_2", gateway=gateway, disposition=Disposition.DUPLICATE))
    for _ in range(2):
        return_duplicates(book, refund_duplicates=duplicates)
    (second,) = (one for one in book.payments if one.ref == "py_2")
    assert [(one.key, one.amount) for one in book.refunds] == (
        [("rf:dup:pay_py_2", 2900)] if then == "refund" else []
    )
    assert second.own_refunds == (2900 if then == "refund" else 0)
    assert questions(book) == ([("duplicate", "pay_py_2")] if then == "ask" else [])


def test_a_second_payment_that_was_asked_about_is_never_given_back_by_itself() -> None:
    book = a_paid_book(a_payment(), a_payment(ref="py_2", disposition=Disposition.DUPLICATE))
    return_duplicates(book, refund_duplicates=False)
    return_duplicates(book, refund_duplicates=True)
    nothing = a_payment(0, "py_3", asked=0, disposition=Disposition.DUPLICATE)
    book.payments.append(nothing)
    return_duplicates(book, refund_duplicates=True)
    assert book.refunds == []


@pytest.mark.parametrize("given", [0, 2900])
def test_a_line_is_asked_about_while_its_money_is_here(given: int) -> None:
    book = a_paid_book(*([a_refund(given)] if given else []))
    ask_about(book, ActionKind.SUPPORT_WITHOUT_ACCESS, "lin_1")
    ask_about(book, ActionKind.SUPPORT_WITHOUT_ACCESS, "lin_of_another_order")
    asked = [] if given else [("support_without_access", "lin_1")]
    assert questions(book) == asked
    book.settle_action(ActionKind.SUPPORT_WITHOUT_ACCESS, "lin_1", "accept")
    ask_about(book, ActionKind.SUPPORT_WITHOUT_ACCESS, "lin_1")
    assert questions(book) == asked


@pytest.mark.parametrize(("allow_repeat", "given"), list(product([False, True], [0, 2900])))
def test_a_restored_purchase_that_waits_is_asked_about_once(
    allow_repeat: bool,
    given: int,
) -> None:
    line = a_line(allow_repeat=allow_repeat)
    book = a_paid_book(line, *([a_refund(given)] if given else []))
    ask_about_standby(book, "lin_1")
    ask_about_standby(book, "lin_of_another_order")
    asked = [] if given or allow_repeat else [("standby_paid", "lin_1")]
    assert questions(book) == asked
    book.settle_action(ActionKind.STANDBY_PAID, "lin_1", "keep")
    ask_about_standby(book, "lin_1")
    assert questions(book) == []
