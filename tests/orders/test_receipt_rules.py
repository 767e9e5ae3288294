"""Decisions about receipts: what a document says, made of the facts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from digistore.ids import OrderId, OrderLineId, ProductId, ReceiptId, UserId
from digistore.money import Money
from digistore.orders.kinds import Kind
from digistore.orders.models import Consent, Order, OrderLine, OrderState
from digistore.orders.receipts.models import (
    DocumentKind,
    PrintedConsent,
    PrintedLine,
    PrintedParty,
    PrintedTax,
    ReceiptDocument,
)
from digistore.orders.receipts.rules import (
    Heading,
    credit_note_of,
    debit_note_of,
    number_of,
    receipt_of,
    series_of,
    taxes_of,
)
from digistore.orders.service.settling import GivenBack, Takings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SELLER, BUYER = PrintedParty(name="Ada Lovelace"), PrintedParty(name="Grace Hopper")
ORDER_ID = OrderId("ord_1")
AGREED = {"kind": "terms", "text": "I agree.", "accepted_at": NOON, "locale": "en"}


def usd(cents: int) -> Money:
    return Money.from_minor(cents, "USD")


BOOK = OrderLine(
    id=OrderLineId("oln_1"),
    order_id=ORDER_ID,
    kind=Kind.PRODUCT,
    product_id=ProductId("prd_1"),
    beneficiary_id=UserId("usr_1"),
    title="Book",
    unit_price=usd(2900),
    discount=usd(290),
    tax=usd(417),
    tax_rate="19",
    tax_reason="standard",
    total=usd(2610),
)
SONG = OrderLine(
    id=OrderLineId("oln_2"),
    order_id=ORDER_ID,
    kind=Kind.PRODUCT,
    product_id=ProductId("prd_2"),
    beneficiary_id=UserId("usr_1"),
    title="Song",
    unit_price=usd(1000),
    discount=usd(0),
    tax=usd(65),
    tax_rate="7",
    tax_reason="reduced",
    total=usd(1000),
)
ORDER = Order(
    id=ORDER_ID,
    buyer_id=UserId("usr_1"),
    state=OrderState.PAID,
    lines=(BOOK, SONG),
    currency="USD",
    subtotal=usd(3900),
    discount=usd(290),
    tax=usd(482),
    total=usd(3610),
    tax_inclusive=True,
    consents=(Consent.model_validate(AGREED),),
    livemode=True,
    created_at=NOON,
    expires_at=NOON + HOUR,
)
TAKEN = Takings("stripe", "acct_1", captured=3860, tax=200, received_at=NOON + HOUR)
HEADING = Heading("rcp_1", "R-000001", "usr_9", NOON + 2 * HOUR, SELLER, BUYER)
PRINTED_BOOK = PrintedLine(
    title="Book",
    unit_price=usd(2900),
    discount=usd(290),
    tax=usd(417),
    tax_rate="19",
    tax_reason="standard",
    total=usd(2610),
)
PRINTED_SONG = PrintedLine(
    title="Song",
    unit_price=usd(1000),
    discount=usd(0),
    tax=usd(65),
    tax_rate="7",
    tax_reason="reduced",
    total=usd(1000),
)
RECEIPT = ReceiptDocument(
    id=ReceiptId("rcp_1"),
    kind=DocumentKind.RECEIPT,
    number="R-000001",
    issuer="usr_9",
    order_id=ORDER_ID,
    corrects=None,
    issued_at=NOON + 2 * HOUR,
    livemode=True,
    seller=SELLER,
    buyer=BUYER,
    ordered_at=NOON,
    paid_at=NOON + HOUR,
    method="stripe",
    tax_inclusive=True,
    lines=(PRINTED_BOOK, PRINTED_SONG),
    taxes=(
        PrintedTax(rate="19", reason="standard", net=usd(2193), tax=usd(417)),
        PrintedTax(rate="7", reason="reduced", net=usd(935), tax=usd(65)),
    ),
    subtotal=usd(3900),
    discount=usd(290),
    tax=usd(682),
    gateway_tax=usd(200),
    total=usd(3810),
    paid=usd(3860),
    consents=(PrintedConsent.model_validate(AGREED),),
)
LATER = PrintedParty(name="Ada King"), PrintedParty(name="Grace Murray")
CREDITING = Heading("rcp_2", "C-000001", "house", NOON + 9 * HOUR, *LATER)


# Numbers


@pytest.mark.parametrize(
    ("kind", "number", "live", "tested"),
    [
        (DocumentKind.RECEIPT, 1, "R-000001", "TEST-R-000001"),
        (DocumentKind.CREDIT_NOTE, 20, "C-000020", "TEST-C-000020"),
        (DocumentKind.DEBIT_NOTE, 1_234_567, "D-1234567", "TEST-D-1234567"),
    ],
)
def test_a_number_names_its_kind_and_test_money(
    kind: DocumentKind, number: int, live: str, tested: str
) -> None:
    assert number_of(kind, number, livemode=True) == live
    assert number_of(kind, number, livemode=False) == tested


def test_each_kind_has_a_series_and_test_money_its_own() -> None:
    series = [series_of(kind, livemode=live) for live in (True, False) for kind in DocumentKind]
    assert series == [
        *("receipt", "credit_note", "debit_note"),
        *("test_receipt", "test_credit_note", "test_debit_note"),
    ]


# Receipts


def test_a_receipt_says_what_was_sold_to_whom_and_what_was_taken() -> None:
    assert receipt_of(ORDER, TAKEN, HEADING) == RECEIPT


def test_a_receipt_of_test_money_and_prices_without_tax_says_so() -> None:
    order = ORDER.model_copy(update={"livemode": False, "tax_inclusive": False, "consents": ()})
    changed = {"livemode": False, "tax_inclusive": False, "consents": ()}
    assert receipt_of(order, TAKEN, HEADING) == RECEIPT.model_copy(update=changed)


@pytest.mark.parametrize(
    ("captured", "tax", "total"),
    [
        (3610, 0, 3610),
        (3611, 0, 3610),  # a surplus is none of it
        (3610, 200, 3610),  # the prices contain the gateway's tax
        (3609, 200, 3610),
        (3611, 200, 3611),
        (3810, 200, 3810),
        (3811, 200, 3810),
    ],
)
def test_what_the_gateway_added_as_tax_is_part_of_the_total_and_a_surplus_is_not(
    captured: int, tax: int, total: int
) -> None:
    printed = receipt_of(ORDER, replace(TAKEN, captured=captured, tax=tax), HEADING)
    told = {
        "total": usd(total),
        "paid": usd(captured),
        "tax": usd(482 + tax),
        "gateway_tax": usd(tax),
    }
    assert printed == RECEIPT.model_copy(update=told)


@pytest.mark.parametrize(
    ("gateway", "account", "method"),
    [
        ("stripe", "acct_1", "stripe"),
        ("free", "", "free"),
        ("external", "bank_transfer", "bank_transfer"),
    ],
)
def test_money_from_elsewhere_is_printed_by_its_method_other_money_by_its_gateway(
    gateway: str, account: str, method: str
) -> None:
    printed = receipt_of(ORDER, replace(TAKEN, gateway=gateway, account=account), HEADING)
    assert printed == RECEIPT.model_copy(update={"method": method})


# Taxes


def taxed(rate: str | None, reason: str, total: int, tax: int) -> PrintedLine:
    changed = {"tax_rate": rate, "tax_reason": reason, "total": usd(total), "tax": usd(tax)}
    return PRINTED_BOOK.model_copy(update=changed)


@pytest.mark.parametrize(
    ("lines", "taxes"),
    [
        ([], []),
        ([(None, "none", 100, 0)], []),
        ([("0", "none", 100, 0)], [("0", "none", 100, 0)]),
        ([(None, "reverse_charge", 100, 0)], [(None, "reverse_charge", 100, 0)]),
        (
            [("19", "standard", 119, 19), ("19", "standard", 238, 38)],
            [("19", "standard", 300, 57)],
        ),
        (
            [("7", "a", 107, 7), (None, "none", 5, 0), ("19", "a", 119, 19), ("7", "b", 214, 14)],
            [("7", "a", 100, 7), ("19", "a", 100, 19), ("7", "b", 200, 14)],
        ),
    ],
)
def test_tax_is_added_up_by_rate_and_reason_and_none_says_nothing(
    lines: Sequence[tuple[str | None, str, int, int]],
    taxes: Sequence[tuple[str | None, str, int, int]],
) -> None:
    assert taxes_of(taxed(*line) for line in lines) == tuple(
        PrintedTax(rate=rate, reason=reason, net=usd(net), tax=usd(tax))
        for rate, reason, net, tax in taxes
    )


# Money back


def back(amount: int, **lines: tuple[int, int]) -> GivenBack:
    named = {f"oln_{name[-1]}": parts for name, parts in lines.items()}
    return GivenBack("rfd_1", "succeeded", amount, assigned=True, at=NOON + 5 * HOUR, lines=named)


def credited(refund: GivenBack, *before: ReceiptDocument) -> ReceiptDocument | None:
    return credit_note_of(ORDER, RECEIPT, before, refund, CREDITING)


def returned(line: PrintedLine, amount: int, tax: int) -> PrintedLine:
    money = {"unit_price": amount, "discount": 0, "tax": tax, "total": amount}
    return line.model_copy(update={name: usd(cents) for name, cents in money.items()})


def test_a_credit_note_says_what_of_which_lines_went_back() -> None:
    assert credited(back(1050, line_1=(600, 96), line_2=(400, 26))) == ReceiptDocument(
        id=ReceiptId("rcp_2"),
        kind=DocumentKind.CREDIT_NOTE,
        number="C-000001",
        issuer="house",
        order_id=ORDER_ID,
        corrects="R-000001",
        issued_at=NOON + 9 * HOUR,
        livemode=True,
        seller=LATER[0],
        buyer=LATER[1],
        ordered_at=NOON,
        paid_at=NOON + 5 * HOUR,
        method="stripe",
        tax_inclusive=True,
        lines=(returned(PRINTED_BOOK, 600, 96), returned(PRINTED_SONG, 400, 26)),
        taxes=(
            PrintedTax(rate="19", reason="standard", net=usd(504), tax=usd(96)),
            PrintedTax(rate="7", reason="reduced", net=usd(374), tax=usd(26)),
        ),
        subtotal=usd(1000),
        discount=usd(0),
        tax=usd(96 + 26 + 55),
        gateway_tax=usd(55),  # 200 * 1050 / 3810
        total=usd(1050),
        paid=usd(1050),
        consents=(),
    )


def test_where_tax_is_not_in_the_prices_a_line_goes_back_without_it() -> None:
    receipt = RECEIPT.model_copy(update={"tax_inclusive": False})
    note = credit_note_of(ORDER, receipt, (), back(400, line_2=(400, 26)), CREDITING)
    assert note is not None
    assert note.subtotal == usd(374)
    assert note.lines == (
        PRINTED_SONG.model_copy(
            update={"unit_price": usd(374), "tax": usd(26), "total": usd(400)},
        ),
    )


def totals(note: ReceiptDocument | None) -> tuple[int, int] | None:
    """Return what a credit note is over, and how much of the gateway's tax is in it."""
    return (note.total.amount, note.gateway_tax.amount) if note else None


