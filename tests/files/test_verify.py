from pathlib import Path

import pytest
from pydantic import ValidationError

from digistore.blocking import run
from digistore.errors import Busy
from digistore.files import BlobState, Files, VerifyReport
from tests.files.shelf import Shelf, flip, path_of


def test_an_empty_store_has_nothing_to_verify(shelf: Shelf) -> None:
    report = Files(shelf.files).verify()
    assert report == VerifyReport(checked=0)
    assert report.intact


def test_every_blob_is_read_and_progress_is_told(local: Shelf) -> None:
    for number in range(101):  # more than one page of rows
        local.put(str(number).encode())
    told: list[tuple[int, int]] = []
    report = Files(local.files).verify(progress=lambda done, total: told.append((done, total)))
    assert report == VerifyReport(checked=101)
    assert told == [(number, 101) for number in range(1, 102)]


def test_damaged_and_missing_blobs_are_named(local: Shelf, folder: Path) -> None:
    fine, bent, short, gone = (local.put(word) for word in (b"fine", b"bent", b"short", b"gone"))
    flip(path_of(folder, bent))
    path_of(folder, short).write_bytes(b"shor")
    path_of(folder, gone).unlink()
    report = Files(local.files).verify()
    assert report.checked == 4
    assert report.damaged == tuple(sorted([bent.sha256, short.sha256]))
    assert report.missing == (gone.sha256,)
    assert not report.intact
    assert local.states() == {
        fine.sha256: "live",
        bent.sha256: "damaged",
        short.sha256: "damaged",
        gone.sha256: "live",  # its bytes may come back
    }


def test_damage_is_reported_until_it_is_repaired(local: Shelf, folder: Path) -> None:
    blob = local.put(b"book")
    flip(path_of(folder, blob))
    assert local.verify() == local.verify() == ((blob.sha256,), ())
    path_of(folder, blob).write_bytes(b"book")  # restored from a backup
    assert local.verify() == ((), ())
    assert local.content(blob) == b"book"


def test_a_link_in_place_of_a_file_is_damage(local: Shelf, folder: Path, tmp_path: Path) -> None:
    blob = local.put(b"book")
    same = tmp_path / "same"
    same.write_bytes(b"book")
    path_of(folder, blob).unlink()
    path_of(folder, blob).symlink_to(same)
    assert local.verify() == ((blob.sha256,), ())


def test_a_folder_that_cannot_be_entered_hides_no_other_file(local: Shelf, folder: Path) -> None:
    blobs = [local.put(str(number).encode()) for number in range(20)]
    hidden = path_of(folder, blobs[0]).parent
    hidden.rename(folder / "aside")
    hidden.symlink_to(folder / "aside")
    report = Files(local.files).verify()
    assert report.unreadable == (blobs[0].sha256,)
    assert report.checked == 20
    assert not report.intact
    assert set(local.states().values()) == {"live"}


def test_a_storage_that_is_gone_says_nothing_of_its_files(local: Shelf, folder: Path) -> None:
    blob = local.put(b"book")
    (folder / "blobs").rename(folder / "aside")
    with pytest.raises(Busy, match="mounted"):
        run(local.files.verify())
    with pytest.raises(Busy, match="mounted"):
        local.files.open(blob)
    assert local.states() == {blob.sha256: "live"}


def test_what_is_being_deleted_is_left_alone(shelf: Shelf) -> None:
    shelf.set_state(shelf.put(b"book"), BlobState.DELETING)
    assert Files(shelf.files).verify().checked == 0


def test_a_condemned_blob_is_looked_at_and_stays_condemned(shelf: Shelf) -> None:
    blob = shelf.put(b"book")
    shelf.set_state(blob, BlobState.CONDEMNED)
    assert Files(shelf.files).verify().checked == 1
    assert shelf.states() == {blob.sha256: "condemned"}


def test_a_report_cannot_be_changed() -> None:
    report = VerifyReport(checked=1)
    with pytest.raises(ValidationError):
        report.checked = 2
