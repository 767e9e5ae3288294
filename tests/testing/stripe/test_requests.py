"""1: requests are held against the SDK's own typed parameters."""

from __future__ import annotations

import json
import subprocess
import sys
from http.client import HTTPConnection
from typing import Any

import pytest
import stripe
from jsonschema import Draft202012Validator

from digistore.testing.stripe import StripeDouble
from digistore.testing.stripe.routes import ROUTES
from digistore.testing.stripe.schemas import schema_of
from tests.testing.stripe.kit import Shop, asked, line, refused


@pytest.mark.parametrize("name", sorted({route.params for route in ROUTES}))
def test_the_parameters_of_each_endpoint_become_a_sound_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema_of(name))


def test_a_schema_knows_all_parameters_but_no_option_of_the_sdk() -> None:
    own = schema_of("RefundCreateParams")["$defs"]["RefundCreateParams"]
    assert {"amount", "payment_intent", "metadata", "expand"} <= own["properties"].keys()
    assert not {"api_key", "idempotency_key", "stripe_account"} & own["properties"].keys()


def test_a_schema_is_made_once() -> None:
    assert schema_of("RefundListParams") is schema_of("RefundListParams")


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"colour": "red"}, "colour"),
        ({"line_items": [line() | {"colour": "red"}]}, "line_items[0][colour]"),
        ({"line_items": [line(), line(color="x")]}, "line_items[1][price_data][color]"),
        ({"payment_intent_data": {"colour": "x"}}, "payment_intent_data[colour]"),
    ],
)
def test_unknown_parameters_are_refused_at_every_depth(
    shop: Shop, changed: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(**changed)
    assert (error.value.http_status, error.value.code) == (400, "parameter_unknown")
    assert error.value.param == param


def test_a_parameter_that_the_types_require_is_missed(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(line_items=[{"price_data": {"unit_amount": 1}, "quantity": 1}])
    assert error.value.code == "parameter_missing"
    assert error.value.param == "line_items[0][price_data][currency]"


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"mode": "gift"}, "mode", None),
        ({"locale": "klingon"}, "locale", None),
        ({"expires_at": "tomorrow"}, "expires_at", "parameter_invalid_integer"),
        (
            {"line_items": [line(unit_amount="29.00")]},
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
        ({"adaptive_pricing": {"enabled": "maybe"}}, "adaptive_pricing[enabled]", None),
        ({"metadata": "text"}, "metadata", None),
        ({"line_items": "text"}, "line_items", None),
    ],
)
def test_values_of_another_type_and_undocumented_words_are_refused(
    shop: Shop, changed: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(**changed)
    assert (error.value.param, error.value.code) == (param, code)


def test_forms_are_un_nested_and_coerced(shop: Shop) -> None:
    session = shop.session(
        metadata={"number": "7"},
        adaptive_pricing={"enabled": True},
        line_items=[line(100, quantity=2), line(unit_amount=None, unit_amount_decimal="12.5")],
    )
    assert session.metadata is not None
    assert session.metadata["number"] == "7"
    assert session.adaptive_pricing is not None
    assert session.adaptive_pricing.enabled is True
    assert session.amount_total == 213  # 2 x 100, and 12.5 rounded half up


@pytest.mark.parametrize("query", ["limit=many", "colour=red", "created[around]=5", "limit"])
def test_queries_are_held_against_their_types_too(double: StripeDouble, query: str) -> None:
    status, _ = raw(double, "GET", f"/v1/events?{query}")
    assert status == 400


@pytest.mark.parametrize(
    "body", ["metadata[a]]=1", "a=1&a=2", "metadata=1&metadata[a]=2", "just words", "a=%ff"]
)
def test_what_is_no_form_is_refused(double: StripeDouble, body: str) -> None:
    status, answer = raw(double, "POST", "/v1/refunds", body)
    assert status == 400
    assert "encoded properly" in answer["error"]["message"]


def test_a_body_of_another_kind_is_refused(double: StripeDouble) -> None:
    kind = {"Content-Type": "application/json"}
    status, answer = raw(double, "POST", "/v1/refunds", "{}", kind)
    assert status == 400
    assert "application/x-www-form-urlencoded" in answer["error"]["message"]


def test_brackets_without_a_place_mean_the_next_one(double: StripeDouble) -> None:
    status, _ = raw(double, "GET", "/v1/events?types[]=charge.succeeded&types[]=refund.created")
    assert status == 200


def test_an_endpoint_that_the_double_lacks_is_named(double: StripeDouble) -> None:
    status, answer = raw(double, "GET", "/v1/subscriptions")
    assert status == 404
    assert "GET: /v1/subscriptions" in answer["error"]["message"]


def test_a_wrong_key_is_refused_without_being_shown(double: StripeDouble) -> None:
    sdk = stripe.StripeClient("sk_test_someoneelseskey1234", base_addresses={"api": double.url})
    with pytest.raises(stripe.AuthenticationError) as error:
        sdk.v1.events.list()
    assert error.value.http_status == 401
    assert "someoneelse" not in str(error.value)


def test_no_key_is_refused(double: StripeDouble) -> None:
    status, _ = raw(double, "GET", "/v1/events", headers={"Authorization": ""})
    assert status == 401


def test_a_restricted_key_may_do_nothing(double: StripeDouble) -> None:
    sdk = stripe.StripeClient(double.restricted_key, base_addresses={"api": double.url})
    with pytest.raises(stripe.PermissionError):
        sdk.v1.events.list()


def test_only_the_version_of_the_sdk_is_spoken(double: StripeDouble) -> None:
    status, answer = raw(double, "GET", "/v1/events", headers={"Stripe-Version": "2020-08-27"})
    assert status == 400
    assert stripe.api_version in answer["error"]["message"]


def test_what_is_not_modelled_is_refused_by_name(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(discounts=[{"coupon": "half"}])
    assert refused(error)["code"] == "not_modelled_by_the_double"
    assert error.value.param == "discounts"


def test_importing_the_double_loads_no_sdk() -> None:
    script = (
        "import sys, digistore.testing; print('digistore.testing.stripe' in sys.modules)\n"
        "import digistore.testing.stripe; print('stripe' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - our own script, by the Python that runs this
        [sys.executable, "-W", "error", "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "False"]


def raw(
    double: StripeDouble,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Send what no SDK would."""
    address = double.url.removeprefix("http://")
    connection = HTTPConnection(address, timeout=10)
    usual = {"Authorization": f"Bearer {double.api_key}"}
    if body is not None:
        usual["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body, usual | (headers or {}))
        reply = connection.getresponse()
        answer: dict[str, Any] = json.loads(reply.read())
        return reply.status, answer
    finally:
        connection.close()


def test_the_request_that_the_shop_makes_is_accepted_whole(shop: Shop) -> None:
    session = shop.session(
        client_reference_id="att_1",
        metadata={"digistore_ref": "att_1", "digistore_ns": "shop"},
        payment_intent_data={"metadata": {"digistore_ref": "att_1"}},
        cancel_url="https://shop.example/back",
        customer_email="ada@example.com",
        expires_at=int(shop.clock().timestamp()) + 43_200,
        adaptive_pricing={"enabled": False},
        automatic_tax={"enabled": False},
        allow_promotion_codes=False,
        invoice_creation={"enabled": False},
    )
    assert session.status == "open"
    assert session.url == f"{shop.double.url}/c/pay/{session.id}"
    assert asked()["mode"] == session.mode
