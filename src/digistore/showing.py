"""How a host's loop, or its thread, sees the services of a shop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from digistore.blocking import Around, in_thread, on_loop
from digistore.database import Database, may_be_joined

S = TypeVar("S")

THREADS = 16


def around_of(database: Database) -> Around | None:
    """Return what operations are wrapped in, if their transaction is, or may be, a host's."""
    return database.around if may_be_joined(database) else None


class Show(Protocol):
    """Shows a service to a host's loop."""

    def __call__(self, service: S, /) -> S:
        """Return *service* as the loop sees it."""


def shown(database: Database) -> tuple[ThreadPoolExecutor | None, Show]:
    """Return how a host's loop sees services over *database*, and the threads that it takes.

    A database that blocks must not stop the loop: each operation runs whole in a thread.
    """
    if database.awaited:
        around = around_of(database)
        return None, lambda service: on_loop(service, around)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="digistore")
    return pool, lambda service: in_thread(service, pool)
