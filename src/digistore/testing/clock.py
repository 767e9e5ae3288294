"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """A clock for tests: ``Store.open(..., clock=FrozenClock())``."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        """Stand at *now*, which carries a time zone."""
        self.now = now

    def __call__(self) -> datetime:
        """Return the time it stands at."""
        return self.now

    def go(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Go on, or back with negative numbers."""
        self.now += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
