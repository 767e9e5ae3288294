"""Why has she (no) access: the answer names the facts that decided it."""

from __future__ import annotations

import pytest

from digistore import SYSTEM, Role
from digistore.entitlements import Explanation
from digistore.errors import Forbidden, NotFound
from tests.conftest import Shop
from tests.payments.asking import usd


def explain(shop: Shop, product: object) -> Explanation:
    return shop.store.entitlements.explain(shop.operator, shop.buyer, product)  # type: ignore[arg-type]


def deciding(explanation: Explanation) -> list[tuple[str, str]]:
    (purchase,) = explanation.purchases
    return [(fact.kind, fact.state) for fact in purchase.facts if fact.deciding]


def test_nothing_was_purchased(shop: Shop) -> None:
    found = explain(shop, shop.product())
    assert (found.granted, found.reason, found.purchases) == (False, "not_purchased", ())
    assert found.text == "Nothing was ever purchased."


def test_every_change_is_explained_by_its_fact(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    found = explain(shop, book)
    (purchase,) = found.purchases
    (paid,) = purchase.facts
    assert (found.granted, found.reason, purchase.worth) == (True, "live", "live")
    assert (paid.kind, paid.state, paid.amount, paid.at) == (
        "payment",
        "succeeded",
        2900,
        shop.clock(),
    )
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("5"), reason="x")
    assert explain(shop, book).granted
    shop.deliver(shop.sandbox.open_dispute(checkout))
    found = explain(shop, book)
    assert (found.granted, found.reason) == (False, "suspended")
    assert deciding(found) == [("dispute", "open")]
    dispute = found.purchases[0].facts[-1]
    assert found.text == (
        f"Purchase {purchase.purchase.id} is suspended, because of dispute open ({dispute.about})."
    )
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    assert deciding(explain(shop, book)) == [("refund", "succeeded"), ("refund", "succeeded")]
    shop.store.entitlements.revoke(shop.operator, purchase.purchase, reason="shared on a forum")
    found = explain(shop, book)
    assert ("operator", "revoked") in deciding(found)
    said = found.purchases[0].facts[-1]
    assert (said.actor, said.reason) == (shop.operator.id, "shared on a forum")
    assert len(found.purchases[0].facts) == 6  # what was ever heard stays


def test_all_purchases_of_the_product_are_explained(shop: Shop) -> None:
    book = shop.product()
    first = shop.buy(book)
    shop.buy(book, allow_repeat=True)
    shop.store.payments.refund(shop.seller, first.order, reason="x")
    found = explain(shop, book)
    assert found.granted
    assert sorted(one.purchase.state for one in found.purchases) == ["live", "revoked"]
    assert found.text.count("Purchase pur_") == 2
    for one in found.purchases:
        assert one.purchase.id in found.text


def test_a_standby_is_worth_access_and_waits(shop: Shop) -> None:
    book = shop.product()
    for _ in range(2):
        shop.buy(book, allow_repeat=True)
    found = {one.purchase.state: one.worth for one in explain(shop, book).purchases}
    assert found == {"live": "live", "standby": "live"}


def test_the_user_the_seller_and_operators_may_ask_nobody_else(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    ask = shop.store.entitlements.explain
    for actor in (shop.buyer, shop.seller, shop.operator, SYSTEM):
        assert ask(actor, shop.buyer, book).granted
    other = shop.new_seller("other@example.com")
    for nobody in (other, shop.store.users.register("stranger@example.com")):
        with pytest.raises(NotFound):
            ask(nobody, shop.buyer, book)
    shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    with pytest.raises(NotFound):
        ask(shop.seller, shop.buyer, book)
    with pytest.raises(Forbidden):
        ask(None, shop.buyer, book)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        ask(shop.operator, shop.buyer, "prd_unknown")
