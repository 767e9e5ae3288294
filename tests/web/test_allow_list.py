"""Every route that is mounted, in every host, is on the list of ``api.md``, and no other is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import digistore.web
from digistore import AsyncStore, Store
from digistore.web.routes import API, routes_of
from digistore.web.site import blocking_site
from tests.extent import WHOLE
from tests.web import hosts
from tests.web.conftest import Web

PUBLIC = {
    "categories": "GET /api/categories",
    "products": "GET /api/products",
    "product": "GET /api/products/{product}",
    "offer": "GET /api/products/{product}/offer",
    "support_offers": "GET /api/products/{product}/support-offers",
}
CUSTOMER = {
    "quote": "POST /api/quote",
    "checkout": "POST /api/checkout",
    "my_orders": "GET /api/orders",
    "order": "GET /api/orders/{order}",
    "receipt": "GET /api/orders/{order}/receipt",
    "receipt_html": "GET /api/orders/{order}/receipt.html",
    "receipt_pdf": "GET /api/orders/{order}/receipt.pdf",
    "cancel": "POST /api/orders/{order}/cancel",
    "confirm": "POST /api/orders/{order}/confirm",
    "request_refund": "POST /api/orders/{order}/request-refund",
    "my_products": "GET /api/my/products",
    "files": "GET /api/products/{product}/files",
    "link": "POST /api/products/{product}/link",
    "eligibility": "GET /api/support/eligibility",
    "request_support": "POST /api/products/{product}/support",
    "my_supports": "GET /api/my/supports",
    "support": "GET /api/support/requests/{support}",
    "reply": "POST /api/support/requests/{support}/reply",
    "reopen": "POST /api/support/requests/{support}/reopen",
    "close": "POST /api/support/requests/{support}/close",
}
PAGES = {
    "webhook": "POST /webhooks/{gateway}",
    "download": "GET /d/{token}",
    "short_link": "GET /s/{code}",
    "short_link_password": "POST /s/{code}",
    "return_page": "GET /return/{reference}",
}
SANDBOX = {
    "sandbox": "GET /sandbox/{checkout}",
    "sandbox_press": "POST /sandbox/{checkout}",
}
OPEN_TO_ALL = PAGES.keys()
ALLOWED = {**PUBLIC, **CUSTOMER, **PAGES, **SANDBOX}

NEVER = {
    *("register", "ensure", "guest", "authenticate", "grant_role", "revoke_role", "claim"),
    *("start_claim", "claim_verified", "merge", "erase", "export_data", "by_external_id"),
    *("reconcile", "record", "record_refund", "resolve", "refund", "needing_action", "evidence"),
    *("revoke", "restore", "transfer", "revoke_links", "log", "plan", "run_due", "migrate"),
    *("add_product", "update_product", "release", "publish", "yank", "put_on_sale", "withdraw"),
    *("add_discount", "retire_discount", "shorten", "update", "disable", "mine", "stats"),
    *("assign", "start", "waive", "queue", "collect", "verify", "doctor", "add_category"),
}


def test_the_route_table_is_the_allow_list(opened: Callable[..., Any]) -> None:
    routes = routes_of(blocking_site(opened(Store), None))
    assert {route.name: f"{route.method} {route.path}" for route in routes} == ALLOWED
    assert {route.name for route in routes if route.open_to_all} == OPEN_TO_ALL
    assert {route.name for route in API} == PUBLIC.keys() | CUSTOMER.keys()
    assert not {route.name for route in routes} & NEVER


def test_the_sandbox_is_mounted_only_while_there_is_one(opened: Callable[..., Any]) -> None:
    routes = routes_of(blocking_site(opened(Store, gateways=[]), None))
    assert not {route.name for route in routes} & SANDBOX.keys()


def test_no_operation_of_users_is_called_but_the_one_that_says_who_asks() -> None:
    web = Path(digistore.web.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in web.rglob("*.py"))
    calls = {text.partition("(")[0] for text in source.split("services.users.")[1:]}
    assert calls == {"id_of"}


def test_each_host_mounts_these_and_no_other(opened: Callable[..., Any]) -> None:
    wanted = {line.replace(" ", f" {hosts.MOUNT}") for line in ALLOWED.values()}
    flask_app = hosts.flask_app(opened(Store), None)
    flask_rules = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in flask_app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.startswith("digistore.")
    }
    assert flask_rules == wanted
    mount = hosts.starlette_app(opened(AsyncStore), None).routes[0]
    assert {
        f"{method} {hosts.MOUNT}{route.path}"
        for route in mount.routes  # type: ignore[attr-defined]
        for method in route.methods - {"HEAD"}
    } == wanted
    litestar = hosts.litestar_app(opened(AsyncStore), None)
    assert {
        f"{method} {route.path.replace(':str', '')}"
        for route in litestar.routes
        for method in getattr(route, "methods", ())
        if method not in {"HEAD", "OPTIONS"}
    } == wanted


def test_names_are_the_hosts_own(opened: Callable[..., Any]) -> None:
    flask_app = hosts.flask_app(opened(Store), None)
    with flask_app.test_request_context():
        assert flask_app.url_for("digistore.short_link", code="abc") == "/shop/s/abc"
    fastapi = hosts.fastapi_app(opened(AsyncStore), None)
    assert fastapi.url_path_for("digistore:short_link", code="abc") == "/shop/s/abc"
    starlette = hosts.starlette_app(opened(AsyncStore), None)
    assert starlette.url_path_for("digistore:short_link", code="abc") == "/shop/s/abc"
    litestar = hosts.litestar_app(opened(AsyncStore), None)
    assert litestar.route_reverse("digistore:short_link", code="abc") == "/shop/s/abc"
    hosts.django_app(opened(Store), None)
    from django.urls import reverse  # noqa: PLC0415  settings come first

    assert reverse("digistore:short_link", kwargs={"code": "abc"}) == "/shop/s/abc"


STRANGE = [b"", b"{}", b"[]", b"null", b'{"items": [1]}', b'{"reason": ""}', b"\xff", b"[" * 9999]


@pytest.mark.parametrize(
    "host", ["flask", "fastapi", *(["django", "litestar", "asgi"] if WHOLE else [])]
)
def test_no_mistake_of_a_user_is_answered_by_5xx(open_web: Callable[..., Web], host: str) -> None:
    web = open_web(host)
    headers = {**web.token(), "Content-Type": "application/json"}
    for line in ALLOWED.values():
        method, _, path = line.partition(" ")
        for filling in ("x", "ord_x", "att_x", "%F0%9F%92%A9", "'%22--", "9" * 600):
            full = path
            while "{" in full:
                full = full[: full.index("{")] + filling + full[full.index("}") + 1 :]
            bodies = STRANGE if method == "POST" and filling == "x" else [b"{}"]
            for body in bodies if method == "POST" else [b""]:
                for user in (web.shop.buyer, None, "usr_unknown"):
                    answer = web.ask(method, full, user, content=body, headers=headers)
                    assert answer.status_code < 500, (line, filling, body, answer.text)
