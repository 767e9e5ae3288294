"""What one kind of database does in its own way; everything else is the same on all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from digistore.database.retry import Fault


class Backend(Protocol):
    """The words and errors of one kind of database."""

    @property
    def begin(self) -> str:
        """What begins a transaction that writes."""

    @property
    def begin_reading(self) -> str:
        """What begins several reads at one moment."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What is raised by the driver, wrapped by SQLAlchemy or not."""

    def fault(self, error: BaseException) -> Fault:
        """Say what one of `errors` means for the transaction."""

    def waits(self, seconds: float | None) -> tuple[str, str]:
        """Return what lets a begun transaction wait *seconds* for a lock, and what ends that."""

    def open(self, driver: Any) -> bool:  # noqa: ANN401  whatever the driver calls a connection
        """Say whether a transaction is open on a connection of the driver."""

    def committed(self, driver: Any) -> bool:  # noqa: ANN401  as above
        """Say whether a COMMIT that has just succeeded on *driver* can be relied on."""

    def prepare_schema(self, connection: Connection) -> None:
        """Make what tables stand in; from here on no other process changes it at the same time."""
