"""What a visit to a link gets: decided from one row, the time and the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from digistore.errors import Invalid
from digistore.short_urls.models import Redirect, Visit

_METHODS = frozenset({"GET", "HEAD"})
_NO_INDEX: Final = {"X-Robots-Tag": "noindex"}
_NO_STORE: Final = {"Cache-Control": "private, no-store"}


@dataclass(frozen=True, slots=True)
class Found:
    """A link as the redirect reads it: times are microseconds since the epoch, flags 0 or 1.

    ``anywhere`` says whether it may lead to any public host: it has no owner, or one who is an
    operator now.
    """

    id: str
    target: str
    fallback: str | None
    starts_at: int | None
    expires_at: int | None
    disabled_at: int | None
    max_visits: int | None
    visits: int
    permanent: int
    anywhere: int


def is_live(link: Found, now: int) -> bool:
    """Say whether *link* leads to its target."""
    return (
        link.disabled_at is None
        and (link.starts_at is None or link.starts_at <= now)
        and (link.expires_at is None or now < link.expires_at)
        and (link.max_visits is None or link.visits < link.max_visits)
    )


def was_live(link: Found, now: int) -> bool:
    """Say whether *link* led to its target at some time: it started before it was disabled."""
    until = now if link.disabled_at is None else min(now, link.disabled_at)
    return link.starts_at is None or link.starts_at <= until


def counts(visit: Visit | None) -> bool:
    """Say whether *visit* is counted: a GET is, a HEAD or a look-up without a visit is not.

    Raises:
        Invalid: another method, which no short link answers.
    """
    if visit is None:
        return False
    if visit.method not in _METHODS:
        raise Invalid("a short link answers GET and HEAD", fields={"method": "not_allowed"})
    return visit.method == "GET"


def redirect(link: Found, url: str, visit: Visit | None, *, to_target: bool) -> Redirect:
    """Say what to answer; whoever is sent to a fallback is not sent there for ever."""
    permanent = bool(link.permanent) and to_target
    # A HEAD counts nothing, so it must not learn what a counted visit is worth (R6).
    hidden = visit is not None and visit.method == "HEAD" and link.max_visits is not None
    headers = _NO_INDEX if permanent else _NO_STORE | _NO_INDEX
    return Redirect(
        url=None if hidden else url,
        status=301 if permanent else 302,
        headers=dict(headers) if hidden else {"Location": url, **headers},
    )
