"""Following a link: what each request gets, and what it leaves behind."""

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from digistore.analytics import Period
from digistore.database import Database
from digistore.errors import Busy, DigistoreError, Invalid, NotFound
from digistore.settings import Settings
from digistore.short_urls import LinkRule, Redirect, ShortURL, Visit
from digistore.users import SYSTEM, Role
from tests.short_urls.shop import FALLBACK, GET, HEAD, SETTINGS, TARGET, Shop

NOT_KEPT = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
KEPT = {"X-Robots-Tag": "noindex"}


def live(shop: Shop, fallback: str | None = None) -> ShortURL:
    return shop.links.shorten(shop.seller, TARGET, fallback=fallback)


def started(shop: Shop, fallback: str | None = None) -> ShortURL:
    return shop.links.update(shop.seller, live(shop, fallback), starts_at=shop.clock.now)


def early(shop: Shop, fallback: str | None = None) -> ShortURL:
    soon = shop.clock.now + timedelta(microseconds=1)
    return shop.links.update(shop.seller, live(shop, fallback), starts_at=soon)


def expired(shop: Shop, fallback: str | None = None) -> ShortURL:
    return shop.links.update(shop.seller, live(shop, fallback), expires_at=shop.clock.now)


def unexpired(shop: Shop, fallback: str | None = None) -> ShortURL:
    soon = shop.clock.now + timedelta(microseconds=1)
    return shop.links.update(shop.seller, live(shop, fallback), expires_at=soon)


def disabled(shop: Shop, fallback: str | None = None) -> ShortURL:
    return shop.links.disable(shop.seller, live(shop, fallback))


def disabled_before_it_started(shop: Shop, fallback: str | None = None) -> ShortURL:
    link = shop.links.disable(shop.seller, early(shop, fallback))
    shop.clock.forward(days=1)
    return link


def limited(shop: Shop, fallback: str | None = None) -> ShortURL:
    return shop.links.update(shop.seller, live(shop, fallback), max_visits=2)


def used_up(shop: Shop, fallback: str | None = None) -> ShortURL:
    link = shop.links.update(shop.seller, live(shop, fallback), max_visits=1)
    shop.links.resolve(link.code, GET)
    return link


def permanent(shop: Shop, fallback: str | None = None) -> ShortURL:
    return shop.links.update(shop.seller, live(shop, fallback), permanent=True)


def permanent_disabled(shop: Shop, fallback: str | None = None) -> ShortURL:
    return shop.links.disable(shop.seller, permanent(shop, fallback))


TO_TARGET = (live, started, unexpired, limited, permanent)
TO_FALLBACK = (disabled, expired, used_up, permanent_disabled)
NOWHERE = (disabled_before_it_started, early)  # the first of them moves the clock
STATES = (*TO_TARGET, *TO_FALLBACK, *NOWHERE)
VISITS = (None, HEAD, GET)


def written(shop: Shop) -> tuple[Sequence[Any], int, int]:
    """Return all that a redirect could write."""
    links = shop.sql("SELECT * FROM digistore_short_urls ORDER BY id")
    audit = shop.sql("SELECT count(*) FROM digistore_audit")
    return links, audit[0][0], len(shop.clicks())


def expected(
    state: Callable[..., ShortURL], visit: Visit | None, fallback: str | None
) -> Redirect | None:
    url = TARGET if state in TO_TARGET else None if state in NOWHERE else fallback
    if url is None:
        return None
    keeps = state is permanent
    headers = KEPT if keeps else NOT_KEPT
    if visit is HEAD and state in {limited, used_up}:
        return Redirect(None, 302, headers)
    return Redirect(url, 301 if keeps else 302, {"Location": url, **headers})


@pytest.mark.parametrize("fallback", [None, FALLBACK])
def test_state_method_and_options_decide_status_headers_and_writes(
    shop: Shop, fallback: str | None
) -> None:
    for state, visit in product(STATES, VISITS):
        link = state(shop, fallback)
        before = written(shop)
        answer = expected(state, visit, fallback)
        if answer is None:
            with pytest.raises(NotFound):
                shop.links.resolve(link.code, visit)
        else:
            assert shop.links.resolve(link.code, visit) == answer, (state.__name__, visit)
        rows, audit, clicks = written(shop)
        counted = visit is GET and answer is not None
        assert clicks == before[2] + counted
        assert audit == before[1]  # R10: a redirect writes nothing but visits
        if state is limited and counted:
            assert [row.visits for row in rows if row.id == link.id] == [1]
        else:
            assert rows == before[0]


