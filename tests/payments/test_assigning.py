"""Money that came for no order, or short, is assigned to an order that it pays for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digistore import SYSTEM, Money
from digistore.blocking import run
from digistore.errors import Forbidden, Invalid, InvalidTransition, NotFound
from digistore.gateways import CheckoutLine, CheckoutRequest
from digistore.orders import Checkout
from digistore.payments.service.assigning import Assigner
from tests.conftest import RETURN, Shop
from tests.payments.asking import (
    access,
    action,
    calls,
    events,
    given_back,
    record,
    state,
    usd,
    waiting,
)


def orphan(shop: Shop, money: Money | None = None, name: str = "att_of_yesterday") -> str:
    """Pay a checkout in our name that this database has never heard of, as after a restore."""
    asked = money or usd("29.00")
    made = CheckoutRequest(
        reference=name,
        namespace="digistore",
        lines=(CheckoutLine("Async Python", asked),),
        total=asked,
        success_url=RETURN,
        cancel_url=RETURN,
        expires_at=shop.clock() + timedelta(hours=1),
        idempotency_key=f"co:{name}",
    )
    checkout_id = run(shop.sandbox.create_checkout(made)).checkout_id
    shop.deliver(shop.sandbox.pay(checkout_id))
    return checkout_id


def short(shop: Shop, amount: str = "20.00") -> Checkout:
    """An order of 29.00 for which less came in."""
    checkout = shop.checkout(shop.product("Dear"))
    shop.deliver(shop.sandbox.pay(checkout, amount=usd(amount)))
    return checkout


def assign(shop: Shop, entry: Any, order: Any, **kwargs: Any) -> Any:
    given: dict[str, Any] = {"actor": SYSTEM, "choice": "assign", "reason": "said by phone"}
    given |= kwargs
    actor = given.pop("actor")
    return shop.store.payments.resolve(actor, entry, order=order, **given)


def payments(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT order_id, disposition, own_refunds FROM digistore_payments ORDER BY 1")


def test_money_without_an_order_opens_the_order_that_it_is_assigned_to(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    orphan(shop)
    decided = assign(shop, action(shop, "orphan"), checkout.order)
    assert (decided.choice, decided.order_id) == ("assign", checkout.order.id)
    assert (state(shop, checkout), access(shop, book)) == ("paid", "live")
    assert (waiting(shop), payments(shop)) == ([], [(checkout.order.id, "covering", 0)])
    assert events(shop).count("OrderPaid") == events(shop).count("AccessGranted") == 1
    assert len(calls(shop, "expire")) == 1  # nobody can pay it a second time


def test_a_short_payment_pays_for_an_order_quoted_for_what_came_in(shop: Shop) -> None:
    first = short(shop)
    cheap = shop.product("Cheap", usd("20.00"))
    second = shop.checkout(cheap)
    assign(shop, action(shop, "underpaid"), second.order, actor=shop.operator)
    assert (state(shop, second), access(shop, cheap)) == ("paid", "live")
    assert state(shop, first) == "open"
    assert payments(shop) == [(second.order.id, "covering", 0)]
    again = shop.checkout(shop.store.catalog.product(SYSTEM, first.order.lines[0].product_id))
    assert again.order.id == first.order.id  # it can still be paid in full
    shop.deliver(shop.sandbox.pay(again))
    assert sorted(row[1] for row in payments(shop)) == ["covering", "covering"]


@pytest.mark.parametrize("earlier", [True, False])
def test_which_of_two_orders_is_older_does_not_matter(shop: Shop, earlier: bool) -> None:
    cheap = shop.product("Cheap", usd("20.00"))
    paid_for = shop.checkout(cheap) if earlier else None
    short(shop)
    paid_for = paid_for or shop.checkout(cheap)
    assign(shop, action(shop, "underpaid"), paid_for.order)
    assert access(shop, cheap) == "live"


def test_a_surplus_is_asked_about(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    checkout_id = orphan(shop, usd("30.00"))
    assign(shop, action(shop, "orphan"), checkout.order)
    assert (access(shop, book), waiting(shop)) == ("live", ["overpaid"])
    shop.store.payments.resolve(SYSTEM, action(shop, "overpaid"), choice="refund", reason="x")
    assert given_back(shop, checkout_id) == [(100, "succeeded")]
    assert access(shop, book) == "live"


def test_told_again_nothing_changes(shop: Shop) -> None:
    book, other = shop.product(), shop.product("Other")
    checkout, third = shop.checkout(book), shop.checkout(other)
    checkout_id = orphan(shop)
    entry = action(shop, "orphan")
    assign(shop, entry, checkout.order)
    before = shop.rows("SELECT entity, entity_id, version FROM digistore_audit")
    assert assign(shop, entry.id, checkout.order.id).choice == "assign"
    for signed in shop.sandbox.deliver(checkout_id):
        assert shop.deliver(signed).status == 200
    shop.store.payments.reconcile()
    assert shop.rows("SELECT entity, entity_id, version FROM digistore_audit") == before
    with pytest.raises(InvalidTransition):  # decided once, it is decided
        assign(shop, entry, third.order)
    with pytest.raises(InvalidTransition):
        assign(shop, entry, None, choice="keep")
    assert access(shop, other) == "not_purchased"


def test_what_happens_to_assigned_money_happens_to_its_new_order(shop: Shop) -> None:
    cheap = shop.product("Cheap", usd("20.00"))
    first = short(shop)
    second = shop.checkout(cheap)
    assign(shop, action(shop, "underpaid"), second.order)
    shop.deliver(shop.sandbox.open_dispute(first))
    assert access(shop, cheap) == "suspended"
    shop.deliver(shop.sandbox.close_dispute(first, "won"))
    assert access(shop, cheap) == "live"
    shop.store.payments.refund(shop.operator, second.order, reason="asked")
    assert given_back(shop, first) == [(2000, "succeeded")]
    assert (access(shop, cheap), waiting(shop)) == ("revoked", [])


def test_money_received_elsewhere_is_assigned_too(shop: Shop) -> None:
    cheap = shop.product("Cheap", usd("20.00"))
    dear = shop.checkout(shop.product("Dear"))
    record(shop, dear, usd("20.00"))
    second = shop.checkout(cheap)
    assign(shop, action(shop, "underpaid"), second.order)
    assert access(shop, cheap) == "live"


def test_an_order_that_the_money_does_not_cover_is_refused(shop: Shop) -> None:
    first = short(shop)
    entry = action(shop, "underpaid")
    dearer = shop.checkout(shop.product("Dearer", usd("20.01")))
    foreign = shop.checkout(shop.product("Foreign", Money("20.00", "EUR")))
    for order, why in [
        (dearer.order, "too_dear"),
        (foreign.order, "currency"),
        (first.order, "same"),
        (None, "missing"),
    ]:
        with pytest.raises(Invalid) as caught:
            assign(shop, entry, order)
        assert caught.value.fields == {"order": why}
    with pytest.raises(NotFound):
        assign(shop, entry, "ord_nobody")
    assert (waiting(shop), payments(shop)) == (["underpaid"], [(first.order.id, "underpaid", 0)])
    # What is refused ends nobody's checkout.
    shop.deliver(shop.sandbox.pay(dearer))
    assert state(shop, dearer) == "paid"


def test_an_order_that_is_over_is_refused(shop: Shop) -> None:
    orphan(shop)
    entry = action(shop, "orphan")
    paid, canceled = shop.buy(shop.product("Paid")), shop.checkout(shop.product("Canceled"))
    shop.store.orders.cancel(shop.buyer, canceled.order)
    for over in (paid, canceled):
        with pytest.raises(InvalidTransition):
            assign(shop, entry, over.order)
    assert waiting(shop) == ["orphan"]


def test_money_of_which_part_went_back_is_refunded_not_assigned(shop: Shop) -> None:
    checkout = shop.checkout(shop.product("Cheap", usd("20.00")))
    checkout_id = orphan(shop)
    shop.deliver(shop.sandbox.dashboard_refund(checkout_id, usd("1.00")))
    with pytest.raises(InvalidTransition, match="refund what is left"):
        assign(shop, action(shop, "orphan"), checkout.order)


def test_only_money_that_fits_no_order_takes_one(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, amount=usd("30.00")))
    other = shop.checkout(shop.product("Other"))
    for entry, order, kwargs, field in [
        ("overpaid", other.order, {"choice": "keep"}, "order"),
        ("overpaid", None, {}, "choice"),
    ]:
        with pytest.raises(Invalid) as caught:
            assign(shop, action(shop, entry), order, **kwargs)
        assert field in caught.value.fields
    orphan(shop)
    with pytest.raises(Invalid) as caught:
        assign(shop, action(shop, "orphan"), other.order, lines=[other.order.lines[0]])
    assert caught.value.fields == {"lines": "unexpected"}
    with pytest.raises(Invalid):
        assign(shop, action(shop, "orphan"), other.order, reason="")


def test_only_operators_assign(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    orphan(shop)
    for actor in (shop.seller, shop.buyer, None):
        with pytest.raises(Forbidden):
            assign(shop, action(shop, "orphan"), checkout.order, actor=actor)


def test_of_two_who_assign_the_same_money_the_first_one_does(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rival runs between the look at the entry and the lock."""
    mine, theirs = shop.product("Mine"), shop.product("Theirs")
    first, second = shop.checkout(mine), shop.checkout(theirs)
    orphan(shop)
    entry = action(shop, "orphan")
    inner = getattr(shop.store, "_target", shop.store)._shop.payments
    plain = Assigner.assign
    rivals = [second.order]

    async def overtaken(assigner: Assigner, *args: Any) -> None:
        if rivals:
            rival = rivals.pop()
            await inner.resolve(SYSTEM, entry, choice="assign", reason="x", order=rival)
        await plain(assigner, *args)

    monkeypatch.setattr(Assigner, "assign", overtaken)
    with pytest.raises(InvalidTransition, match="rival"):
        assign(shop, entry, first.order)
    assert (access(shop, mine), access(shop, theirs)) == ("not_purchased", "live")


def test_a_message_that_was_read_before_the_money_was_assigned_finds_its_order(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dispute is told; between the look for its order and the lock the money is assigned."""
    book = shop.product()
    checkout = shop.checkout(book)
    checkout_id = orphan(shop)
    entry = action(shop, "orphan")
    inner = getattr(shop.store, "_target", shop.store)._shop.payments
    plain = inner._settle.apply
    once = [checkout.order]

    async def overtaken(*args: Any) -> Any:
        if once:
            order = once.pop()
            await inner.resolve(SYSTEM, entry, choice="assign", reason="x", order=order)
        return await plain(*args)

    monkeypatch.setattr(inner._settle, "apply", overtaken)
    shop.deliver(shop.sandbox.open_dispute(checkout_id))
    assert once == []
    assert access(shop, book) == "suspended"
