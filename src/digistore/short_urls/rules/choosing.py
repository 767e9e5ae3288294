"""Which of a link's rules fits a visit: tried in order, the first that fits wins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from digistore.short_urls.models import LinkRule, Visit
from digistore.short_urls.rules.agents import Told
from digistore.short_urls.rules.queries import pairs_of

LONGEST_LANGUAGES = 512
_CHOICE = re.compile(
    r"\s*([A-Za-z]{2,3})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?\s*"
)


def chosen_rule(
    rules: Sequence[LinkRule], visit: Visit | None, told: Told | None, now: datetime
) -> tuple[LinkRule, str] | None:
    """Return the first of *rules* that fits, and what its clicks are counted as.

    Without a *visit* only conditions of time can hold.
    """
    language = first_language(_header(visit, "accept-language")) if visit else None
    query = dict(pairs_of(visit.query)) if visit else {}
    for place, rule in enumerate(rules, 1):
        fits = (
            (rule.since is None or rule.since <= now)
            and (rule.until is None or now < rule.until)
            and (rule.device is None or (told is not None and told.device == rule.device))
            and (rule.language is None or rule.language == language)
            and (rule.country is None or (told is not None and told.country == rule.country))
            and all(_has(query, name, value) for name, value in rule.query.items())
        )
        if fits:
            return rule, rule.name or str(place)
    return None


def _has(query: Mapping[str, str], name: str, value: str) -> bool:
    return name in query and value in {"", query[name]}


def _header(visit: Visit, wanted: str) -> str:
    return next((text for name, text in visit.headers.items() if name.lower() == wanted), "")


def first_language(header: str) -> str | None:
    """Return the language that an ``Accept-Language`` likes best (RFC 9110, section 12.5.4)."""
    best, language = 0.0, None
    for choice in header[:LONGEST_LANGUAGES].split(","):
        found = _CHOICE.fullmatch(choice)
        if found is None:
            continue
        weight = float(found[2] or 1)
        if weight > best:
            best, language = weight, found[1].lower()
    return language
