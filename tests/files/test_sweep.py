import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from digistore.blocking import run
from tests.files.shelf import MIB, Shelf

LATER = timedelta(hours=25)


def leave_behind(shelf: Shelf) -> None:
    writer = shelf.backend.stage(f"staging/{uuid4()}")
    writer.write(b"half a book")
    writer.finish()


def test_a_young_upload_is_left_alone(shelf: Shelf) -> None:
    leave_behind(shelf)
    shelf.clock.ahead = timedelta(hours=23)
    assert run(shelf.files.sweep()) == 0
    assert len(shelf.staging()) == 1


def test_what_an_upload_left_behind_goes_after_a_day(shelf: Shelf) -> None:
    blob = shelf.put(b"a whole book")
    leave_behind(shelf)
    shelf.clock.ahead = LATER
    assert run(shelf.files.sweep()) == 1
    assert not shelf.staging()
    assert shelf.content(blob) == b"a whole book"
    assert run(shelf.files.sweep()) == 0


def test_a_round_is_bounded(shelf: Shelf) -> None:
    for _ in range(5):
        leave_behind(shelf)
    shelf.clock.ahead = LATER
    assert [run(shelf.files.sweep(limit=2)) for _ in range(4)] == [2, 2, 1, 0]


KILLED = """
import os, signal, sys
from pathlib import Path
from digistore.blocking import run
from digistore.clock import utc_now
from digistore.database import Database
from digistore.files import AsyncFiles, open_backend
from digistore.settings import Settings

def source():
    for number in range(12):
        if number == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        yield bytes(2**20)

database = Database.open(sys.argv[1], utc_now)
files = AsyncFiles(database, open_backend(sys.argv[2]), Settings())
run(files.put(source(), max_bytes=2**30))
"""


def test_a_process_killed_midway_publishes_nothing_and_is_swept(
    local: Shelf, folder: Path, place: str
) -> None:
    ended = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", KILLED, place, str(folder)], check=False
    )
    assert ended.returncode == -9
    assert (local.objects(), local.states()) == ([], {})
    assert local.uploads() == [("open", 0)]
    assert [one.size for one in local.backend.list("staging")] == [6 * MIB]
    local.clock.ahead = LATER
    assert run(local.files.sweep()) == 1
    assert local.uploads() == [("failed", 0)]
    assert not local.staging()
    whole = local.put(bytes(12 * MIB))
    assert local.verify() == ((), ())
    assert local.content(whole, 0, 1) == b"\0"
