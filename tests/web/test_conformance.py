"""One suite over all hosts: a new adapter is done when its host passes it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from digistore import Money
from digistore.events import OrderPaid
from digistore.payments.service.webhooks import LONGEST_BODY
from digistore.web.api.operations import LONGEST_JSON
from tests.web.conftest import Web

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]+)">')
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def code_of(answer: Any) -> Any:
    return answer.json()["error"]["code"]


def test_a_webhook_is_taken_raw_and_answered_with_a_status_alone(web: Web) -> None:
    book = web.shop.product()
    told = threading.Event()
    web.mounted.on(OrderPaid, lambda _: told.set(), name="told")
    made = web.shop.checkout(book)
    body, headers = web.shop.sandbox.pay(made)
    forged = {**headers, "Sandbox-Signature": "t=1,v1=00"}
    assert web.ask("POST", "/webhooks/sandbox", content=body, headers=forged).status_code == 400
    answer = web.ask("POST", "/webhooks/sandbox", content=body, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert web.shop.store.entitlements.check(web.shop.buyer, book)
    assert told.wait(30)  # what is due is done after the answer


@pytest.mark.parametrize(
    ("gateway", "body", "status"),
    [
        ("sandbox", b"", 400),
        ("sandbox", b"\xff{", 400),
        ("stripe", b"{}", 404),
        ("sandbox", b"x" * (LONGEST_BODY + 1), 413),
    ],
    ids=["empty", "no-json", "unknown", "too-large"],
)
def test_a_webhook_that_cannot_be_used_learns_nothing(
    called: Web, gateway: str, body: bytes, status: int
) -> None:
    answer = called.ask("POST", f"/webhooks/{gateway}", content=body)
    assert (answer.status_code, answer.content) == (status, b"")
    assert called.shop.count("provider_events") == 0


def test_a_wrong_method_is_405(web: Web) -> None:
    for method, path in [("GET", "/webhooks/sandbox"), ("POST", "/api/products")]:
        headers = web.token() if method == "POST" else {}
        assert web.ask(method, path, headers=headers).status_code == 405
    assert web.get("/api/users").status_code == 404


def test_a_customer_buys_and_comes_back(web: Web) -> None:
    book, buyer = web.shop.product(), web.shop.buyer
    web.shop.store.support.offer(
        web.shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="An hour."
    )
    assert web.get(f"/api/products/{book.slug}/offer").json()["action"] == "sign_in"
    assert web.get(f"/api/products/{book.id}/offer", buyer).json()["action"] == "buy"
    quoted = web.post("/quote", {"items": [book.id]}, buyer).json()
    assert quoted["total"] == {"amount": 2900, "currency": "USD"}
    made = web.post("/checkout", {"items": [book.id]}, buyer)
    assert made.status_code == 200
    page = web.path_of(made.json()["url"])

    shown = web.get(page)
    assert (shown.status_code, "29.00 USD" in shown.text) == (200, True)
    fields = dict(HIDDEN.findall(shown.text))
    paid = web.ask("POST", page, data={**fields, "outcome": "paid"})
    assert paid.status_code == 303
    back = web.get(web.path_of(paid.headers["location"]))
    assert (back.status_code, "Payment received" in back.text) == (200, True)
    assert buyer.email not in back.text

    (owned,) = web.get("/api/my/products", buyer).json()["items"]
    assert (owned["product"]["id"], owned["updated_since_download"]) == (book.id, False)
    (file,) = web.get(f"/api/products/{book.id}/files", buyer).json()["items"]
    link = web.post(f"/products/{book.id}/link", {"file": file["id"]}, buyer).json()
    assert f"{web.client.base_url}".rstrip("/") + "/shop/d/d1." in link["url"]
    (known,) = web.get("/api/support/eligibility", buyer).json()["items"]
    assert (known["eligible"], known["offers"][0]["price"]["amount"]) == (True, 4900)


def test_what_is_said_of_a_receipt_is_for_who_bought(some: Web) -> None:
    """Not for the host's developer: no method of the library, no font to bring along."""
    buyer = some.shop.buyer
    order = some.shop.buy(some.shop.product("\u66f8\u7c4d")).order  # signs of no font at hand
    for kind in ("html", "pdf"):
        early = some.get(f"/api/orders/{order.id}/receipt.{kind}", buyer)
        assert (early.status_code, code_of(early)) == (404, "not_ready")
        assert early.json()["error"]["message"].endswith("try again in a moment")
        assert early.headers["retry-after"] == "1"
    some.shop.store.run_due()
    assert "\u66f8\u7c4d" in some.get(f"/api/orders/{order.id}/receipt.html", buyer).text
    file = some.get(f"/api/orders/{order.id}/receipt.pdf", buyer)
    assert (file.status_code, code_of(file)) == (422, "not_printable")
    assert file.json()["error"]["message"].endswith("open it as a page instead")


