"""The page about delivery: its programs run, and its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from digistore import Settings
from digistore.downloads.rules.answers import STATUS_OF
from tests.conftest import Shop
from tests.downloads.fetching import bought, sessions, token

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "deliver-files.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def names() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for program in PROGRAMS:
        exec(program, found)  # noqa: S102  our own page
    return found


def test_a_route_written_as_the_page_says_serves_links(shop: Shop) -> None:
    page = names()
    link = token(shop, bought(shop))
    plan = page["answer"](shop.store, link, "GET", {"Range": "bytes=6-"}, "192.0.2.1")
    parts: list[bytes] = []
    page["send"](shop.store, plan, parts.append)
    assert (plan.status, b"".join(parts)) == (206, b"Python 1.0")
    assert sessions(shop) == [(1, 10, 10)]


def test_the_table_of_refusals_is_complete() -> None:
    rows = re.findall(r"\| (\d{3}) \| (.*?) \|", PAGE)
    told = {word: int(status) for status, words in rows for word in re.findall(r"`(\w+)`", words)}
    assert told == dict(STATUS_OF)


def test_the_settings_that_it_names_are_there() -> None:
    named = {"link_ttl", "transport", "accel_header", "accel_prefix", "download_window"}
    named |= {"download_limit", "download_networks"}
    assert named <= set(Settings.model_fields)
    assert all(f"{name}" in PAGE for name in named)
