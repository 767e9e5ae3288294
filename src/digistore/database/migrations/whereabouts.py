"""Where tables are, among PostgreSQL's schemas, and the command that brings them there."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from digistore.database.rights import no_right

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_FOUND_IN = text(
    "SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE pg_class.oid = to_regclass(:name)"
)
_ALL = text(
    "SELECT nspname, has_schema_privilege(relnamespace, 'USAGE') AS usable"
    " FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE relname = :name AND relkind = 'r' ORDER BY nspname"
)


def found_in(connection: Connection, table: str) -> str | None:
    """Return the name of the schema in which *table* is seen; SQLite has none."""
    if connection.dialect.name != "postgresql":
        return None
    name: str | None = connection.execute(_FOUND_IN, {"name": table}).scalar()
    return name


def elsewhere(connection: Connection, table: str, schema: str | None) -> str:
    """Say in which schemas a *table* that is not seen stands after all.

    Raises:
        ConfigError: it is in *schema*, which the role may not use.
    """
    if connection.dialect.name != "postgresql":
        return ""
    found = connection.execute(_ALL, {"name": table}).all()
    for one in found:
        if one.nspname == (schema or "public") and not one.usable:
            raise no_right(f"permission denied for schema {one.nspname}")
    names = ", ".join(one.nspname for one in found)
    return f"; there are tables of digistore in schema {names}: did you mean it?" if names else ""


def command(connection: Connection, schema: str | None) -> str:
    """Return what to type into a shell; a URL with a password is not shown."""
    url = connection.engine.url
    named = _named(connection, schema)
    option = f"--schema {named} " if named else ""
    if _is_secret(url):
        return f'digistore migrate {option}"$DATABASE_URL", where that is the URL with its password'
    return f"digistore migrate {option}{quote(url.render_as_string())}"


def _named(connection: Connection, schema: str | None) -> str | None:
    """Return the schema to name: the host's, or where its engine's search path leads."""
    url = connection.engine.url
    if schema or connection.dialect.name != "postgresql" or "options" in url.query:
        return schema
    current: str | None = connection.execute(select(func.current_schema())).scalar()
    return None if current == "public" else current


def _is_secret(url: URL) -> bool:
    return url.password is not None or any("password" in name for name in url.query)