WHOLE = {"line_1": (2610, 417), "line_2": (1000, 65)}


@pytest.mark.parametrize(
    ("refund", "told"),
    [
        (back(50), (50, 3)),  # of what the gateway added, which is on no line
        (back(250), (200, 10)),  # the rest was a surplus
        (back(1000, line_2=(1000, 65)), (1000, 52)),
        (back(1001, line_2=(1000, 65)), (1001, 53)),
        (back(999, line_2=(1000, 65)), (1000, 52)),
        (back(3610, **WHOLE), (3610, 190)),
        (back(3809, **WHOLE), (3809, 200)),
        (back(3810, **WHOLE), (3810, 200)),
        (back(3860, **WHOLE), (3810, 200)),
        (back(0), None),
    ],
)
def test_what_goes_back_beyond_the_lines_is_credited_as_far_as_tax_was_added(
    refund: GivenBack, told: tuple[int, int] | None
) -> None:
    assert totals(credited(refund)) == told


def test_a_surplus_that_goes_back_is_no_credit() -> None:
    takings = replace(TAKEN, tax=0)
    receipt = receipt_of(ORDER, takings, HEADING)
    assert credit_note_of(ORDER, receipt, (), back(250), CREDITING) is None


def test_what_was_credited_before_is_credited_no_more() -> None:
    first = credited(back(150))
    assert first is not None
    second = credited(back(1250, line_2=(1000, 65)), first)
    assert second is not None
    last = credited(back(2660, line_1=(2610, 417)), first, second)
    assert [totals(note) for note in (first, second, last)] == [
        (150, 8),
        (1050, 55),
        (2610, 137),
    ]
    assert last is not None
    assert credited(back(50), first, second, last) is None


