"""What the how-to pages show runs as it stands, page by page, in the order of the reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import made_database

PAGES = Path(__file__).parents[1] / "docs" / "how-to"


@pytest.fixture
def database() -> Iterator[str]:
    with made_database() as url:
        yield url


PAGES_THAT_RUN = [
    *("doctor", "embed", "fastapi", "migrate", "postgresql", "receipts", "refund", "run-due"),
    "transactions",
]


@pytest.mark.parametrize("page", PAGES_THAT_RUN)
def test_the_blocks_of_a_page_run(
    page: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database)
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    names: dict[str, Any] = {"__name__": page}
    exec(compile("\n".join(blocks), page, "exec"), names)  # noqa: S102 - that is the point
    if "engine" in names:
        names["engine"].dispose()
    for name in ("store", "test_store"):
        if name in names:
            names[name].close()
