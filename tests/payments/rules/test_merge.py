"""What is told is taken in by rank and ticket: every cell of the tables."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import pytest

from digistore.gateways import DisputeState, PayState, RefundState
from digistore.money import Money
from digistore.payments.models import PaymentState, RefundStatus
from digistore.payments.rules.merge import (
    ATTEMPT_RANK,
    DISPUTE_CHECK,
    PAYMENT_RANK,
    PENDING_CHECK,
    REFUND_RANK,
    merge,
)
from tests.payments.rules.books import (
    LATER,
    NOON,
    a_book,
    a_dispute,
    a_payment,
    a_refund,
    an_attempt,
    dispute_told,
    refund_told,
    told,
    usd,
)

PAYMENTS = {"pending": "pending", "failed": "failed", "paid": "succeeded"}


# Payments.


@pytest.mark.parametrize("now", list(PaymentState))
@pytest.mark.parametrize("word", PAYMENTS)
def test_a_payment_only_climbs(now: PaymentState, word: str) -> None:
    captured = 2900 if now is PaymentState.SUCCEEDED else 0
    book = a_book(a_payment(captured, state=now), an_attempt())
    merge(book, told(word), 1)
    new = PaymentState(PAYMENTS[word])
    expected = new if PAYMENT_RANK[new] > PAYMENT_RANK[now] else now
    assert book.payments[0].state is expected
    assert book.payments[0].captured == (2900 if expected is PaymentState.SUCCEEDED else 0)
    assert len(book.payments) == 1


@pytest.mark.parametrize("word", PAYMENTS)
def test_a_payment_that_is_not_known_gets_a_row(word: str) -> None:
    book = a_book(an_attempt())
    merge(book, told(word), 1)
    (payment,) = book.payments
    assert payment.state is PaymentState(PAYMENTS[word])
    assert (payment.order_id, payment.ref, payment.asked) == ("ord_1", "py_1", 2900)
    assert payment.received_at == (NOON if word == "paid" else None)


@pytest.mark.parametrize("word", ["open", "expired"])
def test_what_never_became_a_payment_is_none(word: str) -> None:
    for said in (
        told(word),
        told(word, payment_id="py_1"),
        told(word, payment_id="py_1", total=None),
    ):
        book = a_book(an_attempt())
        merge(book, said, 1)
        assert book.payments == []


def test_a_refund_of_a_payment_that_is_not_known_is_kept() -> None:
    book = a_book(an_attempt())
    merge(book, told("open", payment_id="py_1", refunds=(refund_told("succeeded"),)), 1)
    assert book.payments[0].state is PaymentState.PENDING
    assert [refund.amount for refund in book.refunds] == [1000]


def test_a_payment_without_an_order_is_kept_too() -> None:
    book = a_book()
    book.order = None
    merge(book, told("paid"), 0)
    assert book.payments[0].order_id is None


@pytest.mark.parametrize("field", ["gateway", "livemode", "account", "payment_id"])
def test_a_payment_is_known_by_its_whole_key(field: str) -> None:
    other = {"gateway": "other", "livemode": True, "account": "acct_1", "payment_id": "py_2"}
    book = a_book(a_payment(), an_attempt())
    merge(book, told("paid", **{field: other[field]}), 1)
    assert len(book.payments) == 2


@pytest.mark.parametrize(("first", "second"), [(2900, 3000), (3000, 2900)])
def test_the_most_that_was_captured_counts_and_a_change_is_flagged(first: int, second: int) -> None:
    book = a_book(an_attempt())
    for amount in (first, second, second):
        merge(book, told("paid", captured=usd(amount)), 1)
    assert book.payments[0].captured == 3000
    assert [action.kind for action in book.actions] == ["amount_changed"]


def test_more_money_than_was_decided_about_is_asked_about_again() -> None:
    book = a_book(an_attempt())
    for amount in (2900, 3000):
        merge(book, told("paid", captured=usd(amount)), 1)
    (action,) = book.actions
    book.settle_action(action.kind, action.subject, "keep")
    merge(book, told("paid", captured=usd(3000)), 1)
    assert action.open_key is None
    merge(book, told("paid", captured=usd(3100)), 1)
    assert action.open_key == 1


def test_captured_money_never_changes_its_currency() -> None:
    book = a_book(a_payment(), an_attempt())
    merge(book, told("paid", captured=replace_currency(2900)), 1)
    assert (book.payments[0].captured, book.payments[0].currency) == (2900, "USD")
    assert [action.kind for action in book.actions] == ["amount_changed"]


def replace_currency(amount: int) -> object:
    return type(usd(amount)).from_minor(amount, "EUR")


def test_money_on_its_way_is_counted_in_what_arrives_at_last() -> None:
    """A delayed payment that arrived in another currency was booked as nothing captured."""
    book = a_book(an_attempt())
    before = told("pending", refunds=(refund_told("pending"),), disputes=(dispute_told("open"),))
    merge(book, before, 1)
    merge(book, told("paid", captured=replace_currency(2900)), 2)
    assert (book.payments[0].captured, book.payments[0].currency) == (2900, "EUR")
    assert {entry.currency for entry in (*book.refunds, *book.disputes)} == {"EUR"}  # type: ignore[attr-defined]


def test_what_went_back_before_money_arrived_in_another_currency_counts_nothing() -> None:
    """10.00 USD that went back was relabelled, and counted as 10.00 EUR."""
    book = a_book(an_attempt())
    before = told("pending", refunds=(refund_told("pending"),), disputes=(dispute_told("open"),))
    merge(book, before, 1)
    after = replace(before, state=PayState.PAID, captured=eur(2900))
    for ticket in (2, 3):
        merge(book, after, ticket)
    (refund,), (dispute,) = book.refunds, book.disputes
    assert (refund.state, refund.next_check_at) == ("rejected", None)
    assert (dispute.state, dispute.amount, dispute.next_check_at) == ("closed", 0, None)
    assert {action.kind for action in book.actions} == {"wrong_currency_reversal"}
    assert len(book.actions) == 2


def eur(amount: int) -> Money:
    return Money.from_minor(amount, "EUR")


def test_what_goes_back_in_another_currency_is_put_before_an_operator_and_counts_nothing() -> None:
    """49 JPY of a dispute became 49.00 EUR of it."""
    book = a_book(a_payment(), an_attempt())
    refund = replace(refund_told("succeeded"), money=eur(1000))
    dispute = replace(dispute_told("lost"), money=eur(2900))
    for ticket in (1, 2):
        merge(book, told("paid", refunds=(refund,), disputes=(dispute,)), ticket)
        assert (book.refunds, book.disputes) == ([], [])
        assert [action.kind for action in book.actions] == ["wrong_currency_reversal"] * 2
        assert len({action.subject for action in book.actions}) == 2


def test_of_a_known_dispute_nothing_told_in_another_currency_is_taken() -> None:
    known = a_dispute(1000, "open", ticket=1)
    book = a_book(a_payment(), known, an_attempt())
    merge(book, told("paid", disputes=(replace(dispute_told("lost"), money=eur(2900)),)), 2)
    assert (known.state, known.amount, known.currency, known.ticket) == ("open", 1000, "USD", 1)
    assert [action.kind for action in book.actions] == ["wrong_currency_reversal"]


def test_the_same_dispute_about_two_payments_is_asked_about_for_each() -> None:
    book = a_book(a_payment(), a_payment(ref="py_2"), an_attempt())
    dispute = replace(dispute_told("open"), money=eur(2900))
    for ref in ("py_1", "py_2"):
        merge(book, told("paid", payment_id=ref, disputes=(dispute,)), 1)
    assert len({action.payment_id for action in book.actions}) == 2


def test_a_success_without_an_amount_waits_for_it() -> None:
    book = a_book(an_attempt())
    merge(book, told("paid", captured=None), 1)
    assert (book.payments[0].state, book.payments[0].captured) == (PaymentState.SUCCEEDED, 0)


def test_tax_and_fee_are_noted() -> None:
    book = a_book(an_attempt())
    merge(book, told("paid", tax=usd(463), fee=usd(99)), 1)
    merge(book, told("paid", tax=usd(400)), 1)
    assert (book.payments[0].tax, book.payments[0].fee) == (463, 99)


# Attempts.


@pytest.mark.parametrize("now", ATTEMPT_RANK)
@pytest.mark.parametrize("word", list(PayState))
def test_an_attempt_only_climbs(now: str, word: PayState) -> None:
    live = 1 if ATTEMPT_RANK[now] < ATTEMPT_RANK["failed"] else None
    book = a_book(an_attempt(state=now, live_key=live))
    merge(book, told(word, failure="because"), 1)
    (attempt,) = book.attempts
    climbs = ATTEMPT_RANK[word] > ATTEMPT_RANK[now]
    assert attempt.state == (word if climbs else now)
    assert attempt.failure == ("because" if climbs else None)
    if climbs:
        ended = word in {PayState.PAID, PayState.FAILED, PayState.EXPIRED}
        assert attempt.live_key == (None if ended else 1)
        pending = NOON + PENDING_CHECK if word is PayState.PENDING else LATER
        assert attempt.next_check_at == (None if ended else pending)


def test_a_message_may_be_faster_than_the_answer_to_our_call() -> None:
    book = a_book(an_attempt(checkout_id=None, url=None, state="unknown"))
    merge(book, told("open", url="https://pay.example/co_1"), 1)
    (attempt,) = book.attempts
    assert (attempt.checkout_id, attempt.url) == ("co_1", "https://pay.example/co_1")
    assert attempt.next_check_at == LATER


def test_an_attempt_is_known_by_its_checkout_too() -> None:
    book = a_book(an_attempt(id="att_0", checkout_id="co_0"), an_attempt())
    merge(book, told("paid", reference=None), 1)
    assert [attempt.state for attempt in book.attempts] == ["open", "paid"]


def test_an_attempt_without_an_order_has_nothing_to_expire() -> None:
    book = a_book(an_attempt(state="creating"))
    book.order = None
    merge(book, told("open"), 1)
    assert book.attempts[0].state == "open"


# Refunds.


@pytest.mark.parametrize("now", [one for one in RefundStatus if one is not RefundStatus.REJECTED])
@pytest.mark.parametrize("word", list(RefundState))
def test_a_refund_only_climbs(now: RefundStatus, word: RefundState) -> None:
    unsent = now in {RefundStatus.REQUESTED, RefundStatus.UNKNOWN}
    ref = None if unsent else "re_1"
    book = a_book(
        a_payment(), a_refund(1000, state=now, ref=ref, origin="store", key="rf:1"), an_attempt()
    )
    merge(book, told("paid", refunds=(refund_told(word, reference="ref_1"),)), 1)
    (refund,) = book.refunds
    new = RefundStatus(word)
    expected = new if REFUND_RANK[new] > REFUND_RANK[now] else now
    assert (refund.state, refund.ref) == (expected, "re_1")
    waits = expected is RefundStatus.PENDING
    assert (refund.next_check_at is not None) == waits
    assert (refund.succeeded_at is not None) == (expected is RefundStatus.SUCCEEDED)
    failed = {RefundStatus.FAILED, RefundStatus.CANCELED}
    assert (refund.failed_at is not None) == (expected in failed)


@pytest.mark.parametrize("word", list(RefundState))
def test_a_refund_that_is_not_ours_gets_a_row(word: RefundState) -> None:
    book = a_book(a_payment(), an_attempt())
    for _ in range(2):
        merge(book, told("paid", refunds=(refund_told(word, reason="fraud"),)), 1)
    (refund,) = book.refunds
    assert (refund.origin, refund.state, refund.amount) == ("gateway", RefundStatus(word), 1000)
    assert (refund.key, refund.reason) == (None, "fraud")


def test_our_own_refund_is_found_by_its_id_before_its_reference() -> None:
    book = a_book(
        a_payment(),
        a_refund(1000, "ref_1", ref="re_1", state=RefundStatus.PENDING),
        a_refund(500, "ref_2", ref=None, state=RefundStatus.UNKNOWN),
        an_attempt(),
    )
    merge(book, told("paid", refunds=(refund_told("succeeded", reference="ref_2"),)), 1)
    assert [one.state for one in book.refunds] == [RefundStatus.SUCCEEDED, RefundStatus.UNKNOWN]


@pytest.mark.parametrize(
    "known",
    [
        a_refund(1000, state=RefundStatus.REJECTED, ref=None, origin="store", key="rf:1"),
        a_refund(1000, ref="re_0", origin="store", key="rf:1"),
    ],
    ids=["we gave it up", "it is known by another id"],
)
def test_a_second_refund_of_one_reference_is_money_that_went_back_besides(known: object) -> None:
    """It was taken for the one that we know, and nobody ever heard of that money."""
    book = a_book(a_payment(), known, an_attempt())
    merge(book, told("paid", refunds=(refund_told("succeeded", reference="ref_1"),)), 1)
    first, second = book.refunds
    assert first == known
    assert (second.ref, second.origin, second.state) == ("re_1", "gateway", RefundStatus.SUCCEEDED)


def test_a_refund_that_was_asked_about_in_vain_is_asked_about_anew_once_it_pends() -> None:
    waiting = a_refund(
        1000, ref=None, state=RefundStatus.UNKNOWN, tries=5, next_check_at=LATER, origin="store"
    )
    book = a_book(a_payment(), waiting, an_attempt())
    merge(book, told("paid", refunds=(refund_told("pending", reference="ref_1"),)), 1)
    assert (waiting.tries, waiting.next_check_at) == (0, NOON + PENDING_CHECK)
    waiting.next_check_at = LATER
    merge(book, told("paid", refunds=(refund_told("pending", reference="ref_1"),)), 2)
    assert waiting.next_check_at == LATER


# Disputes.


@pytest.mark.parametrize(("now", "word"), list(product(DisputeState, repeat=2)))
@pytest.mark.parametrize("ticket", [4, 5, 6])
def test_of_a_dispute_the_newest_ticket_counts(
    now: DisputeState, word: DisputeState, ticket: int
) -> None:
    book = a_book(a_payment(), a_dispute(state=now, ticket=5), an_attempt())
    merge(book, told("paid", disputes=(dispute_told(word),)), ticket)
    (dispute,) = book.disputes
    stale = ticket < 5
    assert dispute.state is (now if stale else word)
    assert dispute.ticket == max(5, ticket)
    assert dispute.changed_at == NOON


@pytest.mark.parametrize("word", list(DisputeState))
def test_a_dispute_that_is_not_known_gets_a_row(word: DisputeState) -> None:
    book = a_book(a_payment(), an_attempt())
    merge(book, told("paid", disputes=(dispute_told(word, reason="fraud", evidence_due=LATER),)), 3)
    (dispute,) = book.disputes
    assert (dispute.state, dispute.ticket, dispute.reason) == (word, 3, "fraud")
    asked = word in {DisputeState.WARNING, DisputeState.OPEN}
    assert dispute.next_check_at == (NOON + DISPUTE_CHECK if asked else None)
    merge(book, told("paid", disputes=(dispute_told(word),)), 4)
    assert (dispute.reason, dispute.evidence_due) == ("fraud", LATER)
    assert len(book.disputes) == 1


def test_the_most_that_a_dispute_asked_for_counts() -> None:
    book = a_book(a_payment(), an_attempt())
    for ticket, amount in enumerate([1000, 2900, 500], 1):
        merge(book, told("paid", disputes=(dispute_told("open", amount),)), ticket)
    assert book.disputes[0].amount == 2900


def test_a_dispute_that_is_lost_again_keeps_its_lines() -> None:
    lost = a_dispute(1000, "lost", assigned=True, lines={"lin_1"})
    fresh = a_dispute(1000, "open", id="dis_2", ref="dp_2")
    book = a_book(a_payment(), lost, fresh, an_attempt())
    for ticket, word in enumerate(["won", "lost"], 2):
        again = (dispute_told(word, 1000), replace(dispute_told(word, 1000), id="dp_2"))
        merge(book, told("paid", disputes=again), ticket)
    assert (lost.assigned, lost.lines) == (True, {"lin_1"})
    assert (fresh.assigned, fresh.lines) == (False, set())


# All together.


def test_what_a_snapshot_does_not_mention_stays() -> None:
    book = a_book(an_attempt())
    merge(
        book, told("paid", refunds=(refund_told("succeeded"),), disputes=(dispute_told("open"),)), 1
    )
    merge(book, told("paid"), 2)
    assert (len(book.refunds), len(book.disputes)) == (1, 1)


def test_every_order_of_six_snapshots_merges_to_the_same_facts() -> None:
    """With each told twice; ids are drawn anew each time, so they are left out."""
    life = [
        told("open", payment_id="py_1"),
        told("pending"),
        told("paid", refunds=(refund_told("pending"),)),
        told("paid", refunds=(refund_told("failed"),), disputes=(dispute_told("open"),)),
        told("paid", refunds=(refund_told("failed"),), disputes=(dispute_told("lost"),)),
        told("paid", refunds=(refund_told("failed"),), disputes=(dispute_told("won"),)),
    ]
    ends = set()
    for order in permutations(enumerate(life, 1)):
        book = a_book(an_attempt())
        for ticket, said in (*order, *order[::-1]):
            merge(book, said, ticket)
        (payment,), (attempt,) = book.payments, book.attempts
        ends.add(
            (
                (payment.state, payment.captured, payment.currency, payment.asked),
                (attempt.state, attempt.live_key),
                tuple((one.ref, one.state, one.amount) for one in book.refunds),
                tuple((one.ref, one.state, one.ticket) for one in book.disputes),
                len(book.actions),
            )
        )
    assert len(ends) == 1
