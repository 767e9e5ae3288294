from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from digistore.blocking import run
from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    GatewayConfigError,
    GatewayKeyConflict,
    GatewayRejected,
    Unsupported,
)
from digistore.gateways import (
    CheckoutLine,
    CheckoutRef,
    DisputeState,
    PaymentRef,
    PaymentSnapshot,
    PayState,
    Split,
    Whose,
)
from digistore.money import Money
from tests.gateways.stripe_kit import PRICE, SHOP, World, over

SESSIONS = "/v1/checkout/sessions"


def test_a_new_checkout_is_open_and_tells_what_was_asked_for(world: World) -> None:
    checkout = world.opened("att_7")

    assert checkout == PaymentSnapshot(
        gateway="stripe",
        livemode=False,
        account="",
        whose=Whose.OURS,
        reference="att_7",
        checkout_id=checkout.checkout_id,
        payment_id=None,
        state=PayState.OPEN,
        total=PRICE,
        url=checkout.url,
    )
    assert checkout.url is not None
    assert checkout.checkout_id in checkout.url


def test_the_session_is_asked_for_as_designed(world: World) -> None:
    request = world.request("att_7")
    run(world.gateway.create_checkout(request))

    marks = {"digistore_ns": SHOP, "digistore_ref": "att_7", "digistore_order": "ord_1"}
    assert world.sent("POST", SESSIONS) == [
        {
            "mode": "payment",
            "line_items": {
                "0": {
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": "2900",
                        "product_data": {"name": "The Book"},
                    },
                    "quantity": "1",
                }
            },
            "client_reference_id": "att_7",
            "metadata": marks,
            "payment_intent_data": {"metadata": marks},
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "expires_at": str(int(request.expires_at.timestamp())),
            "adaptive_pricing": {"enabled": "false"},
            "customer_creation": "always",
            "customer_email": "buyer@example.com",
        }
    ]
    assert world.double.requests[0].key == "co:att_7"


def test_a_known_customer_takes_the_place_of_the_address(world: World) -> None:
    known = world.paid().customer_ref
    assert known is not None
    run(world.gateway.create_checkout(replace(world.request("att_2"), customer_ref=known)))

    sent = world.sent("POST", SESSIONS)[-1]
    assert sent["customer"] == known
    assert not sent.keys() & {"customer_email", "customer_creation"}


def test_an_order_without_an_address_asks_stripe_to_ask(world: World) -> None:
    run(world.gateway.create_checkout(replace(world.request(), customer_email=None)))

    assert "customer_email" not in world.sent("POST", SESSIONS)[0]


def test_lines_of_nothing_are_left_out(world: World) -> None:
    free = CheckoutLine("A gift", Money.zero("EUR"))
    request = replace(world.request(), lines=(*world.request().lines, free))
    run(world.gateway.create_checkout(request))

    assert list(world.sent("POST", SESSIONS)[0]["line_items"]) == ["0"]


def test_a_long_title_is_cut_where_stripe_would_refuse(world: World) -> None:
    request = replace(world.request(), lines=(CheckoutLine("x" * 300, PRICE),))
    run(world.gateway.create_checkout(request))

    item = world.sent("POST", SESSIONS)[0]["line_items"]["0"]
    assert item["price_data"]["product_data"]["name"] == "x" * 250


def test_a_host_adds_to_how_a_session_looks(world: World) -> None:
    gateway = over(world.double, world.clock, extra={"locale": "de"})
    run(gateway.create_checkout(replace(world.request(), extra={"submit_type": "pay"})))

    sent = world.sent("POST", SESSIONS)[0]
    assert (sent["locale"], sent["submit_type"]) == ("de", "pay")
    run(gateway.close())


def test_an_order_cannot_add_what_changes_its_price(world: World) -> None:
    with pytest.raises(GatewayRejected):
        run(
            world.gateway.create_checkout(
                replace(world.request(), extra={"allow_promotion_codes": True})
            )
        )
    assert world.double.requests == ()


def test_the_same_key_and_request_are_the_same_checkout(world: World) -> None:
    first, second = world.opened(), world.opened()

    assert first == second
    assert [one.replayed for one in world.double.requests] == [False, True]


def test_the_same_key_for_another_request_is_refused(world: World) -> None:
    world.opened()

    other = replace(world.request(), success_url="https://shop.example/other")
    with pytest.raises(GatewayKeyConflict):
        run(world.gateway.create_checkout(other))


@pytest.mark.parametrize(
    "total",
    [
        Money.zero("EUR"),
        Money("0.49", "EUR"),
        Money("1000000.00", "USD"),
        Money("5.125", "KWD"),
        Money("1.20", "MGA"),
        Money("10", "CLF"),
        Money("-5", "EUR"),
    ],
)
def test_an_amount_that_stripe_cannot_take_is_refused_before_any_request(
    world: World, total: Money
) -> None:
    with pytest.raises(AmountNotSupported):
        world.opened(total=total)
    assert world.double.requests == ()


