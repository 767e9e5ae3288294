"""Receipts: drawn once for what is paid, without a gap, and never changed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from digistore import SYSTEM, Billing, Consent, Money
from digistore.errors import Invalid, NotFound
from digistore.events import OrderPaid
from digistore.orders import Checkout, DocumentKind, Receipt, ReceiptDocument
from digistore.settings import LegalEntity, Settings
from tests.conftest import RETURN, Shop
from tests.past import connection_to
from tests.payments.asking import action, record, usd

HOUSE = LegalEntity(
    name="House Ltd", country="IE", address="1 Quay\nDublin", tax_id="IE1", registration="CRO 7"
)
SELLER = LegalEntity(name="Ada Lovelace", country="DE", email="books@example.com")
BILLING = Billing(
    name="Grace Hopper",
    country="FR",
    company="Cobol SARL",
    address="2 Rue\nParis",
    tax_id="FR2",
    evidence=("billing address: FR", "IP address: FR"),
)
AGREED = Consent(
    kind="immediate_access",
    text="I want it now and know that I lose my right of withdrawal.",
    accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
    locale="en",
)


def receipt(shop: Shop, checkout: Checkout) -> Receipt:
    shop.store.run_due()
    return shop.store.orders.receipt(SYSTEM, checkout.order)


def document(shop: Shop, checkout: Checkout) -> ReceiptDocument:
    found = receipt(shop, checkout).document
    assert found is not None
    return found


def corrections(shop: Shop, checkout: Checkout) -> list[tuple[str, str, str | None]]:
    found = receipt(shop, checkout).corrections
    return [(one.number, str(one.total), one.corrects) for one in found]


def test_a_sale_gets_a_receipt_with_a_number(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    found = receipt(shop, checkout)
    assert found.number == "TEST-R-000001"
    printed = found.document
    assert printed is not None
    assert (printed.kind, printed.total, printed.paid) == (
        DocumentKind.RECEIPT,
        usd("29.00"),
        usd("29.00"),
    )
    assert [(line.title, line.total) for line in printed.lines] == [("Async Python", usd("29.00"))]
    assert (printed.order_id, printed.method, printed.corrects) == (
        checkout.order.id,
        "sandbox",
        None,
    )
    assert found.corrections == ()


def test_before_its_number_is_drawn_a_receipt_is_data_and_no_document(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    found = shop.store.orders.receipt(shop.buyer, checkout.order)
    assert (found.number, found.document, found.net) == (None, None, usd("29.00"))
    for print_it in (found.html, found.pdf):
        with pytest.raises(NotFound, match="run_due"):
            print_it()


def test_reading_a_receipt_writes_nothing(shop: Shop) -> None:
    """R4: also where nobody has drawn its number."""
    checkout = shop.buy(shop.product())
    shop.store.orders.receipt(shop.buyer, checkout.order)
    assert shop.count("receipts") == shop.count("receipt_counters") == 0


def test_an_unpaid_order_gets_neither_receipt_nor_number(shop: Shop) -> None:
    open_ = shop.checkout(shop.product("Open"))
    on_its_way = shop.checkout(shop.product("On its way"))
    shop.deliver(shop.sandbox.pay(on_its_way, "delayed"))
    short = shop.checkout(shop.product("Short"))
    shop.deliver(shop.sandbox.pay(short, amount=usd("1.00")))
    shop.store.run_due()
    assert shop.count("receipts") == shop.count("receipt_counters") == 0
    for checkout in (open_, on_its_way, short):
        with pytest.raises(NotFound):
            shop.store.orders.receipt(shop.buyer, checkout.order)


def test_it_is_one_however_often_its_event_is_told(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    first = document(shop, checkout)
    with connection_to(shop.store) as connection:
        connection.exec_driver_sql(
            "UPDATE digistore_deliveries SET state = 'due', delivered_at = NULL, next_check_at = 0"
        )
    assert shop.store.run_due().receipts == 0
    assert document(shop, checkout) == first
    assert shop.rows("SELECT last FROM digistore_receipt_counters") == [(1,)]


def test_a_free_sale_gets_one_over_nothing(shop: Shop) -> None:
    printed = document(shop, shop.buy(shop.product(price=usd("0.00"))))
    assert (printed.number, printed.total, printed.paid, printed.method) == (
        "TEST-R-000001",
        usd("0.00"),
        usd("0.00"),
        "free",
    )


def test_money_from_elsewhere_gets_one_that_names_its_method(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    record(shop, checkout, usd("29.00"))
    assert document(shop, checkout).method == "bank_transfer"
    shop.store.payments.record_refund(
        SYSTEM,
        checkout.order,
        amount=usd("9.00"),
        reference="back",
        returned_at=shop.clock(),
        reason="a rebate",
    )
    assert corrections(shop, checkout) == [("TEST-C-000001", "9.00 USD", "TEST-R-000001")]


def test_a_late_payment_gets_one_once_it_is_accepted(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    shop.deliver(shop.sandbox.clear(checkout, ok=False))
    shop.store.orders.cancel(shop.buyer, checkout.order)
    record(shop, checkout, usd("29.00"))
    shop.store.run_due()
    assert shop.count("receipts") == 0
    shop.store.payments.resolve(SYSTEM, action(shop, "late"), choice="accept", reason="fine")
    assert document(shop, checkout).number == "TEST-R-000001"


def test_a_surplus_is_on_it_and_its_return_is_no_credit(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, amount=usd("35.00")))
    printed = document(shop, checkout)
    assert (printed.total, printed.paid) == (usd("29.00"), usd("35.00"))
    shop.store.payments.resolve(SYSTEM, action(shop, "overpaid"), choice="refund", reason="x")
    assert corrections(shop, checkout) == []


def test_a_second_payment_has_no_receipt_and_its_return_no_credit_note(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    record(shop, checkout, usd("29.00"))
    shop.deliver(shop.sandbox.clear(checkout))
    shop.store.run_due()
    shop.store.run_due()
    assert shop.count("refunds", "state = 'succeeded'") == 1
    assert corrections(shop, checkout) == []
    assert shop.count("receipts") == 1


# Money back


def test_each_refund_gets_a_credit_note_with_a_number_of_its_own(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    refund = shop.store.payments.refund
    refund(shop.seller, checkout.order, amount=usd("9.00"), reason="a rebate")
    before = document(shop, checkout)
    refund(shop.seller, checkout.order, reason="the rest")
    assert corrections(shop, checkout) == [
        ("TEST-C-000001", "9.00 USD", "TEST-R-000001"),
        ("TEST-C-000002", "20.00 USD", "TEST-R-000001"),
    ]
    assert document(shop, checkout) == before  # what was issued never changes
    assert receipt(shop, checkout).net == usd("0.00")


def test_a_refund_that_came_before_the_receipt_still_gets_both(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    shop.store.payments.refund(shop.seller, checkout.order, reason="at once")
    assert corrections(shop, checkout) == [("TEST-C-000001", "29.00 USD", "TEST-R-000001")]


def test_a_refund_at_the_provider_is_credited_once_somebody_says_of_what(shop: Shop) -> None:
    book, song = shop.product("Book"), shop.product("Song", usd("19.00"))
    checkout = shop.store.orders.checkout(shop.buyer, [book, song], return_url=RETURN)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.deliver(shop.sandbox.dashboard_refund(checkout, usd("5.00")))
    assert corrections(shop, checkout) == []
    shop.store.payments.resolve(
        SYSTEM,
        action(shop, "unassigned_reversal"),
        choice="assign",
        reason="the song",
        lines=[checkout.order.lines[1]],
    )
    (note,) = receipt(shop, checkout).corrections
    assert [(line.title, line.total) for line in note.lines] == [("Song", usd("5.00"))]


def test_a_refund_that_fails_before_its_credit_note_leaves_nothing(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    shop.store.payments.refund(shop.seller, checkout.order, reason="no")
    shop.deliver(shop.sandbox.fail_refund(checkout))
    assert corrections(shop, checkout) == []


def test_a_refund_that_fails_after_its_credit_note_gets_a_debit_note(shop: Shop) -> None:
    """A credit note is never deleted: what takes it back is a document with its own number."""
    checkout = shop.buy(shop.product())
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("9.00"), reason="no")
    (credit,) = receipt(shop, checkout).corrections
    shop.clock.go(hours=1)
    shop.deliver(shop.sandbox.fail_refund(checkout))
    for _ in range(2):
        assert corrections(shop, checkout) == [
            ("TEST-C-000001", "9.00 USD", "TEST-R-000001"),
            ("TEST-D-000001", "9.00 USD", "TEST-C-000001"),
        ]
    assert receipt(shop, checkout).corrections[0] == credit
    assert receipt(shop, checkout).net == usd("29.00")
    shop.clock.go(hours=1)
    shop.store.payments.refund(shop.seller, checkout.order, reason="again, all of it")
    assert corrections(shop, checkout)[2:] == [("TEST-C-000002", "29.00 USD", "TEST-R-000001")]


# Who issues, and what stands on it


def test_it_bears_the_sellers_legal_data_and_the_buyers_billing(shop: Shop) -> None:
    shop.store.users.set_legal_entity(shop.seller, shop.seller, SELLER)
    printed = document(shop, shop.buy(shop.product(), billing=BILLING, consents=[AGREED]))
    assert printed.issuer == shop.seller.id
    assert (printed.seller.name, printed.seller.country) == ("Ada Lovelace", "DE")
    assert (printed.buyer.name, printed.buyer.company, printed.buyer.tax_id) == (
        "Grace Hopper",
        "Cobol SARL",
        "FR2",
    )
    assert [one.text for one in printed.consents] == [AGREED.text]


def test_what_is_said_of_the_seller_later_changes_no_receipt(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    before = document(shop, checkout)
    assert before.seller.email == "seller@example.com"
    shop.store.users.set_legal_entity(shop.operator, shop.seller, SELLER)
    assert document(shop, checkout) == before
    later = document(shop, shop.buy(shop.product("Another")))
    assert (later.seller.name, later.number) == ("Ada Lovelace", "TEST-R-000002")


def test_the_house_issues_for_its_own_products(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(legal_entity=HOUSE)
    printed = document(shop, shop.buy(shop.product(seller=shop.operator)))
    assert (printed.issuer, printed.seller.registration) == ("house", "CRO 7")


def test_the_house_may_issue_for_all(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(legal_entity=HOUSE, receipt_issuer="house")
    printed = document(shop, shop.buy(shop.product()))
    assert (printed.issuer, printed.seller.tax_id) == ("house", "IE1")


def test_each_issuer_counts_by_itself(shop: Shop) -> None:
    other = shop.new_seller("other@example.com")
    sold = [shop.product("One"), shop.product("Two", seller=other), shop.product("Three")]
    found = [document(shop, shop.buy(one)).number for one in sold]
    assert found == ["TEST-R-000001", "TEST-R-000001", "TEST-R-000002"]


def test_a_correction_is_issued_by_who_issued_the_receipt(
    open_store: Callable[..., Any], sandbox: Any, clock: Any
) -> None:
    shop = Shop(open_store(), sandbox, clock)
    checkout = shop.buy(shop.product())
    issuer = document(shop, checkout).issuer
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    shop.store = open_store(settings=Settings(receipt_issuer="house"))
    assert {one.issuer for one in receipt(shop, checkout).corrections} == {issuer}


def test_numbers_and_times_run_the_same_way(shop: Shop) -> None:
    """A worker whose clock is behind cannot date a later number before an earlier one."""
    first = document(shop, shop.buy(shop.product("One")))
    shop.clock.go(hours=-1)
    second = document(shop, shop.buy(shop.product("Two")))
    assert second.issued_at >= first.issued_at


def test_a_host_may_take_the_same_events(shop: Shop) -> None:
    told: list[OrderPaid] = []
    checkout = shop.buy(shop.product())
    shop.store.run_due()  # issues the receipt; the host's handler comes later
    shop.store.on(OrderPaid, told.append, name="mail")
    shop.store.run_due()
    assert [event.order_id for event in told] == [checkout.order.id]
    with pytest.raises(Invalid):
        shop.store.on(OrderPaid, told.append, name="digistore.receipts")


# Who sells, before the law


def test_a_legal_entity_is_kept_and_told_again_writes_nothing(shop: Shop) -> None:
    users = shop.store.users
    assert users.legal_entity(shop.seller, shop.seller) is None
    assert users.set_legal_entity(shop.seller, shop.seller, SELLER) == SELLER
    before = shop.count("audit")
    users.set_legal_entity(shop.seller, shop.seller, SELLER)
    assert shop.count("audit") == before
    assert users.legal_entity(SYSTEM, shop.seller) == SELLER


def test_money_is_exact_on_paper(shop: Shop) -> None:
    yen = document(shop, shop.buy(shop.product(price=Money("2900", "JPY"))))
    assert str(yen.total) == "2900 JPY"