def test_the_last_credit_note_takes_all_of_the_gateways_tax() -> None:
    update = {"lines": (), "taxes": (), "total": usd(3), "gateway_tax": usd(3)}
    receipt = RECEIPT.model_copy(update=update)
    assert totals(credit_note_of(ORDER, receipt, (), back(3), CREDITING)) == (3, 3)


def test_without_tax_of_the_gateway_none_goes_back() -> None:
    receipt = receipt_of(ORDER, replace(TAKEN, captured=3610, tax=0), HEADING)
    note = credit_note_of(ORDER, receipt, (), back(400, line_2=(400, 26)), CREDITING)
    assert note is not None
    assert (note.tax, note.gateway_tax, note.total) == (usd(26), usd(0), usd(400))


def test_a_debit_note_says_the_same_amounts_of_the_credit_note_once_more() -> None:
    note = credited(back(1050, line_1=(600, 96), line_2=(400, 26)))
    assert note is not None
    heading = Heading("rcp_3", "D-000001", "usr_9", NOON + 12 * HOUR, SELLER, BUYER)
    assert debit_note_of(note, heading) == note.model_copy(
        update={
            "id": ReceiptId("rcp_3"),
            "kind": DocumentKind.DEBIT_NOTE,
            "number": "D-000001",
            "issuer": "usr_9",
            "corrects": "C-000001",
            "issued_at": NOON + 12 * HOUR,
            "seller": SELLER,
            "buyer": BUYER,
        }
    )
