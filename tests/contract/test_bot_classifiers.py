"""Classifiers of bots keep the contract that a host's own has to keep."""

import sys

import pytest

from digistore.errors import ConfigError
from digistore.short_urls.bots import KnownCrawlers
from digistore.testing.bots import BotClassifierContract


class TestKnownCrawlers(BotClassifierContract):
    @pytest.fixture
    def classifier(self) -> KnownCrawlers:
        return KnownCrawlers()


def test_without_the_extra_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crawleruseragents", None)
    with pytest.raises(ConfigError, match=r"digistore\[bots\]"):
        KnownCrawlers()