def test_lines_that_stripe_cannot_take_become_one(world: World) -> None:
    odd, even = Money("5.125", "KWD"), Money("4.875", "KWD")
    lines = (CheckoutLine("One", odd), CheckoutLine("Two", even))

    opened = run(
        world.gateway.create_checkout(replace(world.request(total=odd + even), lines=lines))
    )
    assert opened.total == Money("10.000", "KWD")
    [line] = world.sent("POST", SESSIONS)[0]["line_items"].values()
    assert line["price_data"]["product_data"]["name"] == "One, Two"
    assert line["price_data"]["unit_amount"] == "10000"


@pytest.mark.parametrize("currency", ["JPY", "ISK", "UGX", "KWD", "MGA", "HUF", "EUR", "XOF"])
def test_money_of_every_special_currency_comes_back_as_it_went(world: World, currency: str) -> None:
    total = Money("12000", currency)

    paid = world.paid(total=total)

    assert paid.total == paid.captured == total


@pytest.mark.parametrize(
    "change",
    [
        {"lines": (CheckoutLine("The Book", Money("28.00", "EUR")),)},
        {"metadata": {"order": "x" * 501}},
        {"metadata": {"x" * 40: "ord_1"}},
        {"metadata": {f"key_{number}": "x" for number in range(49)}},
        {"lines": tuple(CheckoutLine("One", Money("0.29", "EUR")) for _ in range(100))},
    ],
)
def test_what_does_not_fit_is_refused_before_any_request(
    world: World, change: dict[str, Any]
) -> None:
    request = replace(world.request(), **change)
    if len(request.lines) == 100:
        request = replace(request, lines=(*request.lines, CheckoutLine("x", Money("1", "EUR"))))
        request = replace(request, total=Money("30.00", "EUR"))
    with pytest.raises(GatewayRejected):
        run(world.gateway.create_checkout(request))
    assert world.double.requests == ()


def test_a_split_is_for_later(world: World) -> None:
    split = Split("acct_1", Money("1.00", "EUR"))

    with pytest.raises(Unsupported):
        run(world.gateway.create_checkout(replace(world.request(), split=split)))


def test_an_order_of_another_namespace_is_not_sent(world: World) -> None:
    with pytest.raises(GatewayConfigError, match="namespace"):
        run(world.gateway.create_checkout(replace(world.request(), namespace="other")))
    assert world.double.requests == ()


def test_stripe_refuses_what_ends_too_soon(world: World) -> None:
    soon = replace(world.request(), expires_at=world.clock() + timedelta(minutes=29))

    with pytest.raises(GatewayRejected, match="expires_at"):
        run(world.gateway.create_checkout(soon))


def test_a_life_is_told_as_it_is(world: World) -> None:
    checkout = world.opened()
    world.double.pay(checkout, "declined")
    declined = world.now(checkout)
    assert (declined.state, declined.failure) == (PayState.OPEN, "card_declined")

    world.double.pay(checkout, email="else@example.com")
    paid = world.now(checkout)

    assert paid.state is PayState.PAID
    assert paid.captured == paid.total == PRICE
    assert paid.payer_email == "else@example.com"
    assert paid.url is None
    assert paid.failure is None
    assert paid.customer_ref is not None
    assert run(world.gateway.fetch(PaymentRef(paid.payment_id or ""))) == paid


@pytest.mark.parametrize("means", ["delayed", "voucher"])
@pytest.mark.parametrize(("ok", "end"), [(True, PayState.PAID), (False, PayState.FAILED)])
def test_delayed_money_is_pending_until_it_is_there_or_is_not(
    world: World, means: Any, ok: bool, end: PayState
) -> None:
    checkout = world.opened()
    world.double.pay(checkout, means)
    pending = world.now(checkout)
    assert pending.state is PayState.PENDING
    assert pending.captured is None

    world.double.clear(checkout, ok)

    assert world.now(checkout).state is end
    assert world.now(checkout).captured == (PRICE if ok else None)


def test_what_arrives_is_told_even_if_it_is_less(world: World) -> None:
    checkout = world.opened()
    world.double.pay(checkout, amount=100)

    paid = world.now(checkout)

    assert (paid.total, paid.captured) == (PRICE, Money("1.00", "EUR"))


def test_a_converted_price_is_told_in_the_currency_that_was_asked_for(world: World) -> None:
    checkout = world.opened()
    world.double.pay(checkout, presented=(3099, "usd"))

    assert world.now(checkout).captured == PRICE


def test_to_end_a_checkout_twice_is_to_end_it(world: World) -> None:
    checkout = world.opened()

    for _ in range(2):
        ended = run(world.gateway.expire(checkout.checkout_id))
        assert ended.state is PayState.EXPIRED
        assert ended.url is None


@pytest.mark.parametrize(
    ("means", "state"), [("paid", PayState.PAID), ("delayed", PayState.PENDING)]
)
def test_a_checkout_that_was_paid_meanwhile_is_told_so(
    world: World, means: Any, state: PayState
) -> None:
    checkout = world.opened()
    world.double.pay(checkout, means)

    assert run(world.gateway.expire(checkout.checkout_id)).state is state


