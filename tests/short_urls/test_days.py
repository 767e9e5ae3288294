"""Days of clicks: what is kept of them, what nobody can tell of them, and what they add up to."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digistore.analytics import Period
from digistore.blocking import run
from digistore.errors import Invalid, NotFound
from digistore.short_urls import AsyncShortUrls, LinkRule, LinkStats, ShortURL, ShortUrls, Visit
from digistore.short_urls.rules.visitors import network_of, visitor_hash
from digistore.short_urls.service import days
from digistore.short_urls.service.clicks import DAY
from digistore.users import AsyncUsers
from tests.short_urls.shop import CLICKS, GET, SETTINGS, SIGNER, TARGET, Shop

FIREFOX = GET.headers["User-Agent"]
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0.0.0 Safari/537.36"
MARCH = Period(date(2027, 3, 1), date(2027, 3, 31))
EVER = Period(date(2027, 1, 1), date(2027, 12, 31))


def visit(client: str | None = "203.0.113.7", agent: str = FIREFOX, **headers: str) -> Visit:
    return Visit("GET", {"User-Agent": agent, **headers}, client)


def made(shop: Shop, **settings_: Any) -> tuple[ShortUrls, AsyncShortUrls]:
    service = AsyncShortUrls(
        shop.database,
        AsyncUsers(shop.database, SIGNER),
        SETTINGS.model_copy(update=settings_),
        CLICKS,
    )
    return ShortUrls(service), service


def rolled(shop: Shop) -> list[tuple[Any, ...]]:
    rows = shop.sql("SELECT * FROM digistore_click_days ORDER BY short_url_id, day, is_bot")
    return [tuple(row) for row in rows]


def by_day(stats: LinkStats) -> dict[int, tuple[int, int, int]]:
    return {one.day.day: (one.clicks, one.visitors, one.bot_clicks) for one in stats.by_day}


# Visitors.


def test_one_visitor_is_told_apart_within_a_day_and_from_no_other(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    for one in (
        visit(),
        visit(),
        visit("203.0.113.200"),  # the same /24: one network
        visit("203.0.114.7"),
        visit(agent=CHROME),
    ):
        shop.links.resolve(link.code, one)
    hashes = [row.visitor for row in shop.clicks()]
    assert hashes[0] == hashes[1] == hashes[2]
    assert len(set(hashes)) == 3
    assert {len(found) for found in hashes} == {32}
    stored = repr(shop.clicks())
    assert "203.0" not in stored
    assert "Mozilla" not in stored


def test_two_days_give_hashes_that_nothing_links(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.links.resolve(link.code, visit())
    shop.clock.forward(days=1)
    shop.links.resolve(link.code, visit())
    first, second = (row.visitor for row in shop.clicks())
    assert first != second
    keys = [bytes(row.key) for row in shop.sql("SELECT key FROM digistore_visitor_keys")]
    assert len({*keys}) == 2
    assert {len(key) for key in keys} == {32}


def test_processes_of_one_day_share_its_key(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    link = shop.links.shorten(shop.seller, TARGET)
    for links in (shop.links, made(shop)[0], made(shop, clicks="buffered")[0]):
        links.resolve(link.code, visit())
    run(made(shop)[1].flush_clicks())
    assert len({row.visitor for row in shop.clicks()}) == 1
    assert len(shop.sql("SELECT * FROM digistore_visitor_keys")) == 1


def test_the_key_of_a_day_is_gone_after_48_hours(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.clock.now = datetime(2027, 3, 1, tzinfo=UTC)
    shop.links.resolve(link.code, visit())
    shop.clock.forward(hours=47, minutes=59)
    shop.links.roll_up()
    assert len(shop.sql("SELECT * FROM digistore_visitor_keys")) == 1
    shop.clock.forward(minutes=1)
    shop.links.roll_up()
    assert not shop.sql("SELECT * FROM digistore_visitor_keys")


@pytest.mark.parametrize("name", ["Sec-GPC", "sec-gpc", "DNT", "dnt"])
def test_who_asks_for_privacy_is_counted_without_a_hash(shop: Shop, name: str) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.links.resolve(link.code, visit(**{name: "1"}))
    shop.links.resolve(link.code, visit(**{name: "0"}))
    shop.links.resolve(link.code, visit(client=None))
    shop.links.resolve(link.code, visit(client="unknown, 10.0.0.1"))
    assert [row.visitor is None for row in shop.clicks()] == [True, False, True, True]
    assert shop.links.stats(shop.seller, link, MARCH).clicks == 4
    assert shop.links.stats(shop.seller, link, MARCH).visitors == 1


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("203.0.113.7", "203.0.113"),
        ("::ffff:203.0.113.7", "203.0.113"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:DB8:1::", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("", None),
        ("localhost", None),
        ("203.0.113.7:8080", None),
        ("x" * 1_000_000, None),
        (None, None),
    ],
)
def test_an_address_is_cut_to_its_network(client: str | None, network: str | None) -> None:
    assert network_of(client) == network
    assert (visitor_hash(b"key", client, "agent") is None) == (network is None)


# Rolling up.


class Story(NamedTuple):
    """Some clicks: on which day, of which link, by how many people, how often."""

    day: int
    link: int
    client: int
    is_bot: bool


STORIES = st.lists(
    st.builds(Story, st.integers(0, 6), st.integers(0, 1), st.integers(0, 2), st.booleans()),
    max_size=25,
)


def counted(shop: Shop) -> dict[tuple[str, int, int], tuple[int, int]]:
    """Count clicks and visitors row by row."""
    many: Counter[tuple[str, int, int]] = Counter()
    people: dict[tuple[str, int, int], set[str]] = {}
    for row in shop.clicks():
        key = (row.short_url_id, row.at // DAY, row.is_bot)
        many[key] += 1
        people.setdefault(key, set()).update({row.visitor} - {None})
    return {key: (many[key], len(people[key])) for key in many}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stories=STORIES, rounds=st.lists(st.integers(0, 8), max_size=4))
def test_days_are_what_their_rows_add_up_to_however_often_they_are_rolled_up(
    stories: list[Story], rounds: list[int], fresh_shop: Any
) -> None:
    shop: Shop = fresh_shop()
    links = [shop.links.shorten(shop.seller, TARGET) for _ in range(2)]
    begin = shop.clock.now
    for day in range(9):
        shop.clock.now = begin + timedelta(days=day)
        for one in stories:
            if one.day == day:
                agent = "Googlebot/2.1" if one.is_bot else FIREFOX
                shop.links.resolve(
                    links[one.link].code, visit(f"203.0.{one.client}.1", agent=agent)
                )
        for _ in range(rounds.count(day)):
            shop.links.roll_up()
    shop.links.roll_up()
    once = rolled(shop)
    shop.links.roll_up()
    assert rolled(shop) == once
    assert {row[:3]: row[3:5] for row in once} == counted(shop)
    for link in links:
        stats = shop.links.stats(shop.seller, link, EVER)
        rows = [row for row in once if row[0] == link.id]
        assert stats.clicks == sum(row[3] for row in rows if not row[2])
        assert stats.visitors == sum(row[4] for row in rows if not row[2])
        assert stats.bot_clicks == sum(row[3] for row in rows if row[2])
        listed = {found.id: found.clicks for found in shop.links.mine(shop.seller)}
        assert listed[link.id] == stats.clicks + stats.bot_clicks


def test_a_day_closes_48_hours_after_its_end_and_changes_no_more(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.clock.now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    shop.links.resolve(link.code, visit())
    shop.clock.now = datetime(2027, 3, 3, 23, 59, tzinfo=UTC)
    shop.links.roll_up()
    assert [row[-1] for row in rolled(shop)] == [0]
    shop.sql("UPDATE digistore_click_days SET clicks = 7")  # an open day is computed anew
    shop.clock.now = datetime(2027, 3, 4, tzinfo=UTC)
    assert shop.links.roll_up() == 1
    assert [row[3:] for row in rolled(shop)] == [(1, 1, 1)]
    shop.sql("UPDATE digistore_clicks SET is_bot = 1")
    assert shop.links.roll_up() == 0
    assert [row[3:] for row in rolled(shop)] == [(1, 1, 1)]


def test_single_clicks_go_after_90_days_and_what_they_added_up_to_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "MOST_DELETED", 2)  # in several transactions
    link = shop.links.shorten(shop.seller, TARGET)
    for _ in range(5):
        shop.links.resolve(link.code, visit(Referer="https://news.example/"))
    shop.clock.forward(days=89)
    shop.links.resolve(link.code, visit())
    shop.links.roll_up()
    assert len(shop.clicks()) == 6
    before = shop.links.stats(shop.seller, link, EVER)
    shop.clock.forward(days=2)
    shop.links.roll_up()
    assert len(shop.clicks()) == 1
    after = shop.links.stats(shop.seller, link, EVER)
    assert (after.clicks, after.visitors, after.by_day) == (6, 2, before.by_day)
    assert shop.links.mine(shop.seller).items[0].clicks == 6
    assert [one.name for one in before.referrers] == ["news.example", ""]
    assert [one.name for one in after.referrers] == [""]


def test_a_round_rolls_up_at_most_every_ten_minutes_but_never_misses_a_new_day(shop: Shop) -> None:
    links, service = made(shop)
    link = links.shorten(shop.seller, TARGET)
    links.resolve(link.code, visit())
    assert run(service.roll_up_due()) == 1
    links.resolve(link.code, visit())
    assert run(service.roll_up_due()) == 0
    shop.clock.forward(minutes=10)
    assert run(service.roll_up_due()) == 1
    shop.clock.now = datetime(2027, 3, 1, 23, 59, 30, tzinfo=UTC)
    run(service.roll_up_due())
    shop.clock.forward(minutes=1)
    assert run(service.roll_up_due()) == 1


# Bots.


class Suspicious:
    """A classifier that has heard of one more bot."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def is_bot(self, agent: str) -> bool:
        self.asked.append(agent)
        return "Chrome/130" in agent


