"""Bytes that a release or a draft has are kept, and looked at before they are sold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from digistore import Money
from digistore.errors import DamagedFile, Invalid
from tests.conftest import Shop


def test_the_files_of_releases_and_drafts_stay(shop: Shop) -> None:
    """Whoever is asked: every table that points at a blob."""
    book = shop.product()
    shop.store.catalog.release(
        shop.seller, book, version="2.0", files={"a.txt": b"a draft"}, publish=False
    )
    shop.clock.go(days=400)
    for _ in range(3):
        report = shop.store.files.collect(dry_run=False)
        assert (report.condemned, report.deleted) == (0, 0)
        shop.clock.go(days=2)
    assert shop.count("blobs", "state = 'live'") == 2


def test_a_damaged_file_of_a_release_stays_to_be_repaired(shop: Shop, tmp_path: Path) -> None:
    shop.product()
    (path,) = (one for one in (tmp_path / "files" / "blobs").rglob("*") if one.is_file())
    path.chmod(0o600)
    path.write_bytes(b"Async Python 1.1")
    assert len(shop.store.files.verify().damaged) == 1
    for _ in range(3):
        shop.clock.go(days=2)
        assert shop.store.files.collect(dry_run=False).deleted == 0
    path.write_bytes(b"Async Python 1.0")
    assert shop.store.files.verify().intact


def test_a_draft_whose_bytes_have_changed_is_not_published(shop: Shop, tmp_path: Path) -> None:
    book = shop.product()
    draft = shop.store.catalog.release(
        shop.seller, book, version="2.0", files={"a.txt": b"a draft"}, publish=False
    )
    files = [one for one in (tmp_path / "files" / "blobs").rglob("*") if one.is_file()]
    path = next(one for one in files if one.stat().st_size == 7)
    path.chmod(0o600)
    path.write_bytes(b"a craft")
    for _ in range(2):
        with pytest.raises(DamagedFile):
            shop.store.catalog.publish(shop.seller, draft)
    path.write_bytes(b"a draft")
    assert shop.store.catalog.publish(shop.seller, draft).is_latest


def test_a_shop_says_which_types_of_files_it_sells(shop_with: Callable[..., Shop]) -> None:
    def add(shop: Shop, name: str) -> None:
        product = shop.store.catalog.add_product(
            shop.seller, title=name, price=Money("1.00", "USD")
        )
        shop.store.catalog.release(shop.seller, product, version="1", files={name: b"words"})

    allowing = shop_with(allowed_media_types={"application/pdf"})
    add(allowing, "book.pdf")
    with pytest.raises(Invalid) as caught:
        add(allowing, "page.html")
    assert caught.value.fields == {"file": "type_refused"}


def test_a_shop_says_which_types_of_files_it_does_not_sell(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(denied_media_types={"text/html"})
    product = shop.product()
    with pytest.raises(Invalid) as caught:
        shop.store.catalog.release(shop.seller, product, version="2", files={"a.html": b"words"})
    assert caught.value.fields == {"file": "type_refused"}
