"""A buyer's own copy: theirs alone, built once, and never the original in its place."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from digistore import Product, PurchasedProduct, Store
from digistore.blocking import run
from digistore.downloads import DownloadRequest
from digistore.downloads.service.personalising import _claim
from digistore.errors import Busy, ConfigError, Forbidden, Invalid
from digistore.files import BlobReader
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import BLOCKING, SECRET, Shop
from tests.downloads.fetching import ask, body, fetched, refusal, sessions, token
from tests.files.shelf import sha256

ORIGINAL = b"%PDF- an original that nobody gets"


class Stamp:
    """Writes the purchase behind the file, and counts how often it had to."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.fails = False
        self.returns: Any = None
        self.waits: Callable[[], object] = lambda: None

    def build(self, source: BlobReader, purchase: PurchasedProduct) -> bytes:
        self.built.append(purchase.id)
        self.waits()
        if self.fails:
            raise ZeroDivisionError
        if self.returns is not None:
            found: bytes = self.returns
            return found
        return source.read().upper() + purchase.id.encode()


@pytest.fixture
def stamp() -> Stamp:
    return Stamp()


@pytest.fixture
def shop(
    open_store: Callable[..., Store], sandbox: SandboxGateway, clock: FrozenClock, stamp: Stamp
) -> Shop:
    return Shop(open_store(personalisers={"stamp-1": stamp}), sandbox, clock)


def stamped(shop: Shop, *others: str) -> Product:
    """A product with a personal file, and others for all, that the buyer has."""
    book = shop.product()
    files = {"book.pdf": ORIGINAL, **{name: name.encode() for name in others}}
    shop.store.catalog.release(
        shop.seller, book, version="2.0", files=files, personal={"book.pdf": "stamp-1"}
    )
    shop.buy(book)
    return book


def expected(shop: Shop, book: Product, user: Any = None) -> bytes:
    purchase = shop.store.entitlements.check(user or shop.buyer, book).purchase
    assert purchase is not None
    return ORIGINAL.upper() + purchase.id.encode()


def test_each_buyer_gets_their_own_and_it_is_built_once(shop: Shop, stamp: Stamp) -> None:
    book = stamped(shop)
    friend = shop.store.users.register("friend@example.com")
    shop.buy(book, friend)
    for user in (shop.buyer, friend):
        link = token(shop, book, user)
        for _ in range(2):
            assert fetched(shop, link) == (200, expected(shop, book, user))
        whole = expected(shop, book, user)
        assert fetched(shop, link, Range="bytes=-10") == (206, whole[-10:])
    assert len(stamp.built) == 2
    assert expected(shop, book) != expected(shop, book, friend)
    mine, theirs = (ask(shop, token(shop, book, user), "HEAD") for user in (shop.buyer, friend))
    assert mine.headers["ETag"] != theirs.headers["ETag"]
    assert 'filename="book.pdf"' in mine.headers["Content-Disposition"]


def test_nothing_is_told_of_an_original_that_nobody_gets(shop: Shop) -> None:
    """What is fetched holds other bytes, so the hash that a buyer would check is not known yet."""
    book = stamped(shop, "notes.txt")
    downloads = shop.store.downloads
    for files in (
        downloads.files(shop.buyer, book),
        downloads.files(shop.seller, book),
        downloads.link(shop.buyer, book).files,
    ):
        own, notes = files
        assert (own.name, own.size, own.sha256) == ("book.pdf", None, None)
        assert own.personal == "stamp-1"
        assert notes.size is not None
        assert notes.sha256 is not None
    published = shop.store.catalog.releases(shop.seller, book)
    (original,) = (one.files[0] for one in published if one.is_latest)
    assert original.sha256 == sha256(ORIGINAL)  # its seller may know


def test_scripts_get_the_own_copy_too(shop: Shop) -> None:
    book = stamped(shop)
    with shop.store.downloads.open(shop.buyer, book) as stream:
        assert stream.read() == expected(shop, book)


def test_the_archive_holds_the_own_copy(shop: Shop) -> None:
    book = stamped(shop, "notes.txt")
    content = fetched(shop, token(shop, book))[1]
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.read("book.pdf") == expected(shop, book)
        assert opened.read("notes.txt") == b"notes.txt"
    assert ORIGINAL not in content


def test_what_cannot_be_made_is_told_and_the_original_never_given(shop: Shop, stamp: Stamp) -> None:
    book = stamped(shop, "notes.txt")
    stamp.fails = True
    links = [token(shop, book), token(shop, book, file="book.pdf")]
    for link in links * 2:
        plan = ask(shop, link)
        assert (plan.status, plan.code, plan.body) == (503, "personalisation_failed", None)
        assert "Retry-After" in plan.headers
    with pytest.raises(Busy):
        shop.store.downloads.open(shop.buyer, book, file="book.pdf")
    assert len(stamp.built) == 1  # what has just failed is not tried at every request
    assert fetched(shop, token(shop, book, file="notes.txt"))[0] == 200
    (action,) = shop.store.payments.needing_action(shop.operator)
    assert (action.kind, action.reason) == ("personalisation_failed", "stamp-1: ZeroDivisionError")
    stamp.fails = False
    shop.clock.go(minutes=10)
    assert fetched(shop, links[1]) == (200, expected(shop, book))
    shop.store.payments.resolve(shop.operator, action, choice="keep", reason="repaired")


@pytest.mark.parametrize("returned", ["text", b"", 7])
def test_a_recipe_that_returns_no_bytes_has_failed(shop: Shop, stamp: Stamp, returned: Any) -> None:
    book = stamped(shop)
    stamp.returns = returned
    assert refusal(shop, token(shop, book)) == (503, "personalisation_failed")


def test_a_recipe_that_the_store_has_no_more_fails_closed(
    shop: Shop, open_store: Callable[..., Store]
) -> None:
    book = stamped(shop)
    shop.store = open_store()
    assert refusal(shop, token(shop, book)) == (503, "personalisation_failed")


@BLOCKING
def test_while_one_request_builds_another_is_told_to_come_again(shop: Shop, stamp: Stamp) -> None:
    book = stamped(shop)
    link = token(shop, book)
    begun, go_on = Event(), Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(30)

    stamp.waits = wait
    target = getattr(shop.store, "_target", shop.store)
    service = target._shop.downloads

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: run(service.plan(link, DownloadRequest("GET"))))
        assert begun.wait(30)
        second = ask(shop, link)
        go_on.set()
        plan = first.result(30)
    assert (second.status, second.code, second.headers["Retry-After"]) == (503, "preparing", "30")
    assert body(shop, plan) == expected(shop, book)
    assert len(stamp.built) == 1


def test_a_builder_that_died_is_followed_by_another(shop: Shop, stamp: Stamp) -> None:
    book = stamped(shop)
    link = token(shop, book)

    def die() -> None:
        raise KeyboardInterrupt

    stamp.waits = die
    with pytest.raises(KeyboardInterrupt):
        ask(shop, link)
    stamp.waits = lambda: None
    assert refusal(shop, link) == (503, "preparing")
    shop.clock.go(minutes=5)
    assert fetched(shop, link) == (200, expected(shop, book))


@BLOCKING
def test_of_two_who_follow_one_that_died_one_builds(shop: Shop, stamp: Stamp) -> None:
    book = stamped(shop)
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    services = getattr(shop.store, "_target", shop.store)._shop
    source = run(services.files.stored(sha256(ORIGINAL)))
    database = services.database
    begun = run(database.beside.transact(partial(_claim, purchase.id, source, "stamp-1", None)))
    assert begun == shop.clock()
    shop.clock.go(minutes=6)
    claims = [
        run(database.beside.transact(partial(_claim, purchase.id, source, "stamp-1", begun)))
        for _ in range(2)
    ]
    assert claims == [shop.clock(), None]
    assert stamp.built == []


def test_an_own_copy_is_kept_for_a_month_and_made_again_on_demand(shop: Shop, stamp: Stamp) -> None:
    book = stamped(shop)
    assert fetched(shop, token(shop, book))[0] == 200
    shop.clock.go(days=29)
    shop.store.files.collect(dry_run=False)
    assert fetched(shop, token(shop, book))[0] == 200
    assert len(stamp.built) == 1
    shop.clock.go(days=1)
    shop.store.run_due()
    assert shop.count("personal_files") == 0
    for _ in range(2):
        shop.store.files.collect(dry_run=False)
        shop.clock.go(days=2)
    assert shop.count("blobs") == 2  # the originals
    assert fetched(shop, token(shop, book)) == (200, expected(shop, book))
    assert len(stamp.built) == 2


def test_a_damaged_original_is_nobodys_failure(shop: Shop, tmp_path: Path) -> None:
    book = stamped(shop)
    files = [one for one in (tmp_path / "files" / "blobs").rglob("*") if one.is_file()]
    path = next(one for one in files if one.stat().st_size == len(ORIGINAL))
    path.rename(path.with_name("away"))
    assert refusal(shop, token(shop, book)) == (503, "storage_unavailable")
    assert (shop.count("personal_files"), sessions(shop)) == (0, [])
    path.with_name("away").rename(path)
    assert fetched(shop, token(shop, book)) == (200, expected(shop, book))


def test_a_preview_has_no_buyer_and_gets_no_original(shop: Shop, stamp: Stamp) -> None:
    book = stamped(shop)
    for actor in (shop.seller, shop.operator):
        assert refusal(shop, token(shop, book, actor)) == (410, "file_blocked")
        with pytest.raises(Forbidden) as caught:
            shop.store.downloads.open(actor, book)
        assert caught.value.reason == "file_blocked"
    assert stamp.built == []


def test_only_known_recipes_and_files_are_taken(shop: Shop) -> None:
    book = shop.product()
    for personal, word in (
        ({"book.pdf": "stamp-2"}, "recipe_unknown"),
        ({"x": "stamp-1"}, "unknown"),
    ):
        with pytest.raises(Invalid) as caught:
            shop.store.catalog.release(
                shop.seller, book, version="2", files={"book.pdf": b"b"}, personal=personal
            )
        assert caught.value.fields == {"personal": word}


def test_what_is_no_personaliser_is_refused_when_the_store_is_made() -> None:
    class Coroutine:
        async def build(self, source: BlobReader, purchase: PurchasedProduct) -> bytes:
            return b""

    wrong: Any
    for wrong in ({"stamp": object()}, {"stamp": Coroutine()}, {"A b": Stamp()}):
        with pytest.raises(ConfigError, match=r"personaliser|recipe"):
            Store.open(
                "sqlite://", files="memory://", gateways=[], secret=SECRET, personalisers=wrong
            )
