"""What a visit to a link gets: decided from one row, the time and the request."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from digistore.errors import Invalid
from digistore.short_urls.models import Redirect, Visit

NO_RULES: Final = "[]"
_METHODS = frozenset({"GET", "HEAD", "POST"})
_KEPT: Final[Mapping[str, str]] = MappingProxyType({"X-Robots-Tag": "noindex"})
_NO_STORE: Final[Mapping[str, str]] = MappingProxyType(
    {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
)


class Found(NamedTuple):
    """A link as the redirect reads it: times are microseconds since the epoch, flags 0 or 1.

    ``anywhere`` says whether it may lead to any public host: it has no owner, or one who is an
    operator now.  ``rules`` is JSON.
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
    password_hash: str | None
    rules: str
    forward_query: int
    track: int
    anywhere: int

    @property
    def is_plain(self) -> bool:
        """Whether all visits at all times get the same: it hangs on nothing but this row."""
        given = (self.starts_at, self.expires_at, self.disabled_at, self.max_visits)
        return (
            all(one is None for one in (*given, self.password_hash))
            and self.rules == NO_RULES
            and not (self.forward_query or self.track)
        )


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
    """Say whether *visit* is counted: a HEAD or a look-up without a visit is not.

    Raises:
        Invalid: a method that no short link answers.
    """
    if visit is None:
        return False
    if visit.method not in _METHODS:
        raise not_allowed()
    return visit.method != "HEAD"


def not_allowed() -> Invalid:
    """Return the error for a method that the link does not answer, as a web page would by 405."""
    return Invalid(
        "a short link answers GET and HEAD, and POST where it has a password",
        fields={"method": "not_allowed"},
    )


def redirect(link: Found, url: str, visit: Visit | None, *, to_target: bool) -> Redirect:
    """Say what to answer; whoever is sent to a fallback is not sent there for ever."""
    method = visit.method if visit else None
    # A HEAD counts nothing, so it must not learn what a counted visit is worth (R6).
    hidden = method == "HEAD" and link.max_visits is not None
    status = 303 if method == "POST" else 302
    headers = _NO_STORE
    if link.permanent and to_target:
        headers, status = _KEPT, 301
    if hidden:
        return Redirect(None, status, headers)
    # One answer may be given to many.
    return Redirect(url, status, MappingProxyType({"Location": url, **headers}))
