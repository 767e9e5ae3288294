from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from digistore.blocking import run
from digistore.files import BlobState
from tests.files.shelf import Shelf, flip, megabytes, path_of, sha256

T = TypeVar("T")
BOOK = b"".join(megabytes(2))


def at_once(count: int, work: Callable[[], T]) -> list[T]:
    together = Barrier(count)

    def begin(_: int) -> T:
        together.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_many_threads_put_the_same_bytes_once(shelf: Shelf) -> None:
    refs = at_once(8, lambda: shelf.put(BOOK))
    assert {ref.sha256 for ref in refs} == {sha256(BOOK)}
    assert len(set(refs)) == 1
    assert len(shelf.objects()) == 1
    assert shelf.states() == {refs[0].sha256: "live"}
    assert not shelf.staging()
    assert shelf.content(refs[0]) == BOOK
    assert shelf.content(refs[0], 5, 9) == BOOK[5:9]


def test_many_threads_heal_the_same_blob(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob))
    local.verify()
    at_once(8, lambda: local.put(BOOK))
    assert local.states() == {blob.sha256: "live"}
    assert local.content(blob) == BOOK
    assert local.verify() == ((), ())


def test_many_threads_find_the_same_damage(
    local: Shelf, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob))
    reports = at_once(4, lambda: run(local.files.verify()))
    assert {report.damaged for report in reports} == {(blob.sha256,)}
    assert local.states() == {blob.sha256: BlobState.DAMAGED}
    assert blob.sha256 in caplog.text


def test_readers_and_writers_do_not_disturb_each_other(shelf: Shelf) -> None:
    blob = shelf.put(BOOK)
    found = at_once(8, lambda: (shelf.put(BOOK), shelf.content(blob)))
    assert {content for _, content in found} == {BOOK}
