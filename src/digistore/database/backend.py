"""What one kind of database does in its own way; everything else is the same on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from digistore.database.lanes import Lane
    from digistore.database.retry import Fault


class Backend(Protocol):
    """The words and errors of one kind of database."""

    @property
    def schema(self) -> str | None:
        """The schema that the tables are taken from, where the host has named one."""

    @property
    def begin_reading(self) -> str:
        """What begins several reads at one moment."""

    @property
    def later(self) -> str:
        """What makes a COMMIT wait until all earlier ones are as safe as it will be itself."""

    @property
    def pipelines(self) -> bool:
        """Whether the driver can send several statements before it hears of the first."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What is raised by the driver, wrapped by SQLAlchemy or not."""

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What is raised of these where a constraint refuses a row."""

    def distrust(self, driver: Any) -> None:  # noqa: ANN401  whatever the driver calls a connection
        """Reckon with what a pipeline has left behind that failed midway."""

    def fault(self, error: BaseException) -> Fault:
        """Say what one of `errors` means for the transaction."""

    def opening(self, patience: float | None) -> tuple[Sequence[str], str]:
        """Return what begins a transaction that writes, and what is to be said when it is over.

        It waits *patience* seconds for a lock, if that is given.
        """

    def longest(self, seconds: float) -> str:
        """Return what bounds each further statement of a begun transaction, if anything does."""

    def open(self, driver: Any) -> bool:  # noqa: ANN401  whatever the driver calls a connection
        """Say whether a transaction is open on a connection of the driver."""

    def committed(self, driver: Any) -> bool:  # noqa: ANN401  as above
        """Say whether a COMMIT that has just succeeded on *driver* can be relied on."""

    async def elsewhere(self, lane: Lane, driver: Any, url: URL) -> bool:  # noqa: ANN401  as above
        """Say whether *lane* visibly leads to another database than *url*."""

    async def join(self, lane: Lane, driver: Any) -> str | None:  # noqa: ANN401  as above
        """See to it that a transaction of the host's is open on *lane*, and can be relied on.

        Returns:
            What the end of an operation has to put back.

        Raises:
            ConfigError: its settings cannot be relied on.
            TransactionFailed: it has failed.
        """

    async def part(self, lane: Lane, kept: str | None) -> None:
        """Put back what `join` has changed on *lane*."""

    def stuck(self, driver: Any) -> bool:  # noqa: ANN401  as above
        """Say whether nothing goes on in a transaction but to roll back to a savepoint."""

    def lost(self, driver: Any) -> bool:  # noqa: ANN401  as above
        """Say whether the transaction that was open is gone as a whole, with its savepoints."""

    def prepare_schema(self, connection: Connection) -> None:
        """Make what tables stand in; from here on no other process changes it at the same time."""
