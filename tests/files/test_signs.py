"""What the doctor says of the place where files are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from digistore.blocking import run
from digistore.database import Database
from digistore.errors import DamagedFile
from digistore.files import BlobState
from digistore.files.local import LocalBackend
from tests.files.shelf import Shelf, TurnableClock, flip, path_of
from tests.files.test_collect import orphan


def signs(shelf: Shelf) -> tuple[str, ...]:
    return run(shelf.files.signs())


def test_a_sound_place_has_none(local: Shelf) -> None:
    local.put(b"book")
    assert signs(local) == ()


@pytest.mark.parametrize("name", ["static", "Public", "www", "media"])
def test_a_folder_that_may_be_served_is_told(
    database: Database, clock: TurnableClock, tmp_path: Path, name: str
) -> None:
    (sign,) = signs(Shelf(database, LocalBackend(tmp_path / name / "shop"), clock))
    assert repr(name) in sign


def test_files_that_are_gone_are_named(local: Shelf, folder: Path) -> None:
    blob = local.put(b"book")
    path_of(folder, blob).unlink()
    (sign,) = signs(local)
    assert sign.startswith("not where they were stored: 1 file, such as")
    assert blob.sha256 in sign


def test_damage_is_told_until_it_is_repaired(shelf: Shelf) -> None:
    blob = shelf.put(b"book")
    shelf.set_state(blob, BlobState.DAMAGED)
    (sign,) = signs(shelf)
    assert sign.startswith("damaged and not delivered: 1 file, such as")
    assert blob.sha256 in sign
    shelf.put(b"book")
    assert signs(shelf) == ()


def test_damage_that_a_reader_meets_is_told(local: Shelf, folder: Path) -> None:
    blob = local.put(b"book")
    flip(path_of(folder, blob))
    with local.files.open(blob) as reader, pytest.raises(DamagedFile):
        reader.read()
    (sign,) = signs(local)
    assert blob.sha256 in sign
    folder.rename(folder.with_name("away"))
    (same, away) = signs(local)
    assert (same, "mounted" in away) == (sign, True)


def test_damage_that_verify_meets_is_told(local: Shelf, folder: Path) -> None:
    blob = local.put(b"book")
    flip(path_of(folder, blob))
    assert local.verify() == ((blob.sha256,), ())
    (sign,) = signs(local)
    assert blob.sha256 in sign


def test_objects_that_belong_to_nothing_are_told_once_they_are_old(local: Shelf) -> None:
    orphan(local, b"orphan")
    assert signs(local) == ()
    local.clock.ahead = timedelta(hours=25)
    (sign,) = signs(local)
    assert "files collect" in sign


def test_a_place_that_is_gone_is_told(local: Shelf, folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    (sign,) = signs(local)
    assert "mounted" in sign
