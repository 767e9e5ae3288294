"""What a classifier of bots promises."""

from __future__ import annotations

import pytest

from digistore.blocking import run
from digistore.settings import BotClassifier, Settings

PEOPLE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1",
)
ODD = ("", " ", "\0", "\ud800", "(" * 512, "a" * 512, "\N{GRINNING FACE}" * 128)


class BotClassifierContract:
    """What a ``BotClassifier`` promises: subclass this and give a ``classifier`` fixture."""

    def test_a_store_takes_it(self, classifier: BotClassifier) -> None:
        assert Settings(bot_classifier=classifier).bot_classifier is classifier

    def test_the_best_known_crawler_is_a_bot(self, classifier: BotClassifier) -> None:
        agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
        assert run(classifier.is_bot(agent)) is True

    @pytest.mark.parametrize("agent", PEOPLE)
    def test_people_are_none(self, classifier: BotClassifier, agent: str) -> None:
        assert run(classifier.is_bot(agent)) is False

    @pytest.mark.parametrize("agent", ODD)
    def test_nothing_that_a_visit_says_breaks_it(
        self, classifier: BotClassifier, agent: str
    ) -> None:
        assert run(classifier.is_bot(agent)) in {True, False}

    def test_the_answer_is_always_the_same(self, classifier: BotClassifier) -> None:
        assert len({run(classifier.is_bot(PEOPLE[0])) for _ in range(5)}) == 1
