"""Which database errors are worth another try, and which mean that the machine is in trouble."""

from __future__ import annotations

import sqlite3
from enum import StrEnum

from sqlalchemy.exc import DBAPIError

ATTEMPTS = 6
PATIENCE = 5.0  # seconds from the first attempt within which another may begin

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_MACHINE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}
DriverError = sqlite3.Error
DATABASE_ERRORS = (DBAPIError, DriverError)


class Fault(StrEnum):
    """What a database error means for the transaction."""

    TRANSIENT = "transient"  # repeat the whole
    UNIQUE = "unique"  # a rival was faster: repeat the whole once
    MACHINE = "machine"  # disk full, read-only: never repeat
    NO_SCHEMA = "no_schema"  # nobody has called migrate()
    FINAL = "final"  # a refused rule, or our bug: never repeat


def fault(error: BaseException) -> Fault:
    """Classify an error of the driver, wrapped by SQLAlchemy or not."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return Fault.FINAL
    extended = getattr(cause, "sqlite_errorcode", 0)
    primary = extended & 0xFF
    if primary in _BUSY:
        return Fault.TRANSIENT
    if extended in _UNIQUE:
        return Fault.UNIQUE
    if str(cause).startswith("no such table: digistore_"):
        return Fault.NO_SCHEMA
    return Fault.MACHINE if primary in _MACHINE else Fault.FINAL
