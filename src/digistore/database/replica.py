"""A second database for reads: it may lag behind the first, and nothing is written to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

from digistore.database.database import Database
from digistore.errors import ReadOnlyReplica, StaleRead

if TYPE_CHECKING:
    from digistore.database.transaction import Transaction

T = TypeVar("T")


class ReplicaDatabase(Database):
    """A read replica, as one store looks at it.

    What would write is refused before anything is sent: to the database, to a payment provider or
    to where files are.
    """

    def __init__(self, own: Database, *, stale_access: bool) -> None:
        """Read from *own*; with *stale_access* the host takes what lags for decisions on access."""
        super().__init__(own._source, own.clock)  # noqa: SLF001  one of its own kind
        self._stale_access = stale_access

    @property
    def read_only(self) -> bool:
        """Say that nothing can be written."""
        return True

    def refuse_inside(self, what: str) -> NoReturn:
        """Refuse what leaves the database, or begins with a change.

        Raises:
            ReadOnlyReplica: always.
        """
        raise _refused(what)

    def refuse_stale(self, what: str) -> None:
        """Refuse a decision on access, unless the host has asked for it.

        Raises:
            StaleRead: it has not.
        """
        if not self._stale_access:
            raise StaleRead(
                f"{what} decides on access, and a replica may lag behind: call the store itself, or"
                " replica(stale_access=True) where an old answer will do"
            )

    async def transact(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        patience: float | None = None,
    ) -> T:
        """Refuse every change.

        Raises:
            ReadOnlyReplica: always.
        """
        raise _refused("a change")

    async def migrate(self) -> None:
        """Refuse: a replica's schema comes from its primary.

        Raises:
            ReadOnlyReplica: always.
        """
        raise _refused("migrate")

    async def close(self) -> None:
        """Do nothing: the store closes what it has opened."""

    def drop(self) -> None:
        """Do nothing: as above."""


def _refused(what: str) -> ReadOnlyReplica:
    return ReadOnlyReplica(f"{what} is not possible on a read replica: call the store itself")
