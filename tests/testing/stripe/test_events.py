"""5: events in Stripe's order, each fact told more than once, signed, and sent as networks do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import stripe

from digistore.errors import Invalid
from digistore.testing.stripe import StripeDouble
from tests.testing.stripe.kit import FOREVER, Shop, intent_of, told

PAID = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
]


class Inbox:
    """An endpoint that remembers what it got, and replies with one status."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.got: list[dict[str, Any]] = []

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> int:
        self.got.append(json.loads(body))
        return self.status

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.got]


def test_a_payment_is_told_in_stripes_order(shop: Shop) -> None:
    assert shop.types(shop.paid()) == PAID


def test_a_delayed_payment_is_told_in_stripes_order(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "delayed")
    shop.double.clear(session.id)
    assert shop.types(session) == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]


def test_a_delayed_payment_that_fails_is_told_in_stripes_order(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "delayed")
    shop.double.clear(session.id, ok=False)
    assert shop.types(session)[-3:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]


def test_a_declined_card_is_told_in_stripes_order(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "declined")
    wanted = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert shop.types(session) == wanted


def test_every_other_fact_is_told_too(shop: Shop) -> None:
    session = shop.paid()
    refund = shop.stripe.v1.refunds.create({"payment_intent": intent_of(session), "amount": 1})
    shop.double.fail_refund(refund.id)
    shop.double.warn_of_fraud(session.id)
    shop.double.open_dispute(session.id)
    shop.double.close_dispute(session.id, "won")
    shop.double.close_dispute(session.id, "lost")
    assert shop.types(session)[len(PAID) :] == [
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
        "refund.failed",
        "refund.updated",
        "charge.refund.updated",
        "radar.early_fraud_warning.created",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]


def test_an_event_shows_its_object_as_it_was_then(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "delayed")
    shop.double.clear(session.id)
    [completed] = [e for e in told(shop.double) if e["type"] == "checkout.session.completed"]
    assert completed["data"]["object"]["payment_status"] == "unpaid"


def test_an_event_names_the_request_that_caused_it(shop: Shop) -> None:
    session = shop.paid()
    params: stripe.params.RefundCreateParams = {"payment_intent": intent_of(session)}
    shop.stripe.v1.refunds.create(params, {"idempotency_key": "rf:1"})
    by_the_buyer, by_the_shop = told(shop.double)[0], told(shop.double)[-1]
    assert by_the_buyer["request"] == {"id": None, "idempotency_key": None}
    assert by_the_shop["request"]["idempotency_key"] == "rf:1"


def test_events_of_a_connected_account_name_it(shop: Shop) -> None:
    seller = shop.double.connect_account()
    shop.stripe.v1.customers.create({}, {"stripe_account": seller})
    shop.stripe.v1.customers.create({})
    assert [event.get("account") for event in told(shop.double)] == [seller, None]


def test_the_sdk_believes_the_signature(shop: Shop) -> None:
    session = shop.session()
    body, headers = shop.double.pay(session.id)
    event = stripe.Webhook.construct_event(
        body, headers["Stripe-Signature"], shop.double.webhook_secret, tolerance=FOREVER
    )
    assert event.type == "checkout.session.completed"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(
            body + b" ", headers["Stripe-Signature"], shop.double.webhook_secret, tolerance=FOREVER
        )


def test_a_rolled_secret_signs_beside_the_one_before_for_a_day(shop: Shop) -> None:
    old = shop.double.webhook_secret
    new = shop.double.roll_webhook_secret()
    assert verified(shop.double, old)
    assert verified(shop.double, new)
    shop.clock.go(hours=24)
    assert not verified(shop.double, old)
    assert verified(shop.double, new)


def verified(double: StripeDouble, secret: str) -> bool:
    headers = double.sign(b"{}")
    try:
        stripe.WebhookSignature.verify_header(
            "{}", headers["Stripe-Signature"], secret, tolerance=FOREVER
        )
    except stripe.SignatureVerificationError:
        return False
    return True


def test_a_forged_v0_signature_is_offered_as_bait(double: StripeDouble) -> None:
    assert ",v0=" in double.sign(b"{}")["Stripe-Signature"]


def test_what_is_acknowledged_is_sent_once(shop: Shop) -> None:
    shop.paid()
    inbox = Inbox()
    deliveries = shop.double.deliver(inbox)
    assert [one.type for one in deliveries] == PAID
    assert all(one.acknowledged for one in deliveries)
    assert shop.double.deliver(inbox) == []
    assert shop.stripe.v1.events.list({"delivery_success": False}).data == []


