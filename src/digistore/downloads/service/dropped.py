"""What a host drops without a word is given back, by whoever counts next."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from digistore.downloads.models import DownloadReader, Readable
from digistore.downloads.service.counting import settle
from digistore.errors import Busy

if TYPE_CHECKING:
    from digistore.database import Database

logger = logging.getLogger("digistore.downloads")


class _Owed(NamedTuple):
    session: str
    size: int
    source: Readable


class Dropped:
    """Answers that nobody took: an await that was cancelled, a client that left before the body.

    A finaliser may run inside any transaction of any thread, so it only notes what is owed, in a
    queue made for that; the next count, ``run_due`` and ``close`` give it back.
    """

    def __init__(self, database: Database) -> None:
        """Give back to the sessions in *database*."""
        self._database = database
        self._owed: SimpleQueue[_Owed] = SimpleQueue()

    def watch(self, reader: DownloadReader, session: str) -> None:
        """Note it if *reader* is let go of before anybody tells how much of it was sent."""
        reader.when_dropped(partial(self._note, session, reader.size))

    async def give_back(self) -> None:
        """Settle all that is owed; what the database cannot take now stays owed."""
        while (owed := self._next()) is not None:
            with suppress(OSError):  # a storage that is down must not stop who comes next
                owed.source.close()
            give = partial(settle, session=owed.session, planned=owed.size, sent=0)
            try:
                await self._database.transact(give)
            except Busy:
                self._owed.put(owed)
                logger.warning("download_unlogged: nothing of %s in %s", owed.size, owed.session)
                return

    def _note(self, session: str, size: int, source: Readable) -> None:
        self._owed.put(_Owed(session, size, source))

    def _next(self) -> _Owed | None:
        try:
            return self._owed.get_nowait()
        except Empty:
            return None
