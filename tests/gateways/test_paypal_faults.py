"""A bad network and a bad day at PayPal: nothing twice, and each failure by its right name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from digistore.blocking import run
from digistore.errors import (
    CheckoutNotFound,
    GatewayConfigError,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
)
from digistore.gateways import CheckoutRef, PaymentRef, PaymentSnapshot
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.paypal.errors import translate
from digistore.gateways.paypal.transport import NoReply, Reply, UrllibTransport
from digistore.testing import FrozenClock
from digistore.testing.loopback.messages import Reply as Told
from digistore.testing.loopback.messages import Request
from digistore.testing.loopback.server import Server
from digistore.testing.paypal import PayPalDouble
from tests.gateways.paypal_kit import (
    PRICE,
    SECRET,
    a_gateway,
    a_refund,
    a_request,
    a_world,
    now_of,
    opened,
    over,
    paid,
    refund,
    resumed,
)

World = tuple[PayPalDouble, PayPalGateway, FrozenClock]


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


CALLS: dict[str, Callable[[World], object]] = {
    "create": lambda world: opened(world[1], world[2], "att_new"),
    "fetch": lambda world: now_of(world[1], opened(world[1], world[2])),
    "refund": lambda world: refund(world[1], paid(world)),
    "poll": lambda world: run(world[1].poll(world[2]())),
}
PATHS = {
    "create": "/v2/checkout/orders",
    "fetch": "/v2/checkout/orders/{id}",
    "refund": "/v2/payments/captures/{id}/refund",
    "poll": "/v1/notifications/webhooks-events",
}


FAILURES = {
    "drop_before": GatewayUnavailable,
    "drop_after": GatewayUnavailable,
    "malformed": GatewayUnavailable,
    "error_500": GatewayUnavailable,
    "rate_limit": GatewayRateLimited,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("fault", "error"), FAILURES.items())
def test_each_failure_has_its_name(world: World, call: str, fault: Any, error: Any) -> None:
    world[0].fail_next(fault, path=PATHS[call])
    with pytest.raises(error) as failure:
        CALLS[call](world)
    assert type(failure.value) is error


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "malformed", "error_500"])
def test_a_checkout_whose_reply_is_lost_is_made_once(world: World, fault: Any) -> None:
    double, gateway, clock = world
    double.fail_next(fault, path=PATHS["create"])
    with pytest.raises(GatewayUnavailable):
        opened(gateway, clock)
    first, second = opened(gateway, clock), opened(gateway, clock)
    assert first == second
    assert len(double._world.orders) == 1


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "malformed", "error_500"])
def test_a_refund_whose_reply_is_lost_is_made_once(world: World, fault: Any) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.fail_next(fault, path=PATHS["refund"])
    with pytest.raises(GatewayUnavailable):
        refund(gateway, checkout)
    refund(gateway, checkout)
    assert [one.money for one in now_of(gateway, checkout).refunds] == [PRICE]


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "malformed", "error_500"])
def test_a_capture_whose_reply_is_lost_is_made_once(world: World, fault: Any) -> None:
    double, gateway, clock = world
    checkout = opened(gateway, clock)
    double.pay(checkout)
    double.fail_next(fault, path="/v2/checkout/orders/{id}/capture")
    with pytest.raises(GatewayUnavailable):
        resumed(gateway, checkout)
    assert resumed(gateway, checkout).captured == PRICE


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error_500"])
def test_passing_failures_are_met_inside_with_the_same_key(fault: Any) -> None:
    with a_world(retries=1) as (double, gateway, clock):
        double.fail_next(fault, path=PATHS["create"])
        assert opened(gateway, clock).reference == "att_1"
        asked = [one for one in double.requests if one.path == PATHS["create"]]
        assert [one.key for one in asked] == ["co:att_1", "co:att_1"]


def test_too_many_requests_are_not_answered_by_more_of_them() -> None:
    with a_world(retries=5) as (double, gateway, clock):
        double.fail_next("rate_limit", path=PATHS["create"])
        with pytest.raises(GatewayRateLimited):
            opened(gateway, clock)
        assert len([one for one in double.requests if one.path == PATHS["create"]]) == 1


def test_one_access_token_serves_until_it_ends(world: World) -> None:
    double, gateway, clock = world

    def tokens() -> int:
        return len([one for one in double.requests if one.path == "/v1/oauth2/token"])

    opened(gateway, clock)
    opened(gateway, clock, "att_2")
    assert tokens() == 1
    clock.go(hours=8, minutes=59)
    opened(gateway, clock, "att_3")
    assert tokens() == 2


def test_a_token_that_was_revoked_is_renewed_once(world: World) -> None:
    double, gateway, clock = world
    opened(gateway, clock)
    double.revoke_tokens()
    assert opened(gateway, clock, "att_2").reference == "att_2"
    assert [one.status for one in double.requests][-3:] == [401, 200, 201]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop_before", GatewayUnavailable),
        ("error_500", GatewayUnavailable),
        ("malformed", GatewayUnavailable),
        ("rate_limit", GatewayRateLimited),
    ],
)
def test_without_a_token_nothing_is_asked(world: World, fault: Any, error: Any) -> None:
    double, gateway, clock = world
    double.fail_next(fault, path="/v1/oauth2/token")
    with pytest.raises(error):
        opened(gateway, clock)
    assert [one.path for one in double.requests] == ["/v1/oauth2/token"]


def test_a_wrong_secret_is_told_as_such_and_not_shown(world: World) -> None:
    double, _, clock = world
    with pytest.raises(GatewayConfigError) as refusal:
        opened(over(double, clock, client_secret=SECRET), clock)
    assert SECRET not in str(refusal.value)
    assert refusal.value.provider_code == "invalid_client"


def without_the_feature(double: PayPalDouble) -> None:
    double.features.discard("disputes")


def while_the_list_is_down(double: PayPalDouble) -> None:
    double.fail_next("error_500", times=99, path="/v1/customer/disputes")


def while_one_is_down(double: PayPalDouble) -> None:
    double.fail_next("rate_limit", times=99, path="/v1/customer/disputes/{id}")


@pytest.mark.parametrize(
    ("unreadable", "sale_is_complete"),
    [(without_the_feature, True), (while_the_list_is_down, False), (while_one_is_down, False)],
)
def test_what_was_captured_is_told_though_disputes_cannot_be_read(
    world: World,
    unreadable: Callable[[PayPalDouble], None],
    sale_is_complete: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout)
    unreadable(double)
    payment_id = checkout.payment_id
    assert payment_id is not None
    for told, complete in (
        (now_of(gateway, checkout), sale_is_complete),
        (resumed(gateway, checkout), sale_is_complete),
        (run(gateway.fetch(PaymentRef(payment_id))), False),
    ):
        assert (told.captured, told.disputes, told.complete) == (PRICE, (), complete)
    assert caplog.text.count("disputes cannot be read, the rest is told") == 3


def test_all_is_complete_where_disputes_can_be_read(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout)
    assert (checkout.complete, now_of(gateway, checkout).complete) == (True, True)


def test_a_secret_is_neither_logged_nor_in_any_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    double, gateway, clock = world
    caplog.set_level(logging.DEBUG)
    checkout = paid(world, outcome="declined")
    double.fail_next("drop_after", path=PATHS["create"])
    with pytest.raises(GatewayUnavailable) as failure:
        opened(gateway, clock, "att_2")
    chain = [failure.value, failure.value.__cause__, failure.value.__context__]
    told = caplog.text + " ".join(repr(one) for one in chain)
    for secret in (double.client_id, double.client_secret, "A21AA", "buyer@example.com"):
        assert secret not in told
    assert checkout.failure == "INSTRUMENT_DECLINED"


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (400, b'{"name": "INVALID_REQUEST"}', GatewayRejected, "INVALID_REQUEST"),
        (422, b'{"details": [{"issue": "PAYEE_ACCOUNT_RESTRICTED"}]}', GatewayRejected, None),
        (
            422,
            b'{"details": [{"issue": "PREVIOUS_REQUEST_IN_PROGRESS"}]}',
            GatewayUnavailable,
            None,
        ),
        (400, b'{"name": "DUPLICATE_REQUEST_ID"}', GatewayUnavailable, "DUPLICATE_REQUEST_ID"),
        (409, b"{}", GatewayUnavailable, None),
        (302, b"", GatewayUnavailable, None),
        (503, b"<html>", GatewayUnavailable, None),
        (401, b"", GatewayConfigError, None),
        (422, b'{"details": "odd", "name": ["odd"]}', GatewayRejected, None),
        (422, b'{"name": "words that may hold a@b.example"}', GatewayRejected, None),
    ],
)
def test_a_refusal_is_read_by_its_code_alone(
    status: int, body: bytes, error: Any, code: str | None
) -> None:
    told = translate(Reply(status, {"paypal-debug-id": "f3a9504624464"}, body), "checkout")
    assert type(told) is error
    assert "f3a9504624464" in str(told)
    assert "@" not in str(told)
    if code is not None:
        assert getattr(told, "provider_code", None) == code


def test_a_key_that_was_used_up_is_marked() -> None:
    told = translate(Reply(400, {}, b'{"name": "DUPLICATE_REQUEST_ID"}'), "refund")
    assert isinstance(told, GatewayUnavailable)
    assert told.key_is_spent


def test_every_call_has_a_deadline() -> None:
    given: list[float] = []

    class Silent:
        def send(
            self,
            method: str,
            url: str,
            headers: Mapping[str, str],
            body: bytes | None,
            timeout: float,
        ) -> Reply:
            given.append(timeout)
            raise NoReply("TimeoutError")

    gateway = a_gateway(transport=Silent(), timeout=7, retries=1)
    with pytest.raises(GatewayUnavailable):
        run(gateway.fetch(CheckoutRef("X")))
    assert given == [7, 7]


class Scripted:
    """A server that answers everything in one way."""

    def __init__(self, reply: Told | None) -> None:
        self.reply = reply
        self.paths: list[str] = []

    def answer(self, request: Request) -> Told | None:
        self.paths.append(request.path)
        return self.reply


@pytest.fixture
def serve() -> Iterator[Callable[[Scripted], str]]:
    servers: list[Server] = []

    def begin(scripted: Scripted) -> str:
        server = Server(scripted)
        servers.append(server)
        server.open()
        return server.url

    yield begin
    for server in servers:
        server.hang_up()
        server.close()
        assert server.failures == []


@pytest.mark.parametrize("seconds", [b"1" + b"0" * 30, b"-" + b"9" * 20, b"1e400", b'"soon"'])
def test_a_token_that_lasts_for_no_time_that_can_be_told_serves_once(
    serve: Callable[[Scripted], str], seconds: bytes
) -> None:
    body = (
        b'{"access_token": "abc", "id": "X", "status": "CREATED", "expires_in": ' + seconds + b"}"
    )
    scripted = Scripted(Told(200, body, {}))
    gateway = a_gateway(api_base=serve(scripted), retries=0)
    for _ in range(2):
        assert run(gateway.fetch(CheckoutRef("X"))).checkout_id == "X"
    assert scripted.paths == ["/v1/oauth2/token", "/v2/checkout/orders/X"] * 2


@pytest.mark.parametrize("status", [200, 404])
def test_a_reply_without_bottom_is_none(serve: Callable[[Scripted], str], status: int) -> None:
    url = serve(Scripted(Told(status, b"[" * 200_000, {})))
    gateway = a_gateway(api_base=url, retries=0)
    with pytest.raises((GatewayUnavailable, CheckoutNotFound)):
        run(gateway.fetch(CheckoutRef("X")))


def test_a_redirect_is_not_followed(serve: Callable[[Scripted], str]) -> None:
    elsewhere = Scripted(Told(200, b"{}", {}))
    there = serve(elsewhere)
    here = serve(Scripted(Told(307, b"", {"Location": there + "/stolen"})))
    reply = UrllibTransport().send("GET", here + "/x", {"Authorization": "Bearer x"}, None, 10)
    assert (reply.status, elsewhere.paths) == (307, [])


def test_a_reply_without_end_is_none(serve: Callable[[Scripted], str]) -> None:
    url = serve(Scripted(Told(200, b"x" * (9 * 1024 * 1024), {})))
    with pytest.raises(NoReply):
        UrllibTransport().send("GET", url, {}, None, 10)


def test_a_server_that_is_not_there_gives_no_reply(serve: Callable[[Scripted], str]) -> None:
    url = serve(Scripted(None))
    for address in (url, "http://127.0.0.1:1"):
        with pytest.raises(NoReply):
            UrllibTransport().send("GET", address, {}, None, 10)


def test_a_slow_server_outlasts_no_ones_patience(world: World) -> None:
    double, _, clock = world
    hasty = over(double, clock, timeout=0.2)
    double.fail_next("slow", path=PATHS["create"])
    with pytest.raises(GatewayUnavailable):
        run(hasty.create_checkout(a_request(clock())))
    double.release()


def test_both_colours_take_the_same_road(world: World) -> None:
    double, gateway, clock = world

    async def life() -> PaymentSnapshot:
        checkout = await gateway.create_checkout(a_request(clock()))
        double.pay(checkout)
        told = await gateway.resume(checkout.checkout_id, {})
        await gateway.refund(a_refund(told, PRICE))
        return await gateway.fetch(CheckoutRef(checkout.checkout_id))

    told = asyncio.run(life())
    assert (told.captured, [one.money for one in told.refunds]) == (PRICE, [PRICE])
