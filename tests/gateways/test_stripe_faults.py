from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest
import stripe

from digistore.blocking import run
from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    DigistoreError,
    GatewayConfigError,
    GatewayError,
    GatewayKeyConflict,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
    NotRefundable,
)
from digistore.gateways import CheckoutRef
from digistore.gateways.stripe.errors import translate
from digistore.money import Money
from digistore.testing.stripe import StripeDouble
from tests.gateways.stripe_kit import World, over

TEN = Money("10.00", "EUR")
UNKNOWN = ("drop_before", "drop_after", "error_500", "malformed")


@pytest.mark.parametrize("fault", UNKNOWN)
def test_without_an_answer_nobody_knows_what_was_done(world: World, fault: Any) -> None:
    world.double.fail_next(fault, method="POST")

    with pytest.raises(GatewayUnavailable) as first:
        world.opened()
    assert first.value.key_is_spent is False


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "malformed"])
def test_asked_again_with_the_same_key_there_is_one_checkout(world: World, fault: Any) -> None:
    world.double.fail_next(fault, method="POST")
    with pytest.raises(GatewayUnavailable):
        world.opened()

    first, second = world.opened(), world.opened()

    assert first == second
    assert len(run(world.gateway.poll(world.clock(), "sessions:")).hints) == 1


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "malformed"])
def test_asked_again_with_the_same_key_there_is_one_refund(world: World, fault: Any) -> None:
    paid = world.paid()
    world.double.fail_next(fault, method="POST")
    with pytest.raises(GatewayUnavailable):
        world.refund(paid, TEN)

    made = world.refund(paid, TEN)

    assert world.now(paid).refunds == (made,)


def test_a_failure_that_is_told_again_for_its_key_is_told_apart(world: World) -> None:
    world.double.fail_next("error_500", method="POST")
    with pytest.raises(GatewayUnavailable):
        world.opened()

    with pytest.raises(GatewayUnavailable) as again:
        world.opened()
    assert again.value.key_is_spent is True


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_what_got_lost_is_tried_again_inside_with_the_same_key(world: World, fault: Any) -> None:
    gateway = over(world.double, world.clock, retries=1)
    world.double.fail_next(fault, method="POST")

    run(gateway.create_checkout(world.request()))

    assert {one.key for one in world.double.requests} == {"co:att_1"}
    assert len(world.double.requests) == 2
    run(gateway.close())


def test_without_retries_nothing_is_tried_again(world: World) -> None:
    world.double.fail_next("drop_before")

    with pytest.raises(GatewayUnavailable):
        world.opened()
    assert len(world.double.requests) == 1


def test_every_try_has_a_deadline(world: World) -> None:
    gateway = over(world.double, world.clock, timeout=0.2)
    world.double.fail_next("slow")

    with pytest.raises(GatewayUnavailable):
        run(gateway.create_checkout(world.request()))
    world.double.release()
    run(gateway.close())


def test_too_many_requests_is_refused_before_any_work(world: World) -> None:
    gateway = over(world.double, world.clock, retries=2)
    world.double.fail_next("rate_limit")

    with pytest.raises(GatewayRateLimited):
        run(gateway.create_checkout(world.request()))
    assert len(world.double.requests) == 1  # our own schedule says when to ask again
    assert world.opened().url is not None
    run(gateway.close())


@pytest.mark.parametrize("which", ["wrong", "restricted"])
def test_a_key_that_stripe_refuses_is_a_matter_of_configuration(world: World, which: str) -> None:
    key = world.double.restricted_key if which == "restricted" else "sk_test_NotTheKeyOfThis"
    gateway = over(world.double, world.clock, api_key=key)

    with pytest.raises(GatewayConfigError) as refusal:
        run(gateway.create_checkout(world.request()))
    assert key not in str(refusal.value)
    run(gateway.close())


def test_where_nobody_listens_nothing_is_known(world: World) -> None:
    with StripeDouble() as gone:
        url = gone.url
    gateway = over(world.double, world.clock, api_base=url)

    with pytest.raises(GatewayUnavailable):
        run(gateway.create_checkout(world.request()))
    run(gateway.close())


def test_no_error_carries_the_sdks_own(world: World) -> None:
    errors: list[BaseException] = []
    stranger = over(world.double, world.clock, api_key="sk_test_NotTheKeyOfThis")
    for gateway in (world.gateway, stranger):
        with pytest.raises(DigistoreError) as refusal:
            run(gateway.fetch(CheckoutRef("cs_none")))
        run(gateway.close())
        errors.append(refusal.value)

    for error in errors:
        assert error.__cause__ is None
        assert error.__context__ is None
        text = "".join(traceback.format_exception(error)) + repr(vars(error))
        assert "stripe._error" not in text
        assert world.double.api_key not in text
        assert "sk_test" not in str(error)


