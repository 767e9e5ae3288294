"""Which link sent somebody: a signed click that proves itself and needs no row.

The token names a link and a time, and nobody; it is signed, so whoever profits from it cannot make
one. It opens nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from digistore.clock import from_micros, to_micros
from digistore.tokens import Signer

VERSION: Final = "c1"
_LONGEST_TIME: Final = 16  # digits of microseconds, until the year 2286


class ClickTokens:
    """Makes and reads clicks, signed by a key of their own."""

    def __init__(self, signer: Signer, window: timedelta) -> None:
        """Believe a click for *window* after it was made."""
        self._signer = signer
        self._window = window

    def make(self, short_url_id: str, now: datetime) -> str:
        """Return a fresh click on a link, of A-Z a-z 0-9 _ - and dots."""
        return self._signer.sign(VERSION, (short_url_id, str(to_micros(now))))

    def read(self, token: object, now: datetime) -> tuple[str, datetime] | None:
        """Return link and time of a click; ``None`` for anything else, or one that is too old."""
        found = self._signer.read(VERSION, token, 2) if isinstance(token, str) else None
        if found is None or not found[1].isdecimal() or len(found[1]) > _LONGEST_TIME:
            return None
        at = from_micros(int(found[1]))
        return (found[0], at) if at <= now + _SKEW and now < at + self._window else None


_SKEW: Final = timedelta(minutes=5)  # two servers' clocks
