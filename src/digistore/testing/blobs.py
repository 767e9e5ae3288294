"""What every place for files promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from digistore.files.backend import BlobBackend, BlobStat

ONE = b"the first edition"
OTHER = b"the second edition, longer"


class BlobBackendContract:
    """What a BlobBackend promises: subclass this and give an empty ``backend`` fixture."""

    def test_a_published_object_is_whole(self, backend: BlobBackend) -> None:
        key = a_key()
        assert backend.publish(staged(backend, ONE), key) is True
        assert content(backend, key) == ONE

    def test_an_object_that_is_only_staged_is_not_published(self, backend: BlobBackend) -> None:
        staged(backend, ONE)
        writer = backend.stage(a_staging_key())
        writer.write(ONE)
        assert not list(backend.list("blobs"))
        writer.discard()

    def test_a_writer_takes_many_pieces(self, backend: BlobBackend) -> None:
        key, staging = a_key(), a_staging_key()
        writer = backend.stage(staging)
        for _ in range(100):
            writer.write(ONE)
        writer.write(b"")
        writer.finish()
        backend.publish(staging, key)
        assert content(backend, key) == ONE * 100

    def test_who_publishes_second_leaves_what_is_there(self, backend: BlobBackend) -> None:
        key = a_key()
        backend.publish(staged(backend, ONE), key)
        before = described(backend, key)
        assert backend.publish(staged(backend, OTHER), key) is False
        assert content(backend, key) == ONE
        assert described(backend, key) == before

    def test_many_publishers_at_once_leave_one_whole_object(self, backend: BlobBackend) -> None:
        key, together = a_key(), Barrier(8)

        def publish(staging: str) -> bool:
            together.wait()
            return backend.publish(staging, key)

        keys = [staged(backend, ONE) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            first = list(pool.map(publish, keys))
        # Same key, same bytes: where a copy is not exclusive, more than one may have been first.
        assert any(first)
        assert content(backend, key) == ONE
        assert [one.key for one in backend.list("blobs")] == [key]

    def test_replacing_writes_over_what_is_there(self, backend: BlobBackend) -> None:
        key = a_key()
        backend.publish(staged(backend, ONE), key)
        before = described(backend, key)
        backend.replace(staged(backend, OTHER), key)
        assert content(backend, key) == OTHER
        assert described(backend, key).stamp != before.stamp

    def test_replacing_needs_nothing_to_be_there(self, backend: BlobBackend) -> None:
        key = a_key()
        backend.replace(staged(backend, ONE), key)
        assert content(backend, key) == ONE

    def test_replacing_an_object_by_itself_changes_nothing(self, backend: BlobBackend) -> None:
        key, staging = a_key(), staged(backend, ONE)
        backend.publish(staging, key)
        backend.replace(staging, key)
        assert content(backend, key) == ONE
        assert [one.key for one in backend.list("staging")] == [staging]

    def test_a_staged_object_can_be_published_again(self, backend: BlobBackend) -> None:
        key, staging = a_key(), staged(backend, ONE)
        backend.publish(staging, key)
        backend.delete(key)
        assert backend.publish(staging, key) is True
        assert content(backend, key) == ONE

    def test_dropping_the_staged_object_leaves_the_published_one(
        self, backend: BlobBackend
    ) -> None:
        key, staging = a_key(), staged(backend, ONE)
        backend.publish(staging, key)
        backend.delete(staging)
        assert backend.stat(staging) is None
        assert content(backend, key) == ONE

    def test_publishing_what_was_never_staged_fails(self, backend: BlobBackend) -> None:
        key = a_key()
        with pytest.raises(FileNotFoundError):
            backend.publish(a_staging_key(), key)
        with pytest.raises(FileNotFoundError):
            backend.replace(a_staging_key(), key)
        assert backend.stat(key) is None

    def test_a_staging_key_is_used_once(self, backend: BlobBackend) -> None:
        staging = staged(backend, ONE)
        with pytest.raises(FileExistsError):
            backend.stage(staging)

    def test_what_is_discarded_leaves_nothing(self, backend: BlobBackend) -> None:
        begun, finished = backend.stage(a_staging_key()), backend.stage(a_staging_key())
        begun.write(ONE)
        finished.write(ONE)
        finished.finish()
        for writer in (begun, finished, begun):
            writer.discard()
        assert not list(backend.list("staging"))

    @pytest.mark.parametrize(("start", "stop"), [(0, 17), (0, 0), (4, 9), (16, 17), (17, 17)])
    def test_a_part_is_exactly_what_was_asked_for(
        self, backend: BlobBackend, start: int, stop: int
    ) -> None:
        key = a_key()
        backend.publish(staged(backend, ONE), key)
        assert content(backend, key, start, stop) == ONE[start:stop]

    def test_a_read_is_never_longer_than_asked(self, backend: BlobBackend) -> None:
        key = a_key()
        backend.publish(staged(backend, ONE), key)
        source = backend.read(key, 0, len(ONE))
        assert source.read(3) == ONE[:3]
        assert source.read(1) == ONE[3:4]
        source.close()

    def test_what_is_not_there_is_said_so(self, backend: BlobBackend) -> None:
        key = a_key()
        assert backend.stat(key) is None
        backend.delete(key)
        with pytest.raises(FileNotFoundError):
            backend.read(key, 0, 1)

    def test_an_object_is_described(self, backend: BlobBackend) -> None:
        key = a_key()
        backend.publish(staged(backend, ONE), key)
        found = described(backend, key)
        assert (found.key, found.size) == (key, len(ONE))
        assert found.modified_at.tzinfo is not None
        assert described(backend, key) == found

    def test_a_list_shows_what_lies_below_a_folder(self, backend: BlobBackend) -> None:
        keys = [a_key() for _ in range(3)]
        for key in keys:
            backend.publish(staged(backend, ONE), key)
        assert sorted(one.key for one in backend.list("blobs")) == sorted(keys)
        assert {one.size for one in backend.list("blobs")} == {len(ONE)}
        assert len(list(backend.list("staging"))) == len(keys)

    @pytest.mark.parametrize(
        "key",
        ["", "/x", "x/", "a//b", "../x", "blobs/../x", "blobs/X", "a\\b", "a b", "x.y", "x\n"],
    )
    def test_a_key_that_the_library_never_makes_is_refused(
        self, backend: BlobBackend, key: str
    ) -> None:
        staging = staged(backend, ONE)
        for call in (
            lambda: backend.stage(key),
            lambda: backend.publish(staging, key),
            lambda: backend.replace(staging, key),
            lambda: backend.read(key, 0, 1),
            lambda: backend.stat(key),
            lambda: backend.delete(key),
            lambda: list(backend.list(key)),
        ):
            with pytest.raises(ValueError, match="not a key"):
                call()


def a_key() -> str:
    """Return a key for an object, another one each time."""
    name = uuid4().hex * 2
    return f"blobs/sha256/{name[:2]}/{name[2:4]}/{name}"


def a_staging_key() -> str:
    """Return a key for a new staged object."""
    return f"staging/{uuid4()}"


def staged(backend: BlobBackend, data: bytes) -> str:
    """Stage *data*, whole, and return its key."""
    key = a_staging_key()
    writer = backend.stage(key)
    writer.write(data)
    writer.finish()
    return key


def content(backend: BlobBackend, key: str, start: int = 0, stop: int | None = None) -> bytes:
    """Read a part of an object to its end."""
    found = b""
    source = backend.read(key, start, described(backend, key).size if stop is None else stop)
    while part := source.read(7):
        found += part
    source.close()
    return found


def described(backend: BlobBackend, key: str) -> BlobStat:
    """Describe an object that must be there."""
    found = backend.stat(key)
    assert found is not None
    return found
