"""What a role of PostgreSQL has to be granted, said where it was not."""

from __future__ import annotations

from typing import Final

from digistore.errors import ConfigError

_NEEDED: Final = (
    "to read, a role needs USAGE on the schema and SELECT on its tables; to sell, INSERT, UPDATE "
    "and DELETE on them as well, and USAGE on its sequences; to migrate, CREATE on the schema, "
    "where that is not there, on the database, and to own the tables"
)


def no_right(said: str) -> ConfigError:
    """Return the error for a role that lacks a right; the server has *said* which."""
    first, _, _ = said.strip().partition("\n")
    return ConfigError(f"{first}: grant it; {_NEEDED}")
