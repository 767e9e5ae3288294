"""The database refuses by itself what no column may hold, and a second row of every key."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint

from digistore.database.types import metadata
from tests.doctor.plant import Told
from tests.doctor.refusals import KEYS, bad_rows, is_refused, open_to_all

POINTED_AT = ("_what_is_covered", "_what_was_sold", "_what_it_covers")


def test_every_key_is_listed() -> None:
    unique = {
        (table.name.removeprefix("digistore_"), " ".join(column.name for column in key.columns))
        for table in metadata.sorted_tables
        for key in table.constraints
        # Some are there for foreign keys to point at: they hold an id, which is unique already.
        if isinstance(key, UniqueConstraint) and not str(key.name).endswith(POINTED_AT)
    }
    assert unique == set(KEYS)


def test_bad_values_and_second_rows_are_refused(told: Told) -> None:
    with open_to_all(told.path) as connection:
        accepted = [bad.says for bad in bad_rows() if not is_refused(connection, bad)]
    assert accepted == []
