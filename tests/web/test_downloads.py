"""Files through each host: whole, in parts, resumed, left, refused and counted."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from digistore.settings import Settings
from digistore.web.sending import CHUNK
from tests.web.conftest import Web

SIZE = 2 * CHUNK + 12_345
CONTENT = hashlib.shake_256(b"a book").digest(SIZE)
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


def sold(web: Web) -> Any:
    """A product of one file of more than two chunks, bought."""
    shop = web.shop
    book = shop.product()
    shop.store.catalog.release(shop.seller, book, version="2.0", files={"a book.bin": CONTENT})
    shop.buy(book)
    return book


def link_to(web: Web, book: Any) -> str:
    made = web.post(f"/products/{book.id}/link", {}, web.shop.buyer).json()
    return web.path_of(made["url"])


def logged(web: Web) -> list[tuple[int, int, int]]:
    return [
        (int(requests), int(reserved), int(sent))
        for requests, reserved, sent in web.shop.rows(
            "SELECT requests, reserved_bytes, sent_bytes FROM digistore_download_sessions"
        )
    ]


def test_a_file_comes_whole_and_is_counted_once(web: Web) -> None:
    path = link_to(web, sold(web))
    answer = web.get(path)
    assert (answer.status_code, hashlib.sha256(answer.content).hexdigest()) == (200, ETAG[1:-1])
    headers = answer.headers
    assert (headers["etag"], headers["content-length"]) == (ETAG, str(SIZE))
    assert headers["content-disposition"].startswith('attachment; filename="a book.bin"')
    assert headers["cache-control"] == "private, no-store"
    head = web.ask("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(SIZE)
    assert [one[0] for one in logged(web)] == [1]


@pytest.mark.parametrize(
    ("wanted", "status", "content_range", "part"),
    [
        ({"Range": "bytes=0-9"}, 206, f"bytes 0-9/{SIZE}", CONTENT[:10]),
        ({"Range": f"bytes={SIZE - 5}-"}, 206, f"bytes {SIZE - 5}-{SIZE - 1}/{SIZE}", CONTENT[-5:]),
        ({"Range": "bytes=-5"}, 206, f"bytes {SIZE - 5}-{SIZE - 1}/{SIZE}", CONTENT[-5:]),
        ({"Range": f"bytes={SIZE}-"}, 416, f"bytes */{SIZE}", b""),
        ({"Range": "bytes=0-0,-1"}, 200, None, CONTENT),
        ({"Range": "lines=1-2"}, 200, None, CONTENT),
        ({"Range": "bytes=0-9", "If-Range": '"other"'}, 200, None, CONTENT),
        ({"Range": "bytes=0-9", "If-Range": ETAG}, 206, f"bytes 0-9/{SIZE}", CONTENT[:10]),
        ({"Range": "bytes=0-9", "If-None-Match": ETAG}, 304, None, b""),
        ({"If-Match": '"other"'}, 412, None, b""),
    ],
)
def test_parts_and_conditions_follow_the_rfc(
    some: Web, wanted: dict[str, str], status: int, content_range: str | None, part: bytes
) -> None:
    answer = some.get(link_to(some, sold(some)), headers=wanted)
    assert (answer.status_code, answer.headers.get("content-range")) == (status, content_range)
    assert answer.content == part
    assert answer.headers["etag"] == ETAG
    if status in {200, 206}:
        assert answer.headers["content-length"] == str(len(part))


def test_a_wrong_method_is_405_with_what_is_allowed(web: Web) -> None:
    answer = web.ask("POST", "/d/token", headers=web.token())
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_tokens_that_open_nothing(web: Web) -> None:
    shop, book = web.shop, sold(web)
    path = link_to(web, book)
    for broken in ("/d/x", path[:-1], f"{path}x", "/d/" + "d1." * 150):
        answer = web.get(broken)
        assert (answer.status_code, answer.text) == (404, "There is nothing here. [not_found]\n")
    shop.clock.go(days=2)
    assert "[link_expired]" in web.get(path).text
    fresh = link_to(web, book)
    (purchase,) = shop.store.entitlements.my_products(shop.buyer)
    shop.store.downloads.revoke_links(shop.operator, purchase.purchase)
    answer = web.get(fresh)
    assert (answer.status_code, "[link_revoked]" in answer.text) == (410, True)


def test_money_that_goes_back_closes_links_at_once(web: Web) -> None:
    shop, book = web.shop, sold(web)
    path = link_to(web, book)
    assert web.get(path, headers={"Range": "bytes=0-9"}).status_code == 206
    (order,) = shop.store.orders.my_orders(shop.buyer)
    shop.store.payments.refund(shop.seller, order, reason="torn")
    for headers in ({}, {"Range": "bytes=10-"}, {"Range": "bytes=10-", "If-Range": ETAG}):
        assert web.get(path, headers=headers).status_code == 410
    again = web.post(f"/products/{book.id}/link", {}, shop.buyer)
    assert (again.status_code, again.json()["error"]["reason"]) == (403, "revoked")


@pytest.mark.parametrize("host", ["flask", "django", "fastapi", "litestar", "asgi"])
def test_a_login_is_asked_for_where_the_shop_wants_it(open_web: Any, host: str) -> None:
    web = open_web(host, settings=Settings(require_login=True))
    path = link_to(web, sold(web))
    assert [web.get(path, who).status_code for who in (None, web.shop.seller)] == [404, 404]
    assert web.get(path, web.shop.buyer).status_code == 200
