"""(e) resolve a short link, and count the click.

The floor is what nobody can leave out: the very SELECT that resolving runs; that of a click is
resolving itself.  A buffered click costs its visitor the capture; one visitor in 500 waits for the
batch, whose time is in the mean of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import count, cycle
from typing import Any

from benchmarks.runner import Case, Table, Way, interleave, repeat
from benchmarks.shops import Place, say
from digistore.blocking import run
from digistore.clock import utc_now
from digistore.database import Database
from digistore.settings import Settings
from digistore.short_urls import AsyncShortUrls, ShortUrls, Visit
from digistore.short_urls.rules.redirects import Found
from digistore.short_urls.service.clicks import BATCH
from digistore.short_urls.service.visits import FIND
from digistore.tokens import Secrets
from digistore.users import AsyncUsers

LINKS = 2_000
TARGET = Found._fields.index("target")
GOAL, GOAL_BUFFERED = 1.5, 2.0
WHY = "a few Python calls around a statement of five microseconds"
WHY_BUFFERED = "the visitor's address, agent and referrer are reduced to what may be kept"
SECRET = "a secret of at least thirty-two characters"  # noqa: S105  of nothing
SECRETS = Secrets(SECRET)
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"


def visits() -> list[Visit]:
    """Return visits of many people: 200 agents, 1,000 networks."""
    return [
        Visit(
            "GET",
            {
                "host": "sho.rt",
                "user-agent": AGENT.format(100 + one % 200),
                "accept": "text/html,application/xhtml+xml",
                "accept-language": "en-GB,en;q=0.5",
                "referer": f"https://news{one % 50}.example/a?b=c",
            },
            client=f"203.{one % 250}.{one % 4}.7",
        )
        for one in range(1_000)
    ]


def opened(database: Database, settings: Settings) -> AsyncShortUrls:
    """Open the links in *database*."""
    users = AsyncUsers(database, SECRETS.signer("claim"))
    return AsyncShortUrls(database, users, settings, SECRETS.signer("click"))


def resolve(place: Place, rounds: int) -> list[Table]:
    """(e) looked at, with a click that is kept for later, and with one that is written."""
    now = utc_now()  # it stands still: batches are written when they are full, at no time else
    codes = [f"code{number}" for number in range(1, min(LINKS, place.purchases // 10))]
    with ExitStack() as stack:
        database = Database.open(place.url, lambda: now)
        stack.callback(lambda: run(database.close()))
        direct = ShortUrls(opened(database, Settings(clicks="direct")))
        buffered = opened(database, Settings(clicks="buffered"))
        targets = [direct.resolve(code).url for code in codes]
        with closing(place.driver()) as driver:
            by_hand = [say(driver, [bound(place, code)])[0][TARGET] for code in codes]
        if targets != by_hand:
            raise AssertionError
        return [_alone(place, rounds, direct, codes), _clicks(place, rounds, direct, buffered)]


def _alone(place: Place, rounds: int, links: ShortUrls, codes: Sequence[str]) -> Table:
    def floor() -> Case:
        driver, turn = place.driver(), cycle([bound(place, code) for code in codes])
        return repeat(lambda: say(driver, [next(turn)]))

    turn = cycle(codes)
    ways = {"resolve": Way(repeat(lambda: links.resolve(next(turn))), GOAL, WHY)}
    subject = place.subject("e", "resolve a short link")
    return interleave(subject, floor, ways, rounds=rounds)


def _clicks(place: Place, rounds: int, direct: ShortUrls, keeping: AsyncShortUrls) -> Table:
    buffered = ShortUrls(keeping)
    codes = cycle([f"code{number}" for number in range(1, min(LINKS, place.purchases // 10))])
    people = zip(count(), cycle(visits()), strict=True)
    before = place.shop.count("clicks")
    ways = {
        "resolve, click buffered": Way(
            _whole_batches(repeat(lambda: buffered.resolve(next(codes), next(people)[1]))),
            GOAL_BUFFERED,
            WHY_BUFFERED,
        ),
        "resolve, click written": Way(repeat(lambda: direct.resolve(next(codes), next(people)[1]))),
    }
    table = interleave(
        place.subject("e", "count a click, beside resolving without"),
        lambda: repeat(lambda: direct.resolve(next(codes))),
        ways,
        rounds=rounds,
        between=place.checkpoint,
        notes=[f"Batches of {BATCH} are in the time of a buffered click."],
    )
    run(keeping.flush_clicks())
    if place.shop.count("clicks") - before != next(people)[0]:
        raise AssertionError
    return table


def _whole_batches(case: Case) -> Case:
    """Let every visit fill whole batches, so that each has its share of their writing."""

    def batches(times: int) -> float:
        whole = -(-times // BATCH) * BATCH
        return case(whole) * times / whole

    return batches


def bound(place: Place, code: str) -> tuple[str, Any]:
    """Return the SELECT for *code*, as the driver has it."""
    return FIND.bound(place.dialect, {"domain": "", "code": code})