def test_a_classifier_flags_more_bots_off_the_redirects_path(shop: Shop) -> None:
    classifier = Suspicious()
    links, _ = made(shop, bot_classifier=classifier)
    link = links.shorten(shop.seller, TARGET)
    for agent in (CHROME, FIREFOX, CHROME, "Googlebot/2.1"):
        links.resolve(link.code, visit(agent=agent))
    assert classifier.asked == []
    assert [row.agent for row in shop.clicks()] == [CHROME, FIREFOX, CHROME, None]
    links.roll_up()
    assert sorted(classifier.asked) == sorted([CHROME, FIREFOX])  # each agent once
    assert [row.is_bot for row in shop.clicks()] == [1, 0, 1, 1]
    assert {row.agent for row in shop.clicks()} == {None}  # and then it is forgotten
    stats = links.stats(shop.seller, link, MARCH)
    assert (stats.clicks, stats.bot_clicks) == (1, 3)
    links.roll_up()
    assert len(classifier.asked) == 2


def test_without_a_classifier_no_agent_is_kept(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.links.resolve(link.code, visit(agent=CHROME))
    assert [row.agent for row in shop.clicks()] == [None]


# Stats.


def test_stats_tell_days_and_shares_and_humans_apart_from_bots(shop: Shop) -> None:
    rules = [
        LinkRule(target="https://docs.example/de", language="de", name="german"),
        LinkRule(target="https://docs.example/de", country="FR"),
    ]
    link = shop.links.shorten(shop.seller, TARGET, rules=rules)
    other = shop.links.shorten(shop.seller, TARGET)
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"
    shop.links.resolve(link.code, visit(Referer="https://news.example/a"))
    shop.links.resolve(link.code, visit(agent=phone, **{"Accept-Language": "de-AT,en;q=0.8"}))
    shop.links.resolve(link.code, Visit("GET", {"User-Agent": "Googlebot/2.1"}, country="FR"))
    shop.links.resolve(other.code, visit())
    shop.clock.forward(days=1)
    shop.links.resolve(link.code, visit(Referer="https://news.example/b"))
    stats = shop.links.stats(shop.seller, link, MARCH)
    assert (stats.clicks, stats.visitors, stats.bot_clicks) == (3, 3, 1)
    assert by_day(stats) == {1: (2, 2, 1), 2: (1, 1, 0)}
    told = {
        name: [(one.name, one.clicks, one.bot_clicks) for one in getattr(stats, name)]
        for name in ("referrers", "devices", "countries", "rules")
    }
    assert told == {
        "referrers": [("news.example", 2, 0), ("", 1, 1)],
        "devices": [("desktop", 2, 0), ("phone", 1, 0), ("other", 0, 1)],
        "countries": [("", 3, 0), ("FR", 0, 1)],
        "rules": [("", 2, 0), ("german", 1, 0), ("2", 0, 1)],
    }
    one_day = shop.links.stats(shop.seller, link, Period(date(2027, 3, 2), date(2027, 3, 2)))
    assert (one_day.clicks, by_day(one_day)) == (1, {2: (1, 1, 0)})


def test_stats_are_for_the_owner_and_operators(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    for actor in (shop.seller, shop.operator):
        assert shop.links.stats(actor, link, MARCH).short_url_id == link.id
    for stranger in (shop.rival, shop.customer):
        with pytest.raises(NotFound):
            shop.links.stats(stranger, link, MARCH)
    with pytest.raises(NotFound):
        shop.links.stats(shop.operator, "url_nobody", MARCH)


@pytest.mark.parametrize("period", [None, "march", (date(2027, 3, 1), date(2027, 3, 2))])
def test_stats_need_a_period(shop: Shop, period: Any) -> None:
    link: ShortURL = shop.links.shorten(shop.seller, TARGET)
    with pytest.raises(Invalid) as caught:
        shop.links.stats(shop.seller, link, period)
    assert caught.value.fields == {"period": "not_a_period"}
