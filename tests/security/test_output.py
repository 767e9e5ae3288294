"""N5, N6, X1, F2: text is data wherever it comes out, and bytes that were sold never run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from digistore import Billing, SupportRequest
from digistore.errors import Invalid
from digistore.web import WebSettings
from tests.conftest import RETURN
from tests.payments.asking import usd
from tests.payments.memory import MemoryShop
from tests.security.mounted import MOUNTED, Mounted, mounted
from tests.security.telling import told
from tests.web.hosts import HEADER, MOUNT, wsgi_in_asgi_app

MARKUP = {
    "CVE-2026-22849 script": "<script>alert(1)</script>",
    "CVE-2026-22849 image": "<img src=x onerror=alert(1)>",
    "CVE-2026-22849 svg": '<svg/onload="alert(1)">',
    "CVE-2026-22849 link": '<a href="javascript:alert(1)">x</a>',
    "CVE-2026-22849 markdown": "[x](javascript:alert(1))",
    "CVE-2026-22849 attribute": '" onmouseover="alert(1)" \'',
    "CVE-2026-22849 end of a title": "</title></style><script>alert(1)</script>",
    "CVE-2026-22849 entities": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "CVE-2020-15143 braces": "{{7*7}}{% raw %}",
    "CVE-2020-15143 dollar": "${7*7}#{7*7}",
    "CVE-2020-15146 percent": "%s%n%(title)s",
    "CVE-2020-15146 format": "{0.__class__}{title}",
    "CVE-2020-15146 expression": "__import__('os').system('x')",
}
HARMLESS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "a", "dl", "dt"),
    *("dd", "form", "input", "button", "label", "table", "caption", "thead", "tbody", "tfoot"),
    *("tr", "th", "td", "address", "br", "section", "header", "footer", "strong", "time", "div"),
}


class Page(HTMLParser):
    """The elements, the attributes and the text of a page, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def assert_harmless(self) -> None:
        assert self.tags <= HARMLESS
        assert not [name for name, _ in self.attributes if name.startswith("on")]
        for name, value in self.attributes:
            assert name not in {"src", "srcdoc", "data"}
            assert name not in {"href", "action"} or value.startswith(("http", "/", "?", "#"))


