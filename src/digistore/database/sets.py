"""Lists of any length: as one parameter of a hot statement, or of keys of several columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, column, false, select, tuple_, values
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import Select
from sqlalchemy.types import NullType


class _Each(FunctionElement[str]):
    """The texts of a JSON array, a row each."""

    inherit_cache = True
    type = Text()


@compiles(_Each, "sqlite")
def _on_sqlite(each: _Each, compiler: Any, **kwargs: Any) -> str:  # noqa: ANN401  SQLAlchemy's
    return f"json_each({compiler.process(each.clauses, **kwargs)})"


@compiles(_Each, "postgresql")
def _on_postgresql(each: _Each, compiler: Any, **kwargs: Any) -> str:  # noqa: ANN401  as above
    return f"json_array_elements_text(CAST({compiler.process(each.clauses, **kwargs)} AS json))"


def each_of(name: str) -> Select[tuple[str]]:
    """Select the texts of the parameter *name*, which is what ``as_list`` returns."""
    rows = _Each(bindparam(name, type_=Text())).table_valued("value")
    return select(rows.c.value)


class _Among(FunctionElement[Any]):
    """Whether a text is one of a JSON array."""

    inherit_cache = True
    type = NullType()  # what is said to be a Boolean, SQLite would compare with 1, row by row


@compiles(_Among, "sqlite")
def _among_on_sqlite(among: _Among, compiler: Any, **kwargs: Any) -> str:  # noqa: ANN401  as above
    column, texts = (compiler.process(one, **kwargs) for one in among.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608  both are SQL


@compiles(_Among, "postgresql")
def _among_on_postgresql(among: _Among, compiler: Any, **kwargs: Any) -> str:  # noqa: ANN401
    # An array is taken to be short, and its rows found by the index; a subquery is joined.
    column, texts = (compiler.process(one, **kwargs) for one in among.clauses)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({texts} AS json))))"


def among(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Find a few rows by the parameter *name*, which is what ``as_list`` returns."""
    return _Among(column, bindparam(name, type_=Text()))


def as_list(ids: Iterable[str]) -> str:
    """Return *ids* as one parameter; what cannot be an id, and no row has, is left out."""
    return json.dumps([one for one in ids if one.isascii() and one.isprintable()])


def are_of(
    columns: Sequence[ColumnElement[Any]], keys: Iterable[tuple[Any, ...]]
) -> ColumnElement[bool]:
    """Find the rows whose *columns* are together one of *keys*, by an index of these columns.

    SQLite looks at all rows for ``(a, b) IN (VALUES ...)``, and uses the index where those values
    are selected.
    """
    rows = list(keys)
    if not rows:
        return false()
    named = [column(f"key_{number}", one.type) for number, one in enumerate(columns)]
    return tuple_(*columns).in_(select(values(*named).data(rows).cte()))
