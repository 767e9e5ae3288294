"""How a host's loop, or its thread, sees the services of a shop, and those of its replica."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

from digistore.blocking import Around, in_thread, on_loop
from digistore.database import Database, may_be_joined

S = TypeVar("S")
W = TypeVar("W", bound="Wired")

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


class HasReplica(Protocol):
    """A shop that can be wired over its read replica as well."""

    def replica(self, *, stale_access: bool) -> Any:  # noqa: ANN401  another of its kind
        """Wire it."""


class Wired(Protocol):
    """A store of either colour."""

    def _begin(self, shop: Any, /) -> None:  # noqa: ANN401  a shop, which is wired before it
        """Show the services of *shop*."""


def over(kind: type[W], shop: object) -> W:
    """Return a store over a *shop* that is wired."""
    store = kind.__new__(kind)
    store._begin(shop)  # noqa: SLF001  its own
    return store


class Views(Generic[W]):
    """A store's views of its read replica, each made once."""

    def __init__(self, shop: HasReplica) -> None:
        """Make them over *shop*."""
        self._shop = shop
        self._made: dict[bool, W] = {}

    def of(self, kind: type[W], *, stale_access: bool) -> W:
        """Return the one that decides on access, or the one that does not."""
        if stale_access not in self._made:
            made = over(kind, self._shop.replica(stale_access=stale_access))
            return self._made.setdefault(stale_access, made)
        return self._made[stale_access]

    def __iter__(self) -> Iterator[W]:
        """Go through those that were made."""
        return iter([*self._made.values()])
