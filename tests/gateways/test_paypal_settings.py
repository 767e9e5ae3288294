"""What a PayPal gateway is made with, and what it never gives away."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from digistore.errors import ConfigError
from digistore.gateways import Cap, PaymentGateway
from digistore.gateways.paypal import PayPalGateway
from digistore.settings import Settings
from digistore.store import Store
from tests.gateways.paypal_kit import CLIENT, SECRET, WEBHOOK, a_gateway


def test_it_is_a_payment_gateway() -> None:
    gateway: PaymentGateway = a_gateway()
    profile = gateway.profile
    assert (profile.name, profile.livemode, profile.account) == ("paypal", False, "")
    assert (profile.namespace, profile.key_ttl) == ("shop", timedelta(hours=6))
    assert profile.capabilities == {
        Cap.REFUND,
        Cap.PARTIAL_REFUND,
        Cap.DELAYED,
        Cap.DISPUTES,
        Cap.EXPIRE,
        Cap.POLL,
        Cap.IDEMPOTENT,
        Cap.CAPTURE_ON_RETURN,
        Cap.LOCAL_VERIFY,
    }
    assert Cap.DISPUTES not in a_gateway(disputes=False).profile.capabilities
    assert a_gateway(live=True).profile.livemode


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("client_id", ["", " ", None, "short", "with space in it 123", "é" * 20, 7]),
        ("client_secret", ["", " ", None, "short", "line\nbreak" * 3, b"bytes" * 5]),
        ("webhook_id", ["", " ", None, [], (), ["ok12345", ""], "WITH-DASH", "x" * 51]),
        ("namespace", ["", None, "Shop", "a:b", "x" * 41]),
        ("name", ["", None, "pay pal", "x" * 41]),
        ("live", [None, 0, 1, "no"]),
        ("timeout", [0, -1, 81, None, "20", True, float("inf"), float("nan")]),
        ("retries", [-1, 6, 1.0, None, True]),
        ("tolerance", [0, -1, 604_801, 300.0, None, True]),
        ("key_ttl", [timedelta(hours=5), timedelta(hours=73), 6, None]),
        ("extra", [{"return_url": "https://evil.example"}, {"user_action": "CONTINUE"}]),
        (
            "api_base",
            [
                "",
                "ftp://localhost",
                "http://paypal.example",
                "https://user@paypal.example",
                "https://paypal.example?x=y",
                7,
            ],
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ConfigError):
            a_gateway(**{name: value})


def test_plain_http_is_for_tests_on_this_machine() -> None:
    a_gateway(api_base="http://127.0.0.1:8080")
    with pytest.raises(ConfigError):
        a_gateway(api_base="http://127.0.0.1:8080", live=True)


def test_nothing_shows_a_secret() -> None:
    gateway = a_gateway()
    shown = " ".join(repr(one) for one in (gateway, *vars(gateway).values()))
    for secret in (CLIENT, SECRET, WEBHOOK):
        assert secret not in shown
    assert repr(gateway) == "PayPalGateway('paypal', sandbox, of 'shop')"


def test_a_message_about_settings_does_not_repeat_them() -> None:
    with pytest.raises(ConfigError) as refusal:
        a_gateway(client_secret="a secret with spaces in it")
    assert "a secret with" not in str(refusal.value)


def test_a_shops_checkouts_must_end_before_paypals_keys_do() -> None:
    def opened(ttl: timedelta, **changed: Any) -> None:
        Store.open(
            "sqlite://",
            files="memory://",
            gateways=[a_gateway(**changed)],
            secret="x" * 32,
            settings=Settings(checkout_ttl=ttl),
        ).close()

    opened(timedelta(hours=2))
    opened(timedelta(hours=12), key_ttl=timedelta(hours=72))
    with pytest.raises(ConfigError, match="at most 2:00:00"):
        opened(timedelta(hours=3))


def test_the_signatures_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setattr("digistore.gateways.paypal.settings.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"digistore\[paypal\]"):
        a_gateway()


def test_neither_the_library_nor_making_a_gateway_loads_cryptography() -> None:
    code = (
        "import sys, digistore\n"
        "assert not any(name.startswith('digistore.gateways.paypal') for name in sys.modules)\n"
        "from digistore.gateways.paypal import PayPalGateway\n"
        f"PayPalGateway({CLIENT!r}, {SECRET!r}, {WEBHOOK!r}, namespace='shop', live=False)\n"
        "assert 'cryptography' not in sys.modules\n"
        "assert 'stripe' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False)  # noqa: S603 - our own words
    assert done.returncode == 0


def test_the_list_of_events_is_for_hosts_to_register() -> None:
    assert len(set(PayPalGateway.EVENTS)) == len(PayPalGateway.EVENTS)
    assert "CHECKOUT.ORDER.APPROVED" in PayPalGateway.EVENTS