def test_all_that_leads_nowhere_looks_the_same(shop: Shop) -> None:
    codes = [state(shop).code for state in (*NOWHERE, *TO_FALLBACK)]
    answers = set()
    for code, visit in product([*codes, "unknown1", "x" * 1_000_000, "a\0"], VISITS):
        with pytest.raises(NotFound) as caught:
            shop.links.resolve(code, visit)
        error = caught.value
        answers.add((type(error), error.code, str(error), error.noun, error.ref, repr(error)))
    assert len(answers) == 1
    assert len(shop.clicks()) == 1  # the visit that used one of them up


@pytest.mark.parametrize("method", ["PUT", "get", "post", "", "GET\n"])
@pytest.mark.parametrize("known", [True, False])
def test_other_methods_are_refused_before_the_link_is_looked_up(
    shop: Shop, method: str, *, known: bool
) -> None:
    code = shop.links.shorten(shop.seller, TARGET, max_visits=1).code if known else "unknown1"
    with pytest.raises(Invalid) as caught:
        shop.links.resolve(code, Visit(method, {}))
    assert caught.value.fields == {"method": "not_allowed"}


def test_post_is_refused_where_there_is_no_password_and_unknown_where_there_is_no_link(
    shop: Shop,
) -> None:
    link = shop.links.shorten(shop.seller, TARGET, max_visits=1)
    with pytest.raises(Invalid) as caught:
        shop.links.resolve(link.code, Visit("POST", {}), password="guess")
    assert caught.value.fields == {"method": "not_allowed"}
    for code in ("unknown1", early(shop).code):
        with pytest.raises(NotFound):
            shop.links.resolve(code, Visit("POST", {}), password="guess")
    assert not shop.clicks()


def test_a_link_is_followed_in_any_case(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, code="Spring")
    assert link.code == "spring"
    assert shop.links.resolve("SPRING", GET).url == shop.links.resolve("spring").url == TARGET


def test_a_link_needs_no_product_and_outlives_it(shop: Shop) -> None:
    """D12: a short URL lives and dies on its own."""
    link = shop.links.shorten(shop.seller, TARGET, product="prd_never_made")
    assert link.product_id == "prd_never_made"
    assert shop.links.resolve(link.code).url == TARGET


def test_dates_are_checked_at_each_redirect(shop: Shop) -> None:
    now = shop.clock.now
    link = shop.links.shorten(
        shop.seller,
        TARGET,
        starts_at=now + timedelta(days=1),
        expires_at=now + timedelta(days=2),
        fallback=FALLBACK,
    )
    with pytest.raises(NotFound):
        shop.links.resolve(link.code, GET)
    shop.clock.forward(days=1)
    assert shop.links.resolve(link.code, GET).url == TARGET
    shop.clock.forward(days=1)
    assert shop.links.resolve(link.code, GET).url == FALLBACK


# The policy of today decides, not that of the day on which the link was made.


@pytest.mark.parametrize(
    "stricter",
    [
        Settings(link_hosts=frozenset({"docs.example"})),
        Settings(),
        Settings(link_hosts=SETTINGS.link_hosts, own_link_hosts=frozenset({"shop.example"})),
    ],
)
def test_a_policy_that_became_stricter_stops_an_old_link(shop: Shop, stricter: Settings) -> None:
    plain = shop.links.shorten(shop.seller, TARGET, max_visits=1)
    links = shop.short_urls(stricter)
    with pytest.raises(NotFound):
        links.resolve(plain.code, GET)
    assert not shop.clicks()
    assert shop.links.resolve(plain.code, GET).url == TARGET  # nor was its one visit used


def test_a_stopped_link_leads_to_its_fallback_if_that_is_allowed(shop: Shop) -> None:
    link = live(shop, fallback=FALLBACK)
    stricter = Settings(link_hosts=frozenset({"docs.example"}))
    assert shop.short_urls(stricter).resolve(link.code, GET).url == FALLBACK
    with pytest.raises(NotFound):
        shop.short_urls(Settings()).resolve(link.code, GET)


def test_the_hosts_of_a_link_follow_the_roles_that_its_owner_has_now(shop: Shop) -> None:
    link = shop.links.shorten(shop.operator, "https://far.example/")
    assert shop.links.resolve(link.code).url == "https://far.example/"
    shop.users.revoke_role(SYSTEM, shop.operator, Role.OPERATOR)
    with pytest.raises(NotFound):
        shop.links.resolve(link.code)
    shop.users.grant_role(SYSTEM, shop.operator, Role.OPERATOR)
    assert shop.links.resolve(link.code).url == "https://far.example/"