class Marked:
    """A shop every text of which is the same, and its client."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.shop = shop = MemoryShop.open()
        store, seller = shop.store, shop.seller
        self.shelf = store.catalog.add_category(shop.operator, text, slug="shelf")
        self.book = store.catalog.add_product(
            seller, title=text, price=usd("29"), summary=text, description=text
        )
        release = store.catalog.release(
            seller, self.book, version="1.0", files={"a.txt": b"x"}, notes=text
        )
        self.said: list[Any] = [self.shelf, self.book, release]
        store.catalog.put_on_sale(seller, self.book)
        self.said.append(
            store.support.offer(seller, self.book, kind="setup", price=usd("9"), scope=text)
        )
        self.buyer = store.users.register("ada@example.com", name=text)
        billing = Billing(name=text, country="DE", company=text, address=text)
        self.paid = shop.buy(self.book, self.buyer, billing=billing).order
        self.request = self.asked(text)
        store.support.reply(self.buyer, self.request, text)
        other = store.catalog.add_product(seller, title=text, price=usd("29"))
        store.catalog.release(seller, other, version="1.0", files={"a.txt": b"y"})
        self.unpaid = shop.checkout(store.catalog.put_on_sale(seller, other), self.buyer)
        store.run_due()

    def asked(self, text: str) -> SupportRequest:
        made = self.shop.store.support.request(
            self.buyer, self.book, kind="setup", subject=text, body=text, return_url=RETURN
        )
        self.shop.deliver(self.shop.sandbox.pay(made))
        return made.request


@pytest.fixture(scope="module", params=MARKUP.values(), ids=list(MARKUP))
def marked(request: pytest.FixtureRequest) -> Iterator[Marked]:
    made = Marked(request.param)
    yield made
    made.shop.store.close()


@pytest.fixture
def client(marked: Marked) -> Iterator[TestClient]:
    app = wsgi_in_asgi_app(marked.shop.store, WebSettings(run_due=False))
    with TestClient(app, headers={HEADER: marked.buyer.id}) as client:
        yield client


def test_N6_text_is_kept_as_it_was_written(marked: Marked) -> None:
    store, text = marked.shop.store, marked.text
    found = [
        store.catalog.product(None, marked.book.id),
        store.support.get(marked.buyer, marked.request),
        store.orders.get(marked.buyer, marked.paid),
        store.orders.receipt(marked.buyer, marked.paid),
        *store.catalog.categories(None),
        *store.catalog.releases(None, marked.book),
        *store.support.offers(None, marked.book),
        *marked.said,
    ]
    for one in found:
        assert text in set(told(one)), one


def test_N6_a_page_shows_text_as_text(marked: Marked, client: TestClient) -> None:
    receipt = f"{MOUNT}/api/orders/{marked.paid.id}/receipt.html"
    checkout = marked.shop.sandbox.look_up(marked.unpaid)
    for path in (receipt, f"{MOUNT}/sandbox/{checkout.id}"):
        answer = client.get(path)
        assert answer.status_code == 200
        page = Page(answer.text)
        page.assert_harmless()
        assert marked.text in "".join(page.text)
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_N6_JSON_is_JSON_and_nothing_else(marked: Marked, client: TestClient) -> None:
    for path in (
        f"/api/products/{marked.book.id}",
        f"/api/orders/{marked.paid.id}",
        f"/api/orders/{marked.paid.id}/receipt",
        f"/api/support/requests/{marked.request.id}",
        "/api/my/products",
    ):
        answer = client.get(MOUNT + path)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert json.dumps(marked.text, ensure_ascii=False) in answer.text


# What a request says is not said back.


@pytest.fixture(scope="module", params=MOUNTED)
def web(request: pytest.FixtureRequest) -> Iterator[Mounted]:
    with mounted(request.param) as made:
        yield made


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "javascript:alert(1)",
        "{{7*7}}",
    ],
    ids=lambda text: f"CVE-2021-25963 {text[:30]}",
)
def test_N6_an_error_does_not_echo_what_was_asked(web: Mounted, text: str) -> None:
    """Every route, with markup in its path, its query, its body and its headers."""
    web.twins.restore()
    there = quote(text, safe="")
    for route in web.routes:
        names = dict.fromkeys(route.parameters, there)
        body: dict[str, Any] = {"json": {text: text}} if route.method == "POST" else {}
        for path in (web.path(route, **names), web.path(route) + f"?{there}={there}&limit={there}"):
            headers = {"Referer": f"https://evil.example/{there}", "Accept": there}
            answer = web.ask(route.method, path, "passer", headers=headers, **body)
            assert answer.status_code < 500
            assert text not in answer.text
            assert "evil.example" not in answer.text + str(answer.headers.get("location"))
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                Page(answer.text).assert_harmless()


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_CVE_2026_22849_no_address_is_a_script(web: Mounted, target: str) -> None:
    store, seller = web.twins.store, web.twins.operator
    with pytest.raises(Invalid):
        store.short_urls.shorten(seller, target)
    with pytest.raises(Invalid):
        store.orders.checkout(web.twins.buyer, [web.twins.house], return_url=target)


# F2: what was uploaded never runs.

FILES = {
    "shell.php": b"<?php system($_GET['x']); ?>",
    "page.html": b"<!doctype html><script>alert(1)</script>",
    "image.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "script.js": b"alert(1)",
    "polyglot.pdf": b"%PDF-1.7\n<script>alert(1)</script>",
    "no extension": b"#!/bin/sh\nrm -rf /\n",
}


@pytest.mark.parametrize("name", FILES, ids=[f"CVE-2026-28114 {name}" for name in FILES])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_F2_what_is_sold_is_saved_and_never_shown(web: Mounted, name: str, method: str) -> None:
    web.twins.restore()
    shop = web.twins
    book = shop.product("Files")
    shop.store.catalog.release(shop.seller, book, version="2.0", files={name: FILES[name]})
    shop.buy(book, shop.buyer)
    token = shop.store.downloads.link(shop.buyer, book).token
    for headers in ({}, {"Accept": "text/html"}, {"Sec-Fetch-Dest": "iframe"}):
        answer = web.ask(method, f"/d/{token}", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].startswith("attachment; ")
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.content == (FILES[name] if method == "GET" else b"")
