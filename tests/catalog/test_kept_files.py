"""Bytes that a release or a draft has are never garbage."""

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
