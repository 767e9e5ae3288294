"""What is taken in, asked or begun is compared whole: no column is left to chance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from digistore.gateways import DisputeState
from digistore.orders.kinds import Cause, Kind, Outcome, SoldLine
from digistore.payments.book import (
    ActionFacts,
    Book,
    DisputeFacts,
    PaymentFacts,
    RefundFacts,
)
from digistore.payments.models import ActionKind, Disposition, PaymentState, RefundStatus
from digistore.payments.rules.derive import (
    ask_about_standby,
    causes,
    derive,
    return_duplicates,
    sold_lines,
    take_outcomes,
)
from digistore.payments.rules.judge import ASKS, give, judge_all
from digistore.payments.rules.merge import DISPUTE_CHECK, PENDING_CHECK, merge
from digistore.settings import AccessPolicy, Effect
from tests.payments.rules.books import (
    LATER,
    NOON,
    a_book,
    a_dispute,
    a_line,
    a_paid_book,
    a_payment,
    a_refund,
    an_attempt,
    an_order,
    dispute_told,
    refund_told,
    told,
    usd,
)

THERE: dict[str, Any] = {"gateway": "paypal", "livemode": True, "account": "acct_7"}


def test_a_payment_is_taken_in_whole() -> None:
    book = a_book(an_attempt(**THERE))
    snapshot = told("pending", total=usd(3000), captured=None, **THERE)
    merge(book, snapshot, 1)
    assert book.payments == [
        PaymentFacts(
            id="pay_new1",
            order_id="ord_1",
            ref="py_1",
            checkout_id="co_1",
            state=PaymentState.PENDING,
            currency="USD",
            asked=3000,
            captured=0,
            created_at=NOON,
            **THERE,
        )
    ]


@pytest.mark.parametrize("state", ["pending", "paid"])
def test_what_has_no_name_is_no_payment(state: str) -> None:
    book = a_book(an_attempt())
    merge(book, told(state, payment_id=None), 1)
    assert book.payments == []


@pytest.mark.parametrize(("total", "asked"), [(usd(3000), 3000), (None, 2900)])
def test_what_was_asked_is_the_total_or_else_what_was_captured(total: object, asked: int) -> None:
    book = a_book(an_attempt())
    merge(book, told("paid", total=total), 1)
    assert (book.payments[0].asked, book.payments[0].captured) == (asked, 2900)


def test_a_refund_is_taken_in_whole() -> None:
    book = a_book(a_payment(**THERE), an_attempt(**THERE))
    said = refund_told("pending", 700, reference=None, reason="asked for")
    merge(book, told("paid", refunds=(said,), **THERE), 1)
    assert book.refunds == [
        RefundFacts(
            id="ref_new1",
            payment_id="pay_py_1",
            ref="re_1",
            amount=700,
            currency="USD",
            state=RefundStatus.PENDING,
            origin="gateway",
            key=None,
            created_at=NOON,
            reason="asked for",
            next_check_at=NOON + PENDING_CHECK,
            **THERE,
        )
    ]


def test_a_dispute_is_taken_in_whole() -> None:
    due = NOON + timedelta(days=9)
    book = a_book(a_payment(**THERE), an_attempt(**THERE))
    said = dispute_told("open", 800, reason="fraud", evidence_due=due)
    merge(book, told("paid", disputes=(said,), **THERE), 5)
    assert book.disputes == [
        DisputeFacts(
            id="dis_new1",
            payment_id="pay_py_1",
            ref="dp_1",
            amount=800,
            currency="USD",
            state=DisputeState.OPEN,
            ticket=5,
            opened_at=NOON,
            changed_at=NOON,
            reason="fraud",
            evidence_due=due,
            next_check_at=NOON + DISPUTE_CHECK,
            **THERE,
        )
    ]


@pytest.mark.parametrize("captured", [2800, 3000])
def test_another_amount_is_asked_about_by_its_payment(captured: int) -> None:
    book = a_book(a_payment(), an_attempt())
    merge(book, told("paid", captured=usd(captured)), 1)
    assert book.actions == [asked(ActionKind.AMOUNT_CHANGED, "pay_py_1")]


def test_another_currency_is_asked_about_by_its_payment() -> None:
    book = a_book(a_payment(), an_attempt())
    euros = type(usd(0)).from_minor(2900, "EUR")
    merge(book, told("paid", captured=euros), 1)
    assert book.actions == [asked(ActionKind.AMOUNT_CHANGED, "pay_py_1")]


def test_who_paid_is_remembered_and_never_forgotten() -> None:
    book = a_book(an_attempt())
    for name, known in ((None, None), ("cus_1", "cus_1"), (None, "cus_1"), ("cus_2", "cus_2")):
        merge(book, told("paid", customer_ref=name), 1)
        assert book.payments[0].customer == known


def asked(kind: ActionKind, subject: str, payment: str = "pay_py_1") -> ActionFacts:
    """An open entry, the first of its book."""
    return ActionFacts(
        id="act_new1",
        kind=kind,
        subject=subject,
        order_id="ord_1",
        payment_id=payment,
        created_at=NOON,
    )


# What an operator is asked.


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [(verdict, kind) for verdict, kind in ASKS.items()],
)
def test_a_verdict_is_asked_about_by_its_payment(verdict: Disposition, kind: ActionKind) -> None:
    payment = a_payment()
    book = a_book(payment, an_attempt())
    give(book, payment, verdict)
    assert book.actions == [asked(kind, "pay_py_1")]


@pytest.mark.parametrize("asked_for", [2999, 3000])
def test_what_was_asked_for_at_the_gateway_is_what_must_come(asked_for: int) -> None:
    payment = a_payment(3000, asked=asked_for)
    book = a_book(payment, an_attempt(3000))
    judge_all(book)
    enough = asked_for == 3000
    assert payment.disposition is (Disposition.COVERING if enough else Disposition.UNDERPAID)


def test_a_surplus_is_asked_about_by_its_payment() -> None:
    payment = a_payment(2901)
    book = a_book(payment, an_attempt())
    give(book, payment, Disposition.COVERING)
    assert book.actions == [asked(ActionKind.OVERPAID, "pay_py_1")]


def test_what_settles_itself_says_how() -> None:
    lines = (a_line("lin_1", 2900), a_line("lin_2", 1500))
    part, rest = a_refund(1000), a_refund(3400, "ref_2", state=RefundStatus.FAILED)
    lost = a_dispute(1500, "lost")
    book = a_paid_book(*lines, part, rest, lost, order=an_order(4400))
    book.act(ActionKind.REFUND_REQUESTED, "ord_1", book.payments[0])
    assert ways(book) == {"ref_1": (None, None), "dis_1": (None, None), "ord_1": (None, None)}
    rest.state = RefundStatus.SUCCEEDED
    lost.amount = 4400
    derive(book)
    assert ways(book) == {
        "ref_1": ("assign", "by itself"),
        "dis_1": ("assign", "by itself"),
        "ord_1": ("refund", "given back"),
    }
    part.state = rest.state = RefundStatus.FAILED
    for action in book.actions:
        action.open_key = 1
    lost.state = DisputeState.WON
    derive(book)
    assert ways(book)["ref_1"] == ("keep", "it failed")
    assert ways(book)["dis_1"] == ("keep", "not lost")


def ways(book: Book) -> dict[str, tuple[str | None, str | None]]:
    """How each entry was decided, by its subject."""
    return {one.subject: (one.choice, one.resolution) for one in book.actions}


def test_a_gift_that_waits_is_asked_about_and_its_money_stays() -> None:
    given = a_line(beneficiary_id="usr_2")
    book = a_paid_book(given)
    ask_about_standby(book, "lin_1")
    assert book.actions == [asked(ActionKind.GIFT_STANDBY, "lin_1")]
    book = a_paid_book(a_line(beneficiary_id="usr_2"))
    take_outcomes(book, {"lin_1": Outcome.STANDBY}, refund_duplicates=True)
    assert (book.actions, book.refunds) == ([asked(ActionKind.GIFT_STANDBY, "lin_1")], [])


def test_a_line_that_keeps_its_money_does_not_hide_the_next() -> None:
    lines = (a_line("lin_1", 2900, allow_repeat=True), a_line("lin_2", 1))
    book = a_paid_book(*lines, order=an_order(2901))
    outcomes = {"lin_1": Outcome.STANDBY, "lin_2": Outcome.STANDBY}
    take_outcomes(book, outcomes, refund_duplicates=True)
    assert [(one.key, one.amount) for one in book.refunds] == [("rf:dup:lin_2", 1)]


def test_a_refund_that_begins_by_itself_is_written_whole() -> None:
    paid = a_payment(disposition=Disposition.DUPLICATE, **THERE)
    before = a_refund(100, origin="store", key="rf:1", state=RefundStatus.FAILED, **THERE)
    book = a_book(paid, before, an_attempt(**THERE))
    return_duplicates(book, refund_duplicates=True)
    assert book.refunds == [
        before,
        RefundFacts(
            id="ref_new1",
            payment_id="pay_py_1",
            ref=None,
            amount=2900,
            currency="USD",
            state=RefundStatus.REQUESTED,
            origin="store",
            key="rf:dup:pay_py_1",
            created_at=NOON,
            reason="duplicate",
            assigned=True,
            next_check_at=NOON,
            **THERE,
        ),
    ]


# What kinds hear.


def test_lines_are_shown_whole() -> None:
    policy = AccessPolicy(partial_refund=Effect.REVOKE)
    line = a_line(beneficiary_id="usr_2", allow_repeat=True, product_id="prd_7")
    book = a_paid_book(line, order=an_order(policy=policy))
    assert sold_lines(book) == [
        SoldLine(
            id="lin_1",
            order_id="ord_1",
            kind=Kind.PRODUCT,
            product_id="prd_7",
            buyer_id="usr_1",
            beneficiary_id="usr_2",
            total=2900,
            order_total=2900,
            allow_repeat=True,
            policy=policy,
            payment_id="pay_py_1",
        )
    ]


@pytest.mark.parametrize("field", ["expired_at", "canceled_at"])
def test_that_nothing_was_paid_is_told_whole(field: str) -> None:
    ended: dict[str, Any] = {field: LATER}
    book = a_book(order=an_order(**ended))
    derive(book)
    state = field.removesuffix("_at")
    assert causes(book) == [Cause("lin_1", "ord_1", "order", state, amount=0, at=NOON)]


@pytest.mark.parametrize("received", [None, LATER])
def test_what_became_of_money_is_told_whole(received: datetime | None) -> None:
    refund = a_refund(
        1000, access=Effect.KEEP, actor="usr_9", reason="broken", lines={"lin_1": 1000}
    )
    dispute = a_dispute(700, "won", ticket=4, changed_at=LATER)
    book = a_paid_book(refund, dispute, a_payment(received_at=received))
    assert causes(book) == [
        Cause("lin_1", "pay_py_1", "payment", "succeeded", amount=2900, at=received or NOON),
        Cause(
            "lin_1",
            "ref_1",
            "refund",
            "succeeded",
            amount=1000,
            at=NOON,
            access=Effect.KEEP,
            actor="usr_9",
            reason="broken",
        ),
        Cause("lin_1", "dis_1", "dispute", "won", amount=700, at=LATER, ticket=4),
    ]
