from __future__ import annotations

import importlib.metadata
import importlib.util
from datetime import timedelta
from typing import Any

import pytest

from digistore import Store
from digistore.errors import ConfigError
from digistore.gateways import Cap, MoneyRules
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.stripe import StripeGateway
from digistore.settings import Settings
from tests.gateways.stripe_kit import KEY, OTHER_SECRET, SECRET, a_gateway

LIVE = "sk_live_51ForTestsAlone"


def open_store(*gateways: Any, settings: Settings | None = None) -> Store:
    return Store.open(
        "sqlite://", files="memory://", gateways=gateways, secret="x" * 32, settings=settings
    )


@pytest.mark.parametrize("key", [KEY, KEY.replace("sk_", "rk_")])
def test_a_test_key_is_of_test_mode(key: str) -> None:
    assert a_gateway(api_key=key).profile.livemode is False
    assert a_gateway(api_key=key, livemode=False).profile.livemode is False


@pytest.mark.parametrize("key", [LIVE, LIVE.replace("sk_", "rk_")])
def test_a_live_key_is_of_live_mode(key: str) -> None:
    assert a_gateway(api_key=key).profile.livemode is True
    assert a_gateway(api_key=key, livemode=True).profile.livemode is True


@pytest.mark.parametrize(("key", "livemode"), [(KEY, True), (LIVE, False), (LIVE, 1), (KEY, "no")])
def test_a_key_of_the_other_mode_is_refused(key: str, livemode: Any) -> None:
    with pytest.raises(ConfigError, match="livemode"):
        a_gateway(api_key=key, livemode=livemode)


def test_live_and_test_gateways_do_not_stand_in_one_store() -> None:
    with pytest.raises(ConfigError):
        open_store(a_gateway(api_key=LIVE), SandboxGateway())
    with pytest.raises(ConfigError):
        open_store(a_gateway(api_key=LIVE), a_gateway(name="stripe_test"))


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        None,
        b"sk_test_51ForTestsAlone",
        "sk_test_",
        "pk_test_51ForTestsAlone",
        "whsec_ForTestsAlone1234",
        KEY + "\n",
        " " + KEY,
        "sk_prod_51ForTestsAlone",
        "sk_test_51ForTests Alone",
    ],
)
def test_what_is_no_secret_key_is_refused_and_not_shown(key: Any) -> None:
    with pytest.raises(ConfigError, match="api_key") as refusal:
        a_gateway(api_key=key)
    assert "ForTests" not in str(refusal.value)


@pytest.mark.parametrize(
    "secrets",
    [
        "",
        " ",
        None,
        [],
        (),
        "whsec_",
        "secret_ForTestsAlone1234",
        "ForTestsAlone1234",
        KEY,
        SECRET + " ",
        f"{SECRET},{OTHER_SECRET}",
        [SECRET, ""],
        [SECRET, None],
        [SECRET.encode()],
    ],
)
def test_a_key_without_a_webhook_secret_is_refused(secrets: Any) -> None:
    with pytest.raises(ConfigError, match="whsec_") as refusal:
        a_gateway(webhook_secrets=secrets)
    assert "ForTests" not in str(refusal.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("tolerance", value) for value in (0, -1, 3601, None, True, 1.5, float("inf"))),
        *(("timeout", value) for value in (0, -1, None, True, "20", float("inf"), float("nan"))),
        *(("retries", value) for value in (-1, 6, None, True, 1.0)),
        *(("namespace", value) for value in ("", None, "Shop", "a b", "x" * 41, "a\n")),
        *(("name", value) for value in ("", None, "a b", "x" * 41)),
        *(("tax_behavior", value) for value in ("", True, "unspecified", "INCLUSIVE", [])),
        *(
            ("api_base", value)
            for value in (
                "",
                "api.stripe.com",
                "http://api.stripe.com",
                "http://10.0.0.1:8000",
                "ftp://localhost",
                "https://user:word@proxy.example",
                "https://proxy.example/?key=1",
                "https://[",
                8000,
            )
        ),
        *(
            ("extra", {name: True})
            for name in (
                "mode",
                "line_items",
                "allow_promotion_codes",
                "discounts",
                "automatic_tax",
                "currency",
                "metadata",
                "client_reference_id",
                "success_url",
                "adaptive_pricing",
                "payment_intent_data",
                "api_key",
                "stripe_account",
                "idempotency_key",
            )
        ),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        a_gateway(**{setting: value})


def test_live_money_goes_over_https_alone() -> None:
    assert a_gateway(api_base="http://127.0.0.1:9000")
    assert a_gateway(api_key=LIVE, api_base="https://proxy.example")
    with pytest.raises(ConfigError):
        a_gateway(api_key=LIVE, api_base="http://127.0.0.1:9000")


def test_nothing_that_shows_a_gateway_shows_its_secrets() -> None:
    gateway = a_gateway()

    for text in (repr(gateway), str(gateway), repr(gateway.profile), repr(gateway._client)):
        assert KEY not in text
        assert SECRET not in text
    assert repr(gateway) == "StripeGateway('stripe', test mode, of 'shop')"


def test_gateway_tax_is_an_ability_only_where_it_was_asked_for() -> None:
    assert Cap.TAX not in a_gateway().profile.capabilities
    assert Cap.TAX in a_gateway(tax_behavior="inclusive").profile.capabilities
    assert Cap.SPLIT not in a_gateway().profile.capabilities


def test_a_host_may_say_which_amounts_it_takes() -> None:
    rules = MoneyRules(currencies=frozenset({"EUR"}), minimum={"EUR": 500})

    assert a_gateway(money=rules).profile.money is rules


def test_without_the_sdk_the_gateway_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", dict[str, None]().get)

    with pytest.raises(ConfigError, match=r"digistore\[stripe\]"):
        a_gateway()


@pytest.mark.parametrize("version", ["14.9.9", "15.5", "17.0", "17.1.0", "18"])
def test_an_sdk_of_another_major_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", {"stripe": version}.get)

    with pytest.raises(ConfigError, match=version):
        a_gateway()


def test_a_checkout_that_is_shorter_than_stripe_takes_is_refused_by_the_store() -> None:
    with pytest.raises(ConfigError, match="checkout_ttl"):
        open_store(a_gateway(), settings=Settings(checkout_ttl=timedelta(minutes=30)))
    open_store(a_gateway(), settings=Settings(checkout_ttl=timedelta(minutes=31))).close()


def test_the_gateway_fits_the_port() -> None:
    from digistore.gateways import PaymentGateway  # noqa: PLC0415 - only this is about it

    gateway: PaymentGateway = a_gateway()

    assert isinstance(gateway, StripeGateway)
    assert gateway.profile.account == ""