def test_what_cannot_be_used_is_said_in_our_own_words(some: Web) -> None:
    def fields(path: str, given: Any) -> Any:
        answer = some.post(path, given, some.shop.buyer)
        assert (answer.status_code, code_of(answer)) == (422, "invalid")
        return answer.json()["error"]["fields"]

    assert fields("/checkout", {"items": "x", "allow_repeat": 1, "price": 5}) == {
        "items": "wrong_type",
        "allow_repeat": "wrong_type",
        "price": "unknown_field",
    }
    assert fields("/checkout", {"items": [], "click": None}) == {"items": "too_short"}
    book = some.shop.product()
    some.shop.buy(book)
    link = f"/products/{book.id}/link"
    assert fields(link, {"expires_in": 1.5}) == {"expires_in": "wrong_type"}
    assert fields(link, {"expires_in": 10**30}) == {"expires_in": "too_large"}
    for query, word in {
        "limit=x": "malformed",
        "limit=0": "too_small",
        "sort=x": "unknown",
    }.items():
        name = query.partition("=")[0]
        answer = some.get(f"/api/products?{query}")
        assert (answer.status_code, answer.json()["error"]["fields"]) == (422, {name: word})


def test_orders_and_their_receipts(web: Web) -> None:
    buyer, book = web.shop.buyer, web.shop.product()
    open_order = web.post("/checkout", {"items": [web.shop.product("Other").id]}, buyer).json()
    order = web.shop.buy(book).order
    web.shop.store.run_due()
    listed = web.get("/api/orders", buyer, params={"limit": "1"}).json()
    assert len(listed["items"]) == 1
    rest = web.get("/api/orders", buyer, params={"after": listed["next"]}).json()
    assert {one["id"] for one in [*listed["items"], *rest["items"]]} == {
        order.id,
        open_order["order"]["id"],
    }
    assert web.get(f"/api/orders/{order.id}", buyer).json()["state"] == "paid"
    receipt = web.get(f"/api/orders/{order.id}/receipt", buyer).json()
    assert (receipt["number"], receipt["net"]["amount"]) == ("TEST-R-000001", 2900)
    page = web.get(f"/api/orders/{order.id}/receipt.html", buyer)
    assert page.headers["content-type"].startswith("text/html")
    file = web.get(f"/api/orders/{order.id}/receipt.pdf", buyer)
    assert (file.headers["content-type"], file.content[:5]) == ("application/pdf", b"%PDF-")
    said = web.post(f"/orders/{order.id}/confirm", {"params": {"token": "x"}}, buyer).json()
    assert said["state"] == "paid"
    asked = web.post(f"/orders/{order.id}/request-refund", {"reason": "It is torn."}, buyer)
    assert asked.json()["order_id"] == order.id
    canceled = web.post(f"/orders/{open_order['order']['id']}/cancel", {}, buyer)
    assert canceled.json()["state"] == "canceled"
    again = web.post(f"/orders/{order.id}/cancel", {}, buyer)
    assert (again.status_code, code_of(again)) == (409, "invalid_transition")


