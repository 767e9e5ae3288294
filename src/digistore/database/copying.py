"""A whole shop carried from one database to another: every row as it is stored, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    TableClause,
    and_,
    column,
    func,
    insert,
    inspect,
    literal,
    or_,
    select,
    table,
    text,
    union_all,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeDecorator, TypeEngine

from digistore.database.migrations import check_schema, current
from digistore.database.retry import PATIENCE
from digistore.database.types import metadata
from digistore.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select, Table

    from digistore.database.database import Database
    from digistore.database.transaction import Reader, Transaction

CHUNK = 1_000  # rows that are in memory at once
DEEPEST = 10_000  # no chain of rows of one table is longer, unless it bites its tail
Progress = Callable[[str, int], None]

# The only triggers that object to a row that comes in; what refuses changes stays as it is.
_IN_THE_WAY = "digistore!_%!_refuse!_insert"
_SQLITE_TRIGGERS = text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE :names ESCAPE '!'"
)
_POSTGRESQL_TRIGGERS = text(
    "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE pg_table_is_visible(c.oid) AND NOT t.tgisinternal AND t.tgenabled = 'O'"
    " AND t.tgname LIKE :names ESCAPE '!'"
)


async def copy_rows(source: Database, target: Database, progress: Progress) -> dict[str, int]:
    """Copy every row of *source*, as it is at one moment, into *target*, in one transaction.

    Both block. *source* is only read. *target* is migrated where it has no tables yet; it may have
    no row. Keys and constraints are checked as ever; only the triggers that freeze what a published
    release contains stand aside, within the transaction. It is never repeated by itself.

    Args:
        source: at the revision that this version needs.
        target: belongs to who connects to it, which need be no superuser.
        progress: told of each table and how many of its rows are there, as they come.

    Returns:
        How many rows each table has, by its name.

    Raises:
        ConfigError: a schema that does not fit, a target that has rows, or rows that break a rule
            of the schema; nothing is copied then.
        Busy: somebody else uses *target*, or a database cannot be used now.
    """
    await source.whole(check_schema)
    if await target.whole(_is_bare):
        await target.migrate()
    await target.whole(check_schema)

    async def at_one_moment(reader: Reader) -> dict[str, int]:
        await reader.whole(_wait_for_the_other)
        rows = await reader.whole(lambda connection: connection)

        async def fill(tx: Transaction) -> dict[str, int]:
            return await tx.whole(lambda connection: _fill(connection, rows, progress))

        return await target.transact(fill, patience=PATIENCE)

    return await source.read(at_one_moment)


def _is_bare(connection: Connection) -> bool:
    found = inspect(connection)
    return current(connection) is None and not any(map(found.has_table, metadata.tables))


def _wait_for_the_other(connection: Connection) -> None:
    """Stay connected, however long the other side takes over what it does meanwhile."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def _fill(target: Connection, source: Connection, progress: Progress) -> dict[str, int]:
    _wait_for_the_other(target)
    _keep_others_out(target)
    _refuse_rows(target)
    with _triggers_aside(target):
        for one in metadata.sorted_tables:
            _copy_table(one, target, source, progress)
    if target.dialect.name == "postgresql":
        _move_sequences_on(target)  # SQLite's go on by themselves
        # What comes next, such as the doctor, would be planned for empty tables.
        target.execute(text(f"ANALYZE {', '.join(metadata.tables)}"))
    return {one.name: _counted(one, target, source) for one in metadata.sorted_tables}


def _keep_others_out(target: Connection) -> None:
    """Let nobody write until the end; who writes to SQLite is alone anyway."""
    if target.dialect.name == "postgresql":
        names = ", ".join(metadata.tables)
        target.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _refuse_rows(target: Connection) -> None:
    for one in metadata.sorted_tables:
        if target.execute(select(literal(1)).select_from(one).limit(1)).first() is not None:
            shown = target.engine.url.render_as_string(hide_password=True)
            raise ConfigError(
                f"{shown} has rows already, in {one.name}: nothing was copied; "
                "copy into a database that has none"
            )


