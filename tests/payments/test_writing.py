"""What is written of a changed book: differences alone, facts before what points at them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import Delete, Insert, Update

from digistore.audit import Change
from digistore.database import Call, Statement
from digistore.gateways import DisputeState
from digistore.payments.book import ActionFacts, Book, RedemptionFacts
from digistore.payments.models import ActionKind, Disposition, PaymentState
from digistore.payments.writing import bump_versions, differences, look_at, told_of
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

VERBS = {Insert: "insert", Update: "update", Delete: "delete"}


def said(statement: Statement) -> tuple[str, str, dict[str, Any]]:
    """Tell a statement by what it does, to which table, with which values."""
    if isinstance(statement, Call):
        written: Any = statement.prepared.statement
        values = dict(statement.values)
    else:
        written = statement
        values = written.compile().params
    table = written.table.name.removeprefix("digistore_")
    verb = next(verb for kind, verb in VERBS.items() if isinstance(written, kind))
    return verb, table, values


def stored(*entries: Any) -> Book:
    told = {ActionFacts, RedemptionFacts}
    book = a_book(*(one for one in entries if type(one) not in told))
    book.actions += [one for one in entries if isinstance(one, ActionFacts)]
    book.redemption = next((one for one in entries if isinstance(one, RedemptionFacts)), None)
    book.remember()
    return book


def written(book: Book) -> list[tuple[str, str, dict[str, Any]]]:
    return [said(one) for one in differences(book)]


def row(entry: Any, *apart: str) -> dict[str, Any]:
    names = [one.name for one in fields(entry) if one.name not in apart]
    return {name: getattr(entry, name) for name in names}


def ids_in(values: dict[str, Any]) -> set[str]:
    return {value for value in values.values() if isinstance(value, str)}


def an_action() -> ActionFacts:
    return ActionFacts("act_1", ActionKind.REFUND_FAILED, "ref_1", "ord_1", "pay_py_1", NOON)


def a_redemption(state: str = "used") -> RedemptionFacts:
    return RedemptionFacts("rdm_1", "dsc_1", "usr_1", state, NOON, None)


def test_what_is_stored_is_not_written_again() -> None:
    entries = (a_line(), an_attempt(), a_payment(), a_refund(5, lines={"lin_1": 5}), a_dispute())
    assert written(stored(*entries, an_action(), a_redemption())) == []


def test_what_is_new_is_inserted_whole_and_in_the_order_of_its_keys() -> None:
    book = stored()
    refund = a_refund(5, lines={"lin_1": 5}, taxes={"lin_1": 1})
    dispute = a_dispute(lines={"lin_2", "lin_1"})
    payment, action = a_payment(), an_action()
    book.actions.append(action)
    book.disputes.append(dispute)
    book.refunds.append(refund)
    book.payments.append(payment)
    part = {"refund_id": "ref_1", "order_line_id": "lin_1", "amount": 5, "tax": 1}
    assert written(book) == [
        ("insert", "payments", row(payment)),
        ("insert", "refunds", row(refund, "lines", "taxes")),
        ("insert", "refund_lines", part),
        ("insert", "disputes", row(dispute, "lines")),
        ("insert", "dispute_lines", {"dispute_id": "dis_1", "order_line_id": "lin_1"}),
        ("insert", "dispute_lines", {"dispute_id": "dis_1", "order_line_id": "lin_2"}),
        ("insert", "payment_actions", row(action)),
    ]


def test_of_what_has_changed_the_changes_alone_are_written() -> None:
    book = stored(a_line(), an_attempt(), a_payment(), a_refund(5), a_dispute(), an_action())
    assert book.order is not None
    book.order.state = "paid"
    book.order.paid_at = LATER
    book.lines[0].open_key = None
    book.attempts[0].live_key = None
    book.payments[0].captured = 7
    book.refunds[0].reason = "asked"
    book.disputes[0].state = DisputeState.WON
    book.actions[0].open_key = None
    assert written(book) == [
        ("update", "orders", {"id_": "ord_1", "state": "paid", "paid_at": LATER}),
        ("update", "order_lines", {"id_": "lin_1", "open_key": None}),
        ("update", "payment_attempts", {"id_": "att_1", "live_key": None}),
        ("update", "payments", {"id_": "pay_py_1", "captured": 7}),
        ("update", "refunds", {"id_": "ref_1", "reason": "asked"}),
        ("update", "disputes", {"id_": "dis_1", "state": DisputeState.WON}),
        ("update", "payment_actions", {"id_": "act_1", "open_key": None}),
    ]


def test_a_split_is_written_part_by_part_where_it_differs() -> None:
    lines = {"gone": 1, "same": 2, "more": 3, "taxed": 4, "untaxed": 6}
    book = stored(a_refund(16, lines=lines, taxes={"same": 1, "untaxed": 1}))
    refund = book.refunds[0]
    refund.lines = {"same": 2, "more": 4, "taxed": 4, "untaxed": 6, "new": 5}
    refund.taxes = {"same": 1, "taxed": 2}
    parts = [
        (verb, values["order_line_id"], values.get("amount"), values.get("tax"))
        for verb, table, values in written(book)
        if table == "refund_lines" and values["refund_id"] == "ref_1"
    ]
    assert parts == [
        ("delete", "gone", None, None),
        ("delete", "more", None, None),
        ("delete", "taxed", None, None),
        ("delete", "untaxed", None, None),
        ("insert", "more", 4, 0),
        ("insert", "taxed", 4, 2),
        ("insert", "untaxed", 6, 0),
        ("insert", "new", 5, 0),
    ]
    assert len(written(book)) == len(parts)


def test_a_dispute_takes_each_line_once() -> None:
    book = stored(a_dispute(lines={"lin_1"}))
    book.disputes[0].lines = {"lin_1", "lin_3", "lin_2"}
    assert written(book) == [
        ("insert", "dispute_lines", {"dispute_id": "dis_1", "order_line_id": name})
        for name in ("lin_2", "lin_3")
    ]


THEIR_COUNTERS = [
    ("update", "discounts", {"dsc_1"}),
    ("update", "discount_customers", {"dsc_1", "usr_1"}),
]
AND_WHETHER_IT_IS_TOO_MUCH = ("update", "redemptions", {"rdm_1", "dsc_1", "usr_1"})


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ("reserved", "used", []),
        ("reserved", "released", THEIR_COUNTERS),
        ("released", "used", [*THEIR_COUNTERS, AND_WHETHER_IT_IS_TOO_MUCH]),
    ],
)
def test_the_counters_follow_a_redemption(before: str, after: str, moved: list[Any]) -> None:
    book = stored(a_redemption(before))
    assert book.redemption is not None
    book.redemption.state = after
    first, *others = written(book)
    assert first == ("update", "redemptions", {"id_": "rdm_1", "state": after})
    assert [(verb, table, ids_in(values)) for verb, table, values in others] == moved


def test_each_payment_that_has_changed_gets_its_next_version() -> None:
    old, new = a_payment(ref="old", version=1), a_payment(ref="new")
    book = stored(old, a_payment(ref="same", version=1))
    old.state = PaymentState.FAILED
    book.payments.append(new)
    assert bump_versions(book) == [
        Change("payment", "pay_old", 2, told_of(old)),
        Change("payment", "pay_new", 1, told_of(new)),
    ]
    assert [one.version for one in book.payments] == [2, 1, 1]


def test_the_audit_keeps_what_decides_of_a_payment() -> None:
    sums: dict[str, Any] = {"own_refunds": 1, "gateway_refunds": 2, "disputed": 3}
    payment = a_payment(10, disposition=Disposition.COVERING, **sums)
    decided = {"state": PaymentState.SUCCEEDED, "captured": 10, "disposition": Disposition.COVERING}
    assert told_of(payment) == decided | sums


def test_a_message_that_nobody_works_is_looked_at() -> None:
    compiled = look_at("evt_1", NOON).compile()
    assert " ".join(str(compiled).split()) == (
        "UPDATE digistore_provider_events SET next_check_at=:next_check_at "
        "WHERE digistore_provider_events.id = :id_1 "
        "AND digistore_provider_events.status = :status_1 "
        "AND digistore_provider_events.next_check_at IS NULL"
    )
    assert compiled.params == {"next_check_at": NOON, "id_1": "evt_1", "status_1": "received"}
