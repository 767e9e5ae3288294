"""3: the first answer to a key is the answer, for a day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.testing.stripe.kit import PRICE, Shop, intent_of, line, refused


def test_the_same_request_again_is_answered_again(shop: Shop) -> None:
    first, again = shop.session(key="co:1"), shop.session(key="co:1")
    assert first.to_dict() == again.to_dict()
    assert len(shop.stripe.v1.checkout.sessions.list().data) == 1
    assert [one.replayed for one in shop.double.requests[:2]] == [False, True]
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    original = again.last_response.headers["Original-Request"]
    assert original == shop.double.requests[0].request_id


def test_the_first_answer_is_told_even_after_things_have_changed(shop: Shop) -> None:
    session = shop.session(key="co:1")
    shop.double.pay(session.id)
    assert shop.session(key="co:1").status == "open"
    assert shop.now(session).status == "complete"


def test_other_parameters_are_refused(shop: Shop) -> None:
    shop.session(key="co:1")
    with pytest.raises(stripe.IdempotencyError) as error:
        shop.session(key="co:1", line_items=[line(PRICE + 1)])
    assert error.value.http_status == 400
    assert refused(error)["type"] == "idempotency_error"


def test_the_order_of_parameters_does_not_matter(shop: Shop) -> None:
    create = shop.stripe.v1.customers.create
    first = create({"name": "Ada", "email": "a@b.example"}, {"idempotency_key": "cu:1"})
    again = create({"email": "a@b.example", "name": "Ada"}, {"idempotency_key": "cu:1"})
    assert first.id == again.id


def test_another_endpoint_is_refused(shop: Shop) -> None:
    session = shop.paid(key="co:1")
    with pytest.raises(stripe.IdempotencyError):
        shop.stripe.v1.refunds.create(
            {"payment_intent": intent_of(session)}, {"idempotency_key": "co:1"}
        )


def test_a_key_whose_request_is_at_work_is_refused(shop: Shop) -> None:
    shop.double.fail_next("slow")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(shop.session, key="co:1")
        assert shop.double.wait_until_held()
        with pytest.raises(stripe.APIError) as error:
            shop.session(key="co:1")
        assert shop.stripe.v1.events.list().data == []  # others are not held up
        shop.double.release()
        made = first.result()
    assert error.value.http_status == 409
    assert refused(error)["code"] == "idempotency_key_in_use"
    assert shop.session(key="co:1").id == made.id


def test_a_500_is_kept(shop: Shop) -> None:
    shop.double.fail_next("error_500")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as error:
            shop.session(key="co:1")
        assert error.value.http_status == 500
    assert shop.double.requests[-1].replayed
    assert shop.session(key="co:2").status == "open"


def test_an_answer_that_came_of_work_is_kept_though_it_is_no(shop: Shop) -> None:
    session = shop.paid()
    shop.double.open_dispute(session.id)
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as error:
            shop.stripe.v1.refunds.create(
                {"payment_intent": intent_of(session)}, {"idempotency_key": "rf:1"}
            )
        assert error.value.code == "charge_disputed"
        shop.double.close_dispute(session.id, "won")


def test_parameters_that_were_refused_are_not_kept(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.session(key="co:1", colour="red")
    assert shop.session(key="co:1").status == "open"


def test_a_limit_keeps_nothing(shop: Shop) -> None:
    shop.double.fail_next("rate_limit")
    with pytest.raises(stripe.RateLimitError):
        shop.session(key="co:1")
    assert shop.session(key="co:1").status == "open"


def test_a_key_is_forgotten_after_a_day_of_the_clock(shop: Shop) -> None:
    first = shop.session(key="co:1")
    shop.clock.go(hours=23, minutes=59)
    assert shop.session(key="co:1").id == first.id
    shop.clock.go(minutes=1)
    assert shop.session(key="co:1").id != first.id


def test_keys_of_two_accounts_do_not_meet(shop: Shop) -> None:
    seller = shop.double.connect_account()
    own = shop.session(key="co:1")
    params = {"email": "ada@example.com"}
    options: stripe.RequestOptions = {"idempotency_key": "co:1", "stripe_account": seller}
    assert shop.stripe.v1.customers.create(params, options).email == "ada@example.com"  # type: ignore[arg-type]
    assert shop.session(key="co:1").id == own.id


def test_a_key_has_at_most_255_characters(shop: Shop) -> None:
    assert shop.session(key="k" * 255).status == "open"
    with pytest.raises(stripe.InvalidRequestError):
        shop.session(key="k" * 256)


def test_many_with_one_key_make_one(shop: Shop) -> None:
    def ask(_: int) -> str | None:
        try:
            return shop.session(key="co:1").id
        except stripe.APIError as error:
            refusals.append(error.http_status)
            return None

    refusals: list[int | None] = []

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(ask, range(24))) - {None}
    assert made == {one.id for one in shop.stripe.v1.checkout.sessions.list().data}
    assert len(made) == 1
    assert set(refusals) <= {409}
