"""The words that tests of the double are made of: requests by hand, without the gateway."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble

ORDERS = "/v2/checkout/orders"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any

    @property
    def issue(self) -> str | None:
        return self.body["details"][0]["issue"] if "details" in self.body else None


@dataclass
class Caller:
    """Somebody with the app's credentials, who asks by hand."""

    double: PayPalDouble
    clock: FrozenClock
    token: str = field(default="", init=False)

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        parts = urlsplit(self.double.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def log_in(self, secret: str | None = None) -> Answer:
        pair = f"{self.double.client_id}:{secret or self.double.client_secret}".encode()
        basic = "Basic " + base64.b64encode(pair).decode()
        form = b"grant_type=client_credentials"
        status, told = self.send(
            "POST", "/v1/oauth2/token", form, Authorization=basic, Content_Type=FORM
        )
        answer = Answer(status, json.loads(told))
        self.token = answer.body.get("access_token", "")
        return answer

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        whole: bool = True,
    ) -> Answer:
        if not self.token:
            self.log_in()
        headers = {"Authorization": f"Bearer {self.token}", "Content_Type": "application/json"}
        headers |= {} if key is None else {"PayPal_Request_Id": key}
        headers |= {"Prefer": "return=representation"} if whole else {}
        sent = None if method == "GET" else json.dumps({} if body is None else body).encode()
        status, told = self.send(method, path, sent, **headers)
        return Answer(status, json.loads(told) if told else {})

    def order(self, key: str = "co:1", **changed: Any) -> Answer:
        return self.ask("POST", ORDERS, an_order(**changed), key=key)

    def captured(self, outcome: Any = "paid", **changed: Any) -> tuple[str, str]:
        """Return the ids of an order and its capture."""
        name = f"co:{len(self.double.requests)}"
        order_id = self.order(name, **({"invoice_id": name} | changed)).body["id"]
        self.double.pay(order_id, outcome)
        told = self.ask("POST", f"{ORDERS}/{order_id}/capture", key=f"capture:{order_id}").body
        return order_id, told["purchase_units"][0]["payments"]["captures"][0]["id"]

    def refund(self, capture_id: str, value: str | None = None, key: str = "rf:1") -> Answer:
        body = {} if value is None else {"amount": money(value)}
        return self.ask("POST", f"/v2/payments/captures/{capture_id}/refund", body, key=key)


def money(value: str = "29.00", code: str = "EUR") -> dict[str, str]:
    return {"currency_code": code, "value": value}


def an_order(**changed: Any) -> dict[str, Any]:
    """What a shop asks for; what is changed is of its only purchase unit, ``None`` is left out."""
    unit = {
        "custom_id": "shop:att_1",
        "amount": money() | {"breakdown": {"item_total": money()}},
        "items": [{"name": "The Book", "quantity": "1", "unit_amount": money()}],
    } | changed
    context = {"return_url": "https://shop.example/thanks"}
    return {
        "intent": "CAPTURE",
        "purchase_units": [{name: value for name, value in unit.items() if value is not None}],
        "payment_source": {"paypal": {"experience_context": context}},
    }