def test_a_link_of_the_host_itself_may_lead_anywhere(shop: Shop) -> None:
    link = shop.links.shorten(SYSTEM, "https://far.example/")
    assert link.owner_id is None
    assert shop.links.resolve(link.code, GET).url == "https://far.example/"


@pytest.mark.parametrize("target", ["http://localhost/", "https://user@shop.example/", "https://"])
def test_what_was_written_around_the_rules_is_not_sent(shop: Shop, target: str) -> None:
    link = live(shop)
    shop.sql("UPDATE digistore_short_urls SET target = :target", target=target)
    with pytest.raises(NotFound):
        shop.links.resolve(link.code, GET)


def test_the_database_refuses_a_target_that_is_no_web_address(shop: Shop) -> None:
    live(shop)
    with pytest.raises(IntegrityError, match="target_is_a_web_address"):
        shop.sql("UPDATE digistore_short_urls SET target = 'javascript:alert(1)'")


# Clicks.


def test_a_click_holds_no_address_no_cookie_and_of_the_referrer_only_the_host(shop: Shop) -> None:
    link = live(shop)
    headers = {
        "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1",
        "referer": "https://user:hidden1@mail.example/inbox?hidden2",
        "cookie": "session=hidden3",
        "x-forwarded-for": "203.0.113.9",
        "authorization": "hidden4",
    }
    shop.links.resolve(link.code, Visit("GET", headers, client="203.0.113.7", country="de"))
    [row] = shop.clicks()
    kept = dict(row._mapping)
    assert kept.pop("id").startswith("clk_")
    assert re.fullmatch("[0-9a-f]{32}", kept.pop("visitor"))
    assert kept == {
        "short_url_id": link.id,
        "at": int(shop.clock.now.timestamp() * 1_000_000),
        "referrer_host": "mail.example",
        "country": "DE",
        "agent_family": "safari",
        "device": "phone",
        "is_bot": 0,
        "rule": None,
        "agent": None,
    }


def test_bots_are_counted_and_flagged_never_dropped(shop: Shop) -> None:
    link = live(shop)
    shop.links.resolve(link.code, GET)
    shop.links.resolve(link.code, Visit("GET", {"User-Agent": "Googlebot/2.1"}))
    shop.links.resolve(link.code, Visit("GET", {**GET.headers, "Sec-Purpose": "prefetch"}))
    shop.links.resolve(link.code, Visit("GET", {}))
    shop.links.resolve(link.code, HEAD)
    assert [row.is_bot for row in shop.clicks()] == [0, 1, 1, 1]
    assert shop.links.mine(shop.seller).items[0].clicks == 4


def test_bots_use_up_a_limit_too(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, max_visits=1)
    shop.links.resolve(link.code, Visit("GET", {"User-Agent": "Googlebot/2.1"}))
    with pytest.raises(NotFound):
        shop.links.resolve(link.code, GET)


