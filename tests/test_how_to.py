"""What the how-to pages show runs as it stands, page by page, in the order of the reader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGES = Path(__file__).parents[1] / "docs" / "how-to"


@pytest.mark.parametrize("page", ["embed", "receipts", "refund", "run-due"])
def test_the_blocks_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    names: dict[str, Any] = {"__name__": page}
    exec(compile("\n".join(blocks), page, "exec"), names)  # noqa: S102 - that is the point
    for name in ("store", "test_store"):
        if name in names:
            names[name].close()
