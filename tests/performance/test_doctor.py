"""A step of the doctor holds as much of a large shop in memory as of a small one."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

from digistore.doctor.parts import Cursor
from digistore.doctor.service import CHECKS
from tests.conftest import Shop


def first_steps(shop: Shop) -> None:
    """Take the first step of each check; the steps after it are like it."""
    for check in CHECKS:
        place = str(Cursor(check.name, None))
        part = shop.store.doctor(after=place, limit=1, within=timedelta(0))
        assert part.next != place


def peak_of(shop: Shop) -> int:
    """Return the most bytes that are held at once."""
    tracemalloc.start()
    try:
        first_steps(shop)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_shop(sizes: tuple[Shop, Shop]) -> None:
    few, many = sizes
    first_steps(few)  # what is loaded once is loaded
    assert peak_of(many) < peak_of(few) * 1.2
