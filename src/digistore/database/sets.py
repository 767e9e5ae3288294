"""Lists of any length: as one parameter of a hot statement, or of keys of several columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Text, bindparam, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import Select
from sqlalchemy.types import NullType

T = TypeVar("T")


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


class _AreOf(FunctionElement[Any]):
    """Whether columns are together one of the arrays in a JSON array."""

    inherit_cache = True
    type = NullType()  # as above


@compiles(_AreOf, "sqlite")
def _are_of_on_sqlite(are: _AreOf, compiler: Any, **kwargs: Any) -> str:  # noqa: ANN401  as above
    *columns, keys = are.clauses
    named = ", ".join(compiler.process(one, **kwargs) for one in columns)
    parts = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(len(columns)))
    # For (a, b) IN (VALUES ...) SQLite would look at all rows.
    return f"({named}) IN (SELECT {parts} FROM json_each({compiler.process(keys, **kwargs)}))"  # noqa: S608


@compiles(_AreOf, "postgresql")
def _are_of_on_postgresql(are: _AreOf, compiler: Any, **kwargs: Any) -> str:  # noqa: ANN401
    *columns, keys = are.clauses
    named = ", ".join(compiler.process(one, **kwargs) for one in columns)
    parts = ", ".join(
        f"CAST(value ->> {number} AS {'bigint' if isinstance(one.type, Integer) else 'text'})"
        for number, one in enumerate(columns)
    )
    rows = f"json_array_elements(CAST({compiler.process(keys, **kwargs)} AS json)) AS value"
    return f"({named}) IN (SELECT {parts} FROM {rows})"  # noqa: S608  all are SQL


def are_of(
    columns: Sequence[ColumnElement[Any]], keys: Iterable[tuple[str | int, ...]]
) -> ColumnElement[bool]:
    """Find the rows whose *columns*, texts and integers, are together one of *keys*."""
    return _AreOf(*columns, bindparam(None, json.dumps(list(keys)), type_=Text()))


def filtering(column: ColumnElement[T]) -> ColumnElement[T]:
    """Compare a column whose index leads to most of a table: by this one nothing is looked up.

    Without the statistics of ANALYZE, which nobody takes in a shop that began small, SQLite
    believes in an index by how many of its columns are named: it would go through all payments of
    a gateway to find those of one buyer.
    """
    return func.coalesce(column, column, type_=column.type)
