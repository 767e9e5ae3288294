"""Figures: what was sold, given back, fetched and followed, by day in UTC.

It owns rollups of closed days, which anybody can make again from the facts. It must never be the
only place where something is known, nor be written while money is settled.
"""

from digistore.analytics.models import (
    CurrencyFigures,
    DaySales,
    LinkFigures,
    LinkMoney,
    Overview,
    Period,
)
from digistore.analytics.service import Analytics, AsyncAnalytics

__all__ = [
    "Analytics",
    "AsyncAnalytics",
    "CurrencyFigures",
    "DaySales",
    "LinkFigures",
    "LinkMoney",
    "Overview",
    "Period",
]
