"""What holds after every test of this folder, in whichever shop it played."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from tests.payments import memory
from tests.payments.books import unbalanced


@pytest.fixture(autouse=True)
def books_balance(request: pytest.FixtureRequest) -> Iterator[None]:
    """I9 to I13, and every unit of a paid order is accounted for, once the test is over."""
    memory.OPENED.clear()
    # Whoever stands first is asked last, when the test's own shops are closed.
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for store in memory.OPENED:
        if memory.is_open(store):
            assert unbalanced(memory.connection_of(store)) == []
    if isinstance(folder, Path) and (folder / "shop.db").exists():
        with closing(connect(folder / "shop.db")) as connection:
            assert unbalanced(connection) == []
