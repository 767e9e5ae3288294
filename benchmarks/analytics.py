"""(g) revenue by day, of thirty closed days."""

from __future__ import annotations

from benchmarks.runner import Case, Table, interleave, repeat
from benchmarks.shops import Place, recording, say
from tests.performance.test_growth import closed

_LIVE = """
SELECT o.paid_at / 86400000000 AS of_day, o.currency, count(*), sum(o.total)
FROM digistore_orders o JOIN digistore_payments p ON p.order_id = o.id AND p.cover_key = 1
WHERE o.paid_at >= {start} AND o.paid_at < {stop} GROUP BY 1, 2
"""
DAY = 86_400_000_000
EPOCH = 719_163  # the first of January 1970, as dates count


def sales(place: Place, rounds: int) -> Table:
    """(g) beside the bare reads, and beside adding all orders up anew."""
    period = closed(place.shop)
    report = place.store.analytics.sales
    with recording(place) as said:
        report(place.shop.operator, period)
    start, stop = ((day.toordinal() - EPOCH) * DAY for day in (period.first, period.last))
    live = [(_LIVE.format(start=start, stop=stop + DAY), None)]

    def floor() -> Case:
        driver = place.driver()
        return repeat(lambda: say(driver, said))

    driver = place.driver()
    ways = {
        "analytics.sales": (repeat(lambda: report(place.shop.operator, period)), None),
        "by hand, from all orders": (repeat(lambda: say(driver, live)), None),
    }
    notes = [f"Floor: its {len(said)} statements."]
    title = f"(g) revenue by day, 30 closed days: {place.name}"
    return interleave(title, floor, ways, rounds=rounds, notes=notes)
