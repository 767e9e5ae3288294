"""Short links: a code that leads somewhere, and the clicks on it; they depend on no other noun.

It owns links and clicks. It must never fetch, resolve or look up a target, and never keep a
visitor's address or a cookie; a link is no secret and opens nothing.
"""

from digistore.short_urls.models import (
    KEEP,
    DayClicks,
    ImportedRow,
    ImportOutcome,
    ImportReport,
    Keep,
    LinkRule,
    LinkStats,
    Redirect,
    Share,
    ShortURL,
    Visit,
)
from digistore.short_urls.service import AsyncShortUrls, ShortUrls

__all__ = [
    "KEEP",
    "AsyncShortUrls",
    "DayClicks",
    "ImportOutcome",
    "ImportReport",
    "ImportedRow",
    "Keep",
    "LinkRule",
    "LinkStats",
    "Redirect",
    "Share",
    "ShortURL",
    "ShortUrls",
    "Visit",
]
