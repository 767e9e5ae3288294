"""What becomes of an order: captured once, refunded within bounds, known again by its id."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from jsonschema import Draft202012Validator

from digistore.errors import Invalid, InvalidTransition, NotFound
from digistore.testing import FrozenClock
from digistore.testing.paypal import ApiError, PayPalDouble, schemas
from digistore.testing.paypal.routes import ROUTES
from tests.testing.paypal.kit import ORDERS, Caller, money


def capture(caller: Caller, order_id: str, key: str = "c:1") -> tuple[int, str | None]:
    answer = caller.ask("POST", f"{ORDERS}/{order_id}/capture", key=key)
    return answer.status, answer.issue


def test_an_order_is_captured_after_approval_and_once(caller: Caller) -> None:
    order_id = caller.order().body["id"]
    assert capture(caller, order_id) == (422, "ORDER_NOT_APPROVED")
    caller.double.pay(order_id)
    assert capture(caller, order_id, "c:2") == (201, None)
    assert capture(caller, order_id, "c:3") == (422, "ORDER_ALREADY_CAPTURED")


def test_an_order_with_another_intent_is_not_captured(caller: Caller) -> None:
    order_id = caller.order().body["id"]
    caller.double.pay(order_id)
    change = [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}]
    assert caller.ask("PATCH", f"{ORDERS}/{order_id}", change).status == 204
    assert capture(caller, order_id) == (422, "ACTION_DOES_NOT_MATCH_INTENT")


def test_what_was_captured_cannot_be_patched(caller: Caller) -> None:
    order_id, _ = caller.captured()
    change = [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}]
    answer = caller.ask("PATCH", f"{ORDERS}/{order_id}", change)
    assert (answer.status, answer.issue) == (422, "ORDER_ALREADY_COMPLETED")


def test_one_invoice_is_paid_once(caller: Caller) -> None:
    caller.captured(invoice_id="att_1")
    order_id = caller.order("co:again", invoice_id="att_1").body["id"]
    caller.double.pay(order_id)
    assert capture(caller, order_id) == (422, "DUPLICATE_INVOICE_ID")


def test_a_decline_is_told_again_for_its_key_and_lets_the_buyer_approve_anew(
    caller: Caller,
) -> None:
    order_id = caller.order().body["id"]
    caller.double.pay(order_id, "declined")
    assert capture(caller, order_id) == (422, "INSTRUMENT_DECLINED")
    caller.double.pay(order_id)
    assert capture(caller, order_id) == (422, "INSTRUMENT_DECLINED")
    assert capture(caller, order_id, "c:2") == (201, None)


def test_an_approval_is_taken_back_after_three_hours_and_told_of(caller: Caller) -> None:
    order_id = caller.order().body["id"]
    caller.double.pay(order_id)
    caller.clock.go(hours=3)
    assert caller.ask("GET", f"{ORDERS}/{order_id}").body["status"] == "VOIDED"
    assert capture(caller, order_id) == (422, "ORDER_COMPLETED_OR_VOIDED")
    types = [json.loads(body)["event_type"] for body, _ in caller.double.events(order_id)]
    assert types == ["CHECKOUT.ORDER.APPROVED", "CHECKOUT.PAYMENT-APPROVAL.REVERSED"]


def test_what_nobody_approves_is_forgotten(caller: Caller) -> None:
    order_id = caller.order().body["id"]
    caller.clock.go(hours=6)
    assert caller.ask("GET", f"{ORDERS}/{order_id}").status == 404
    assert caller.double.events() == []


def test_a_known_request_id_tells_how_it_stands_whatever_is_asked(caller: Caller) -> None:
    first = caller.order("co:1")
    caller.double.pay(first.body["id"])
    again = caller.order("co:1", amount=money("1.00"), items=None)
    assert (first.status, again.status) == (201, 200)
    assert (again.body["id"], again.body["status"]) == (first.body["id"], "APPROVED")
    assert caller.double.requests[-1].replayed


def test_a_request_id_is_forgotten_after_six_hours(caller: Caller) -> None:
    order_id, _ = caller.captured()
    caller.order("co:x")
    caller.clock.go(hours=6)
    assert caller.order("co:x").status == 201
    assert caller.ask("GET", f"{ORDERS}/{order_id}").status == 200


def test_a_request_id_belongs_to_one_path(caller: Caller) -> None:
    order_id = caller.order("co:1").body["id"]
    answer = caller.ask("POST", f"{ORDERS}/{order_id}/capture", key="co:1")
    assert (answer.status, answer.body["name"]) == (400, "DUPLICATE_REQUEST_ID")


def test_what_was_malformed_is_not_kept(caller: Caller) -> None:
    assert caller.order("co:1", custom_id="").status == 400
    assert caller.order("co:1").status == 201


def test_without_a_wish_only_the_least_is_told(caller: Caller) -> None:
    order_id = caller.order().body["id"]
    caller.double.pay(order_id)
    told = caller.ask("POST", f"{ORDERS}/{order_id}/capture", key="c:1", whole=False)
    assert set(told.body) == {"id", "status", "links"}


def test_refunds_stay_within_what_was_captured(caller: Caller) -> None:
    _, capture_id = caller.captured()
    assert caller.refund(capture_id, "30.00", "rf:0").issue == "REFUND_AMOUNT_EXCEEDED"
    assert caller.refund(capture_id, "9.00").status == 201
    path = f"/v2/payments/captures/{capture_id}"
    assert caller.ask("GET", path).body["status"] == "PARTIALLY_REFUNDED"
    assert caller.refund(capture_id, None, "rf:2").body["amount"] == money("20.00")
    assert caller.ask("GET", path).body["status"] == "REFUNDED"
    assert caller.refund(capture_id, "1.00", "rf:3").issue == "CAPTURE_FULLY_REFUNDED"


def test_money_that_failed_or_is_on_its_way_is_not_refunded(caller: Caller) -> None:
    order_id, capture_id = caller.captured("delayed")
    assert caller.refund(capture_id, "1.00", "rf:0").issue == "PENDING_CAPTURE"
    caller.double.clear(order_id, ok=False)
    assert caller.refund(capture_id, "1.00", "rf:1").issue == "REFUND_NOT_ALLOWED"


def test_no_part_is_refunded_in_an_inquiry_and_nothing_in_a_claim(caller: Caller) -> None:
    order_id, capture_id = caller.captured()
    caller.double.open_dispute(order_id, warning=True)
    partly = caller.refund(capture_id, "1.00", "rf:0")
    assert partly.issue == "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED"
    caller.double.move_dispute(order_id, "CHARGEBACK")
    assert caller.refund(capture_id, None, "rf:1").issue == "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"
    caller.double.close_dispute(order_id, "won")
    assert caller.refund(capture_id, None, "rf:2").status == 201


def test_one_dispute_may_be_about_several_captures(caller: Caller) -> None:
    (first_id, first), (second_id, second) = caller.captured(), caller.captured()
    assert caller.refund(first, "1.00", "rf:0").status == 201
    caller.clock.go(minutes=1)
    caller.double.open_dispute(first_id, also=[second_id])
    caller.double.close_dispute(second_id, "lost")
    ids = set()
    for capture_id in (first, second):
        listed = caller.ask("GET", f"/v1/customer/disputes?disputed_transaction_id={capture_id}")
        ids |= {one["dispute_id"] for one in listed.body["items"]}
        refused = caller.refund(capture_id, None, f"rf:{capture_id}")
        assert refused.issue == "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"
    [dispute_id] = ids
    told = caller.ask("GET", f"/v1/customer/disputes/{dispute_id}").body
    whole = Decimal(told["dispute_amount"]["value"])
    back = Decimal(told["dispute_outcome"]["amount_refunded"]["value"])
    assert whole - back == Decimal("1.00")  # what went back before is not given again


def test_a_feature_that_is_off_is_forbidden(caller: Caller) -> None:
    caller.double.features.clear()
    answer = caller.ask("GET", "/v1/customer/disputes")
    assert (answer.status, answer.issue) == (403, "PERMISSION_DENIED")


def test_every_reply_is_as_documented(caller: Caller) -> None:
    """A whole life is asked about by each endpoint; what is told is held to its schema."""
    order_id, capture_id = caller.captured()
    refund_id = caller.refund(capture_id, "1.00").body["id"]
    caller.double.open_dispute(order_id)
    caller.double.close_dispute(order_id, "lost")
    listed = caller.ask("GET", f"/v1/customer/disputes?disputed_transaction_id={capture_id}")
    caller.clock.go(hours=4)
    now = caller.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    dates = f"start_date=2026-01-01T00:00:00Z&end_date={now}"
    asked = {
        f"{ORDERS}/{{id}}": f"{ORDERS}/{order_id}",
        "/v2/payments/captures/{id}": f"/v2/payments/captures/{capture_id}",
        "/v2/payments/refunds/{id}": f"/v2/payments/refunds/{refund_id}",
        "/v1/customer/disputes": "/v1/customer/disputes",
        "/v1/customer/disputes/{id}": (
            "/v1/customer/disputes/" + listed.body["items"][0]["dispute_id"]
        ),
        "/v1/notifications/webhooks-events": "/v1/notifications/webhooks-events?page_size=2",
        "/v1/reporting/transactions": f"/v1/reporting/transactions?{dates}",
    }
    for route in ROUTES:
        if route.method == "GET":
            told = caller.ask("GET", asked[route.path])
            assert told.status == 200, route.path
            Draft202012Validator(route.tells).validate(told.body)
    assert len(listed.body["items"]) == 1
    assert "dispute_outcome" not in listed.body["items"][0]


def test_webhooks_come_again_until_they_are_acknowledged(caller: Caller) -> None:
    caller.captured()
    heard: list[str] = []

    def endpoint(body: bytes, _: object) -> int:
        heard.append(json.loads(body)["event_type"])
        return 503 if len(heard) <= 3 else 200

    assert [one.acknowledged for one in caller.double.deliver(endpoint)] == [False] * 3
    assert [one.acknowledged for one in caller.double.deliver(endpoint)] == [True] * 3
    assert caller.double.deliver(endpoint) == []


def test_webhooks_are_shuffled_repeated_lost_and_chosen(caller: Caller) -> None:
    order_id, _ = caller.captured()
    sent = caller.double.deliver(lambda *_: 503, order_id, shuffle=1, duplicate=2, retell=1, lose=1)
    assert len(sent) == 6
    only = caller.double.deliver(lambda *_: 200, types=["PAYMENT.CAPTURE.COMPLETED"])
    assert {one.type for one in only} <= {"PAYMENT.CAPTURE.COMPLETED"}
    with pytest.raises(Invalid):
        caller.double.deliver(lambda *_: 200, duplicate=0)


def test_what_makes_no_sense_is_refused(caller: Caller) -> None:
    double = caller.double
    order_id = caller.order().body["id"]
    with pytest.raises(Invalid):
        double.pay(order_id, "twice")  # type: ignore[arg-type]
    with pytest.raises(InvalidTransition):
        double.clear(order_id)
    with pytest.raises(NotFound):
        double.pay("NONE")
    paid, _ = caller.captured()
    with pytest.raises(InvalidTransition):
        double.abandon(paid)
    with pytest.raises(InvalidTransition):
        double.pay(paid, "declined")
    with pytest.raises(NotFound):
        double.close_dispute(paid, "won")
    for unknown in (double.clear_refund, double.fail_refund):
        with pytest.raises(NotFound):
            unknown(paid)
    with pytest.raises(Invalid):
        double.close_dispute(paid, "prevented")  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        double.move_dispute(paid, "COFFEE")
    with pytest.raises(ApiError):
        double.dashboard_refund(paid, "30.00")


def test_the_same_seed_gives_the_same_ids() -> None:
    def lived(seed: str) -> list[str]:
        clock = FrozenClock()
        with PayPalDouble(clock=clock, seed=seed) as double:
            return list(Caller(double, clock).captured())

    assert lived("a") == lived("a")
    assert not set(lived("a")) & set(lived("b"))


def test_the_log_tells_what_was_asked_but_no_secret(caller: Caller) -> None:
    caller.order("co:1")
    token, order = caller.double.requests
    assert (token.path, token.parameters, token.status) == ("/v1/oauth2/token", {}, 200)
    assert (order.method, order.path, order.key, order.status) == ("POST", ORDERS, "co:1", 201)
    assert order.parameters["purchase_units"][0]["custom_id"] == "shop:att_1"


def test_events_are_as_documented(caller: Caller) -> None:
    order_id, capture_id = caller.captured()
    caller.refund(capture_id, "1.00")
    caller.double.open_dispute(order_id)
    shapes = {
        "checkout-order": schemas.ORDER,
        "capture": schemas.CAPTURE,
        "refund": schemas.REFUND,
        "dispute": schemas.DISPUTE,
    }
    for body, _ in caller.double.events():
        event = json.loads(body)
        Draft202012Validator(schemas.EVENT).validate(event)
        Draft202012Validator(shapes[event["resource_type"]]).validate(event["resource"])
