import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from digistore.blocking import run
from digistore.database import Database
from digistore.files import BlobBackend
from digistore.files.local import LocalBackend
from digistore.files.memory import MemoryBackend
from tests.files.shelf import Shelf, TurnableClock, migrated
from tests.s3 import S3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture(params=["local", "memory", "s3"])
def backend(request: pytest.FixtureRequest, folder: Path) -> BlobBackend:
    if request.param == "s3":
        server: S3 = request.getfixturevalue("s3")
        return server.backend(server.bucket())
    return LocalBackend(folder) if request.param == "local" else MemoryBackend()


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def shelf(database: Database, backend: BlobBackend, clock: TurnableClock) -> Shelf:
    """Files over each backend."""
    return Shelf(database, backend, clock)


@pytest.fixture
def local(database: Database, folder: Path, clock: TurnableClock) -> Shelf:
    """Files in a local folder."""
    return Shelf(database, LocalBackend(folder), clock)


@pytest.fixture
def database(tmp_path: Path, empty_shop: Path, clock: TurnableClock) -> Iterator[Database]:
    path = tmp_path / "shop.db"
    shutil.copyfile(empty_shop, path)
    database = Database.open(f"sqlite:///{path}", clock)
    yield database
    run(database.close())


@pytest.fixture(scope="session")
def empty_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has been migrated once for all tests."""
    return migrated(tmp_path_factory.mktemp("empty") / "shop.db")
