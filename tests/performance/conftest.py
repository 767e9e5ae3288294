"""Shops that have sold for long, small and large, on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digistore import SYSTEM, Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.past import connection_to
from tests.performance.planting import plant
from tests.postgres import made_database

FEW, MANY = 300, 30_000


@contextmanager
def planted(url: str, folder: Path, purchases: int) -> Iterator[Shop]:
    """Open a shop at *url* that has sold so much."""
    clock = FrozenClock()
    sandbox, files = SandboxGateway(clock=clock), f"file://{folder}/files"
    with Store.open(url, files=files, gateways=[sandbox], secret=SECRET, clock=clock) as store:
        store.migrate()
        shop = Shop(store, sandbox, clock)
        shelf = store.catalog.add_category(SYSTEM, name="Books")
        shop.buy(shop.product(categories=[shelf.id]))
        store.short_urls.shorten(SYSTEM, "https://shop.example/products/1")
        with connection_to(store) as connection:
            plant(connection, shop, purchases)
        yield shop


@pytest.fixture(scope="session")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Shop]]:
    """The same shop on SQLite with few purchases, and with a hundred times as many."""
    folder = tmp_path_factory.mktemp("planted")
    with (
        planted(f"sqlite:///{folder}/few.db", folder, FEW) as few,
        planted(f"sqlite:///{folder}/many.db", folder, MANY) as many,
    ):
        yield few, many
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One on PostgreSQL."""
    folder = tmp_path_factory.mktemp("planted")
    with made_database() as url, planted(url, folder, FEW * 10) as shop:
        yield shop


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def old_shop(request: pytest.FixtureRequest) -> Shop:
    """One on each; what a test adds stays, and matters to no other."""
    if request.param == "SQLite":
        _few, many = request.getfixturevalue("sizes")
        assert isinstance(many, Shop)
        return many
    found = request.getfixturevalue("on_postgresql")
    assert isinstance(found, Shop)
    return found
