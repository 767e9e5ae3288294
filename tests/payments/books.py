"""Whether the books balance: asked after every test of money, whatever it was about."""

from __future__ import annotations

from functools import cache
from sqlite3 import Connection

from digistore.doctor.checks import Statement
from digistore.doctor.service import CHECKS

ABOUT_MONEY = ("I9", "I10", "I11", "I12", "I13")
# Of a paid order: what its payment took is the order's total, with the tax that the gateway added
# to it, if any; whatever is above both is written down for somebody to see.
UNBALANCED = """
    SELECT 'a paid order whose payment does not add up', o.id
    FROM digistore_orders o
    LEFT JOIN digistore_payments m ON m.order_id = o.id AND m.cover_key = 1
    WHERE o.state = 'paid' AND (
        m.id IS NULL OR m.captured < o.total
        OR (m.captured - o.total NOT IN (0, m.tax) AND NOT EXISTS (
            SELECT 1 FROM digistore_payment_actions a
            WHERE a.subject = m.id AND a.kind IN ('overpaid', 'amount_changed')
        ))
    )
    UNION ALL
    SELECT 'money that opened nothing is kept without a word', m.id
    FROM digistore_payments m
    WHERE m.state = 'succeeded' AND COALESCE(m.disposition, '') <> 'covering'
      AND m.captured > m.own_refunds + m.gateway_refunds + m.disputed
      AND NOT EXISTS (SELECT 1 FROM digistore_payment_actions a WHERE a.payment_id = m.id)
      AND NOT EXISTS (SELECT 1 FROM digistore_refunds r WHERE r.payment_id = m.id)
    UNION ALL
    SELECT 'more is kept for a line than it cost', l.id
    FROM digistore_order_lines l
    JOIN digistore_orders o ON o.id = l.order_id
    GROUP BY l.order_id, o.total
    HAVING SUM(l.total) <> o.total
"""


def unbalanced(connection: Connection) -> list[tuple[str, str]]:
    """Return what is wrong with the money in a database; one without tables has none."""
    if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
        return []
    return connection.execute(_all()).fetchall()


@cache
def _all() -> str:
    checks = (
        f"SELECT '{check.invariant} {check.name}', subject FROM ({check.sql})"
        for check in CHECKS
        if isinstance(check, Statement) and check.invariant in ABOUT_MONEY
    )
    return " UNION ALL ".join([*checks, f"SELECT * FROM ({UNBALANCED})"])
