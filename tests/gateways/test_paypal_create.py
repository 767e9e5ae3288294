"""A checkout's life at PayPal: opened, approved, captured once, or ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
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
    PaymentRef,
    PaymentSnapshot,
    PayState,
    Split,
    Whose,
)
from digistore.gateways.paypal import PayPalGateway
from digistore.money import Money
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.gateways.paypal_kit import (
    PRICE,
    a_request,
    a_world,
    expired,
    now_of,
    opened,
    over,
    paid,
    resumed,
)

World = tuple[PayPalDouble, PayPalGateway, FrozenClock]


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def captures(double: PayPalDouble) -> list[int]:
    return [one.status for one in double.requests if one.path.endswith("/capture")]


def test_a_new_checkout_is_open_and_bears_our_marks(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    assert (checkout.state, checkout.whose) == (PayState.OPEN, Whose.OURS)
    assert (checkout.reference, checkout.total) == ("att_1", PRICE)
    assert checkout.url == f"{double.url}/checkoutnow?token={checkout.checkout_id}"
    assert checkout.payment_id is None


def test_what_is_sent_is_what_was_asked_for(world: World) -> None:
    double, gateway, clock = world
    money = {"currency_code": "EUR", "value": "29.00"}
    opened(gateway, clock)
    assert double.requests[-1].key == "co:att_1"
    sent = double.requests[-1].parameters
    assert len(sent["purchase_units"][0].pop("reference_id")) == 64
    assert sent == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "custom_id": "shop:att_1",
                "invoice_id": "att_1",
                "amount": money | {"breakdown": {"item_total": money}},
                "items": [
                    {
                        "name": "The Book",
                        "quantity": "1",
                        "unit_amount": money,
                        "category": "DIGITAL_GOODS",
                    }
                ],
            }
        ],
        "payment_source": {
            "paypal": {
                "email_address": "buyer@example.com",
                "experience_context": {
                    "user_action": "PAY_NOW",
                    "shipping_preference": "NO_SHIPPING",
                    "return_url": "https://shop.example/thanks",
                    "cancel_url": "https://shop.example/back",
                },
            }
        },
    }


def test_a_line_that_costs_nothing_is_left_out_and_a_long_title_is_cut(world: World) -> None:
    double, gateway, clock = world
    lines = (CheckoutLine("x" * 200, PRICE), CheckoutLine("Free", Money.zero("EUR")))
    run(gateway.create_checkout(replace(a_request(clock()), lines=lines)))
    [item] = double.requests[-1].parameters["purchase_units"][0]["items"]
    assert item["name"] == "x" * 127


def test_how_the_pages_look_is_the_hosts_to_say() -> None:
    with a_world(extra={"brand_name": "The Shop", "locale": "de-DE"}) as (double, gateway, clock):
        run(gateway.create_checkout(replace(a_request(clock()), extra={"locale": "fr-FR"})))
        wallet = double.requests[-1].parameters["payment_source"]["paypal"]
        context = wallet["experience_context"]
        assert (context["brand_name"], context["locale"]) == ("The Shop", "fr-FR")


@pytest.mark.parametrize("name", ["return_url", "intent", "amount", "shipping_preference"])
def test_nothing_else_is(world: World, name: str) -> None:
    _, gateway, clock = world
    request = replace(a_request(clock()), extra={name: "https://evil.example"})
    with pytest.raises(GatewayRejected) as refusal:
        run(gateway.create_checkout(request))
    assert refusal.value.provider_code == "extra"


def test_the_same_key_and_request_give_the_same_checkout(world: World) -> None:
    _, gateway, clock = world
    assert opened(gateway, clock) == opened(gateway, clock)


def test_the_same_key_tells_how_the_checkout_stands_by_now(world: World) -> None:
    _, gateway, clock = world
    paid(world)
    assert opened(gateway, clock).state is PayState.PAID


@pytest.mark.parametrize(
    "changed",
    [
        {"reference": "att_2"},
        {"total": PRICE * 2, "lines": (CheckoutLine("The Book", PRICE * 2),)},
        {"lines": (CheckoutLine("Another Book", PRICE),)},
        {"success_url": "https://shop.example/other"},
        {"customer_email": None},
        {"extra": {"locale": "fr-FR"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_key_of_another_request_is_a_conflict_although_paypal_does_not_say_so(
    world: World, changed: dict[str, Any]
) -> None:
    _, gateway, clock = world
    opened(gateway, clock)
    with pytest.raises(GatewayKeyConflict):
        run(gateway.create_checkout(replace(a_request(clock()), **changed)))


def test_a_long_key_is_shortened_the_same_way_each_time(world: World) -> None:
    double, gateway, clock = world
    request = replace(a_request(clock()), idempotency_key="k" * 200)
    assert run(gateway.create_checkout(request)) == run(gateway.create_checkout(request))
    keys = {one.key for one in double.requests if one.path == "/v2/checkout/orders"}
    assert {len(key or "") for key in keys} == {64}


@pytest.mark.parametrize(
    "total",
    [
        Money("0", "EUR"),
        Money("29.00", "INR"),
        Money("29.50", "HUF"),
        Money("10.01", "TWD"),
        Money("10000000.00", "USD"),
    ],
    ids=str,
)
def test_an_amount_that_paypal_cannot_take_fails_before_any_request(
    world: World, total: Money
) -> None:
    double, gateway, clock = world
    with pytest.raises(AmountNotSupported):
        opened(gateway, clock, total=total)
    assert double.requests == ()


def test_lines_off_the_step_become_one(world: World) -> None:
    double, gateway, clock = world
    halves = (CheckoutLine("a", Money("0.50", "HUF")), CheckoutLine("b", Money("99.50", "HUF")))
    request = replace(a_request(clock(), total=Money("100", "HUF")), lines=halves)
    assert run(gateway.create_checkout(request)).total == Money("100", "HUF")
    [item] = double.requests[-1].parameters["purchase_units"][0]["items"]
    assert (item["name"], item["unit_amount"]["value"]) == ("a, b", "100")


def test_lines_that_do_not_sum_to_the_total_are_refused(world: World) -> None:
    _, gateway, clock = world
    with pytest.raises(GatewayRejected):
        run(gateway.create_checkout(replace(a_request(clock()), total=PRICE * 2)))


def test_a_split_is_not_supported(world: World) -> None:
    _, gateway, clock = world
    split = Split("acct", Money("1.00", "EUR"))
    with pytest.raises(Unsupported):
        run(gateway.create_checkout(replace(a_request(clock()), split=split)))


def test_a_request_of_another_shop_is_refused(world: World) -> None:
    _, gateway, clock = world
    with pytest.raises(GatewayConfigError):
        run(gateway.create_checkout(replace(a_request(clock()), namespace="other")))


def test_a_mark_that_does_not_fit_is_refused(world: World) -> None:
    _, gateway, clock = world
    with pytest.raises(GatewayRejected) as refusal:
        run(gateway.create_checkout(replace(a_request(clock()), reference="r" * 130)))
    assert refusal.value.provider_code == "reference"


def test_fetch_takes_no_money(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout)
    assert now_of(gateway, checkout).state is PayState.OPEN
    assert captures(double) == []


def test_resume_without_an_approval_is_harmless(world: World) -> None:
    double, gateway, clock = world
    assert resumed(gateway, opened(gateway, clock)).state is PayState.OPEN
    assert captures(double) == []


def test_what_a_url_says_captures_nothing(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    params = {"token": checkout.checkout_id, "PayerID": "X"}
    assert run(gateway.resume(checkout.checkout_id, params)).state is PayState.OPEN
    assert captures(double) == []


def test_resume_captures_what_was_approved_once(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout, email="payer@example.com")
    first, second = resumed(gateway, checkout), resumed(gateway, checkout)
    assert first == second
    assert (first.state, first.captured, first.total) == (PayState.PAID, PRICE, PRICE)
    assert (first.fee, first.payer_email) == (Money("0.87", "EUR"), "payer@example.com")
    assert first.payment_id is not None
    assert captures(double) == [201]


def test_many_who_resume_at_once_capture_once(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout)
    told: list[PaymentSnapshot] = []
    start = threading.Barrier(8)

    def go() -> None:
        start.wait()
        told.append(resumed(gateway, checkout))

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8
    assert {one.payment_id for one in told} == {now_of(gateway, checkout).payment_id}
    assert len([event for event in double.events() if b"CAPTURE.COMPLETED" in event[0]]) == 1


def test_a_rival_with_a_key_of_its_own_captures_once_too(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout)
    double.fail_next("slow", path="/v2/checkout/orders/{id}/capture")
    told: list[PaymentSnapshot] = []
    thread = threading.Thread(target=lambda: told.append(resumed(gateway, checkout)))
    thread.start()
    assert double.wait_until_held()
    resumed(gateway, checkout)
    clock.go(hours=7)  # PayPal has forgotten the key by now
    double.release()
    thread.join()
    assert captures(double) == [201, 422]
    assert [one.state for one in told] == [PayState.PAID]


def test_a_decline_leaves_the_checkout_open_for_another_try(world: World) -> None:
    double, gateway, clock = world
    declined = paid(world, outcome="declined")
    assert (declined.state, declined.failure) == (PayState.OPEN, "INSTRUMENT_DECLINED")
    assert declined.url is not None
    clock.go(seconds=1)
    double.pay(declined)
    assert resumed(gateway, declined).state is PayState.PAID


def test_delayed_money_is_pending_and_then_paid_or_failed(world: World) -> None:
    double, gateway, _ = world
    good, bad = paid(world, outcome="delayed"), paid(world, "att_2", outcome="delayed")
    assert (good.state, good.captured, good.failure) == (PayState.PENDING, None, "ECHECK")
    double.clear(good)
    double.clear(bad, ok=False)
    assert now_of(gateway, good).state is PayState.PAID
    assert now_of(gateway, bad).state is PayState.FAILED


def test_expire_ends_an_open_checkout_for_good(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    assert expired(gateway, checkout).state is PayState.EXPIRED
    assert expired(gateway, checkout).state is PayState.EXPIRED
    double.pay(checkout)
    assert resumed(gateway, checkout).state is PayState.EXPIRED
    assert captures(double) == []


def test_an_expired_checkout_is_refused_by_paypal_itself(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout)
    double.fail_next("slow", path="/v2/checkout/orders/{id}/capture")
    told: list[PaymentSnapshot] = []
    thread = threading.Thread(target=lambda: told.append(resumed(gateway, checkout)))
    thread.start()
    assert double.wait_until_held()  # it has looked, and is about to take the money
    assert expired(gateway, checkout).state is PayState.EXPIRED
    double.release()
    thread.join()
    assert captures(double) == [422]
    assert [one.state for one in told] == [PayState.EXPIRED]


def test_expire_of_what_was_paid_tells_so(world: World) -> None:
    _, gateway, _ = world
    checkout = paid(world)
    assert expired(gateway, checkout) == checkout


def test_expire_loses_against_a_capture_that_is_faster(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout)
    double.fail_next("slow", method="PATCH")
    told: list[PaymentSnapshot] = []
    thread = threading.Thread(target=lambda: told.append(expired(gateway, checkout)))
    thread.start()
    assert double.wait_until_held()
    resumed(gateway, checkout)
    double.release()
    thread.join()
    assert [one.state for one in told] == [PayState.PAID]


def test_an_approval_that_paypal_took_back_has_expired(world: World) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout)
    clock.go(hours=3)
    assert resumed(gateway, checkout).state is PayState.EXPIRED
    assert expired(gateway, checkout).state is PayState.EXPIRED


def test_what_paypal_has_forgotten_is_not_found(world: World) -> None:
    _, gateway, clock = world
    checkout = opened(gateway, clock)
    clock.go(hours=6)
    for ask in (now_of, resumed, expired):
        with pytest.raises(CheckoutNotFound):
            ask(gateway, checkout)


@pytest.mark.parametrize("ref", [CheckoutRef("NONE"), PaymentRef("NONE"), CheckoutRef("../x?y#z")])
def test_what_was_never_there_is_not_found(world: World, ref: Any) -> None:
    with pytest.raises(CheckoutNotFound):
        run(world[1].fetch(ref))


def test_a_payment_leads_to_its_checkout(world: World) -> None:
    _, gateway, _ = world
    checkout = paid(world)
    assert checkout.payment_id is not None
    assert run(gateway.fetch(PaymentRef(checkout.payment_id))) == checkout


def test_another_shops_checkout_is_foreign_and_never_captured(world: World) -> None:
    double, gateway, clock = world
    theirs = over(double, clock, namespace="other")
    checkout = run(theirs.create_checkout(replace(a_request(clock()), namespace="other")))
    double.pay(checkout)
    told = resumed(gateway, checkout)
    assert (told.whose, told.state) == (Whose.FOREIGN, PayState.OPEN)
    assert captures(double) == []