def test_help_is_asked_for_paid_and_talked_about(web: Web) -> None:
    shop, buyer = web.shop, web.shop.buyer
    book = shop.product()
    shop.buy(book)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="An hour."
    )
    (offer,) = web.get(f"/api/products/{book.id}/support-offers").json()["items"]
    assert offer["price"]["amount"] == 4900
    given = {"kind": "setup", "subject": "How?", "body": "Where do I start?"}
    made = web.post(f"/products/{book.id}/support", given, buyer).json()
    shop.deliver(shop.sandbox.pay(made["checkout"]["url"]))
    where = f"/support/requests/{made['request']['id']}"
    assert web.get(f"/api{where}", buyer).json()["state"] == "open"
    said = web.post(f"{where}/reply", {"body": "On Linux."}, buyer).json()
    assert [message["body"] for message in said["messages"]] == ["On Linux."]
    shop.store.support.resolve(shop.seller, made["request"]["id"])
    assert web.post(f"{where}/reopen", {}, buyer).json()["state"] == "open"
    shop.store.support.resolve(shop.seller, made["request"]["id"])
    assert web.post(f"{where}/close", {}, buyer).json()["state"] == "closed"
    (listed,) = web.get("/api/my/supports", buyer).json()["items"]
    assert listed["state"] == "closed"


def test_what_is_not_yours_is_not_there(web: Web) -> None:
    shop = web.shop
    order = shop.buy(shop.product()).order
    for user in (shop.seller, shop.operator, shop.store.users.register("other@example.com")):
        for path in ("", "/receipt", "/receipt.html"):
            answer = web.get(f"/api/orders/{order.id}{path}", user)
            assert (answer.status_code, code_of(answer)) == (404, "not_found")
        for move in ("cancel", "confirm"):
            assert web.post(f"/orders/{order.id}/{move}", {}, user).status_code == 404


@pytest.mark.parametrize(
    ("path", "given", "status", "code"),
    [
        ("/quote", {"items": []}, 422, "invalid"),
        ("/quote", {"items": ["prd_nothing"]}, 404, "not_found"),
        ("/quote", {"items": ["a\u0000b"]}, 422, "invalid"),
        ("/quote", {"items": ["x"], "pay": {"amount": 1.5, "currency": "USD"}}, 422, "invalid"),
        ("/quote", {"items": ["x"], "pay": {"amount": 1, "currency": "XXX"}}, 422, "invalid"),
        ("/checkout", {"items": ["x"], "return_url": "https://evil.example"}, 422, "invalid"),
        ("/checkout", {"items": "x"}, 422, "invalid"),
        ("/checkout", {"items": ["x"], "user": "usr_1"}, 422, "invalid"),
        ("/orders/ord_x/cancel", {}, 404, "not_found"),
        ("/orders/ord_x/cancel", {"force": True}, 422, "invalid"),
        ("/products/prd_x/link", {"expires_in": 1}, 422, "invalid"),
        ("/support/requests/req_x/reply", {"body": ""}, 422, "invalid"),
        ("/orders/ord_x/confirm", [], 422, "invalid"),
    ],
)
def test_bad_input_is_named_and_not_echoed(
    called: Web, path: str, given: Any, status: int, code: str
) -> None:
    answer = called.post(path, given, called.shop.buyer)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'"\\ud800"', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b" " * (LONGEST_JSON + 1), "application/json", 413),
    ],
    ids=["half", "empty", "surrogate", "deep", "text", "untold", "too-large"],
)
def test_a_body_that_is_no_json_object_is_refused(
    called: Web, body: bytes, kind: str, status: int
) -> None:
    headers = {**called.token(), "Content-Type": kind}
    answer = called.ask("POST", "/api/quote", called.shop.buyer, content=body, headers=headers)
    assert answer.status_code == status


def test_CVE_2021_41275_CVE_2021_41274_a_forged_form_of_another_site_changes_nothing(
    web: Web,
) -> None:
    order = web.shop.checkout(web.shop.product()).order
    path = f"/api/orders/{order.id}/cancel"
    for headers in (FORM, {"Content-Type": "text/plain"}):
        answer = web.ask("POST", path, web.shop.buyer, content=b"{}", headers=headers)
        assert answer.status_code in {400, 403, 415}
    assert web.shop.store.orders.get(web.shop.buyer, order.id).state == "open"


