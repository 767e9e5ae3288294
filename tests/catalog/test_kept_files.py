"""Bytes that a release or a draft has are never garbage."""

from pathlib import Path

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