def test_a_click_that_cannot_be_written_is_dropped_and_counted(shop: Shop) -> None:
    plain, counted = live(shop), shop.links.shorten(shop.seller, TARGET, max_visits=5)
    shop.sql(
        "CREATE TRIGGER no_clicks BEFORE INSERT ON digistore_clicks"
        " BEGIN SELECT RAISE(ABORT, 'no room'); END"
    )
    for link in (plain, counted):
        answer = shop.links.resolve(link.code, GET)
        assert (answer.status, answer.url) == (302, TARGET)
    assert shop.links.clicks_dropped == 2
    assert not shop.clicks()
    assert {link.id: link.visits for link in shop.links.mine(shop.seller)} == {
        plain.id: 0,
        counted.id: 1,  # the visit was answered, so it is used
    }
    shop.sql("DROP TRIGGER no_clicks")
    shop.links.resolve(plain.code, GET)
    assert shop.links.clicks_dropped == 2
    assert len(shop.clicks()) == 1


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Hold the write lock as another process would; who waits for it is impatient."""

    def impatient(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    event.listen(database.engine, "checkout", impatient)
    with closing(sqlite3.connect(str(database.url.database), isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        yield
    event.remove(database.engine, "checkout", impatient)


def test_a_locked_database_costs_the_click_but_not_the_redirect(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    link = live(shop)
    with locked(shop.database):
        assert shop.links.resolve(link.code, GET).url == TARGET
        assert shop.links.resolve(link.code, HEAD).url == TARGET
    assert shop.links.clicks_dropped == 1
    assert not shop.clicks()


def test_a_visit_that_cannot_be_counted_is_not_given_away(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    link = shop.links.shorten(shop.seller, TARGET, max_visits=1)
    with locked(shop.database), pytest.raises(Busy):
        shop.links.resolve(link.code, GET)
    assert shop.links.clicks_dropped == 0
    assert shop.links.resolve(link.code, GET).url == TARGET


def test_of_a_hundred_parallel_visits_exactly_ten_arrive(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    link = shop.links.shorten(shop.seller, TARGET, max_visits=10)

    def follow(_: int) -> str | None:
        try:
            return shop.links.resolve(link.code, GET).url
        except NotFound:
            return None

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(follow, range(100)))
    assert answers.count(TARGET) == 10
    assert answers.count(None) == 90
    [found] = shop.links.mine(shop.seller)
    assert (found.visits, found.clicks + shop.links.clicks_dropped) == (10, 10)


def test_the_last_visit_may_be_taken_between_look_and_count(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    link = shop.links.shorten(shop.seller, TARGET, max_visits=1, fallback=FALLBACK)

    def overtake(*_: object) -> None:
        with closing(sqlite3.connect(str(shop.database.url.database))) as rival:
            rival.execute("UPDATE digistore_short_urls SET visits = max_visits")
            rival.commit()

    # Looking is done by a reader; the writer is taken from its pool when it comes to counting.
    event.listen(shop.database.engine, "checkout", overtake, once=True)
    assert shop.links.resolve(link.code, GET).url == FALLBACK
    assert [found.visits for found in shop.links.mine(shop.seller)] == [1]


# What a redirect costs, and what it never does.


@pytest.mark.parametrize(
    ("visit", "count"), [(None, 1), (HEAD, 1), (GET, 4)], ids=["look", "head", "get"]
)
def test_a_redirect_is_one_statement_and_its_click_one_more(
    shop: Shop, visit: Visit | None, count: int
) -> None:
    link = live(shop)
    shop.links.resolve(link.code, visit)
    statements: list[str] = []
    driver: Any = shop.database.engine.raw_connection().driver_connection
    driver.set_trace_callback(statements.append)
    shop.links.resolve(link.code, visit)
    driver.set_trace_callback(None)
    statements = [one for one in statements if not one.startswith("PRAGMA")]  # how long to wait
    assert len(statements) == count, statements
    if visit is GET:
        assert statements[1] == "BEGIN IMMEDIATE"
        assert statements[2].startswith("INSERT INTO digistore_clicks")
        assert statements[3] == "COMMIT"


def test_no_code_path_opens_a_socket(shop: Shop) -> None:
    opened: list[str] = []
    listening = True

    def hear(name: str, _args: object) -> None:
        if listening and name.startswith("socket."):
            opened.append(name)

    sys.addaudithook(hear)
    link = shop.links.shorten(
        shop.seller, TARGET, code="spring", fallback=FALLBACK, tags=["a"], domain="go.example"
    )
    for target in ("https://shop.example/x", "https://b\xfccher.example/", "http://127.0.0.1/"):
        with pytest.raises(DigistoreError):
            shop.links.shorten(shop.seller, target, code="spring", domain="go.example")
    shop.links.update(shop.seller, link, target="https://docs.example/")
    for visit in VISITS:
        shop.links.resolve("spring", visit, domain="go.example")
    locked = shop.links.shorten(
        shop.seller,
        TARGET,
        password="words",
        track=True,
        forward_query=True,
        rules=[LinkRule(target=FALLBACK, country="AT")],
    )
    post = Visit("POST", {}, client="203.0.113.7", country="DE", query="a=b")
    shop.links.resolve(locked.code, post, password="words")
    shop.links.import_links(shop.seller, shop.links.export_links(shop.seller), dry_run=False)
    shop.links.qr(link)
    shop.links.roll_up()
    day = Period(shop.clock.now.date(), shop.clock.now.date())
    shop.links.stats(shop.seller, link, day)
    shop.links.disable(shop.seller, link)
    shop.links.mine(shop.seller, tag="a")
    listening = False
    assert opened == []


def test_headers_are_ascii(shop: Shop) -> None:
    link = shop.links.shorten(SYSTEM, "https://b\xfccher.example/caf\xe9?\xfc#\u4e2d")
    assert json.dumps(dict(shop.links.resolve(link.code).headers)).isascii()
    assert all(value.isascii() for value in shop.links.resolve(link.code).headers.values())
