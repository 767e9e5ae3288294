"""What breaks no promise but wants looking at: the report's warnings."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, bindparam, text

from digistore.clock import from_micros, to_micros
from digistore.settings import Settings

if TYPE_CHECKING:
    from digistore.database import Reader

ROUND = "run_due"
SILENCE = timedelta(minutes=15)
MOST_USED = 0.01  # of all codes of one length; drawing takes more attempts beyond it
_ALPHABET = len(Settings.model_fields["code_alphabet"].default)
_SHORTEST_DRAWN = 6

_DUE = text(
    """
    SELECT 1 FROM digistore_provider_events WHERE next_check_at <= :now
    UNION ALL SELECT 1 FROM digistore_payment_attempts WHERE next_check_at <= :now
    UNION ALL SELECT 1 FROM digistore_refunds WHERE next_check_at <= :now
    UNION ALL SELECT 1 FROM digistore_disputes WHERE next_check_at <= :now
    UNION ALL SELECT 1 FROM digistore_deliveries WHERE next_check_at <= :now
    UNION ALL SELECT 1 FROM digistore_orders WHERE state = 'open' AND expires_at <= :now
    LIMIT 1
    """
).bindparams(bindparam("now", type_=BigInteger))
_LAST_ROUND = text("SELECT at FROM digistore_rounds WHERE name = :name")
_OPEN_ACTIONS = text("SELECT COUNT(*) AS many FROM digistore_payment_actions WHERE open_key = 1")
_CODES = text(
    """
    SELECT domain, length(code) AS long, COUNT(*) AS many FROM digistore_short_urls
    GROUP BY domain, length(code) ORDER BY domain, length(code)
    """
)


_GATEWAYS = text(
    """
    SELECT gateway, COUNT(*) AS many FROM digistore_payments WHERE captured > 0
    GROUP BY gateway ORDER BY gateway
    """
)
_WITHOUT_CONFIGURATION = ("external", "free")


async def signs(reader: Reader, now: datetime, gateways: Collection[str]) -> list[str]:
    """Return what an operator should look at; *gateways* are those that are configured."""
    found = [await _silence(reader, now), await _undecided(reader)]
    return [
        *(sign for sign in found if sign),
        *await _gone(reader, {*gateways, *_WITHOUT_CONFIGURATION}),
        *await _crowded(reader),
    ]


async def _gone(reader: Reader, known: Collection[str]) -> list[str]:
    return [
        f"{row.many} payments came by the gateway {row.gateway}, which is not configured: their"
        " refunds and disputes are not seen, and nothing of theirs can be given back"
        for row in await reader.rows(_GATEWAYS)
        if row.gateway not in known
    ]


async def _silence(reader: Reader, now: datetime) -> str | None:
    last = await reader.first(_LAST_ROUND, {"name": ROUND})
    if last is not None:
        since = from_micros(last.at)
        if now - since <= SILENCE:
            return None
        return f"run_due has not run since {since:%Y-%m-%d %H:%M} UTC; call it every minute"
    waiting = await reader.first(_DUE, {"now": to_micros(now - SILENCE)})
    return "run_due has never run, and something is due; call it every minute" if waiting else None


async def _undecided(reader: Reader) -> str | None:
    row = await reader.first(_OPEN_ACTIONS)
    many = row.many if row else 0
    return f"{many} waiting for a decision: see payments.needing_action" if many else None


async def _crowded(reader: Reader) -> list[str]:
    return [
        f"{row.many} short links of {row.long} characters"
        f"{f' on {row.domain}' if row.domain else ''}: raise Settings.code_length"
        for row in await reader.rows(_CODES)
        if row.long >= _SHORTEST_DRAWN and row.many > MOST_USED * _ALPHABET**row.long
    ]
