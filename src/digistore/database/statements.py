"""Hot statements: written with SQLAlchemy, compiled once, run on the driver's connection.

Per call SQLAlchemy Core costs 4 to 7 times the driver. What is lost is type processing: a hot
statement reads and writes whole numbers and strings, and the slice converts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.elements import ClauseElement

from digistore.errors import Invalid

_Compiled: TypeAlias = tuple[str, tuple[str, ...], Mapping[str, Any]]
Values: TypeAlias = Sequence[Any] | Mapping[str, Any]


def no_text() -> Invalid:
    """Return the error for half a surrogate pair, as JSON may bring one: no database keeps it."""
    return Invalid("a text that cannot be encoded", fields={"text": "characters"})


class Prepared:
    """A statement that is compiled once per dialect."""

    def __init__(self, statement: Executable) -> None:
        """Prepare *statement*; its parameters are ``bindparam``s, given by name at each run."""
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run_on(
        self,
        driver: Any,  # noqa: ANN401  whatever the driver calls a connection
        dialect: Dialect,
        params: Mapping[str, Any],
    ) -> Sequence[tuple[Any, ...]]:
        """Run it on a connection of the *driver* itself and return all rows."""
        text, values = self.bound(dialect, params)
        cursor = driver.cursor()
        try:
            cursor.execute(text, values)
            if cursor.description is None:
                return ()
            return cast("Sequence[tuple[Any, ...]]", cursor.fetchall())
        except UnicodeEncodeError:
            raise no_text() from None
        finally:
            cursor.close()

    def run_many(
        self,
        driver: Any,  # noqa: ANN401  as above
        dialect: Dialect,
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        """Run it once per row of parameters; it returns nothing."""
        text, values = self.bound_many(dialect, rows)
        cursor = driver.cursor()
        try:
            cursor.executemany(text, values)
        except UnicodeEncodeError:
            raise no_text() from None
        finally:
            cursor.close()

    def bound(self, dialect: Dialect, params: Mapping[str, Any]) -> tuple[str, Values]:
        """Return what is sent to a driver: the text, and the values that go with it."""
        text, names, constants = self._compiled.get(dialect.name) or self._compile(dialect)
        values = {**constants, **params} if constants else params
        return text, [values[name] for name in names] if names else values

    def bound_many(
        self, dialect: Dialect, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[str, Sequence[Values]]:
        """Return the text, and the values of each row."""
        return self.text(dialect), [self.bound(dialect, row)[1] for row in rows]

    def text(self, dialect: Dialect) -> str:
        """Return what is sent to a driver."""
        return (self._compiled.get(dialect.name) or self._compile(dialect))[0]

    def _compile(self, dialect: Dialect) -> _Compiled:
        if not isinstance(self._statement, ClauseElement):  # pragma: no cover  mypy's question
            raise TypeError
        compiled = self._statement.compile(dialect=dialect)
        constants = {
            name: bind.value
            for name, bind in compiled.binds.items()  # type: ignore[attr-defined]
            if not bind.required
        }
        names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        found = self._compiled[dialect.name] = (str(compiled), names, constants)
        return found
