import pytest

from digistore.errors import Conflict, DamagedFile
from digistore.files import BlobRef, BlobState
from tests.files.shelf import Shelf


def test_attached_blobs_live(shelf: Shelf) -> None:
    one, other = shelf.put(b"one"), shelf.put(b"other")
    shelf.set_state(other, BlobState.CONDEMNED)
    shelf.attach(one, other, one)
    assert set(shelf.states().values()) == {"live"}


def test_nothing_to_attach_is_fine(shelf: Shelf) -> None:
    shelf.attach()
    assert shelf.states() == {}


def test_a_damaged_blob_cannot_be_attached(shelf: Shelf) -> None:
    fine, bent = shelf.put(b"fine"), shelf.put(b"bent")
    shelf.set_state(bent, BlobState.DAMAGED)
    with pytest.raises(DamagedFile):
        shelf.attach(fine, bent)


def test_a_blob_that_is_going_or_gone_cannot_be_attached(shelf: Shelf) -> None:
    going = shelf.put(b"going")
    shelf.set_state(going, BlobState.DELETING)
    for blob in (going, BlobRef("0" * 64, 1, 0, "")):
        with pytest.raises(Conflict):
            shelf.attach(blob)


def test_what_cannot_be_attached_whole_changes_nothing(shelf: Shelf) -> None:
    condemned = shelf.put(b"condemned")
    shelf.set_state(condemned, BlobState.CONDEMNED)
    with pytest.raises(Conflict):
        shelf.attach(condemned, BlobRef("0" * 64, 1, 0, ""))
    assert shelf.states() == {condemned.sha256: "condemned"}
