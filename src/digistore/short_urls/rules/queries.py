"""What is added to a target's query: what a visit brought, and who sent it."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote_plus, urlencode

CLICK_FIELD = "cid"
LONGEST_QUERY = 2048
MOST_PAIRS = 50


def pairs_of(query: str) -> list[tuple[str, str]]:
    """Return the names and values of a query; one that is too long or too rich has none."""
    if not isinstance(query, str) or len(query) > LONGEST_QUERY:
        return []
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PAIRS)
    except ValueError:
        return []


def forwarded(url: str, query: str) -> str:
    """Return *url* with what *query* has and its own query has not; nothing is overridden.

    ``cid`` is never passed on: who sent a visitor is said by the link itself.
    """
    own = {unquote_plus(part.partition("=")[0]) for part in _query_of(url).split("&")}
    known = own | {CLICK_FIELD}
    return _with(url, [(name, value) for name, value in pairs_of(query) if name not in known])


def with_click(url: str, token: str) -> str:
    """Return *url* with the token of a click, in place of any that stands there."""
    base, mark, fragment = url.partition("#")
    path, _, query = base.partition("?")
    parts = [part for part in query.split("&") if part]
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]) != CLICK_FIELD]
    return f"{path}?{'&'.join([*kept, f'{CLICK_FIELD}={token}'])}{mark}{fragment}"


def _query_of(url: str) -> str:
    return url.partition("#")[0].partition("?")[2]


def _with(url: str, pairs: list[tuple[str, str]]) -> str:
    added = urlencode(pairs, quote_via=quote)
    if not added:
        return url
    base, mark, fragment = url.partition("#")
    path, has_query, query = base.partition("?")
    joined = f"{query}&{added}" if has_query and query else added
    return f"{path}?{joined}{mark}{fragment}"