def test_nobody_is_told_to_sign_in(web: Web) -> None:
    for path in ("/api/orders", "/api/my/products", "/api/support/eligibility"):
        answer = web.get(path)
        assert (answer.status_code, code_of(answer)) == (401, "login_required")
    assert web.post("/checkout", {"items": ["x"]}).status_code == 401


def test_CVE_2023_28121_an_identity_header_of_a_client_changes_nothing(web: Web) -> None:
    for name in ("X-Digistore-User", "X-Forwarded-User", "Remote-User", "Authorization"):
        headers = {name: web.shop.buyer.id}
        assert web.get("/api/orders", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "0"}, 422),
        ({"limit": "101"}, 422),
        ({"limit": "x"}, 422),
        ({"after": "x"}, 422),
        ({"after": "x" * 3000}, 422),
        ({"sort": "random"}, 422),
        ({"text": "\u0000"}, 422),
        ({"text": "100%_"}, 200),
        ({"category": "none"}, 200),
        ({"utm_source": "mail"}, 200),
    ],
)
def test_queries_are_bounded(called: Web, query: dict[str, str], status: int) -> None:
    assert called.get("/api/products", params=query).status_code == status


@pytest.mark.parametrize("ref", ["%00", "%ff", "..%2f..", "x" * 601, "%E2%80%AE", "'", "prd_%25"])
def test_strange_paths_are_404(called: Web, ref: str) -> None:
    for path in (f"/api/products/{ref}", f"/s/{ref}", f"/return/{ref}", f"/sandbox/{ref}"):
        assert called.get(path).status_code in {400, 404}


def test_a_short_link_leads_on_and_counts(web: Web) -> None:
    shop = web.shop
    shop.store.short_urls.shorten(shop.operator, "https://example.com/book", code="my-book")
    answer = web.get("/s/MY-book")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://example.com/book")
    assert answer.headers["cache-control"] == "private, no-store"
    assert web.ask("HEAD", "/s/my-book").headers["location"] == "https://example.com/book"
    (link,) = shop.store.short_urls.mine(shop.operator)
    assert link.clicks == 1
    gone = shop.store.short_urls.shorten(shop.operator, "https://example.com/", code="gone")
    shop.store.short_urls.disable(shop.operator, gone)
    unknown, disabled = web.get("/s/unknown"), web.get("/s/gone")
    assert (unknown.status_code, unknown.content) == (404, disabled.content)


def test_a_short_link_with_a_password_asks_for_it_on_a_page(some: Web) -> None:
    shop = some.shop
    shop.store.short_urls.shorten(
        shop.operator, "https://example.com/vip", code="vip", password="open sesame"
    )
    asked = some.get("/s/vip")
    assert (asked.status_code, "location" in asked.headers) == (403, False)
    assert '<label for="password">' in asked.text
    wrong = some.ask("POST", "/s/vip", data={"password": "closed"})
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (403, True)
    right = some.ask("POST", "/s/vip", data={"password": "open sesame"})
    assert right.status_code == 303
    assert right.headers["location"] == "https://example.com/vip"
    assert some.get("/s/vip?password=open+sesame").status_code == 403
    shop.store.short_urls.shorten(shop.operator, "https://example.com/", code="plain")
    plain = some.ask("POST", "/s/plain", data={"password": "x"})
    assert (plain.status_code, plain.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["flask", "fastapi"])
def test_guessing_a_password_is_bounded(open_web: Callable[..., Web], host: str) -> None:
    web = open_web(host)
    shop = web.shop
    shop.store.short_urls.shorten(
        shop.operator, "https://example.com/", code="vip", password="open sesame"
    )
    answers = [web.ask("POST", "/s/vip", data={"password": "closed"}) for _ in range(12)]
    assert [one.status_code for one in answers] == [403] * 10 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_link_hands_the_query_on_and_its_click_is_an_orders(web: Web) -> None:
    shop = web.shop
    shop.store.short_urls.shorten(
        shop.operator, "https://example.com/", code="advert", track=True, forward_query=True
    )
    there = web.get("/s/advert?utm=a%20b").headers["location"]
    query = parse_qs(urlsplit(there).query)
    assert query["utm"] == ["a b"]
    given = {"items": [shop.product().id], "click": query["cid"][0]}
    made = web.post("/checkout", given, shop.buyer).json()
    shop.deliver(shop.sandbox.pay(web.path_of(made["url"])))
    again = {"items": [shop.product("Other").id], "click": "forged"}
    assert web.post("/checkout", again, shop.buyer).status_code == 200