def test_what_is_not_acknowledged_is_sent_again(shop: Shop) -> None:
    shop.paid()
    down, up = Inbox(503), Inbox()
    shop.double.deliver(down)
    shop.double.deliver(up)
    assert down.ids == up.ids


def test_what_a_store_says_of_a_webhook_is_its_status(shop: Shop) -> None:
    shop.paid()

    class Outcome:
        status = 503

    deliveries = shop.double.deliver(lambda *_: Outcome(), duplicate=2)
    assert {one.status for one in deliveries} == {503}
    assert {one.status for one in shop.double.deliver(lambda *_: None)} == {200}


def test_what_an_endpoint_raises_is_raised_and_the_event_stays_due(shop: Shop) -> None:
    shop.paid()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shop.double.deliver(broken)
    assert len(shop.double.deliver(Inbox())) == len(PAID)


def test_a_seed_shuffles_in_the_same_way_each_time(shop: Shop) -> None:
    for _ in range(3):
        shop.paid()
    orders = []
    for seed in (1, 1, 2):
        inbox = Inbox(503)
        shop.double.deliver(inbox, shuffle=seed, duplicate=2)
        orders.append(inbox.ids)
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])
    assert len(orders[0]) == 2 * 3 * len(PAID)


def test_a_fact_is_told_under_two_ids(shop: Shop) -> None:
    session = shop.paid()
    inbox = Inbox()
    shop.double.deliver(inbox, retell=4)
    assert len(set(inbox.ids)) == 8
    bare = [{**event, "id": ""} for event in inbox.got]
    assert all(bare.count(event) == 2 for event in bare)
    assert len(shop.types(session)) == 8


def test_what_is_lost_never_comes_but_can_be_asked_for(shop: Shop) -> None:
    shop.paid()
    inbox = Inbox()
    shop.double.deliver(inbox, lose=3)
    shop.double.deliver(inbox)
    assert len(inbox.ids) == 1
    assert len(shop.stripe.v1.events.list().data) == len(PAID)


def test_what_is_delayed_comes_with_the_next_delivery(shop: Shop) -> None:
    shop.paid()
    inbox = Inbox()
    assert len(shop.double.deliver(inbox, delay=3)) == 1
    assert len(shop.double.deliver(inbox)) == 3
    assert len(set(inbox.ids)) == len(PAID)


def test_an_endpoint_hears_only_what_it_is_registered_for(shop: Shop) -> None:
    shop.paid()
    inbox = Inbox()
    shop.double.deliver(inbox, types={"checkout.session.completed"})
    shop.double.deliver(inbox)
    assert [event["type"] for event in inbox.got] == ["checkout.session.completed"]


def test_the_events_of_one_checkout_leave_those_of_others_due(shop: Shop) -> None:
    one, other = shop.paid(), shop.paid()
    inbox = Inbox()
    shop.double.deliver(inbox, one.id)
    assert {event["data"]["object"]["id"] for event in inbox.got} & {one.id, other.id} == {one.id}
    assert len(shop.double.deliver(inbox)) == len(PAID)


@pytest.mark.parametrize("wire", [{"duplicate": 0}, {"lose": -1}, {"delay": -1}, {"retell": -1}])
def test_numbers_that_mean_nothing_are_refused(double: StripeDouble, wire: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        double.deliver(Inbox(), **wire)  # type: ignore[arg-type]


@pytest.fixture
def endpoint() -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, body, self.headers["Stripe-Signature"]))
            self.send_response(204 if self.path == "/hooks?for=stripe" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    got: list[tuple[str, bytes, str]] = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got = got  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_posted_to(shop: Shop, endpoint: HTTPServer) -> None:
    shop.paid()
    url = f"http://127.0.0.1:{endpoint.server_port}"
    assert {one.status for one in shop.double.deliver(url + "/elsewhere")} == {404}
    assert {one.status for one in shop.double.deliver(url + "/hooks?for=stripe")} == {204}
    assert shop.double.deliver(url) == []
    for _, body, signature in endpoint.got:  # type: ignore[attr-defined]
        secret = shop.double.webhook_secret
        stripe.Webhook.construct_event(body, signature, secret, tolerance=FOREVER)
