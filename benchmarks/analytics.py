"""(g) revenue by day, of thirty closed days."""

from __future__ import annotations

from benchmarks.runner import Case, Table, Way, interleave, repeat
from benchmarks.shops import Place, recording, say
from tests.performance.test_growth import closed

_LIVE = """
SELECT o.paid_at / 86400000000 AS of_day, o.currency, count(*), sum(o.total)
FROM digistore_orders o JOIN digistore_payments p ON p.order_id = o.id AND p.cover_key = 1
WHERE o.paid_at >= {start} AND o.paid_at < {stop} GROUP BY 1, 2
"""
DAY = 86_400_000_000
EPOCH = 719_163  # the first of January 1970, as dates count
LARGE = 1_000_000
GOAL = 1 / 200  # at LARGE, where adding all up begins to hurt
WHY = "its own statements are hardly all of it; the report's models and SQLAlchemy are the rest"


def sales(place: Place, rounds: int) -> Table:
    """(g) beside adding all orders up anew, by hand."""
    period = closed(place.shop)
    report = place.store.analytics.sales
    with recording(place) as said:
        report(place.shop.operator, period)
    start, stop = ((day.toordinal() - EPOCH) * DAY for day in (period.first, period.last))
    live = [(_LIVE.format(start=start, stop=stop + DAY), None)]

    def floor() -> Case:
        driver = place.driver()
        return repeat(lambda: say(driver, live))

    driver = place.driver()
    goal = GOAL if place.purchases == LARGE else None
    ways = {
        "analytics.sales": Way(repeat(lambda: report(place.shop.operator, period)), goal, WHY),
        "its statements alone": Way(repeat(lambda: say(driver, said))),
    }
    notes = ["Floor: by hand, from all orders of the thirty days.", f"{len(said)} statements."]
    subject = place.subject("g", "revenue by day, 30 closed days")
    return interleave(subject, floor, ways, rounds=rounds, notes=notes)
