import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from digistore.errors import Busy, DamagedFile
from digistore.files.backend import ForeignObject
from digistore.files.folder import HAS_DESCRIPTORS
from digistore.files.local import LocalBackend
from digistore.testing.blobs import a_key, a_staging_key, staged
from tests.files.shelf import Shelf, path_of, sha256

BOOK = b"the book"


@pytest.fixture(params=[True, False], ids=["descriptors", "paths"])
def backend(request: pytest.FixtureRequest, folder: Path) -> LocalBackend:
    return LocalBackend(folder, descriptors=request.param)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_a_link_in_place_of_a_file_is_not_read(
    backend: LocalBackend, folder: Path, elsewhere: Path
) -> None:
    secret = elsewhere / "secret"
    secret.write_bytes(BOOK)
    key = a_key()
    (folder / key).parent.mkdir(parents=True)
    (folder / key).symlink_to(secret)
    with pytest.raises(ForeignObject):
        backend.read(key, 0, 1)
    with pytest.raises(ForeignObject):
        backend.stat(key)
    assert not list(backend.list("blobs"))


def test_a_link_in_place_of_a_file_is_replaced_not_written_through(
    backend: LocalBackend, folder: Path, elsewhere: Path
) -> None:
    victim = elsewhere / "victim"
    victim.write_bytes(b"untouched")
    key = a_key()
    (folder / key).parent.mkdir(parents=True)
    (folder / key).symlink_to(victim)
    staging = staged(backend, BOOK)
    assert backend.publish(staging, key) is False
    backend.replace(staging, key)
    assert (folder / key).read_bytes() == BOOK
    assert not (folder / key).is_symlink()
    assert victim.read_bytes() == b"untouched"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_link_in_place_of_a_folder_is_not_entered(
    backend: LocalBackend, folder: Path, elsewhere: Path, depth: int
) -> None:
    key = a_key()
    parts = key.split("/")
    linked = folder.joinpath(*parts[: depth + 1])
    linked.parent.mkdir(parents=True, exist_ok=True)
    linked.symlink_to(elsewhere)
    below = elsewhere.joinpath(*parts[depth + 1 :])
    below.parent.mkdir(parents=True, exist_ok=True)
    below.write_bytes(BOOK)
    staging = staged(backend, b"new")
    for call in (
        lambda: backend.read(key, 0, 1),
        lambda: backend.stat(key),
        lambda: backend.publish(staging, key),
        lambda: backend.replace(staging, key),
        lambda: backend.delete(key),
    ):
        with pytest.raises(NotADirectoryError):
            call()
    assert not list(backend.list("blobs"))
    assert below.read_bytes() == BOOK
    assert [path for path in elsewhere.rglob("*") if path.is_file()] == [below]


def test_a_link_in_staging_is_neither_read_nor_written(
    backend: LocalBackend, folder: Path, elsewhere: Path
) -> None:
    victim = elsewhere / "victim"
    victim.write_bytes(b"untouched")
    staging = a_staging_key()
    (folder / staging).symlink_to(victim)
    with pytest.raises(FileExistsError):
        backend.stage(staging)
    assert not list(backend.list("staging"))
    backend.delete(staging)
    assert victim.read_bytes() == b"untouched"
    assert not (folder / staging).is_symlink()


def test_a_staging_folder_that_is_a_link_takes_nothing(
    backend: LocalBackend, folder: Path, elsewhere: Path
) -> None:
    (folder / "staging").rmdir()
    (folder / "staging").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        backend.stage(a_staging_key())
    assert not list(elsewhere.iterdir())


def test_a_pipe_in_place_of_a_file_does_not_hang(backend: LocalBackend, folder: Path) -> None:
    key = a_key()
    (folder / key).parent.mkdir(parents=True)
    os.mkfifo(folder / key)
    with pytest.raises(ForeignObject):
        backend.read(key, 0, 1)
    with pytest.raises(ForeignObject):
        backend.stat(key)