@contextmanager
def _triggers_aside(target: Connection) -> Iterator[None]:
    """Take what is in the way aside, as the owner may, and put it back before the COMMIT."""
    names = {"names": _IN_THE_WAY}
    if target.dialect.name == "postgresql":
        found = target.execute(_POSTGRESQL_TRIGGERS, names).all()
        aside = [f"ALTER TABLE {of} DISABLE TRIGGER {name}" for of, name in found]
        back = [f"ALTER TABLE {of} ENABLE TRIGGER {name}" for of, name in found]
    else:
        found = target.execute(_SQLITE_TRIGGERS, names).all()
        aside = [f"DROP TRIGGER {name}" for name, _ in found]
        back = [made for _, made in found]
    for statement in aside:
        target.exec_driver_sql(statement)
    yield  # what fails in here is rolled back, with what was done above
    for statement in back:
        target.exec_driver_sql(statement)


def _copy_table(one: Table, target: Connection, source: Connection, progress: Progress) -> None:
    plain = _as_stored(one)
    done = 0
    for statement in _parents_first(one, plain):
        streamed = statement.execution_options(yield_per=CHUNK)
        with source.execute(streamed) as result:
            for rows in result.mappings().partitions():
                try:
                    target.execute(insert(plain), [dict(row) for row in rows])
                except IntegrityError as error:
                    raise ConfigError(
                        f"a row of {one.name} breaks a rule of the schema: nothing was copied; "
                        "run: digistore doctor, on the database that it comes from"
                    ) from error
                done += len(rows)
                progress(one.name, done)


def _as_stored(one: Table) -> TableClause:
    """Return *one* with what its columns keep, which is the same on every database.

    What is stored as JSON or as a time is not read and written anew: its bytes may be signed.
    """
    return table(one.name, *(column(own.name, _storage(own.type)) for own in one.columns))


def _storage(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def _parents_first(one: Table, plain: TableClause) -> list[Select[Any]]:
    """Read the rows of a table so that none comes before another one that it points at."""
    own = sorted(key.parent.name for key in one.foreign_keys if key.column.table is one)
    if not own:
        return [select(plain)]
    roots = select(plain).where(and_(*(plain.c[name].is_(None) for name in own)))
    depths = _depths(plain, own)
    others = (
        select(plain)
        .join(depths, depths.c.start == plain.c.id)
        .where(or_(*(plain.c[name].is_not(None) for name in own)))
        .order_by(depths.c.depth)
    )
    return [roots, others]


def _depths(plain: TableClause, own: list[str]) -> Any:  # noqa: ANN401  SQLAlchemy's Subquery
    """Climb from each row that points at others of its table, by their key, and count the steps."""
    edges = union_all(
        *(
            select(plain.c.id.label("child"), plain.c[name].label("parent")).where(
                plain.c[name].is_not(None)
            )
            for name in own
        )
    ).subquery("edges")
    climb = select(
        edges.c.child.label("start"), edges.c.parent.label("place"), literal(1).label("depth")
    ).cte("climb", recursive=True)
    higher = (
        select(climb.c.start, edges.c.parent, climb.c.depth + 1)
        .join(edges, edges.c.child == climb.c.place)
        .where(climb.c.depth < DEEPEST)
    )
    whole = climb.union(higher)
    highest = func.max(whole.c.depth).label("depth")
    return select(whole.c.start, highest).group_by(whole.c.start).subquery("depths")


def _move_sequences_on(target: Connection) -> None:
    """Let each sequence go on behind what was copied past it."""
    for one in metadata.sorted_tables:
        own = one.autoincrement_column
        if own is not None:
            place = func.pg_get_serial_sequence(one.name, own.name)
            target.execute(select(func.setval(place, func.max(own))))


def _counted(one: Table, target: Connection, source: Connection) -> int:
    counting = select(func.count()).select_from(one)
    sent, arrived = source.execute(counting).scalar_one(), target.execute(counting).scalar_one()
    if sent != arrived:
        raise ConfigError(
            f"of {sent:,} rows of {one.name}, {arrived:,} have arrived: nothing was copied; "
            "does a trigger of your own take them?"
        )
    return int(arrived)
