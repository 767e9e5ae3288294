"""Lists: filters, and pages by the id where the one before ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from digistore.testing.stripe.errors import BadParameters, missing
from digistore.testing.stripe.world import Account, Object

Keep = Callable[[Object], bool]

_DEFAULT, _LONGEST = 10, 100
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "gt": lambda created, bound: created > bound,
    "gte": lambda created, bound: created >= bound,
    "lt": lambda created, bound: created < bound,
    "lte": lambda created, bound: created <= bound,
}


def page(
    account: Account, noun: str, params: Object, url: str, keep: Keep = lambda _: True
) -> Object:
    """Return one page of the objects of a noun, the newest first.

    Parameters that are named like a field must equal it; *keep* filters by all others.
    """
    found = [
        one
        for one in account.all(noun)
        if _is_of_that_time(one, params.get("created")) and keep(one)
    ]
    return page_of(found, params, url)


def page_of(found: list[Object], params: Object, url: str) -> Object:
    """Return the page of *found* that the parameters ask for.

    Raises:
        BadParameters: the limit is out of bounds, or both ends are given.
        ApiError: the page is to begin or end at an object that is not in the list.
    """
    limit = params.get("limit", _DEFAULT)
    if not 1 <= limit <= _LONGEST:
        message = f"Limit must be between 1 and {_LONGEST}; it was {limit}."
        raise BadParameters(message, param="limit")
    after, before = params.get("starting_after"), params.get("ending_before")
    if after is not None and before is not None:
        message = "You can only specify one of these parameters: starting_after, ending_before."
        raise BadParameters(message, param="starting_after")
    if before is not None:
        rest = found[: _place(found, before, "ending_before")]
        shown, more = rest[-limit:], len(rest) > limit
    else:
        start = 0 if after is None else _place(found, after, "starting_after") + 1
        rest = found[start:]
        shown, more = rest[:limit], len(rest) > limit
    return {"object": "list", "data": shown, "has_more": more, "url": url}


def whole_list(found: list[Object], url: str) -> Object:
    """Return a list that is part of another object: its first page."""
    return page_of(found, {}, url)


def _place(found: list[Object], wanted: str, param: str) -> int:
    for place, one in enumerate(found):
        if one["id"] == wanted:
            return place
    noun = found[0]["object"] if found else "object"
    raise missing(noun, wanted, param)


def _is_of_that_time(one: Object, created: int | Mapping[str, int] | None) -> bool:
    if created is None:
        return True
    if isinstance(created, int):
        return bool(one["created"] == created)
    return all(_COMPARE[name](one["created"], bound) for name, bound in created.items())