def test_a_folder_reached_by_a_link_is_the_operators_choice(
    elsewhere: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop-files").symlink_to(elsewhere)
    backend = LocalBackend(tmp_path / "shop-files")
    key = a_key()
    backend.publish(staged(backend, BOOK), key)
    assert (elsewhere / key).read_bytes() == BOOK


def test_a_disk_that_is_not_mounted_is_not_written(backend: LocalBackend, folder: Path) -> None:
    folder.rename(folder.with_name("aside"))
    with pytest.raises(OSError, match="mounted"):
        backend.stage(a_staging_key())
    folder.mkdir()  # the empty mount point
    with pytest.raises(OSError, match="mounted"):
        backend.stage(a_staging_key())
    with pytest.raises(OSError, match="mounted"):
        backend.stat(a_key())
    assert not list(folder.iterdir())


def test_of_many_links_one_is_first(backend: LocalBackend) -> None:
    key, together = a_key(), Barrier(8)

    def publish(staging: str) -> bool:
        together.wait()
        return backend.publish(staging, key)

    keys = [staged(backend, BOOK) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(publish, keys)).count(True) == 1


def test_nobody_but_owner_and_group_may_read(backend: LocalBackend, folder: Path) -> None:
    key = a_key()
    backend.publish(staged(backend, BOOK), key)
    for path in (folder / key, (folder / key).parent):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o007


def test_strangers_in_the_folder_are_left_alone(backend: LocalBackend, folder: Path) -> None:
    (folder / "staging" / ".DS_Store").write_bytes(b"")
    (folder / "blobs" / "README.txt").write_bytes(b"")
    assert not list(backend.list("staging"))
    assert not list(backend.list("blobs"))


def lowest_free_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_no_descriptor_is_left_open(backend: LocalBackend) -> None:
    def work() -> None:
        key = a_key()
        staging = staged(backend, BOOK)
        backend.publish(staging, key)
        backend.replace(staging, key)
        backend.read(key, 0, 1).close()
        list(backend.list("blobs"))
        backend.delete(staging)

    before = lowest_free_descriptor()
    work()
    assert lowest_free_descriptor() == before


def test_bytes_are_on_disk_before_their_name_and_the_name_before_it_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not HAS_DESCRIPTORS:
        pytest.skip("folders cannot be synced here")
    backend = LocalBackend(folder)
    key = a_key()
    backend.publish(staged(backend, BOOK), f"{key[:-1]}x")  # its folders are there now
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def seen_fsync(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        done.append("sync folder" if stat.S_ISDIR(mode) else "sync file")
        fsync(descriptor)

    def seen_link(
        old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int, follow_symlinks: bool
    ) -> None:
        done.append("link")
        link(
            old,
            new,
            src_dir_fd=src_dir_fd,
            dst_dir_fd=dst_dir_fd,
            follow_symlinks=follow_symlinks,
        )

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "link", seen_link)
    backend.publish(staged(backend, BOOK), key)
    assert done[0] == "sync file"
    assert done[-2:] == ["link", "sync folder"]


# The same, as a seller or a buyer meets it.


def test_a_planted_link_is_never_served_and_a_new_upload_removes_it(
    local: Shelf, folder: Path, elsewhere: Path
) -> None:
    blob = local.put(BOOK)
    same = elsewhere / "same"
    same.write_bytes(BOOK)
    path_of(folder, blob).unlink()
    path_of(folder, blob).symlink_to(same)
    with pytest.raises(DamagedFile):
        local.files.open(blob)
    assert local.states() == {blob.sha256: "damaged"}
    local.put(BOOK)
    assert local.content(blob) == BOOK
    assert not path_of(folder, blob).is_symlink()


def test_an_upload_removes_a_planted_link_that_nobody_has_noticed(
    local: Shelf, folder: Path, elsewhere: Path
) -> None:
    blob = local.put(BOOK)
    path_of(folder, blob).rename(elsewhere / "aside")
    path_of(folder, blob).symlink_to(elsewhere / "aside")
    local.put(BOOK)
    assert not path_of(folder, blob).is_symlink()
    assert local.content(blob) == BOOK


def test_a_planted_folder_link_stops_uploads_and_damages_nothing(
    local: Shelf, folder: Path, elsewhere: Path
) -> None:
    blob = local.put(BOOK)
    parent = path_of(folder, blob).parent
    parent.rename(elsewhere / "aside")
    parent.symlink_to(elsewhere / "aside")
    with pytest.raises(Busy, match="link"):
        local.put(BOOK)
    with pytest.raises(Busy, match="link"):
        local.files.open(blob)
    assert local.states() == {sha256(BOOK): "live"}
    assert not local.staging()


POOR_PLATFORM = """
import os, sys
del os.O_NOFOLLOW, os.O_DIRECTORY
from pathlib import Path
from digistore.files.backend import ForeignObject
from digistore.files.folder import HAS_DESCRIPTORS
from digistore.files.local import LocalBackend
from digistore.testing.blobs import a_key, content, staged

assert not HAS_DESCRIPTORS
folder = Path(sys.argv[1])
backend = LocalBackend(folder)
key, linked = a_key(), a_key()
assert backend.publish(staged(backend, b"book"), key)
assert content(backend, key) == b"book"
(folder / linked).parent.mkdir(parents=True)
(folder / linked).symlink_to(folder / key)
try:
    backend.read(linked, 0, 1)
except ForeignObject:
    sys.exit(7)
"""


def test_a_platform_that_cannot_refuse_links_by_itself_is_helped(tmp_path: Path) -> None:
    ended = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", POOR_PLATFORM, str(tmp_path / "files")], check=False
    )
    assert ended.returncode == 7
