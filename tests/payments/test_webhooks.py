"""The webhook's door: who speaks is checked, what is said is only a hint, twice is once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from digistore.blocking import run
from digistore.errors import (
    GatewayUnavailable,
    Invalid,
    InvalidSignature,
    MalformedEvent,
    NotFound,
)
from digistore.gateways.sandbox import SandboxGateway
from digistore.payments import WebhookResult
from digistore.testing import FrozenClock
from tests.conftest import OpenStore, Shop
from tests.payments.asking import access, calls, state, usd, waiting
from tests.payments.end_state import every_row

HEADER = "Sandbox-Signature"
Signed = tuple[bytes, dict[str, str]]


def inbox(shop: Shop) -> list[tuple[str, str]]:
    return shop.rows("SELECT type, status FROM digistore_provider_events")


def altered(shop: Shop, signed: Signed, **values: Any) -> Signed:
    """The same message with other content, signed as the gateway would."""
    event = json.loads(signed[0])
    about = {**event["data"]["object"], **values.pop("about", {})}
    body = json.dumps({**event, **values, "data": {"object": about}}).encode()
    return body, shop.sandbox.sign(body)


def tampered(shop: Shop, body: bytes) -> Signed:
    return body.replace(b"checkout.paid", b"checkout.free"), shop.sandbox.sign(body)


def other_secret(shop: Shop, body: bytes) -> Signed:
    other = SandboxGateway(clock=shop.clock, webhook_secret="a secret of somebody else")
    return body, other.sign(body)


FORGED: dict[str, Callable[[Shop, bytes], Signed]] = {
    "tampered": tampered,
    "other_secret": other_secret,
    "missing": lambda _, body: (body, {}),
    "other_header": lambda _, body: (body, {"Stripe-Signature": "t=1,v1=00"}),
    "empty": lambda _, body: (body, {HEADER: ""}),
    "garbage": lambda _, body: (body, {HEADER: "t=now,v1=\N{SNOWMAN}"}),
    "unknown_version": lambda shop, body: (
        body,
        {HEADER: shop.sandbox.sign(body)[HEADER].replace("v1=", "v0=")},
    ),
    "old": lambda s, body: (body, s.sandbox.sign(body, at=s.clock() - timedelta(seconds=301))),
    "future": lambda s, body: (body, s.sandbox.sign(body, at=s.clock() + timedelta(seconds=301))),
    "empty_body": lambda shop, body: (b"", shop.sandbox.sign(body)),
}


def test_CVE_2026_4986_who_is_not_the_gateway_is_refused_and_leaves_no_trace(shop: Shop) -> None:
    book = shop.product()
    body, _ = shop.sandbox.pay(shop.checkout(book))
    before = every_row(shop.rows)
    for name, forge in FORGED.items():
        with pytest.raises(InvalidSignature):
            pytest.fail(f"{name}: {shop.deliver(forge(shop, body))}")
    assert inbox(shop) == []
    assert every_row(shop.rows) == before
    assert access(shop, book) == "not_purchased"


JUNK = (
    b"",
    b"not json",
    b"[]",
    b"null",
    b"{}",
    b'{"object": "event"}',
    b'{"object": "event", "id": 1, "type": "x", "created": 1, "data": {"object": {}}}',
    b'{"object": "event", "id": "evt_1", "type": "x", "created": NaN, "data": {"object": {}}}',
    b'{"object": "event", "id": "evt_1", "id": "evt_2", "data": {"object": {}}}',
    b"\xff\xfe",
    b"[" * 100_000,
)


def test_what_is_signed_but_no_event_is_malformed_and_not_stored(shop: Shop) -> None:
    for body in JUNK:
        with pytest.raises(MalformedEvent):
            shop.deliver((body, shop.sandbox.sign(body)))
    assert inbox(shop) == []


def test_a_body_above_one_mebibyte_is_refused_before_it_is_read(shop: Shop) -> None:
    body = b" " * (2**20 + 1)
    with pytest.raises(MalformedEvent, match="1048576"):
        shop.deliver((body, {}))


def test_a_gateway_that_is_not_configured_is_not_found(shop: Shop) -> None:
    signed = shop.sandbox.pay(shop.checkout(shop.product()))
    with pytest.raises(NotFound):
        shop.store.payments.handle_webhook("stripe", *signed)


def test_a_gateway_takes_its_own_messages_only(
    open_store: OpenStore, sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    """W2: the route says whose secret counts, nothing in the message does."""
    other = SandboxGateway(name="other", clock=clock, webhook_secret="secret of the other one")
    shop = Shop(open_store(gateways=[sandbox, other]), sandbox, clock)
    signed = sandbox.pay(shop.checkout(shop.product()))
    with pytest.raises(InvalidSignature):
        shop.store.payments.handle_webhook("other", *signed)


def test_both_secrets_are_good_while_one_takes_the_place_of_the_other(
    open_store: OpenStore, clock: FrozenClock
) -> None:
    secrets = ["the secret of tomorrow", "the secret of today"]
    both = SandboxGateway(clock=clock, webhook_secret=secrets)
    shop = Shop(open_store(gateways=[both]), both, clock)
    body, _ = both.pay(shop.checkout(shop.product()))
    for secret in secrets:
        headers = SandboxGateway(clock=clock, webhook_secret=secret).sign(body)
        assert shop.deliver((body, headers)).status == 200


def test_the_name_of_a_header_has_any_case(shop: Shop) -> None:
    body, headers = shop.sandbox.pay(shop.checkout(shop.product()))
    upper = {"CONTENT-TYPE": "application/json", HEADER.upper(): headers[HEADER]}
    assert shop.deliver((body, upper)).result is WebhookResult.SETTLED


def test_what_is_not_ours_is_answered_200_and_not_stored(shop: Shop) -> None:
    """A 4xx for it would be repeated for days, and might switch the endpoint off."""
    paid = shop.sandbox.pay(shop.checkout(shop.product()))
    messages = {
        "another shop's": shop.sandbox.foreign_event(),
        "unknown type": altered(shop, paid, type="customer.created"),
        "live mode": altered(shop, paid, livemode=True),
        "another account": altered(shop, paid, account="acct_of_somebody"),
    }
    before = every_row(shop.rows)
    for name, signed in messages.items():
        outcome = shop.deliver(signed)
        assert (outcome.status, outcome.result) == (200, WebhookResult.IGNORED), name
    assert inbox(shop) == []
    assert every_row(shop.rows) == before


def test_a_payment_that_the_gateway_does_not_know_is_ignored(shop: Shop) -> None:
    paid = shop.sandbox.pay(shop.checkout(shop.product()))
    about = {"checkout": "cs_unknown", "payment": "pi_unknown", "reference": None}
    outcome = shop.deliver(altered(shop, paid, id="evt_x", about=about))
    assert (outcome.status, outcome.result) == (200, WebhookResult.IGNORED)
    assert inbox(shop) == [("checkout.paid", "ignored")]


VERSIONS = "SELECT o.version, p.version FROM digistore_orders o, digistore_payments p"


def test_the_same_message_again_changes_no_row(shop: Shop) -> None:
    """I17: at once, after a refund, and after a dispute."""
    book = shop.product()
    checkout = shop.checkout(book)
    paid = shop.sandbox.pay(checkout)
    assert shop.deliver(paid).result is WebhookResult.SETTLED
    for change in (
        lambda: shop.store.payments.refund(
            shop.seller, checkout.order, amount=usd("1"), reason="x"
        ),
        lambda: shop.deliver(shop.sandbox.open_dispute(checkout)),
        lambda: None,
    ):
        change()
        before = every_row(shop.rows)
        outcome = shop.deliver(paid)
        assert (outcome.status, outcome.result) == (200, WebhookResult.REPEATED)
        assert every_row(shop.rows) == before


def test_a_message_whose_rival_was_faster_leaves_no_trace(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buyer comes back between the look at what is stored and the lock."""
    checkout = shop.checkout(shop.product())
    inner = getattr(shop.store, "_target", shop.store)._shop.payments
    plain = inner._settle.apply
    once, left = [checkout.order], []

    async def overtaken(*args: Any) -> Any:
        if once:
            await inner.confirm(shop.buyer, once.pop())
            left.append((shop.rows(VERSIONS), shop.count("audit")))
        return await plain(*args)

    monkeypatch.setattr(inner._settle, "apply", overtaken)
    assert shop.deliver(shop.sandbox.pay(checkout)).status == 200
    assert left == [(shop.rows(VERSIONS), shop.count("audit"))]


