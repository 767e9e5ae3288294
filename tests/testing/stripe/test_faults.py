"""6: a bad network and a bad day at Stripe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from digistore.errors import Invalid
from tests.testing.stripe.kit import Shop, client, intent_of


def test_a_request_that_is_lost_does_nothing(shop: Shop) -> None:
    shop.double.fail_next("drop_before")
    with pytest.raises(stripe.APIConnectionError):
        shop.session()
    assert shop.stripe.v1.checkout.sessions.list().data == []
    assert shop.double.requests[0].status == 0


def test_after_a_lost_reply_the_work_is_done(shop: Shop) -> None:
    session = shop.paid()
    shop.double.fail_next("drop_after")
    params: stripe.params.RefundCreateParams = {"payment_intent": intent_of(session)}
    with pytest.raises(stripe.APIConnectionError):
        shop.stripe.v1.refunds.create(params, {"idempotency_key": "rf:1"})
    [refund] = shop.stripe.v1.refunds.list().data
    again = shop.stripe.v1.refunds.create(params, {"idempotency_key": "rf:1"})
    assert again.id == refund.id


def test_the_sdk_retries_a_lost_reply_with_its_key(shop: Shop) -> None:
    shop.double.fail_next("drop_after")
    sdk = client(shop.double, max_network_retries=1)
    sdk.v1.customers.create({"email": "ada@example.com"})
    assert len(sdk.v1.customers.list().data) == 1
    lost, replayed = shop.double.requests[:2]
    assert lost.key == replayed.key
    assert (lost.fault, replayed.replayed) == ("drop_after", True)


def test_a_500_comes_before_any_work(shop: Shop) -> None:
    shop.double.fail_next("error_500")
    with pytest.raises(stripe.APIError) as error:
        shop.session()
    assert error.value.http_status == 500
    assert shop.stripe.v1.checkout.sessions.list().data == []


def test_a_limit_is_told_as_such(shop: Shop) -> None:
    shop.double.fail_next("rate_limit")
    with pytest.raises(stripe.RateLimitError) as error:
        shop.session()
    assert error.value.http_status == 429
    assert error.value.headers is not None
    assert error.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"


def test_a_malformed_reply_is_no_json_and_the_work_is_done(shop: Shop) -> None:
    shop.double.fail_next("malformed")
    with pytest.raises(stripe.APIError):
        shop.session()
    assert len(shop.stripe.v1.checkout.sessions.list().data) == 1


def test_a_slow_reply_outlasts_the_patience_of_a_client(shop: Shop) -> None:
    shop.double.fail_next("slow")
    hasty = client(shop.double, http_client=stripe.RequestsClient(timeout=0.05))
    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.events.list()
    shop.double.release()
    assert shop.stripe.v1.events.list().data == []


def test_a_slow_request_is_done_once_it_is_let_go(shop: Shop) -> None:
    shop.double.fail_next("slow", method="post", path="/v1/checkout/sessions")
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(shop.session)
        assert shop.double.wait_until_held()
        assert shop.stripe.v1.checkout.sessions.list().data == []
        shop.double.release()
        assert made.result().status == "open"


def test_closing_lets_go_of_what_is_slow(shop: Shop) -> None:
    shop.double.fail_next("slow")
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(shop.session)
        assert shop.double.wait_until_held()
        shop.double.close()
        with pytest.raises(stripe.APIConnectionError):
            made.result()


def test_a_fault_falls_on_the_requests_it_is_meant_for(shop: Shop) -> None:
    session = shop.session()
    path = "/v1/checkout/sessions/{id}/expire"
    shop.double.fail_next("error_500", 2, method="POST", path=path)
    assert shop.now(session).status == "open"
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.stripe.v1.checkout.sessions.expire(session.id)
    assert shop.stripe.v1.checkout.sessions.expire(session.id).status == "expired"


def test_a_fault_of_one_method_spares_the_other_on_the_same_path(shop: Shop) -> None:
    shop.double.fail_next("error_500", method="post", path="/v1/checkout/sessions")
    assert shop.stripe.v1.checkout.sessions.list().data == []
    with pytest.raises(stripe.APIError):
        shop.session()


def test_faults_befall_in_the_order_they_were_planned(shop: Shop) -> None:
    shop.double.fail_next("rate_limit")
    shop.double.fail_next("error_500")
    with pytest.raises(stripe.RateLimitError):
        shop.session()
    with pytest.raises(stripe.APIError):
        shop.session()
    assert shop.session().status == "open"


def test_a_fault_that_is_none_is_refused(shop: Shop) -> None:
    with pytest.raises(Invalid):
        shop.double.fail_next("earthquake")  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        shop.double.fail_next("slow", 0)
