"""A list of any length as one parameter of a hot statement."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import Select


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


def as_list(ids: Iterable[str]) -> str:
    """Return *ids* as one parameter; what cannot be an id, and no row has, is left out."""
    return json.dumps([one for one in ids if one.isascii() and one.isprintable()])
