"""The mistakes that are seeded by hand, before a release, still fit the code they are seeded in."""

from __future__ import annotations

import pytest

from tests.contract.seeded_mistakes import MISTAKES, ROOT, Mistake


def test_there_are_at_least_25() -> None:
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) >= 25


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_what_a_mistake_replaces_stands_there_once(mistake: Mistake) -> None:
    text = (ROOT / "src" / "digistore" / mistake.file).read_text(encoding="utf-8")
    assert text.count(mistake.right) == 1
    assert mistake.wrong != mistake.right
