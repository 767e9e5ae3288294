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

# Files are the same in both colours: what they do with rows, they do in either.
STORES = [
    "SQLite-Store",
    pytest.param("PostgreSQL-Store", marks=pytest.mark.on_postgresql(one_in=8)),
]


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


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, empty_shop: Path, tmp_path: Path) -> str:
    """Where the database of a test is."""
    if request.param.startswith("PostgreSQL"):
        return str(request.getfixturevalue("wiped").wipe())
    return f"sqlite:///{shutil.copyfile(empty_shop, tmp_path / 'shop.db')}"


@pytest.fixture
def database(place: str, clock: TurnableClock) -> Iterator[Database]:
    database = Database.open(place, clock)
    yield database
    run(database.close())


@pytest.fixture(scope="session")
def empty_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has been migrated once for all tests."""
    return migrated(tmp_path_factory.mktemp("empty") / "shop.db")
