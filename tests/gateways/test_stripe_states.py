from __future__ import annotations

import logging
from typing import Any

import pytest

from digistore.gateways import DisputeState, PayState, RefundState
from digistore.gateways.stripe.states import (
    DISPUTE_STATES,
    INTENT_STATES,
    REFUND_STATES,
    dispute_state,
    pay_state,
    refund_state,
)
from digistore.testing.stripe.sdk import documented

INTENTS = sorted(INTENT_STATES)
# status of the session, its payment_status, status of its intent (None: there is none)
CELLS: list[tuple[str, str, str | None, PayState]] = [
    *(("open", "unpaid", intent, PayState.OPEN) for intent in [None, *INTENTS]),
    *(("expired", "unpaid", intent, PayState.EXPIRED) for intent in [None, *INTENTS]),
    *(("complete", "paid", intent, PayState.PAID) for intent in INTENTS),
    ("complete", "no_payment_required", None, PayState.PAID),
    ("complete", "unpaid", "processing", PayState.PENDING),
    ("complete", "unpaid", "requires_action", PayState.PENDING),
    ("complete", "unpaid", "requires_confirmation", PayState.PENDING),
    ("complete", "unpaid", "requires_capture", PayState.PENDING),
    ("complete", "unpaid", "succeeded", PayState.PENDING),
    ("complete", "unpaid", "requires_payment_method", PayState.FAILED),
    ("complete", "unpaid", "canceled", PayState.FAILED),
    # What nobody has documented is never PAID, and never ends anything.
    ("complete", "paid", None, PayState.PENDING),
    ("complete", "unpaid", None, PayState.PENDING),
    ("complete", "unpaid", "a_new_word", PayState.PENDING),
    ("complete", "a_new_word", "succeeded", PayState.PENDING),
    ("a_new_word", "paid", "succeeded", PayState.PENDING),
]


def a_session(status: Any, paid: Any, intent: Any) -> dict[str, Any]:
    expanded = None if intent is None else {"id": "pi_1", "status": intent}
    return {"status": status, "payment_status": paid, "payment_intent": expanded}


@pytest.mark.parametrize(("status", "paid", "intent", "state"), CELLS)
def test_a_session_stands_where_its_words_say(
    status: str, paid: str, intent: str | None, state: PayState
) -> None:
    assert pay_state(a_session(status, paid, intent)) is state


def test_every_documented_word_has_a_cell() -> None:
    assert {cell[0] for cell in CELLS} >= set(documented("checkout.session", "status"))
    assert {cell[1] for cell in CELLS} >= set(documented("checkout.session", "payment_status"))
    assert set(INTENT_STATES) == set(documented("payment_intent", "status"))


@pytest.mark.parametrize("word", [None, 1, True, [], {}, "PAID", ""])
def test_a_word_that_is_none_ends_nothing(word: Any) -> None:
    assert pay_state(a_session(word, "paid", "succeeded")) is PayState.PENDING
    assert pay_state(a_session("complete", word, "succeeded")) is PayState.PENDING
    assert pay_state(a_session("complete", "unpaid", word or "x")) is PayState.PENDING
    assert refund_state(word) is RefundState.PENDING
    assert dispute_state(word) is DisputeState.OPEN


def test_an_intent_that_was_not_expanded_proves_no_payment() -> None:
    session = {"status": "complete", "payment_status": "paid", "payment_intent": "pi_1"}

    assert pay_state(session) is PayState.PENDING


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PENDING),
        ("requires_action", RefundState.PENDING),
        ("succeeded", RefundState.SUCCEEDED),
        ("failed", RefundState.FAILED),
        ("canceled", RefundState.CANCELED),
    ],
)
def test_a_refund_stands_where_its_word_says(status: str, state: RefundState) -> None:
    assert refund_state(status) is state
    assert status in REFUND_STATES


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("warning_needs_response", DisputeState.WARNING),
        ("warning_under_review", DisputeState.WARNING),
        ("warning_closed", DisputeState.CLOSED),
        ("needs_response", DisputeState.OPEN),
        ("under_review", DisputeState.OPEN),
        ("appeal_needs_response", DisputeState.OPEN),
        ("appeal_under_review", DisputeState.OPEN),
        ("won", DisputeState.WON),
        ("lost", DisputeState.LOST),
        ("prevented", DisputeState.PREVENTED),
    ],
)
def test_a_dispute_stands_where_its_word_says(status: str, state: DisputeState) -> None:
    assert dispute_state(status) is state
    assert status in DISPUTE_STATES


def test_the_sdk_knows_no_dispute_that_we_do_not() -> None:
    assert set(documented("dispute", "status")) <= set(DISPUTE_STATES)


def test_an_unknown_word_is_logged_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "digistore.gateways.stripe"):
        refund_state("x" * 10_000)

    assert "unknown status of a refund" in caplog.text
    assert len(caplog.text) < 300
