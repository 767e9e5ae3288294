"""Dispute evidence: all that shows delivery, about one order alone, for those who may see it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from digistore import SYSTEM, Role
from digistore.errors import Forbidden, NotFound
from digistore.orders import Billing, Checkout, Consent
from digistore.payments import DisputeEvidence
from tests.conftest import RETURN, Shop
from tests.past import connection_to
from tests.payments.asking import usd

WORDS = "I want it at once and lose my right of withdrawal."


def disputed(shop: Shop) -> Checkout:
    """Bought with consent, downloaded twice, helped with, asked back in part, and disputed."""
    book = shop.product()
    bought = shop.buy(
        book,
        billing=Billing(name="Ada Byron", country="GB", email="ada@example.com"),
        consents=[
            Consent(
                kind="immediate_access",
                text=WORDS,
                accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
                locale="en",
            )
        ],
    )
    with shop.store.downloads.open(shop.buyer, book) as stream:
        stream.read()
    shop.store.support.offer(shop.seller, book, kind="setup", price=usd("10.00"), scope="one hour")
    asked = shop.store.support.request(
        shop.buyer, book, kind="setup", subject="How?", body="It does not start.", return_url=RETURN
    )
    shop.deliver(shop.sandbox.pay(asked.checkout))
    shop.store.support.reply(shop.seller, asked.request, body="Press the button.")
    shop.store.payments.refund(shop.seller, bought.order, amount=usd("1.00"), reason="kindness")
    shop.deliver(shop.sandbox.open_dispute(bought, usd("28.00")))
    return bought


def test_it_holds_all_that_shows_what_was_sold_and_delivered(shop: Shop) -> None:
    bought = disputed(shop)
    found = shop.store.payments.evidence(shop.operator, bought.order)
    assert found.order == shop.store.orders.get(SYSTEM, bought.order)
    assert [one.text for one in found.order.consents] == [WORDS]
    assert found.customer.email == "buyer@example.com"
    assert found.receipt is not None
    assert (found.receipt.buyer_name, found.receipt.refunded) == ("Ada Byron", usd("1.00"))
    assert [(one.disposition, one.captured) for one in found.payments] == [
        ("covering", usd("29.00"))
    ]
    assert [(one.reason, one.amount) for one in found.refunds] == [("kindness", usd("1.00"))]
    assert [(one.state, one.amount) for one in found.disputes] == [("open", usd("28.00"))]
    (purchase,) = found.access
    assert purchase.purchase.state == "suspended"
    assert [fact.kind for fact in purchase.facts] == ["payment", "refund", "dispute"]
    (download,) = found.downloads
    assert (download.version, download.file, download.requests) == ("1.0", "book.pdf", 1)
    assert download.first_at == shop.clock()
    (request,) = found.support
    assert [message.body for message in request.messages] == ["Press the button."]
    assert found.gathered_at == shop.clock()


def test_it_is_data_that_goes_into_a_file(shop: Shop) -> None:
    found = shop.store.payments.evidence(SYSTEM, disputed(shop).order.id)
    assert WORDS in found.model_dump_json()
    with pytest.raises(ValidationError):
        found.receipt = None


def test_it_is_about_one_order_alone(shop: Shop) -> None:
    bought = disputed(shop)
    other = shop.product("Other")
    shop.buy(other)
    with shop.store.downloads.open(shop.buyer, other) as stream:
        stream.read()
    found = shop.store.payments.evidence(shop.seller, bought.order)
    assert other.id not in found.model_dump_json()
    assert {one.product_id for one in found.downloads} == {bought.order.lines[0].product_id}


def test_only_the_seller_and_operators_see_it(shop: Shop) -> None:
    bought = disputed(shop)
    for actor in (shop.seller, shop.operator, SYSTEM):
        assert isinstance(shop.store.payments.evidence(actor, bought.order), DisputeEvidence)
    with pytest.raises(Forbidden):
        shop.store.payments.evidence(shop.buyer, bought.order)
    stranger: Any
    for stranger in (shop.new_seller("other@example.com"), shop.store.users.register("s@x.org")):
        with pytest.raises(NotFound):
            shop.store.payments.evidence(stranger, bought.order)
    with pytest.raises(NotFound):
        shop.store.payments.evidence(SYSTEM, "ord_nobody")
    shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    with pytest.raises(NotFound):  # a former seller is a customer
        shop.store.payments.evidence(shop.seller, bought.order)


def test_a_seller_does_not_see_a_buyers_devices(shop: Shop) -> None:
    bought = disputed(shop)
    inner = getattr(shop.store, "_target", shop.store)._shop
    with connection_to(inner.database) as connection:
        connection.exec_driver_sql("UPDATE digistore_download_sessions SET agent = 'curl/8'")

    def agents(actor: Any) -> list[str | None]:
        return [one.agent for one in shop.store.payments.evidence(actor, bought.order).downloads]

    assert (agents(SYSTEM), agents(shop.operator), agents(shop.seller)) == (
        ["curl/8"],
        ["curl/8"],
        [None],
    )


def test_an_order_that_was_never_paid_has_little_to_show(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    found = shop.store.payments.evidence(shop.seller, checkout.order)
    assert (found.receipt, found.payments, found.access, found.support) == (None, (), (), ())