def test_a_checkout_expires_by_itself(world: World) -> None:
    checkout = world.opened()
    world.clock.go(hours=12)

    assert world.now(checkout).state is PayState.EXPIRED


@pytest.mark.parametrize("params", [{}, {"session_id": "cs_forged"}, {"redirect_status": "paid"}])
def test_a_buyer_who_returns_proves_nothing(world: World, params: dict[str, str]) -> None:
    checkout = world.opened()

    assert run(world.gateway.resume(checkout.checkout_id, params)).state is PayState.OPEN
    world.double.pay(checkout)
    assert run(world.gateway.resume(checkout.checkout_id, params)).state is PayState.PAID


@pytest.mark.parametrize("ref", [CheckoutRef("cs_none"), PaymentRef("pi_none")])
def test_what_is_not_there_is_not_found(world: World, ref: Any) -> None:
    with pytest.raises(CheckoutNotFound):
        run(world.gateway.fetch(ref))
    with pytest.raises(CheckoutNotFound):
        run(world.gateway.expire("cs_none"))


def test_another_shop_on_the_account_is_foreign(world: World) -> None:
    event = run(world.gateway.parse_event(*world.double.foreign_event()))

    assert event.hint.whose is Whose.FOREIGN
    assert event.hint.checkout_id is not None
    snapshot = run(world.gateway.fetch(CheckoutRef(event.hint.checkout_id)))
    assert (snapshot.whose, snapshot.reference) == (Whose.FOREIGN, None)


@pytest.mark.parametrize("status", ["needs_response", "warning_needs_response", "won", "lost"])
def test_disputes_are_told_with_their_payment(world: World, status: str) -> None:
    paid = world.paid()
    world.double.open_dispute(paid)
    world.double.move_dispute(paid, status)

    [dispute] = world.now(paid).disputes

    states = {"needs_response": "open", "warning_needs_response": "warning"}
    assert dispute.state is DisputeState(states.get(status, status))
    assert dispute.money == PRICE
    assert dispute.reason == "fraudulent"
    assert dispute.evidence_due is not None
    assert dispute.evidence_due > world.clock()


def test_all_pages_of_refunds_are_read(world: World) -> None:
    paid = world.paid(total=Money("300.00", "EUR"))
    for _ in range(101):
        world.double.dashboard_refund(paid, 100)

    refunds = world.now(paid).refunds

    assert len({one.id for one in refunds}) == 101
    assert {one.reference for one in refunds} == {None}


def test_no_object_of_the_sdk_gets_out(world: World) -> None:
    paid = world.paid()
    world.refund(paid, Money("1.00", "EUR"))
    world.double.open_dispute(paid)

    told = world.now(paid)

    assert json.dumps(asdict(replace(told, total=None, captured=None, fee=None)), default=str)
    seen: list[object] = [told, *told.refunds, *told.disputes]
    for shape in seen:
        for name in type(shape).__dataclass_fields__:  # type: ignore[attr-defined]
            value = getattr(shape, name)
            assert "stripe" not in type(value).__module__ or "digistore" in type(value).__module__


def test_on_a_loop_the_blocking_client_runs_in_threads(world: World) -> None:
    async def five() -> list[PaymentSnapshot]:
        requests = [world.request(f"att_{number}") for number in range(5)]
        return await asyncio.gather(*map(world.gateway.create_checkout, requests))

    checkouts = asyncio.run(five())

    assert len({one.checkout_id for one in checkouts}) == 5


def test_tax_of_stripe_is_asked_for_by_line(world: World) -> None:
    gateway = over(world.double, world.clock, tax_behavior="exclusive")
    run(gateway.create_checkout(world.request()))

    sent = world.sent("POST", SESSIONS)[0]
    assert sent["automatic_tax"] == {"enabled": "true"}
    assert sent["line_items"]["0"]["price_data"]["tax_behavior"] == "exclusive"
    run(gateway.close())


@pytest.mark.parametrize(("behavior", "captured"), [("inclusive", "29.00"), ("exclusive", "34.51")])
def test_tax_of_stripe_is_told_apart_from_what_was_asked_for(
    world: World, behavior: Any, captured: str
) -> None:
    world.double.tax_percent = 19
    gateway = over(world.double, world.clock, tax_behavior=behavior)
    checkout = run(gateway.create_checkout(world.request()))
    world.double.pay(checkout)

    paid = run(gateway.fetch(CheckoutRef(checkout.checkout_id)))

    assert paid.captured == paid.total == Money(captured, "EUR")
    assert paid.tax == Money("4.63" if behavior == "inclusive" else "5.51", "EUR")
    run(gateway.close())


def test_a_known_customer_is_taxed_where_they_are_now(world: World) -> None:
    known = world.paid().customer_ref
    gateway = over(world.double, world.clock, tax_behavior="inclusive")
    run(gateway.create_checkout(replace(world.request("att_2"), customer_ref=known)))

    assert world.sent("POST", SESSIONS)[-1]["customer_update"] == {"address": "auto"}
    run(gateway.close())
