"""7: seeded ids, one clock, a log of requests, no needless wait, no noise."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import stripe

from digistore.testing import FrozenClock
from digistore.testing.loopback.server import Server
from digistore.testing.stripe import StripeDouble
from tests.testing.stripe.kit import NOON, Shop, asked, client


def lived(seed: str) -> list[str]:
    with StripeDouble(clock=FrozenClock(NOON), seed=seed) as double:
        shop = Shop(double, FrozenClock(NOON))
        shop.paid()
        return [event.id for event in shop.stripe.v1.events.list().data]


def test_the_same_seed_gives_the_same_ids() -> None:
    assert lived("a") == lived("a")
    assert not set(lived("a")) & set(lived("b"))


def test_all_times_are_those_of_the_clock(shop: Shop) -> None:
    shop.clock.go(days=400)
    session = shop.paid()
    now = int(shop.clock().timestamp())
    assert session.created == now
    assert {event.created for event in shop.stripe.v1.events.list().data} == {now}


def test_the_log_tells_what_was_asked(shop: Shop) -> None:
    seller = shop.double.connect_account()
    params: stripe.params.CustomerCreateParams = {"metadata": {"a": "b"}, "name": "Ada"}
    options: stripe.RequestOptions = {"idempotency_key": "cu:1", "stripe_account": seller}
    shop.stripe.v1.customers.create(params, options)
    [logged] = shop.double.requests
    assert (logged.method, logged.path) == ("POST", "/v1/customers")
    assert logged.parameters == {"metadata": {"a": "b"}, "name": "Ada"}
    assert (logged.key, logged.account) == ("cu:1", seller)
    assert (logged.version, logged.status) == (stripe.api_version, 200)


def test_a_live_double_says_so() -> None:
    with StripeDouble(livemode=True) as double:
        session = client(double).v1.checkout.sessions.create(asked())  # type: ignore[arg-type]
    assert session.livemode
    assert session.id.startswith("cs_live_")
    assert double.api_key.startswith("sk_live_")


def test_replies_do_not_wait_for_the_ack_of_the_client(shop: Shop) -> None:
    shop.session()
    server = shop.double._server
    assert server is not None
    [line] = server._open
    assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_closed_double_leaves_no_thread_and_no_port(shop: Shop) -> None:
    shop.session()
    shop.double.close()
    shop.double.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if "process_request" in name or "stripe-double" in name]
    with pytest.raises(stripe.APIConnectionError):
        shop.session()


def test_a_double_can_be_opened_again_and_remembers(shop: Shop) -> None:
    session = shop.session()
    shop.double.close()
    shop.double.open()
    again = Shop(shop.double, shop.clock)
    assert again.now(session.id).status == "open"


def test_a_failure_of_the_double_itself_is_raised_when_it_is_closed() -> None:
    double = StripeDouble()
    double.open()
    sdk = client(double)
    double._api.world = None  # type: ignore[assignment]
    with pytest.raises(stripe.APIConnectionError):
        sdk.v1.events.list()
    with pytest.raises(ExceptionGroup, match="worth nothing"):
        double.close()


def test_a_body_of_no_sensible_length_is_refused(double: StripeDouble) -> None:
    assert isinstance(double._server, Server)
    with socket.create_connection(("127.0.0.1", double._server.server_port), timeout=10) as line:
        line.sendall(b"POST /v1/refunds HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert b" 413 " in line.recv(1 << 16).partition(b"\r\n")[0]


def test_it_is_quiet_when_warnings_are_errors() -> None:
    script = (
        "import stripe\n"
        "from digistore.testing.stripe import StripeDouble\n"
        "with StripeDouble() as double:\n"
        "    sdk = stripe.StripeClient(double.api_key, base_addresses={'api': double.url})\n"
        "    sdk.v1.events.list()\n"
    )
    done = subprocess.run(  # noqa: S603 - our own script, by the Python that runs this
        [sys.executable, "-X", "dev", "-W", "error", "-c", script],
        check=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_the_plugin_gives_a_fixture(tmp_path: Path) -> None:
    test = tmp_path / "test_shop.py"
    test.write_text(
        "import stripe\n"
        "def test_shop(stripe_double):\n"
        "    base = {'api': stripe_double.url}\n"
        "    sdk = stripe.StripeClient(stripe_double.api_key, base_addresses=base)\n"
        "    assert sdk.v1.events.list().data == []\n"
    )
    plugin = ["-p", "digistore.testing.stripe.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(  # noqa: S603 - pytest, by the Python that runs this
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *plugin, str(test)],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout
