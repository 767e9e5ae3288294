"""Streams for scripts: the bytes that were published or none, and each download counted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from digistore import Product
from digistore.errors import DamagedFile, Forbidden, Invalid, NotFound
from tests.conftest import Shop
from tests.payments.end_state import every_row


def fetch(shop: Shop, product: Product, user: Any = None, **kwargs: Any) -> bytes:
    with shop.store.downloads.open(user or shop.buyer, product, **kwargs) as stream:
        return stream.read()


def release(shop: Shop, product: Product, version: str, **files: bytes) -> Any:
    named = {f"{name}.txt": body for name, body in files.items()}
    return shop.store.catalog.release(shop.seller, product, version=version, files=named)


def sessions(shop: Shop) -> list[tuple[int, int | None]]:
    sql = "SELECT requests, live_key FROM digistore_download_sessions ORDER BY rowid"
    return shop.rows(sql)


def updated(shop: Shop) -> bool:
    (owned,) = shop.store.entitlements.my_products(shop.buyer)
    return owned.updated_since_download


def test_a_buyer_reads_what_the_seller_published(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    assert fetch(shop, book) == b"Async Python 1.0"
    with shop.store.downloads.open(shop.buyer, book) as stream:
        assert stream.size == 16
        assert (stream.read(5), b"".join(stream), stream.read()) == (b"Async", b" Python 1.0", b"")


def test_what_a_person_would_call_one_download_is_one(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    for _ in range(3):
        fetch(shop, book)
        shop.clock.go(hours=11)
    assert sessions(shop) == [(3, 1)]
    fetch(shop, book)  # 33 hours after the first
    assert sessions(shop) == [(3, None), (1, 1)]


def test_each_file_and_each_buyer_counts_apart(shop: Shop) -> None:
    book = shop.product()
    made = release(shop, book, "2.0", one=b"1", two=b"22")
    friend = shop.store.users.register("friend@example.com")
    for user in (shop.buyer, friend):
        shop.buy(book, user)
        for file in made.files:
            assert len(fetch(shop, book, user, file=file.name)) == file.size
    assert sessions(shop) == [(1, 1)] * 4
    assert shop.rows("SELECT SUM(sent_bytes) FROM digistore_download_sessions") == [(6,)]


def test_of_several_files_one_is_named(shop: Shop) -> None:
    book = shop.product()
    made = release(shop, book, "2.0", one=b"1", two=b"22")
    shop.buy(book)
    with pytest.raises(Invalid) as caught:
        fetch(shop, book)
    assert caught.value.fields == {"file": "ambiguous"}
    assert fetch(shop, book, file=made.files[1].id) == b"22"
    assert fetch(shop, book, release=made.id, file="one.txt") == b"1"
    with pytest.raises(NotFound):
        fetch(shop, book, file="three.txt")
    assert shop.count("download_sessions") == 2


def test_who_sells_it_looks_without_being_counted(shop: Shop) -> None:
    book = shop.product()
    for actor in (shop.seller, shop.operator):
        assert fetch(shop, book, actor) == b"Async Python 1.0"
    assert sessions(shop) == []


def test_a_seller_who_bought_the_own_product_downloads_as_a_buyer(shop: Shop) -> None:
    """D3."""
    book = shop.product()
    shop.buy(book, shop.seller)
    fetch(shop, book, shop.seller)
    assert sessions(shop) == [(1, 1)]


def test_my_products_say_what_is_new_since_the_last_download(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    assert not updated(shop)
    release(shop, book, "1.1", book=b"1.1")
    assert not updated(shop)  # nothing was fetched before
    fetch(shop, book)
    assert not updated(shop)
    release(shop, book, "1.2", book=b"1.2")
    assert updated(shop)
    (old,) = (r for r in shop.store.catalog.releases(shop.seller, book) if r.version == "1.0")
    fetch(shop, book, release=old)
    assert updated(shop)  # an older one, fetched by name, is no answer
    fetch(shop, book)
    assert not updated(shop)
    fetch(shop, book, release=old)
    assert not updated(shop)  # and takes nothing back


def test_a_download_of_long_ago_still_opens(shop: Shop) -> None:
    """D5."""
    book = shop.product()
    shop.buy(book)
    shop.store.catalog.withdraw(shop.seller, book)
    shop.clock.go(days=3650)
    assert fetch(shop, book) == b"Async Python 1.0"


def blobs(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "files" / "blobs").rglob("*") if path.is_file()]


def overwrite(path: Path, body: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(body)


def test_a_file_that_lost_bytes_is_refused_and_nothing_is_counted(
    shop: Shop, tmp_path: Path
) -> None:
    book = shop.product()
    shop.buy(book)
    (stored,) = blobs(tmp_path)
    overwrite(stored, b"Async")
    for _ in range(2):
        with pytest.raises(DamagedFile):
            fetch(shop, book)
    assert sessions(shop) == []
    restore(shop, stored)
    assert fetch(shop, book) == b"Async Python 1.0"


def restore(shop: Shop, stored: Path) -> None:
    """Bring the bytes back, as from a backup; the doctor would find them missing else."""
    overwrite(stored, b"Async Python 1.0")
    shop.store.files.verify()


def test_a_file_whose_bytes_changed_never_arrives_complete(shop: Shop, tmp_path: Path) -> None:
    book = shop.product()
    shop.buy(book)
    (stored,) = blobs(tmp_path)
    overwrite(stored, b"Async Python 1.1")
    with pytest.raises(DamagedFile):
        fetch(shop, book)
    before = every_row(shop.rows)
    with pytest.raises(DamagedFile):  # now it is known, and nobody is served
        shop.store.downloads.open(shop.buyer, book)
    assert every_row(shop.rows) == before
    restore(shop, stored)
    assert fetch(shop, book) == b"Async Python 1.0"


def test_who_lost_access_reads_nothing(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    with pytest.raises(Forbidden) as caught:
        fetch(shop, book)
    assert caught.value.reason == "revoked"
    assert sessions(shop) == []
