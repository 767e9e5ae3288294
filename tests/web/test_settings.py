"""What a host can get wrong when it mounts the shop, and what it may decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from pydantic import ValidationError

import digistore.web.asgi
import digistore.web.fastapi
import digistore.web.litestar
import digistore.web.starlette
import digistore.web.wsgi
from digistore import SYSTEM, AsyncStore, Billing, FixedRates, HostUser, Settings, Store
from digistore.errors import ConfigError, Invalid
from digistore.orders import Consent
from digistore.web import WebSettings
from digistore.web.messages import Request
from digistore.web.site import checked_user
from tests.web import hosts
from tests.web.conftest import Web

Opened = Callable[..., Any]
HOSTS = ["flask", "django", "fastapi", "litestar", "asgi"]


@pytest.mark.parametrize("name", hosts.HOSTS)
def test_a_store_of_the_wrong_colour_is_refused_at_once(opened: Opened, name: str) -> None:
    host = hosts.HOSTS[name]
    with pytest.raises(ConfigError, match="event loop"):
        host.make(opened(Store if host.is_async else AsyncStore), None)


def test_who_asks_is_never_the_system() -> None:
    for user in (SYSTEM, 7, object(), ["usr_1"]):
        with pytest.raises(ConfigError, match="HostUser or None"):
            checked_user(user)
    assert [checked_user(nobody) for nobody in (None, False, "", 0)] == [None] * 4
    assert checked_user(HostUser("1")) == HostUser("1")


def test_user_must_be_a_callable(opened: Opened) -> None:
    store, mounted = opened(Store), opened(AsyncStore)
    nobody: Any = None
    makes: tuple[Callable[[], object], ...] = (
        lambda: digistore.web.wsgi.app(store, user=nobody),
        lambda: digistore.web.asgi.app(mounted, user=nobody),
        lambda: digistore.web.fastapi.digistore_router(mounted, user=nobody),
        lambda: digistore.web.litestar.digistore_router(mounted, user=nobody),
        lambda: digistore.web.starlette.digistore_routes(mounted, user=nobody),
    )
    for make in makes:
        with pytest.raises(ConfigError, match="callable"):
            make()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "dictionary"),
        ({"shop": "x"}, "dictionary"),
        ({}, "name your store"),
        ({"store": "no.such.module"}, "cannot be imported"),
        ({"store": "digistore.web.site.Site"}, None),
        ({"store": object()}, "event loop"),
    ],
)
def test_django_checks_its_settings(opened: Opened, given: Any, message: str | None) -> None:
    hosts.django_app(opened(Store), None)
    from django.conf import settings  # noqa: PLC0415  settings come first

    from digistore.web.django import apps, configured  # noqa: PLC0415

    assert apps.check_settings(None) == []
    settings.DIGISTORE = given
    configured.site_of_settings.cache_clear()
    if message is None:
        with pytest.raises(TypeError):  # a mistake in the host's own function is its own
            apps.check_settings(None)
        return
    (found,) = apps.check_settings(None)
    assert (found.id, message in str(found.msg)) == ("digistore.E001", True)


@pytest.mark.parametrize("host", HOSTS)
def test_where_buyers_come_back_to_is_the_hosts_to_say(
    open_web: Callable[..., Web], host: str
) -> None:
    web = open_web(
        host,
        web_settings=WebSettings(
            return_url="https://shop.example/back/{reference}",
            cancel_url="https://shop.example/cart",
        ),
    )
    made = web.post("/checkout", {"items": [web.shop.product().id]}, web.shop.buyer).json()
    found = web.shop.sandbox.look_up(web.path_of(made["url"]))
    ((reference,),) = web.shop.rows("SELECT id FROM digistore_payment_attempts")
    assert found.success_url == f"https://shop.example/back/{reference}"
    assert found.cancel_url == "https://shop.example/cart"


@pytest.mark.parametrize("host", HOSTS)
def test_a_forged_host_is_no_way_back(open_web: Callable[..., Web], host: str) -> None:
    web = open_web(host, settings=Settings(return_hosts=frozenset({"testserver"})))
    items = {"items": [web.shop.product().id]}
    forged = web.post("/checkout", items, web.shop.buyer, headers={"Host": "evil.example"})
    assert forged.status_code in {400, 403, 422}
    proxied = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    made = web.post("/checkout", items, web.shop.buyer, headers=proxied).json()
    assert made["url"].startswith("http://testserver/shop/sandbox/")


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_due_can_be_left_to_somebody_else(open_web: Callable[..., Web], host: str) -> None:
    web = open_web(host, web_settings=WebSettings(run_due=False))
    body, headers = web.shop.sandbox.pay(web.shop.checkout(web.shop.product()))
    assert web.ask("POST", "/webhooks/sandbox", content=body, headers=headers).status_code == 200
    assert web.shop.count("receipts") == 0
    web.shop.store.run_due()
    assert web.shop.count("receipts") == 1


def test_headers_without_end_are_refused(called: Web) -> None:
    answer = called.get("/api/products", headers={"X-Filler": "x" * 70_000})
    assert answer.status_code == 431


@pytest.mark.parametrize(
    "given",
    [
        {"return_url": "/back"},
        {"return_url": "javascript:alert(1)"},
        {"next_url": "javascript:alert(1)"},
        {"next_url": "//evil.example"},
        {"unknown": 1},
    ],
)
def test_settings_are_checked_when_they_are_made(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebSettings(**given)


GERMANY = {"name": "Ada", "country": "DE", "tax_id": "made up"}
REVERSIBLE = FixedRates({"DE": "19"}, reverse_charge=["DE"], evidence=2)


def test_a_buyer_cannot_end_tax_by_what_they_type(open_web: Callable[..., Web]) -> None:
    web = open_web("wsgi", tax=FixedRates({"DE": "19"}, reverse_charge=["DE"]))
    book = web.shop.product()
    given = {"items": [book.id], "billing": GERMANY}
    refused = web.post("/quote", given, web.shop.buyer)
    assert (refused.status_code, refused.json()["error"]["fields"]) == (
        422,
        {"billing": "tax_id_not_checked"},
    )
    unproved = {**GERMANY, "evidence": ["by", "me"]}
    assert web.post("/quote", {**given, "billing": unproved}, web.shop.buyer).status_code == 422
    typed = {"name": "Ada", "country": "DE"}
    told = web.post("/quote", {**given, "billing": typed}, web.shop.buyer).json()
    assert told["tax"]["amount"] == 463


def test_the_host_says_what_is_true_of_a_buyer(open_web: Callable[..., Web]) -> None:
    def look_up(typed: Billing, request: Request) -> Billing:
        if typed.tax_id == "made up":
            raise Invalid("no such tax id", fields={"billing": "tax_id"})
        found = (f"ip: {request.client or 'DE'}", "card: DE")
        return typed.model_copy(update={"evidence": found})

    web = open_web("wsgi", WebSettings(billing=look_up), tax=REVERSIBLE)
    book = web.shop.product()
    given = {"items": [book.id], "billing": GERMANY}
    assert web.post("/checkout", given, web.shop.buyer).json()["error"]["fields"] == {
        "billing": "tax_id"
    }
    given["billing"] = {**GERMANY, "tax_id": "DE123456789"}
    ordered = web.post("/checkout", given, web.shop.buyer)
    assert ordered.status_code == 200
    order = web.shop.store.orders.get(web.shop.buyer, ordered.json()["order"]["id"])
    assert order.billing is not None
    assert (order.billing.tax_id, len(order.billing.evidence)) == ("DE123456789", 2)


def test_a_consent_is_given_when_it_arrives(open_web: Callable[..., Web]) -> None:
    web = open_web("wsgi")
    consent = {"kind": "terms", "text": "I agree.", "locale": "en"}
    given = {"items": [web.shop.product().id], "consents": [consent]}
    order_id = web.post("/checkout", given, web.shop.buyer).json()["order"]["id"]
    [kept] = web.shop.store.orders.get(web.shop.buyer, order_id).consents
    assert kept.accepted_at == web.shop.clock()
    given["consents"] = [{**consent, "accepted_at": "2001-01-01T00:00:00Z"}]
    assert web.post("/checkout", given, web.shop.buyer).status_code == 422


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_beyond_the_calendar_is_invalid(moment: str) -> None:
    with pytest.raises(Invalid) as caught:
        Consent(kind="terms", text="x", locale="en", accepted_at=datetime.fromisoformat(moment))
    assert caught.value.fields == {"accepted_at": "out_of_range"}


def test_a_stranger_sends_no_body_worth_reading(open_web: Callable[..., Web]) -> None:
    web = open_web("asgi")
    many = {f"field{number}": 1 for number in range(5000)}
    assert web.post("/quote", many).status_code == 401
    known = web.post("/quote", many, web.shop.buyer)
    assert known.status_code == 422
    assert known.json()["error"]["fields"] == {"input": "too_many_problems"}


@pytest.mark.parametrize(
    ("length", "status"), [("9" * 5000, 413), ("9" * 12, 413), ("\u00b2", 400), ("-1", 400)]
)
def test_a_length_that_is_none_is_no_fault_of_ours(
    opened: Opened, length: str, status: int
) -> None:
    app = digistore.web.wsgi.app(opened(Store), user=lambda _: None)
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ |= {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/sandbox",
        "CONTENT_LENGTH": length,
    }
    told: list[str] = []
    start: Any = lambda line, *_: told.append(line)  # noqa: E731
    answer = app(environ, start)
    list(answer)
    getattr(answer, "close", lambda: None)()
    assert told[0].startswith(str(status))


def test_a_link_of_another_domain_leads_where_its_host_was_asked(
    open_web: Callable[..., Web],
) -> None:
    web = open_web("asgi", WebSettings(link_domains=frozenset({"go.example"})))
    shorten = web.shop.store.short_urls.shorten
    shorten(web.shop.operator, "https://shop.example/own", code="sale")
    shorten(web.shop.operator, "https://shop.example/theirs", code="sale", domain="go.example")
    for host, target in (("go.example", "theirs"), ("testserver", "own")):
        answer = web.get("/s/sale", headers={"Host": host})
        assert answer.headers["location"] == f"https://shop.example/{target}"
    (theirs,) = [one for one in web.shop.store.short_urls.mine(web.shop.operator) if one.domain]
    web.shop.store.short_urls.disable(web.shop.operator, theirs)
    assert web.get("/s/sale", headers={"Host": "go.example"}).status_code == 404
