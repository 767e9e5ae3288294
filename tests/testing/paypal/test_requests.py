"""The double refuses what PayPal would, and by name what it does not model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from digistore.testing.paypal import schemas
from tests.testing.paypal.kit import ORDERS, Caller, an_order, money

Spoil = Callable[[dict[str, Any]], object]


def unit(order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = order["purchase_units"][0]
    return found


def wallet(order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = order["payment_source"]["paypal"]
    return found


SPOILT: dict[str, tuple[Spoil, int, str]] = {
    "no intent": (lambda o: o.pop("intent"), 400, "MISSING_REQUIRED_PARAMETER"),
    "another word": (lambda o: o.update(intent="SALE"), 400, "INVALID_PARAMETER_VALUE"),
    "an unknown field": (lambda o: o.update(metadata={}), 400, "INVALID_PARAMETER_SYNTAX"),
    "no unit": (lambda o: o.update(purchase_units=[]), 400, "INVALID_PARAMETER_SYNTAX"),
    "to authorize": (lambda o: o.update(intent="AUTHORIZE"), 400, "NOT_MODELLED_BY_THE_DOUBLE"),
    "two units": (
        lambda o: o.update(purchase_units=[unit(o), unit(o)]),
        400,
        "NOT_MODELLED_BY_THE_DOUBLE",
    ),
    "a number": (lambda o: unit(o)["amount"].update(value=29), 400, "INVALID_PARAMETER_SYNTAX"),
    "no number": (lambda o: unit(o)["amount"].update(value="x"), 400, "INVALID_PARAMETER_SYNTAX"),
    "a long mark": (lambda o: unit(o).update(custom_id="x" * 128), 400, "INVALID_STRING_LENGTH"),
    "a long title": (
        lambda o: unit(o)["items"][0].update(name="x" * 128),
        400,
        "INVALID_STRING_LENGTH",
    ),
    "no way back": (
        lambda o: wallet(o)["experience_context"].pop("return_url"),
        400,
        "MISSING_REQUIRED_PARAMETER",
    ),
    "no wallet": (lambda o: o.update(payment_source={}), 400, "MISSING_REQUIRED_PARAMETER"),
    "a sum that is another": (
        lambda o: unit(o)["amount"].update(value="30.00"),
        422,
        "AMOUNT_MISMATCH",
    ),
    "items that are another sum": (
        lambda o: unit(o)["items"][0].update(quantity="2"),
        422,
        "ITEM_TOTAL_MISMATCH",
    ),
    "items without a sum": (
        lambda o: unit(o)["amount"].pop("breakdown"),
        422,
        "ITEM_TOTAL_REQUIRED",
    ),
    "items of another currency": (
        lambda o: unit(o)["items"][0].update(unit_amount=money(code="USD")),
        422,
        "CURRENCY_MISMATCH",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_an_order_that_is_not_as_documented_is_refused(caller: Caller, how: str) -> None:
    spoil, status, issue = SPOILT[how]
    order = copy.deepcopy(an_order())
    spoil(order)
    answer = caller.ask("POST", ORDERS, order, key="co:1")
    assert (answer.status, answer.issue) == (status, issue)


@pytest.mark.parametrize(
    ("value", "code", "issue"),
    [
        ("0", "EUR", "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("-1.00", "EUR", "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("1.001", "EUR", "DECIMAL_PRECISION"),
        ("100.50", "HUF", "DECIMALS_NOT_SUPPORTED"),
        ("100.0", "JPY", "DECIMALS_NOT_SUPPORTED"),
        ("1.00", "INR", "CURRENCY_NOT_SUPPORTED"),
        ("10000000", "EUR", "MAX_VALUE_EXCEEDED"),
    ],
)
def test_an_amount_that_paypal_cannot_take_is_refused(
    caller: Caller, value: str, code: str, issue: str
) -> None:
    answer = caller.order(amount=money(value, code), items=None)
    assert (answer.status, answer.issue) == (422, issue)


@pytest.mark.parametrize("path", ["/v2/checkout/orders/X/authorize", "/v1/billing/plans", "/"])
def test_what_is_not_there_is_told_as_such(caller: Caller, path: str) -> None:
    answer = caller.ask("POST", path)
    assert (answer.status, answer.body["name"]) == (404, "RESOURCE_NOT_FOUND")


def test_a_body_must_be_json_and_say_so(caller: Caller) -> None:
    caller.log_in()
    bearer = {"Authorization": f"Bearer {caller.token}", "PayPal_Request_Id": "x"}
    assert caller.send("POST", ORDERS, b"{}", **bearer, Content_Type="text/plain")[0] == 415
    assert caller.send("POST", ORDERS, b"{", **bearer, Content_Type="application/json")[0] == 400


def test_nothing_is_told_without_a_token(caller: Caller) -> None:
    assert caller.send("GET", f"{ORDERS}/X")[0] == 401
    assert caller.log_in("wrong").status == 401
    assert caller.log_in().body["expires_in"] == 32_400
    caller.clock.go(hours=9)
    assert caller.ask("GET", f"{ORDERS}/X").status == 401


def test_an_order_needs_a_request_id(caller: Caller) -> None:
    answer = caller.ask("POST", ORDERS, an_order())
    assert (answer.status, answer.issue) == (400, "PAYPAL_REQUEST_ID_REQUIRED")


@pytest.mark.parametrize("key", ["", "x" * 109])
def test_a_request_id_has_bounds(caller: Caller, key: str) -> None:
    assert caller.order(key).issue == "INVALID_STRING_LENGTH"


def test_a_query_is_held_to_its_schema_too(caller: Caller) -> None:
    for path in (
        "/v1/customer/disputes?colour=red",
        "/v1/customer/disputes?page_size=51",
        "/v1/notifications/webhooks-events?start_time=yesterday",
        "/v1/notifications/webhooks-events?start_time=2025-01-01T00:00:00Z",
        "/v1/reporting/transactions",
        "/v1/reporting/transactions?start_date=2025-11-01T00:00:00Z&end_date=2026-01-01T00:00:00Z",
        "/v1/reporting/transactions?start_date=2020-11-01T00:00:00Z&end_date=2020-11-02T00:00:00Z",
    ):
        assert caller.ask("GET", path).status == 400, path


def test_what_can_be_patched_is_the_intent(caller: Caller) -> None:
    order_id = caller.order().body["id"]
    path = f"{ORDERS}/{order_id}"

    def patched(value: object, where: str = "/intent", op: str = "replace") -> int:
        change = {"op": op, "path": where, "value": value}
        return caller.ask("PATCH", path, [change]).status

    assert patched("AUTHORIZE") == 204
    assert caller.ask("GET", path).body["intent"] == "AUTHORIZE"
    assert [patched("SALE"), patched("x", "/purchase_units"), patched("x", op="hop")] == [400] * 3


def test_every_schema_names_the_page_that_it_was_read_from() -> None:
    found = {name: value for name, value in vars(schemas).items() if isinstance(value, dict)}
    public = {name: one for name, one in found.items() if name.isupper() and name[0] != "_"}
    assert len(public) > 15
    for name, schema in public.items():
        if name != "NOTHING":
            assert schema["$comment"].startswith("https://developer.paypal.com/"), name
