import subprocess
import sys
from pathlib import Path

import pytest

from digistore.errors import ConfigError
from digistore.files import open_backend
from digistore.files.local import LocalBackend
from digistore.files.memory import MemoryBackend


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file://./shop-files", "shop-files"),
        ("file://shop-files", "shop-files"),
        ("file:shop-files", "shop-files"),
        ("file://../below/shop-files", "../below/shop-files"),
        ("shop-files", "shop-files"),
        ("./a/b c", "a/b c"),
        ("file://./b%20c", "b c"),
        ("FILE://./shop-files", "shop-files"),
    ],
)
def test_a_folder_is_found_from_the_current_one(
    url: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    backend = open_backend(url)
    assert isinstance(backend, LocalBackend)
    assert backend.path == (tmp_path / "here" / folder).resolve()
    assert sorted(path.name for path in backend.path.iterdir()) == ["blobs", "staging"]
    assert not list((backend.path / "staging").iterdir())


def test_an_absolute_folder_is_taken_in_every_spelling(tmp_path: Path) -> None:
    folder = tmp_path / "shop files"
    spellings: list[str | Path] = [
        folder,
        str(folder),
        folder.as_uri(),
        f"file://{folder}",
        f"file://localhost{folder}",
    ]
    for url in spellings:
        backend = open_backend(url)
        assert isinstance(backend, LocalBackend)
        assert backend.path == folder


def test_the_folder_stays_where_it_was_when_the_process_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    backend = open_backend("file://./shop-files")
    monkeypatch.chdir("/")
    backend.stage("staging/x").discard()
    assert isinstance(backend, LocalBackend)
    assert backend.path == tmp_path / "shop-files"


def test_what_lies_in_the_folder_is_found_again(tmp_path: Path) -> None:
    first = open_backend(str(tmp_path))
    writer = first.stage("staging/x")
    writer.write(b"book")
    writer.finish()
    first.publish("staging/x", "blobs/x")
    assert [one.key for one in open_backend(str(tmp_path)).list("blobs")] == ["blobs/x"]


def test_each_place_in_memory_stands_alone() -> None:
    one, other = open_backend("memory://"), open_backend("memory://")
    assert isinstance(one, MemoryBackend)
    one.stage("staging/x").finish()
    assert not list(other.list("staging"))


@pytest.mark.parametrize(
    "url", ["", "file://", "file:", "s3://bucket/files", "https://example.com/x", "file://./a\0b"]
)
def test_a_url_that_names_no_folder_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="file"):
        open_backend(url)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/shop-files")):
        with pytest.raises(ConfigError, match="name a folder that can be written"):
            open_backend(folder)


@pytest.mark.parametrize("name", ["blobs", "staging"])
def test_a_folder_whose_inside_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="link"):
        open_backend(tmp_path / "files")


def test_local_files_load_no_fsspec(tmp_path: Path) -> None:
    program = (
        "import sys; from digistore.files import open_backend; open_backend(sys.argv[1]);"
        "sys.exit('fsspec' in sys.modules)"
    )
    ended = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", program, str(tmp_path)], check=False
    )
    assert ended.returncode == 0
