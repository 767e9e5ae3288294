"""A book knows what is stored, what has changed, and what was put before an operator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digistore.payments.book import ActionFacts, Book, RedemptionFacts
from digistore.payments.models import ActionKind
from tests.payments.rules.books import (
    LATER,
    NOON,
    a_book,
    a_dispute,
    a_line,
    a_payment,
    a_refund,
    an_attempt,
)


def a_full_book() -> Book:
    """One of each entry."""
    entries = (a_line(), an_attempt(), a_payment(), a_refund(1000), a_dispute())
    book = a_book(*entries, actor="usr_9")
    book.redemption = RedemptionFacts("rdm_1", "dsc_1", "usr_1", "reserved", None, None)
    book.act(ActionKind.ORPHAN, "pay_py_1", book.payments[0], "a test")
    book.remember()
    return book


# What is stored.


def test_nothing_has_changed_in_what_was_just_stored() -> None:
    book = a_full_book()
    assert len(list(book.entries())) == 8
    assert book.changed() == []
    assert book.only_tickets() == {}
    for entry in book.entries():
        assert book.was(entry) == entry
        assert book.was(entry) is not entry


def test_each_entry_is_seen_to_change() -> None:
    for at in range(8):
        book = a_full_book()
        entry = list(book.entries())[at]
        (field,) = [name for name in ("state", "total", "reason") if hasattr(entry, name)][:1]
        before = getattr(entry, field)
        setattr(entry, field, "other")
        assert book.changed() == [entry]
        assert getattr(book.was(entry), field) == before
        assert book.only_tickets() is None


def test_lines_of_refunds_and_disputes_are_stored_by_value() -> None:
    book = a_full_book()
    (refund,), (dispute,) = book.refunds, book.disputes
    refund.lines["lin_1"] = 1000
    refund.taxes["lin_1"] = 100
    dispute.lines.add("lin_1")
    assert book.changed() == [refund, dispute]


def test_a_new_entry_was_nothing() -> None:
    book = a_full_book()
    new = a_refund(1, "ref_2")
    book.refunds.append(new)
    assert book.was(new) is None
    assert book.changed() == [new]


# Tickets.


def test_a_newer_ticket_alone_is_told_apart() -> None:
    book = a_full_book()
    (dispute,) = book.disputes
    dispute.ticket = 9
    assert book.only_tickets() == {dispute.id: 1}
    dispute.reason = "fraud"
    assert book.only_tickets() is None


def test_a_ticket_beside_another_change_is_not_alone() -> None:
    book = a_full_book()
    book.disputes[0].ticket = 9
    book.payments[0].captured = 3000
    assert book.only_tickets() is None


def test_a_new_dispute_is_more_than_a_ticket() -> None:
    book = a_full_book()
    book.disputes.append(a_dispute(id="dis_2", ref="dp_2"))
    assert book.only_tickets() is None


# What was put before an operator.


def test_the_same_question_is_asked_once() -> None:
    book = a_book(a_payment())
    first = book.act(ActionKind.LATE, "pay_py_1", book.payments[0], "after the end")
    assert first == ActionFacts(
        id="act_new1",
        kind=ActionKind.LATE,
        subject="pay_py_1",
        order_id="ord_1",
        payment_id="pay_py_1",
        created_at=NOON,
        reason="after the end",
    )
    assert book.act(ActionKind.LATE, "pay_py_1") is first
    assert book.act(ActionKind.ORPHAN, "pay_py_1") is not first
    assert book.act(ActionKind.LATE, "pay_py_2") is not first
    assert len(book.actions) == 3


def test_a_question_may_be_about_no_order_and_no_payment() -> None:
    book = a_book()
    book.order = None
    asked = book.act(ActionKind.ORPHAN, "x")
    assert (asked.order_id, asked.payment_id, asked.reason) == (None, None, None)


def test_what_was_decided_is_kept_and_asked_again_as_if_it_were_new() -> None:
    book = a_book(a_payment(), actor="usr_9")
    asked = book.ask_again(ActionKind.LATE, "pay_py_1", book.payments[0], "why")
    assert (asked.reason, asked.open_key) == ("why", 1)
    whole = replace(asked)
    book.settle_action(ActionKind.LATE, "pay_py_1", "accept", "in time enough")
    decided = replace(
        whole,
        open_key=None,
        resolved_at=NOON,
        resolved_by="usr_9",
        choice="accept",
        resolution="in time enough",
    )
    assert asked == decided
    book.now = LATER
    book.settle_action(ActionKind.LATE, "pay_py_1", "refund")
    assert asked == decided  # what is closed stays as it is
    assert book.ask_again(ActionKind.LATE, "pay_py_1", book.payments[0], "still") is asked
    assert asked == replace(whole, reason="still")


@pytest.mark.parametrize(("kind", "subject"), [("orphan", "pay_py_1"), ("late", "other")])
def test_only_the_question_itself_is_closed(kind: str, subject: str) -> None:
    book = a_book(a_payment())
    asked = book.act(ActionKind.LATE, "pay_py_1")
    book.settle_action(ActionKind(kind), subject, "accept")
    assert asked.open_key == 1


# What is left of a payment.


@pytest.mark.parametrize(
    ("tax", "asked", "on_top"),
    [(0, 2900, 0), (500, 2900, 0), (500, 3400, 500), (500, 3100, 200), (500, 4000, 500)],
)
def test_tax_is_on_top_as_far_as_more_was_asked_than_the_price(
    tax: int, asked: int, on_top: int
) -> None:
    assert a_payment(asked=asked, tax=tax).tax_on_top_of(2900) == on_top
