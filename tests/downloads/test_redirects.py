"""Files in a bucket: the storage itself sends them, by a URL that is signed for a moment."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from digistore import Settings, Store
from digistore.downloads import Redirect, Stream
from digistore.errors import ConfigError
from digistore.files import BlobBackend
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.downloads.fetching import ask, body, bought, fetched, refusal, sessions, token
from tests.s3 import S3

Opened = Callable[..., Shop]


@pytest.fixture
def bucket(s3: S3) -> str:
    return s3.bucket()


@pytest.fixture
def opened(
    open_store: Callable[..., Store],
    s3: S3,
    bucket: str,
    sandbox: SandboxGateway,
    clock: FrozenClock,
) -> Opened:
    def make(**settings: object) -> Shop:
        backend: BlobBackend = s3.backend(bucket)
        store = open_store(files=backend, settings=Settings.model_validate(settings))
        return Shop(store, sandbox, clock)

    return make


def test_a_link_leads_to_the_storage_for_a_moment(opened: Opened) -> None:
    shop = opened(redirect_ttl=timedelta(seconds=90))
    book = bought(shop)
    link = token(shop, book)
    plan = ask(shop, link, Range="bytes=0-0", If_None_Match="*")  # for the storage to read
    assert isinstance(plan.body, Redirect)
    assert (plan.status, plan.headers["Location"]) == (302, plan.body.url)
    assert parse_qs(urlsplit(plan.body.url).query)["X-Amz-Expires"] == ["90"]
    assert plan.body.url not in repr(plan.body)
    assert plan.body.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(plan.body.url) as answer:  # noqa: S310
        assert answer.read() == b"Async Python 1.0"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
    shop.store.downloads.finish(plan, 3)  # nobody knows: the whole file counts
    assert sessions(shop) == [(1, 16, 16)]


def test_head_is_answered_here(opened: Opened) -> None:
    shop = opened()
    book = bought(shop)
    plan = ask(shop, token(shop, book), "HEAD")
    assert (plan.status, plan.body, plan.headers["Content-Length"]) == (200, None, "16")
    assert sessions(shop) == []


def test_after_a_refund_no_new_url_is_signed(opened: Opened) -> None:
    shop = opened()
    book = shop.product()
    checkout = shop.buy(book)
    link = token(shop, book)
    assert ask(shop, link).status == 302
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    assert refusal(shop, link) == (410, "link_revoked")


def test_a_url_is_never_signed_for_what_is_not_there(opened: Opened, s3: S3, bucket: str) -> None:
    shop = opened()
    book = bought(shop)
    (key,) = s3.keys(bucket)
    s3.client.delete_object(Bucket=bucket, Key=key)
    assert refusal(shop, token(shop, book)) == (503, "storage_unavailable")
    assert sessions(shop) == []


def test_a_bucket_can_be_streamed_too_and_archives_always_are(opened: Opened) -> None:
    shop = opened(transport="stream")
    book = bought(shop)
    assert fetched(shop, token(shop, book), Range="bytes=6-11") == (206, b"Python")
    several = bought(shop, {"a.txt": b"a", "b.txt": b"b"}, title="Several")
    plan = ask(shop, token(shop, several))
    assert isinstance(plan.body, Stream)
    assert body(shop, plan).startswith(b"PK")


def test_a_transport_that_the_storage_cannot_do_is_refused_when_the_store_is_made(
    tmp_path: Path,
) -> None:
    for settings in (
        Settings(transport="redirect"),
        Settings(transport="accel"),
    ):
        with pytest.raises(ConfigError, match="transport"):
            Store.open(
                "sqlite://",
                files=f"file://{tmp_path}/files",
                gateways=[],
                secret=SECRET,
                settings=settings,
            )
    with pytest.raises(ConfigError, match="BlobBackend"):
        Store.open("sqlite://", files=7, gateways=[], secret=SECRET)  # type: ignore[arg-type]