def test_head_has_the_headers_of_get_and_no_body(web: Web) -> None:
    shown = web.get("/api/categories")
    answer = web.ask("HEAD", "/api/categories")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(shown.content))


def test_answers_stay_private_and_keep_their_type(web: Web) -> None:
    for path, user in [
        ("/api/products", None),
        ("/api/orders", web.shop.buyer),
        ("/return/x", None),
    ]:
        headers = web.get(path, user).headers
        assert headers["cache-control"] == "private, no-store"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("outcome", ["paid", "delayed", "declined", "abandon"])
def test_every_button_of_the_sandbox_does_what_it_says(some: Web, outcome: str) -> None:
    made = some.post("/checkout", {"items": [some.shop.product().id]}, some.shop.buyer).json()
    page = some.path_of(made["url"])
    fields = dict(HIDDEN.findall(some.get(page).text))
    pressed = some.ask("POST", page, data={**fields, "outcome": outcome})
    assert pressed.status_code == 303
    there = some.get(some.path_of(pressed.headers["location"]))
    title = {
        "paid": "Payment received",
        "delayed": "Payment on its way",
        "declined": "Test payment",
        "abandon": "Not paid yet",
    }[outcome]
    assert f"<h1>{title}</h1>" in there.text
    assert ("declined and nothing was paid" in there.text) is (outcome == "declined")
    if outcome == "declined":  # another card does
        fields = dict(HIDDEN.findall(there.text))
        paid = some.ask("POST", page, data={**fields, "outcome": "paid"})
        assert "Payment received" in some.get(some.path_of(paid.headers["location"])).text
    if outcome == "delayed":
        fields = dict(HIDDEN.findall(some.get(page).text))
        assert some.ask("POST", page, data={**fields, "outcome": "clear"}).status_code == 303
        assert "Payment received" in some.get(some.path_of(pressed.headers["location"])).text


def test_the_sandbox_takes_no_other_word(web: Web) -> None:
    made = web.post("/checkout", {"items": [web.shop.product().id]}, web.shop.buyer).json()
    page = web.path_of(made["url"])
    fields = dict(HIDDEN.findall(web.get(page).text))
    assert web.ask("POST", page, data={**fields, "outcome": "refund"}).status_code == 422
    assert web.ask("POST", page, data={**fields, "other": "paid"}).status_code == 422
    assert web.get("/sandbox/sbx_unknown").status_code == 404


def test_the_error_table_tells_what_a_program_needs(web: Web) -> None:
    shop, buyer = web.shop, web.shop.buyer
    book = shop.product()
    shop.buy(book)
    owned = web.post("/checkout", {"items": [book.id]}, buyer)
    assert owned.status_code == 409
    error = owned.json()["error"]
    assert (error["code"], error["product_id"], error["state"]) == (
        "already_owned",
        book.id,
        "live",
    )
    draft = shop.store.catalog.add_product(shop.seller, title="D", price=Money("1.00", "USD"))
    assert web.get(f"/api/products/{draft.id}").status_code == 404
    assert web.get(f"/api/products/{draft.id}", shop.seller).status_code == 200
    other = shop.product("Other")
    none = web.get(f"/api/products/{other.id}/files", buyer)
    assert (none.status_code, none.json()["error"]["reason"]) == (403, "not_purchased")
    shop.sandbox.fail_next("timeout", method="create_checkout")
    down = web.post("/checkout", {"items": [other.id]}, buyer)
    assert (down.status_code, code_of(down)) == (502, "gateway_unavailable")
    assert json.loads(down.text)["error"]["order_id"].startswith("ord_")
