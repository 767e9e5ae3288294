"""Hot statements: written with SQLAlchemy, compiled once, run on the driver's connection.

Per call SQLAlchemy Core costs 4 to 7 times the driver. What is lost is type processing: a hot
statement reads and writes whole numbers and strings, and the slice converts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.sql.elements import ClauseElement

from digistore.errors import Invalid

_Compiled: TypeAlias = tuple[str, tuple[str, ...], Mapping[str, Any]]


def no_text() -> Invalid:
    """Return the error for half a surrogate pair, as JSON may bring one: no database keeps it."""
    return Invalid("a text that cannot be encoded", fields={"text": "characters"})


class Prepared:
    """A statement that is compiled once per dialect."""

    def __init__(self, statement: Executable) -> None:
        """Prepare *statement*; its parameters are ``bindparam``s, given by name at each run."""
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, params: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run it on the driver connection below *connection* and return all rows."""
        return self.run_on(connection.connection.driver_connection, connection.dialect, params)

    def run_on(
        self,
        driver: Any,  # noqa: ANN401  whatever the driver calls a connection
        dialect: Dialect,
        params: Mapping[str, Any],
    ) -> Sequence[tuple[Any, ...]]:
        """Run it on a connection of the *driver* itself and return all rows."""
        text, names, constants = self._compiled.get(dialect.name) or self._compile(dialect)
        values = {**constants, **params} if constants else params
        cursor = driver.cursor()
        try:
            cursor.execute(text, [values[name] for name in names] if names else values)
            return cast("Sequence[tuple[Any, ...]]", cursor.fetchall())
        except UnicodeEncodeError:
            raise no_text() from None
        finally:
            cursor.close()

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once per row of parameters; it returns nothing."""
        dialect = connection.dialect
        text, names, constants = self._compiled.get(dialect.name) or self._compile(dialect)
        values = [{**constants, **row} for row in rows] if constants else rows
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(
                text, [[row[name] for name in names] for row in values] if names else values
            )
        except UnicodeEncodeError:
            raise no_text() from None
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> _Compiled:
        if not isinstance(self.statement, ClauseElement):  # pragma: no cover  mypy's question
            raise TypeError
        compiled = self.statement.compile(dialect=dialect)
        constants = {
            name: bind.value
            for name, bind in compiled.binds.items()  # type: ignore[attr-defined]
            if not bind.required
        }
        names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        found = self._compiled[dialect.name] = (str(compiled), names, constants)
        return found