def test_all_messages_again_in_any_order_change_no_row(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("5"), reason="late")
    shop.deliver(shop.sandbox.open_dispute(checkout))
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))
    for signed in shop.sandbox.deliver(checkout):
        shop.deliver(signed)
    before = every_row(shop.rows)
    for signed in shop.sandbox.deliver(checkout, shuffle=7, duplicate=2):
        assert shop.deliver(signed).result is WebhookResult.REPEATED
    assert every_row(shop.rows) == before


def test_twin_events_of_one_payment_make_one_fact(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    twins = shop.sandbox.deliver(checkout)
    assert [shop.deliver(one).result for one in twins] == [WebhookResult.SETTLED] * 2
    assert sorted(inbox(shop)) == [("checkout.paid", "done"), ("payment.succeeded", "done")]
    assert shop.count("payments") == shop.count("purchased_products") == 1
    assert shop.count("events", "type = 'OrderPaid'") == 1


def test_one_event_id_with_two_contents_is_put_before_an_operator(shop: Shop) -> None:
    book = shop.product()
    paid = shop.sandbox.pay(shop.checkout(book))
    shop.deliver(paid)
    other = altered(shop, paid, created=1)
    for _ in range(2):
        assert shop.deliver(other).status == 200
    assert waiting(shop) == ["event_conflict"]
    assert inbox(shop) == [("checkout.paid", "done")]
    (conflict,) = shop.store.payments.needing_action(shop.operator)
    shop.store.payments.resolve(shop.operator, conflict, choice="keep", reason="asked them")
    assert waiting(shop) == []


def test_a_second_content_of_what_is_not_settled_yet_is_settled_too(shop: Shop) -> None:
    """A first delivery met a fault; what was sent again, a little different, was swallowed."""
    book = shop.product()
    paid = shop.sandbox.pay(shop.checkout(book))
    shop.sandbox.fail_next("server_error", method="fetch")
    assert shop.deliver(paid).status == 503
    assert shop.deliver(altered(shop, paid, created=1)).result is WebhookResult.SETTLED
    assert access(shop, book) == "live"
    assert waiting(shop) == ["event_conflict"]
    assert shop.deliver(paid).result is WebhookResult.REPEATED


def test_doocs_md_1656_a_message_lies_and_the_gateway_tells_the_truth(shop: Shop) -> None:
    """W5: a signature says who speaks, not what is true."""
    book = shop.product()
    checkout = shop.checkout(book)
    declined = shop.sandbox.pay(checkout, "declined")
    about = {"checkout": shop.sandbox.look_up(checkout).id, "amount": 2900, "state": "paid"}
    outcome = shop.deliver(altered(shop, declined, id="evt_lie", type="checkout.paid", about=about))
    assert outcome.result is WebhookResult.SETTLED
    assert (state(shop, checkout), access(shop, book)) == ("open", "not_purchased")
    assert shop.count("payments") == 0


def test_CVE_2026_2890_CVE_2026_2729_a_cheap_payment_does_not_open_a_dear_order(shop: Shop) -> None:
    """W6 (CVE-2026-2890): the reference of one order beside the payment of another."""
    cheap, dear = shop.product("Cheap", price=usd("1.00")), shop.product("Dear")
    paid, unpaid = shop.checkout(cheap), shop.checkout(dear)
    signed = shop.sandbox.pay(paid)
    reference = shop.sandbox.look_up(unpaid).reference
    shop.deliver(altered(shop, signed, id="evt_swap", about={"reference": reference}))
    assert (access(shop, cheap), access(shop, dear)) == ("live", "not_purchased")
    assert state(shop, unpaid) == "open"


def test_a_message_before_the_answer_to_our_call_finds_its_order(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as caught:
        shop.checkout(book)
    (hint,) = run(shop.sandbox.poll(shop.clock() - timedelta(hours=1))).hints
    assert hint.checkout_id is not None
    outcome = shop.deliver(shop.sandbox.pay(hint.checkout_id))
    assert outcome.result is WebhookResult.SETTLED
    assert access(shop, book) == "live"
    order = shop.store.orders.get(shop.buyer, str(caught.value.order_id))
    assert order.state == "paid"
    assert shop.rows("SELECT checkout_id, state FROM digistore_payment_attempts") == [
        (hint.checkout_id, "paid")
    ]


def test_a_message_that_cannot_be_worked_is_kept_and_finished_by_reconcile(shop: Shop) -> None:
    book = shop.product()
    signed = shop.sandbox.pay(shop.checkout(book))
    shop.sandbox.fail_next("timeout", times=2, method="fetch")
    outcome = shop.deliver(signed)
    assert (outcome.status, outcome.result) == (503, WebhookResult.STORED)
    assert inbox(shop) == [("checkout.paid", "received")]
    assert access(shop, book) == "not_purchased"
    assert shop.deliver(signed).status == 503  # sent again, it is tried again
    shop.clock.go(minutes=6)
    assert shop.store.payments.reconcile().events == 1
    assert inbox(shop) == [("checkout.paid", "done")]
    assert access(shop, book) == "live"


def test_a_message_that_is_sent_again_after_503_is_settled(shop: Shop) -> None:
    book = shop.product()
    signed = shop.sandbox.pay(shop.checkout(book))
    shop.sandbox.fail_next("rate_limit", method="fetch")
    assert shop.deliver(signed).status == 503
    assert shop.deliver(signed).result is WebhookResult.SETTLED
    assert access(shop, book) == "live"


def test_a_known_message_costs_no_call_of_the_gateway(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    signed = shop.sandbox.pay(checkout)
    shop.deliver(signed)
    before = calls(shop, "fetch")
    shop.deliver(signed)
    assert calls(shop, "fetch") == before


# Later: for hosts with a worker.


@pytest.fixture
def patient(shop_with: Callable[..., Shop]) -> Shop:
    """A shop that stores what it is told and settles it when it has time."""
    return shop_with(webhooks="later")


def test_told_to_settle_later_it_only_stores(patient: Shop) -> None:
    book = patient.product()
    signed = patient.sandbox.pay(patient.checkout(book))
    asked = len(calls(patient, "fetch"))
    for _ in range(2):  # the provider may say it again before anybody has looked
        answer = patient.deliver(signed)
        assert (answer.status, answer.result) == (200, WebhookResult.STORED)
    assert (len(calls(patient, "fetch")), access(patient, book)) == (asked, "not_purchased")
    assert [status for _, status in inbox(patient)] == ["received"]


@pytest.mark.parametrize("worker", ["run_due", "reconcile"])
def test_what_was_stored_is_settled_by_the_worker(patient: Shop, worker: str) -> None:
    book = patient.product()
    signed = patient.sandbox.pay(patient.checkout(book))
    patient.deliver(signed)
    patient.store.run_due() if worker == "run_due" else patient.store.payments.reconcile()
    assert access(patient, book) == "live"
    assert [status for _, status in inbox(patient)] == ["done"]
    assert patient.deliver(signed).result is WebhookResult.REPEATED


def test_what_was_stored_is_not_forgotten_while_the_gateway_is_silent(patient: Shop) -> None:
    book = patient.product()
    patient.deliver(patient.sandbox.pay(patient.checkout(book)))
    patient.sandbox.fail_next("timeout", method="fetch")
    patient.sandbox.fail_next("timeout", method="poll")
    patient.store.run_due()
    assert [status for _, status in inbox(patient)] == ["received"]
    patient.clock.go(hours=1)
    patient.store.run_due()
    assert access(patient, book) == "live"


def test_what_is_no_message_of_ours_is_never_stored_for_later(patient: Shop) -> None:
    body, _ = patient.sandbox.pay(patient.checkout(patient.product()))
    with pytest.raises(InvalidSignature):
        patient.deliver((body, {}))
    assert inbox(patient) == []


class FrameworkHeaders:
    """As Werkzeug and Starlette have them: no mapping, and a name may come several times."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = pairs

    def items(self) -> list[tuple[str, str]]:
        return list(self.pairs)


def test_headers_are_taken_as_a_framework_has_them(shop: Shop) -> None:
    book = shop.product()
    body, headers = shop.sandbox.pay(shop.checkout(book))
    given = FrameworkHeaders(("Cookie", "a"), ("Cookie", "b"), *headers.items())
    assert shop.store.payments.handle_webhook("sandbox", body, given).status == 200
    assert access(shop, book) == "live"


def test_a_signature_that_comes_twice_is_none(shop: Shop) -> None:
    body, headers = shop.sandbox.pay(shop.checkout(shop.product()))
    with pytest.raises(InvalidSignature):
        shop.store.payments.handle_webhook(
            "sandbox", body, FrameworkHeaders(*headers.items(), *headers.items())
        )
    assert inbox(shop) == []


@pytest.mark.parametrize(
    ("body", "headers", "field"),
    [
        ("text", {}, "body"),
        (None, {}, "body"),
        (b"{}", None, "headers"),
        (b"{}", [("a", "b")], "headers"),
        (b"{}", {b"a": "b"}, "headers"),
    ],
)
def test_what_is_no_request_is_invalid(shop: Shop, body: Any, headers: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        shop.store.payments.handle_webhook("sandbox", body, headers)
    assert caught.value.fields == {field: "wrong_type"}
