"""Every check finds what it is for: one bad row at a time, where no constraint is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from digistore.doctor.service import CHECKS
from tests.doctor import (
    plants_access,
    plants_books,
    plants_discounts,
    plants_money,
    plants_receipts,
)
from tests.doctor.plant import BY_NAME, Plant, Told, copy_of, examine, names, write

PLANTS = (
    *plants_access.PLANTS,
    *plants_money.PLANTS,
    *plants_books.PLANTS,
    *plants_receipts.PLANTS,
    *plants_discounts.PLANTS,
)


def named(planted: Plant) -> str:
    return f"{BY_NAME[planted.check].invariant}-{planted.check}-{planted.subject}"


@pytest.mark.parametrize("planted", PLANTS, ids=named)
def test_a_bad_row_is_named(planted: Plant, bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    subject = bare.ids.get(planted.subject, planted.subject)
    write(path, planted.statements, bare.ids)
    assert subject in names(path, planted.check)


def test_every_check_has_a_plant() -> None:
    assert {planted.check for planted in PLANTS} == {check.name for check in CHECKS}


def test_without_a_plant_nothing_is_found(told: Told, bare: Told, tmp_path: Path) -> None:
    for untouched in (told, bare):
        assert examine(copy_of(untouched, tmp_path)).findings == ()
