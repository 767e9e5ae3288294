"""Pages by keyset: a place in the order, never an offset, so no row is skipped or repeated."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, Tuple, literal, tuple_

from digistore.clock import from_micros, to_micros
from digistore.paging import decode_cursor

S = TypeVar("S", bound=Select[Any])


def newest_first(
    statement: S,
    at: ColumnElement[datetime],
    row_id: ColumnElement[str],
    after: str | None,
    limit: int,
) -> S:
    """Order *statement* by time and id, newest first, to go on *after* a cursor.

    One row more than *limit* is asked for, so that ``page_of`` knows whether there is more.

    Raises:
        Invalid: a cursor that is not of such a list.
    """
    if after is not None:
        statement = statement.where(tuple_(at, row_id) < _place(at, after))
    return statement.order_by(at.desc(), row_id.desc()).limit(limit + 1)


def oldest_first(
    statement: S,
    at: ColumnElement[datetime],
    row_id: ColumnElement[str],
    after: str | None,
    limit: int,
) -> S:
    """Do the same the other way round."""
    if after is not None:
        statement = statement.where(tuple_(at, row_id) > _place(at, after))
    return statement.order_by(at, row_id).limit(limit + 1)


def _place(at: ColumnElement[datetime], after: str) -> Tuple:
    micros, last_id = decode_cursor(after, int, str)
    return tuple_(literal(from_micros(micros), at.type), literal(last_id))


def place_of(at: datetime, row_id: str) -> tuple[int, str]:
    """Return the key by which ``page_of`` makes the cursor of such a list."""
    return to_micros(at), row_id
