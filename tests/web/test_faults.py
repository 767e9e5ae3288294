"""What is down, full or altered: a clear status, nothing lost, nothing leaked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.web.conftest import Web
from tests.web.test_downloads import CONTENT, link_to, sold

HOSTS = ["flask", "django", "fastapi", "litestar"]
OVER_SOCKETS = ["flask@waitress", "django@waitress", "fastapi@uvicorn", "litestar@uvicorn"]


def stored_file(folder: Path) -> Path:
    """Where the bytes of the sold file are."""
    return next(
        path
        for path in (folder / "files").rglob("*")
        if path.is_file() and path.stat().st_size == len(CONTENT)
    )


@pytest.mark.parametrize("host", HOSTS)
def test_a_file_that_is_gone_costs_the_buyer_nothing(
    open_web: Callable[..., Web], tmp_path: Path, host: str
) -> None:
    web = open_web(host)
    path = link_to(web, sold(web))
    stored = stored_file(tmp_path)
    kept = stored.read_bytes()
    stored.unlink()
    for headers in ({}, {"Range": "bytes=5-"}):
        answer = web.get(path, headers=headers)
        assert answer.status_code == 503
        assert "[storage_unavailable]" in answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert str(tmp_path) not in answer.text
    assert web.shop.count("download_sessions") == 0
    stored.write_bytes(kept)
    assert web.get(path).content == CONTENT


@pytest.mark.parametrize("host", OVER_SOCKETS)
def test_an_altered_file_never_arrives_whole(
    open_web: Callable[..., Web], tmp_path: Path, host: str
) -> None:
    web = open_web(host)
    path = link_to(web, sold(web))
    stored = stored_file(tmp_path)
    stored.chmod(0o644)
    stored.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    with pytest.raises(httpx2.RemoteProtocolError):  # the connection is cut
        web.get(path)
    assert web.get(path).status_code == 503
    stored.write_bytes(CONTENT)
    web.shop.store.files.verify()
    assert web.get(path).content == CONTENT


@pytest.mark.parametrize("host", HOSTS)
def test_a_database_that_is_locked_costs_no_visitor_the_redirect(
    open_web: Callable[..., Web], database: Path, host: str
) -> None:
    web = open_web(host)
    shop = web.shop
    shop.store.short_urls.shorten(shop.operator, "https://example.com/", code="busy")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = web.get("/s/busy")
        other.execute("ROLLBACK")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://example.com/")
    assert web.mounted.short_urls.clicks_dropped == 1


@pytest.mark.parametrize("host", HOSTS)
def test_a_provider_that_is_down_is_502_and_the_same_request_goes_on(
    open_web: Callable[..., Web], host: str
) -> None:
    web = open_web(host)
    shop = web.shop
    given = {"items": [shop.product().id]}
    for fault in ("timeout", "lost_reply", "server_error", "rate_limit"):
        shop.sandbox.fail_next(fault, method="create_checkout")
        answer = web.post("/checkout", given, shop.buyer)
        assert answer.status_code == 502, fault
        assert answer.json()["error"]["message"].startswith("the payment provider")
    assert web.post("/checkout", given, shop.buyer).status_code == 200
    assert shop.count("orders") == 1


@pytest.mark.parametrize("host", HOSTS)
def test_a_provider_that_cannot_be_asked_sends_its_message_again(
    open_web: Callable[..., Web], host: str
) -> None:
    web = open_web(host)
    shop = web.shop
    book = shop.product()
    body, headers = shop.sandbox.pay(shop.checkout(book))
    shop.sandbox.fail_next("timeout", method="fetch")
    statuses = [
        web.ask("POST", "/webhooks/sandbox", content=body, headers=headers).status_code
        for _ in range(2)
    ]
    assert statuses == [503, 200]
    assert shop.store.entitlements.check(shop.buyer, book)
