"""Hot statements: written with SQLAlchemy, compiled once, run on the driver's connection.

Per call SQLAlchemy Core costs 4 to 7 times the driver. A prepared statement is run as it stands,
with whole numbers and strings; or as a `Call`, whose values are typed as its columns are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, cast

from sqlalchemy import Dialect, Executable, Row, Table, bindparam, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

from digistore.errors import Invalid

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
_Convert: TypeAlias = Callable[[Any], Any]


def no_text() -> Invalid:
    """Return the error for half a surrogate pair, as JSON may bring one: no database keeps it."""
    return Invalid("a text that cannot be encoded", fields={"text": "characters"})


@contextmanager
def no_half_texts() -> Iterator[None]:
    """Refuse what no database keeps, in our own words."""
    try:
        yield
    except UnicodeEncodeError:
        raise no_text() from None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What one dialect makes of a statement."""

    text: str
    names: tuple[str, ...]  # of positional parameters
    constants: Mapping[str, Any]
    binds: Mapping[str, _Convert]
    columns: tuple[_Convert | None, ...]
    keys: SimpleResultMetaData

    def values(self, params: Mapping[str, Any]) -> Values:
        """Order what is given, and the constants, as the driver takes them."""
        given = {**self.constants, **params} if self.constants else params
        return [given[name] for name in self.names] if self.names else given


@dataclass(frozen=True, slots=True)
class Call:
    """A prepared statement with the values of one run, typed as its columns are."""

    prepared: Prepared
    values: Mapping[str, Any]

    def bound(self, dialect: Dialect) -> tuple[str, Values]:
        """Return what is sent to a driver: the text, and the values that go with it."""
        compiled = self.prepared.compiled(dialect)
        given = {**compiled.constants, **self.values}
        for name, convert in compiled.binds.items():
            given[name] = convert(given[name])
        values = [given[name] for name in compiled.names] if compiled.names else given
        return compiled.text, values

    def run_on(self, driver: Any, dialect: Dialect) -> Sequence[Row[Any]]:  # noqa: ANN401  as below
        """Run it on a connection of the *driver* itself and return all rows."""
        return self.read(dialect, _run(driver, *self.bound(dialect)))

    def read(self, dialect: Dialect, rows: Iterable[Sequence[Any]]) -> Sequence[Row[Any]]:
        """Make rows of what a driver answers."""
        compiled = self.prepared.compiled(dialect)
        if not compiled.columns:
            return ()
        typed = (
            tuple(
                value if convert is None else convert(value)
                for convert, value in zip(compiled.columns, row, strict=True)
            )
            for row in rows
        )
        found: IteratorResult[Any] = IteratorResult(compiled.keys, typed)
        return found.all()


Statement: TypeAlias = Executable | Call | str
"""What a batch takes: of SQLAlchemy, prepared, or a text of our own."""


class Prepared:
    """A statement that is compiled once per dialect."""

    def __init__(self, statement: Executable) -> None:
        """Prepare *statement*; its parameters are ``bindparam``s, given by name at each run."""
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def given(self, **values: object) -> Call:
        """Return one run of it, with *values* of the types that its columns have."""
        return Call(self, values)

    def run_on(
        self,
        driver: Any,  # noqa: ANN401  whatever the driver calls a connection
        dialect: Dialect,
        params: Mapping[str, Any],
    ) -> Sequence[tuple[Any, ...]]:
        """Run it on a connection of the *driver* itself and return all rows."""
        return _run(driver, *self.bound(dialect, params))

    def run_many(
        self,
        driver: Any,  # noqa: ANN401  as above
        dialect: Dialect,
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        """Run it once per row of parameters; it returns nothing."""
        with no_half_texts(), closing(driver.cursor()) as cursor:
            cursor.executemany(*self.bound_many(dialect, rows))

    def bound(self, dialect: Dialect, params: Mapping[str, Any]) -> tuple[str, Values]:
        """Return what is sent to a driver: the text, and the values that go with it."""
        compiled = self.compiled(dialect)
        return compiled.text, compiled.values(params)

    def bound_many(
        self, dialect: Dialect, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[str, Sequence[Values]]:
        """Return the text, and the values of each row."""
        compiled = self.compiled(dialect)
        return compiled.text, [compiled.values(row) for row in rows]

    def text(self, dialect: Dialect) -> str:
        """Return what is sent to a driver."""
        return self.compiled(dialect).text

    def compiled(self, dialect: Dialect) -> _Compiled:
        """Return what *dialect* makes of it."""
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def _compile(self, dialect: Dialect) -> _Compiled:
        statement: Any = self.statement
        if not isinstance(statement, ClauseElement):
            raise TypeError
        # A list behind IN is rendered as what it holds now.
        compiled: Any = statement.compile(
            dialect=dialect, compile_kwargs={"render_postcompile": True}
        )
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        into = {name: _into(bind.type, dialect) for name, bind in binds.items()}
        if any(bind.expanding and into[name] for name, bind in binds.items()):
            raise TypeError
        required = {name for name, bind in binds.items() if bind.required}
        told = statement.exported_columns if hasattr(statement, "exported_columns") else ()
        found = self._compiled[dialect.name] = _Compiled(
            text=str(compiled),
            names=tuple(compiled.positiontup or ()),
            constants={n: value for n, value in compiled.params.items() if n not in required},
            binds={name: convert for name, convert in into.items() if convert is not None},
            columns=tuple(_out_of(column.type, dialect) for column in told),
            keys=SimpleResultMetaData([column.key for column in told]),
        )
        return found


def _run(driver: Any, text: str, values: Values) -> Sequence[tuple[Any, ...]]:  # noqa: ANN401
    cursor = driver.cursor()
    try:  # hot: a context manager would cost a tenth of the statement
        cursor.execute(text, values)
        if cursor.description is None:
            return ()
        return cast("Sequence[tuple[Any, ...]]", cursor.fetchall())
    except UnicodeEncodeError:
        raise no_text() from None
    finally:
        cursor.close()


def _into(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _out_of(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


class Batch:
    """Statements that are sent together, all of them on the driver."""

    def __init__(self, statements: Sequence[Statement], dialect: Dialect) -> None:
        """Make calls of *statements*; one that is not prepared is compiled for this once."""
        self._dialect = dialect
        self._calls = [
            one if isinstance(one, str | Call) else Prepared(one).given() for one in statements
        ]
        self.sent: list[tuple[str, Values | None]] = [
            (one, None) if isinstance(one, str) else one.bound(dialect) for one in self._calls
        ]

    def read(self, answers: Sequence[Sequence[Any]]) -> list[Sequence[Row[Any]]]:
        """Make rows of what the driver answers."""
        return [
            () if isinstance(one, str) else one.read(self._dialect, rows)
            for one, rows in zip(self._calls, answers, strict=True)
        ]


@cache
def inserting(table: Table, names: tuple[str, ...], *, once: tuple[str, ...] = ()) -> Prepared:
    """Prepare the insertion of a row; one whose key *once* is there already changes nothing."""
    row = insert(table).values({name: bindparam(name) for name in names}).inline()
    return Prepared(row.on_conflict_do_nothing(index_elements=list(once)) if once else row)


@cache
def changing(table: Table, names: tuple[str, ...]) -> Prepared:
    """Prepare the change of these columns where ``id`` is ``id_``."""
    changed: dict[str, Any] = {name: bindparam(name) for name in names}
    return Prepared(update(table).where(table.c.id == bindparam("id_")).values(changed))
