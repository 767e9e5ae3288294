"""N1 to N4: what an input can say, and what it never can, for every operation and route."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest

from digistore.web.api import buying, owning, public
from digistore.web.routing import Route
from tests.acceptance.test_who_may import ACTORS, TABLE, services
from tests.security.mounted import MOUNTED, Mounted, mounted

WRITES = [r for r in (*public.ROUTES, *buying.ROUTES, *owning.ROUTES) if r.method == "POST"]
AUTHORITY = (
    *("role", "roles", "is_admin", "is_staff", "operator", "status", "state", "verified"),
    *("user", "user_id", "buyer", "buyer_id", "customer_id", "seller", "seller_id", "owner_id"),
    *("id", "order_id", "payment_id", "price", "unit_price", "total", "subtotal", "tax", "amount"),
    *("currency", "paid", "paid_at", "captured", "email_verified_at", "livemode", "account"),
    *("created_at", "expires_at", "epoch", "version", "metadata", "return_url", "cancel_url"),
)


@pytest.fixture(scope="module", params=MOUNTED)
def web(request: pytest.FixtureRequest) -> Iterator[Mounted]:
    with mounted(request.param) as made:
        yield made


@pytest.mark.parametrize("route", WRITES, ids=lambda route: f"CVE-2013-2506 {route.name}")
def test_N2_no_field_of_authority_can_be_sent(web: Mounted, route: Route) -> None:
    web.twins.restore()
    wrote = web.twins.changes
    sent = dict.fromkeys(AUTHORITY, 1)
    answer = web.ask("POST", web.path(route), "buyer", json=sent)
    assert answer.status_code == 422
    fields = answer.json()["error"]["fields"]
    assert {name for name, word in fields.items() if word == "unknown_field"} == set(AUTHORITY)
    assert web.twins.changes == wrote


def of_customers() -> Iterator[tuple[str, Any]]:
    """The operations that customers may use, by the table."""
    buyer = ACTORS.index("buyer")
    allowed = {
        name.partition(":")[0] for name, (row, _) in TABLE.items() if row.split()[buyer] == "+"
    }
    for noun, service in services():
        for name, method in inspect.getmembers(type(service), inspect.iscoroutinefunction):
            if f"{noun}.{name}" in allowed:
                yield f"{noun}.{name}", method


FIRST = {"actor", "user", "buyer", "visitor"}
NAMED = {
    # What refers to something by these names, and says nothing about it.
    "catalog.find": {"seller"},
    "entitlements.explain": {"user"},
    "users.get": {"user"},
    # Where the host's own code says it.
    "orders.checkout": {"return_url", "cancel_url", "metadata"},
    "support.request": {"return_url", "cancel_url", "metadata"},
}


def test_N2_no_operation_of_customers_takes_one_either() -> None:
    for name, method in of_customers():
        _, actor, *given = inspect.signature(method).parameters
        assert actor in FIRST
        assert set(given) & set(AUTHORITY) <= NAMED.get(name, set()), name


NUMBERS = {
    "-1": "-1",
    "0": "0",
    "2^63": str(2**63),
    "2^53": str(2**53),
    "1e400": "1e400",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "true": "true",
    "text": '"1000"',
    "a half": "1000.5",
    "a float": "1e3",
    "null": "null",
    "a list": "[1000]",
    "5000 digits": "9" * 5000,
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=[f"CVE-2026-44826 {n}" for n in NUMBERS])
def test_N3_an_amount_is_a_whole_number_above_zero(web: Mounted, number: str) -> None:
    web.twins.restore()
    wrote = web.twins.changes
    product = json.dumps(web.twins.named_price.id)
    body = f'{{"items": [{product}], "pay": {{"amount": {number}, "currency": "USD"}}}}'
    for path in ("/api/quote", "/api/checkout"):
        headers = {"Content-Type": "application/json"}
        answer = web.ask("POST", path, "rival", content=body.encode(), headers=headers)
        assert answer.status_code in {400, 422}
        assert answer.json().keys() == {"error"}
    assert web.twins.changes == wrote


@pytest.mark.parametrize("number", ["-1", "0", "101", "1e2", "1.5", "NaN", "", "²", "9" * 5000])
def test_N3_a_limit_is_a_whole_number_within_bounds(web: Mounted, number: str) -> None:
    for path in ("/api/products", "/api/orders", "/api/my/products", "/api/my/supports"):
        answer = web.ask("GET", path, "buyer", params={"limit": number})
        assert answer.status_code == 422
        assert answer.json()["error"]["fields"].keys() == {"limit"}


NO_TEXT = {
    "a number": b"1",
    "true": b"true",
    "nothing": b'""',
    "NUL": b'"a\\u0000b"',
    "half a pair": b'"\\ud800"',
    "an escape": b'"a\\u001b[31m"',
    "a list": b'["x"]',
    "an object": b'{"$ne": ""}',
    "no UTF-8": b'"\xff"',
}


@pytest.mark.parametrize("text", NO_TEXT.values(), ids=list(NO_TEXT))
def test_N1_a_text_is_a_text(web: Mounted, text: bytes) -> None:
    web.twins.restore()
    wrote = web.twins.changes
    headers = {"Content-Type": "application/json"}
    bodies = {
        f"/api/orders/{web.twins.paid.id}/request-refund": b'{"reason": %s}',
        f"/api/support/requests/{web.twins.request.id}/reply": b'{"body": %s}',
        f"/api/products/{web.twins.book.id}/link": b'{"file": %s}',
        "/api/quote": b'{"items": [%s]}',
        "/api/checkout": b'{"items": ["x"], "idempotency_key": %s}',
    }
    for path, body in bodies.items():
        answer = web.ask("POST", path, "buyer", content=body % text, headers=headers)
        assert answer.status_code in {400, 422}, path
    assert web.twins.changes == wrote
