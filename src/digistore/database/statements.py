"""Hot statements: written with SQLAlchemy, compiled once, run on the driver's connection.

Per call SQLAlchemy Core costs 4 to 7 times the driver. What is lost is type processing: a hot
statement reads and writes whole numbers and strings, and the slice converts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.sql.elements import ClauseElement

from digistore.errors import Invalid


def no_text() -> Invalid:
    """Return the error for half a surrogate pair, as JSON may bring one: no database keeps it."""
    return Invalid("a text that cannot be encoded", fields={"text": "characters"})


class Prepared:
    """A statement that is compiled once per dialect."""

    def __init__(self, statement: Executable) -> None:
        """Prepare *statement*; its parameters are ``bindparam``s, given by name at each run."""
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...], Mapping[str, Any]]] = {}

    def run(self, connection: Connection, params: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run it on the driver connection below *connection* and return all rows."""
        text, names, constants = self._for(connection)
        values = {**constants, **params} if constants else params
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, [values[name] for name in names] if names else values)
            return cursor.fetchall()
        except UnicodeEncodeError:
            raise no_text() from None
        finally:
            cursor.close()

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once per row of parameters; it returns nothing."""
        text, names, constants = self._for(connection)
        all_values = [{**constants, **row} for row in rows]
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(
                text,
                [[values[name] for name in names] for values in all_values]
                if names
                else all_values,
            )
        except UnicodeEncodeError:
            raise no_text() from None
        finally:
            cursor.close()

    def _for(self, connection: Connection) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
        dialect = connection.dialect.name
        if dialect not in self._compiled:
            self._compile(connection)
        return self._compiled[dialect]

    def _compile(self, connection: Connection) -> None:
        if not isinstance(self._statement, ClauseElement):  # pragma: no cover  mypy's question
            raise TypeError
        compiled = self._statement.compile(dialect=connection.dialect)
        constants = {
            name: bind.value
            for name, bind in compiled.binds.items()  # type: ignore[attr-defined]
            if not bind.required
        }
        names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        self._compiled[connection.dialect.name] = (str(compiled), names, constants)
