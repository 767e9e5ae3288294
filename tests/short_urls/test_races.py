"""A short code that several choose at once is one of theirs."""

from __future__ import annotations

import pytest

from digistore import SYSTEM
from digistore.errors import CodeTaken
from digistore.short_urls import ShortURL
from tests.extent import extent
from tests.races import MANY, Race

pytestmark = pytest.mark.long

ROUNDS = extent(3, 150)
TARGET = "https://shop.example/book"


def test_a_code_that_many_choose_at_once_is_one_of_theirs(race: Race) -> None:
    for number in range(ROUNDS):
        told = race.at_once(
            *[lambda store: store.short_urls.shorten(SYSTEM, TARGET, code=f"book-{number}")] * MANY  # noqa: B023
        )
        assert sum(isinstance(one, ShortURL) for one in told) == 1, told
        assert sum(isinstance(one, CodeTaken) for one in told) == MANY - 1