def test_nothing_secret_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        world.paid()
        world.double.fail_next("error_500")
        with pytest.raises(GatewayUnavailable):
            world.opened("att_2")

    assert caplog.text
    assert world.double.api_key not in caplog.text
    assert world.double.webhook_secret not in caplog.text


def an_error(
    status: int | None, headers: dict[str, str] | None = None, **said: Any
) -> stripe.StripeError:
    message = "buyer@example.com of Main Street"
    return stripe.StripeError(message, "", status, {"error": said}, headers)


CASES: list[tuple[str, stripe.StripeError, type[DigistoreError]]] = [
    ("checkout", an_error(None), GatewayUnavailable),
    ("checkout", an_error(200), GatewayUnavailable),
    ("checkout", an_error(409, code="idempotency_key_in_use"), GatewayUnavailable),
    ("checkout", an_error(409, type="idempotency_error"), GatewayUnavailable),
    *(("checkout", an_error(status), GatewayUnavailable) for status in (500, 502, 503, 504)),
    ("refund", an_error(409, code="lock_timeout"), GatewayUnavailable),
    ("checkout", an_error(429, code="rate_limit"), GatewayRateLimited),
    ("refund", an_error(429, code="lock_timeout"), GatewayRateLimited),
    ("checkout", an_error(400, code="rate_limit"), GatewayRateLimited),
    ("checkout", an_error(401), GatewayConfigError),
    ("checkout", an_error(403, code="account_invalid"), GatewayConfigError),
    ("checkout", an_error(400, type="idempotency_error"), GatewayKeyConflict),
    ("checkout", an_error(400, code="amount_too_small"), AmountNotSupported),
    ("checkout", an_error(400, code="amount_too_large"), AmountNotSupported),
    ("checkout", an_error(400, code="invalid_charge_amount"), AmountNotSupported),
    ("refund", an_error(400, code="charge_already_refunded"), NotRefundable),
    ("refund", an_error(400, code="charge_disputed"), NotRefundable),
    ("refund", an_error(400, code="payment_intent_unexpected_state"), NotRefundable),
    ("refund", an_error(400, param="amount"), NotRefundable),
    ("refund", an_error(404, code="resource_missing", param="payment_intent"), CheckoutNotFound),
    ("checkout", an_error(404, code="resource_missing"), CheckoutNotFound),
    ("checkout", an_error(400, code="resource_missing", param="customer"), GatewayRejected),
    ("checkout", an_error(400, code="charge_disputed"), GatewayRejected),
    ("checkout", an_error(402, code="card_declined"), GatewayRejected),
    ("checkout", an_error(400), GatewayRejected),
    ("checkout", an_error(404), GatewayRejected),
    ("checkout", an_error(418, code="a_new_code"), GatewayRejected),
]


@pytest.mark.parametrize(("about", "error", "kind"), CASES)
def test_every_refusal_reads_as_what_it_means(
    about: str, error: stripe.StripeError, kind: type[DigistoreError]
) -> None:
    told = translate(error, about, "ref")

    assert type(told) is kind
    assert "example.com" not in str(told)


def test_code_parameter_and_request_are_kept() -> None:
    headers = {"Request-Id": "req_1"}
    told = translate(an_error(400, headers, code="a_code", param="line_items[0]"), "checkout")

    assert isinstance(told, GatewayError)
    assert told.provider_code == "a_code"
    assert str(told) == "Stripe says no: a_code, parameter line_items[0], request req_1"


@pytest.mark.parametrize("word", ["a code with buyer@example.com", "x" * 101, "", 5, None, []])
def test_what_is_no_word_is_not_repeated(word: Any) -> None:
    told = translate(an_error(400, code=word, param=word, type=word), "checkout")

    assert str(told) == "Stripe says no: status 400"


@pytest.mark.parametrize("body", [None, [], "x", {}, {"error": "x"}, {"error": None}])
def test_an_error_without_a_shape_is_an_error(body: Any) -> None:
    assert type(translate(stripe.StripeError("x", "", 400, body), "checkout")) is GatewayRejected
    assert type(translate(stripe.StripeError("x", "", 500, body), "checkout")) is GatewayUnavailable
