"""What a link answers: the bytes, their headers, and every refusal by its code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from digistore import Role
from digistore.blocking import run
from digistore.downloads import Accel, DownloadRequest, Stream
from digistore.errors import DamagedFile
from digistore.files import AsyncFiles
from digistore.tokens import Secrets
from tests.conftest import BLOCKING, SECRET, Shop
from tests.downloads.fetching import ask, body, bought, fetched, refusal, sessions, token
from tests.past import connection_to
from tests.payments.asking import usd

BYTES = b"Async Python 1.0"


def stored(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "files" / "blobs").rglob("*") if path.is_file()]


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)


def test_a_link_gives_exactly_what_was_published(shop: Shop) -> None:
    book = bought(shop)
    (file,) = shop.store.downloads.files(shop.buyer, book)
    plan = ask(shop, token(shop, book))
    assert (plan.status, plan.code) == (200, None)
    assert isinstance(plan.body, Stream)
    assert plan.body.reader.size == 16
    assert plan.headers["ETag"] == f'"{file.sha256}"'
    assert plan.headers["Content-Type"] == "application/pdf"
    assert plan.headers["Content-Encoding"] == "identity"
    assert plan.headers["Accept-Ranges"] == "bytes"
    assert plan.headers["Content-Disposition"] == (
        "attachment; filename=\"book.pdf\"; filename*=UTF-8''book.pdf"
    )
    assert body(shop, plan) == BYTES
    assert sessions(shop) == [(1, 16, 16)]


def test_an_interrupted_download_goes_on_where_it_stopped(shop: Shop) -> None:
    book = bought(shop)
    link = token(shop, book)
    plan = ask(shop, link)
    first = body(shop, plan, only=5)
    status, rest = fetched(shop, link, Range="bytes=5-", If_Range=plan.headers["ETag"])
    assert (status, first + rest) == (206, BYTES)
    assert sessions(shop) == [(2, 16, 16)]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"If_None_Match": "*"}, 304, None),
        ({"If_Match": '"zz"'}, 412, "precondition_failed"),
        ({"Range": "bytes=16-"}, 416, "range_not_satisfiable"),
    ],
)
def test_answers_without_bytes_count_nothing(
    shop: Shop, headers: dict[str, str], status: int, code: str | None
) -> None:
    book = bought(shop)
    plan = ask(shop, token(shop, book), **headers)
    assert (plan.status, plan.code, plan.body, plan.session) == (status, code, None, None)
    assert sessions(shop) == []


def test_head_says_what_get_would_and_counts_nothing(shop: Shop) -> None:
    book = bought(shop)
    link = token(shop, book)
    head, got = ask(shop, link, "HEAD", Range="bytes=0-3"), ask(shop, link)
    assert (head.status, head.body, head.session) == (200, None, None)
    assert head.headers == got.headers
    body(shop, got)
    assert len(sessions(shop)) == 1


def test_other_methods_are_refused_before_the_link_is_read(shop: Shop) -> None:
    plan = ask(shop, "nothing", "POST")
    assert (plan.status, plan.code) == (405, "method_not_allowed")
    assert plan.headers["Allow"] == "GET, HEAD"


def test_what_is_no_link_of_ours_is_one_answer(shop: Shop) -> None:
    book, other = bought(shop), shop.product("Other")
    (secret,) = shop.store.catalog.releases(shop.seller, other)
    draft = shop.store.catalog.release(
        shop.seller, book, version="2.0", files={"a.txt": b"draft"}, publish=False
    )
    good = token(shop, book)
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    expires = str(int(shop.clock().timestamp()) + 60)
    foreign = Secrets(SECRET).signer("download")
    answers = [
        ask(shop, one)
        for one in (
            "",
            "x" * 5000,
            good[:-1],
            good + "=",
            foreign.sign("d1", (purchase.id, secret.files[0].id, "1", expires)),
            foreign.sign("d1", (purchase.id, secret.id, "1", expires)),
            foreign.sign("d1", (purchase.id, draft.files[0].id, "1", expires)),
            Secrets(SECRET).signer("upload").sign("d1", (purchase.id, "fil_x", "1", expires)),
        )
    ]
    assert {(one.status, one.code, one.body) for one in answers} == {(404, "not_found", None)}
    assert all(one.headers == answers[0].headers for one in answers)


def test_an_old_link_says_that_it_is_over(shop: Shop) -> None:
    link = token(shop, bought(shop), expires_in=timedelta(minutes=1))
    shop.clock.go(minutes=1)
    assert refusal(shop, link) == (410, "link_expired")


def test_after_a_refund_the_link_and_a_resumed_range_are_refused_at_once(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    link = token(shop, book)
    plan = ask(shop, link)
    body(shop, plan, only=4)
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("1"), reason="part")
    assert fetched(shop, link)[0] == 200  # part of the money back keeps the access
    shop.store.payments.refund(shop.seller, checkout.order, reason="the rest")
    for headers in ({}, {"Range": "bytes=4-"}, {"If_None_Match": "*"}, {"Range": "bytes=99-"}):
        assert refusal(shop, link, **headers) == (410, "link_revoked")
    assert refusal(shop, link, method="HEAD") == (410, "link_revoked")
    assert sessions(shop)[0][0] == 2


@BLOCKING
@pytest.mark.parametrize("rival", ["revoke", "revoke_links"])
def test_what_ends_a_link_while_its_bytes_are_fetched_is_seen_before_they_are_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, rival: str
) -> None:
    book = bought(shop)
    link = token(shop, book)
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    services = getattr(shop.store, "_target", shop.store)._shop
    opened = AsyncFiles.open_stored
    readers = []

    def open_and_lose(self: Any, *args: Any) -> Any:
        readers.append(opened(self, *args))
        if rival == "revoke":
            run(services.entitlements.revoke(shop.operator, purchase, reason="x"))
        else:
            run(services.downloads.revoke_links(shop.operator, purchase))
        return readers[-1]

    monkeypatch.setattr(AsyncFiles, "open_stored", open_and_lose)
    assert refusal(shop, link) == (410, "link_revoked")
    assert sessions(shop) == []


def test_a_link_for_one_user_is_nobody_elses_where_login_is_asked_for(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(require_login=True)
    book = bought(shop)
    friend = shop.store.users.register("friend@example.com")
    shop.buy(book, friend)
    link = token(shop, book)
    for user in (None, friend, friend.id, "usr_unknown", shop.operator):
        assert refusal(shop, link, user=user) == (404, "not_found")
    assert fetched(shop, link, user=shop.buyer) == (200, BYTES)
    assert fetched(shop, link, user=shop.buyer.id) == (200, BYTES)
    preview = token(shop, book, shop.seller)
    assert refusal(shop, preview, user=shop.buyer) == (404, "not_found")
    assert fetched(shop, preview, user=shop.seller) == (200, BYTES)


def test_a_preview_is_served_and_never_counted(shop: Shop) -> None:
    book = shop.product()
    draft = shop.store.catalog.release(
        shop.seller, book, version="2.0", files={"a.txt": b"draft"}, publish=False
    )
    for actor in (shop.seller, shop.operator):
        plan = ask(shop, token(shop, book, actor, release=draft))
        assert plan.session is None
        assert body(shop, plan) == b"draft"
    link = token(shop, book, shop.seller)
    shop.store.users.revoke_role(shop.operator, shop.seller, Role.SELLER)
    assert refusal(shop, link) == (410, "link_revoked")
    assert sessions(shop) == []


def test_a_file_that_a_scanner_has_stopped_is_not_given_any_more(shop: Shop) -> None:
    book = bought(shop)
    link = token(shop, book)
    target = getattr(shop.store, "_target", shop.store)._shop.database
    with connection_to(target) as connection:
        connection.exec_driver_sql("UPDATE digistore_release_files SET scan = 'infected'")
    assert refusal(shop, link) == (410, "file_blocked")


def test_a_missing_or_changed_file_costs_the_buyer_nothing(shop: Shop, tmp_path: Path) -> None:
    book = bought(shop)
    link = token(shop, book)
    (path,) = stored(tmp_path)
    path.rename(path.with_name("away"))
    for headers in ({}, {"Range": "bytes=0-3"}):
        plan = ask(shop, link, **headers)
        assert (plan.status, plan.code, plan.body) == (503, "storage_unavailable", None)
        assert plan.headers["Retry-After"] == "30"
    path.with_name("away").rename(path)
    overwrite(path, b"Async Python 1.1")  # a small file is read whole before the first byte goes
    for _ in range(2):
        assert refusal(shop, link) == (503, "storage_unavailable")
    assert sessions(shop) == []
    overwrite(path, BYTES)
    shop.store.files.verify()
    assert fetched(shop, link) == (200, BYTES)


def test_one_flipped_byte_of_a_large_file_cuts_the_stream_and_refuses_its_parts(
    shop: Shop, tmp_path: Path
) -> None:
    content = bytes(range(256)) * (3 * 4096)
    book = bought(shop, {"large.bin": content})
    link = token(shop, book)
    path = next(one for one in stored(tmp_path) if one.stat().st_size == len(content))
    overwrite(path, content[:-1] + b"x")
    plan = ask(shop, link)
    assert isinstance(plan.body, Stream)
    reader, came = plan.body.reader, bytearray()
    with reader, pytest.raises(DamagedFile):
        came.extend(part for chunk in reader for part in chunk)
    assert len(came) < len(content)  # never a complete answer
    shop.store.downloads.finish(plan, len(came))
    assert refusal(shop, link, Range="bytes=0-9") == (503, "storage_unavailable")
    overwrite(path, content)
    shop.store.files.verify()
    assert fetched(shop, link, Range="bytes=0-9") == (206, content[:10])


def test_the_web_server_sends_a_local_file_where_it_is_told_to(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(accel_prefix="/protected/")
    book = bought(shop)
    (file,) = shop.store.downloads.files(shop.buyer, book)
    spoof = {"X_Accel_Mapping": "/=/etc/", "X_Sendfile_Type": "X-Accel-Redirect"}
    plan = ask(shop, token(shop, book), Range="bytes=0-3", **spoof)
    digest = file.sha256 or ""
    path = f"/protected/blobs/sha256/{digest[:2]}/{digest[2:4]}/{digest}"
    assert plan.body == Accel("X-Accel-Redirect", path)
    assert (plan.status, plan.headers["X-Accel-Redirect"]) == (200, path)
    assert "Content-Length" not in plan.headers
    assert sessions(shop) == [(1, len(BYTES), len(BYTES))]  # which part was sent nobody tells us
    assert ask(shop, token(shop, book), If_None_Match=f'"{digest}"').status == 304


def test_a_new_release_never_mixes_with_an_old_link(shop: Shop) -> None:
    book = bought(shop)
    old = token(shop, book)
    before = shop.count("audit", "entity = 'purchase'")
    shop.store.catalog.release(
        shop.seller, book, version="1.1", files={"book.pdf": b"Async Python 1.1"}
    )
    assert shop.count("audit", "entity = 'purchase'") == before
    new = token(shop, book)
    assert fetched(shop, old)[1][:5] + fetched(shop, old, Range="bytes=5-")[1] == BYTES
    assert fetched(shop, new)[1] == b"Async Python 1.1"
    tag = ask(shop, old, "HEAD").headers["ETag"]
    assert fetched(shop, new, Range="bytes=5-", If_Range=tag) == (200, b"Async Python 1.1")


def test_a_request_may_carry_any_headers(shop: Shop) -> None:
    link = token(shop, bought(shop))
    hostile = {"Range": "bytes=\u0661-", "User-Agent": "\x00" * 9999, "": "\ud800"}
    plan = shop.store.downloads.plan(link, DownloadRequest("GET", hostile, client="no address"))
    assert body(shop, plan) == BYTES
