"""Column types that mean the same on every database, and the one MetaData.

SQLite's STRICT tables know INTEGER, TEXT and BLOB only, so each type says what it is there.
Every text column says whether it holds personal data: ``Key`` and ``Word`` never do, the others
bear ``info={"personal": ...}``.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    cast,
    func,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from digistore.canonical import canonical_json
from digistore.clock import from_micros, to_micros

MOST = 2**53 - 1  # what JSON and every driver can carry exactly

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "uq": "%(table_name)s_%(constraint_name)s",
        "ck": "%(table_name)s_%(constraint_name)s",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "pk": "%(table_name)s_pk",
    }
)


class Key(TypeDecorator[str]):
    """An id or code: compared byte by byte."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Compare bytes on PostgreSQL too; SQLite always does."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.VARCHAR(collation="C"))
        return dialect.type_descriptor(Text())


class Word(Key):
    """A word from a closed list: a state, a kind, a currency."""

    cache_ok = True


class Prose(TypeDecorator[str]):
    """Text that a person wrote; its column says whether it is personal."""

    impl = Text
    cache_ok = True


class Amount(TypeDecorator[int]):
    """Money in minor units, or another whole number of 64 bits."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """STRICT tables call every whole number INTEGER."""
        kind = Integer() if dialect.name == "sqlite" else BigInteger()
        return dialect.type_descriptor(kind)


class Moment(TypeDecorator[datetime]):
    """A time: microseconds since the epoch in UTC."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """STRICT tables call every whole number INTEGER."""
        kind = Integer() if dialect.name == "sqlite" else BigInteger()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Store microseconds."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Read a time in UTC."""
        return None if value is None else from_micros(value)


class Flag(TypeDecorator[bool]):
    """Yes or no, as 1 or 0."""

    impl = SmallInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """STRICT tables call every whole number INTEGER."""
        kind = Integer() if dialect.name == "sqlite" else SmallInteger()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:  # noqa: FBT001
        """Store 1 or 0."""
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> bool | None:
        """Read a bool."""
        return None if value is None else bool(value)


class Json(TypeDecorator[object]):
    """JSON as text, keys sorted; its column says whether it is personal."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        """Store canonical JSON."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:
        """Read what was stored."""
        return None if value is None else json.loads(value)


class Digest(TypeDecorator[bytes]):
    """A sha256."""

    impl = LargeBinary
    cache_ok = True


def summed(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Add up whole numbers, to 0 where there are none; PostgreSQL's own sum has another type."""
    return cast(func.coalesce(func.sum(column), 0), Amount)


def references(target: str) -> ForeignKey:
    """Point at another table's id; what is pointed at cannot be deleted."""
    return ForeignKey(f"{target}.id", ondelete="RESTRICT")


def one_of(column: str, words: type[Any] | tuple[str, ...]) -> CheckConstraint:
    """Allow only these *words* (an enum or strings) in *column*."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"known_{column}")


def amounts(*columns: str) -> list[CheckConstraint]:
    """Keep each of *columns* between zero and 2^53 - 1."""
    return [
        CheckConstraint(f"{column} BETWEEN 0 AND {MOST}", name=f"sane_{column}")
        for column in columns
    ]


def flags(*columns: str) -> list[CheckConstraint]:
    """Keep each of *columns* at 0 or 1."""
    return [CheckConstraint(f"{column} IN (0, 1)", name=f"flag_{column}") for column in columns]


def key_follows(key: str, condition: str) -> list[CheckConstraint]:
    """Hold nullable *key* at 1 exactly where *condition* is true, for a UNIQUE to lean on.

    Every database leaves NULLs out of a UNIQUE, but a partial index loses its WHERE on MySQL,
    without a word.
    """
    return [
        CheckConstraint(f"({condition}) = ({key} IS NOT NULL)", name=f"{key}_follows"),
        CheckConstraint(f"{key} = 1", name=f"{key}_is_one"),  # a CHECK passes on NULL
    ]
