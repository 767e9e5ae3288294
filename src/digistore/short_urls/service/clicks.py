"""Clicks on their way into the database: at once, or many at a time; none costs the redirect."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from digistore.blocking import offload
from digistore.clock import to_micros
from digistore.database import Prepared
from digistore.errors import Busy
from digistore.ids import new_id
from digistore.short_urls.rules.agents import Said, told
from digistore.short_urls.rules.visitors import KEY, visitor_hash
from digistore.short_urls.tables import clicks, visitor_keys

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.settings import Settings

DAY: Final = 86_400_000_000  # microseconds
PATIENCE: Final = 0.1  # seconds: a click never costs a visitor the redirect
BATCH: Final = 500
EVERY: Final = 2_000_000  # microseconds
MOST_WAITING: Final = 10_000
OLDEST: Final = DAY  # a click that waited longer is dropped: its day may be closed

_CLICK = Prepared(insert(clicks).on_conflict_do_nothing(index_elements=["id"]))
_KEY = Prepared(select(visitor_keys.c.key).where(visitor_keys.c.day == bindparam("day")))
_ADD_KEY = Prepared(insert(visitor_keys).on_conflict_do_nothing(index_elements=["day"]))


class Click(NamedTuple):
    """A click that is not written yet; its id is drawn before it is first tried."""

    short_url_id: str
    at: int
    said: Said
    rule: str | None
    id: str = ""


class Clicks:
    """Counts clicks, one row each; what cannot be written is dropped, and that is counted."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Write rows to *database*, by the mode that *settings* say."""
        self._database = database
        self._errors: tuple[type[Exception], ...] = (Busy, *database.errors)
        self.buffered = settings.clicks == "buffered"
        self._keeps_agents = settings.bot_classifier is not None
        self._queue: deque[Click] = deque()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._flushed_at = 0
        self._works = True  # whether the last flush did; if not, the next is two seconds later
        self._key: tuple[int, bytes] | None = None
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many are not written yet."""
        return len(self._queue)

    async def write(self, click: Click) -> None:
        """Write one click at once; a database that cannot costs the click, never the redirect."""
        try:
            await self._write([click._replace(id=new_id("clk", self._database.clock()))])
        except self._errors:
            self._drop(1)

    def is_due(self, click: Click) -> bool:
        """Say whether it is time to write; where clicks are buffered, *click* is kept till then."""
        if not self.buffered:
            return True
        queue = self._queue
        queue.append(click)  # one step, whatever other threads do
        if len(queue) >= BATCH:
            if len(queue) > MOST_WAITING:
                self._drop_oldest()
            if self._works:
                return True
        self._flushed_at = self._flushed_at or click.at
        return click.at - self._flushed_at >= EVERY

    async def flush(self, now: int, *, everything: bool = False) -> None:
        """Write the oldest of those that wait, or *everything*; what fails waits for the next time.

        Repeated after a crash of the network, rows that are there already are left as they are.
        """
        if self._database.joined:
            return  # a host that rolls back would take all that wait with it
        if not self._flushing.acquire(blocking=False):
            if not everything:
                return  # somebody is at it
            await offload(self._flushing.acquire)
        try:
            while batch := self._take(now):
                try:
                    await self._write(batch)
                except self._errors:
                    self._works = False
                    self._put_back(batch)
                    return
                self._works = True
                if not everything:
                    return
        finally:
            self._flushing.release()

    def _take(self, now: int) -> list[Click]:
        with self._lock:
            self._flushed_at = now
            taken = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        fresh = [click for click in taken if click.at > now - OLDEST]
        self._drop(len(taken) - len(fresh))
        batch_id = new_id("clk", self._database.clock())
        return [
            # Made anew: ``_replace`` takes twice as long, for every click that is buffered.
            click if click.id else Click(*click[:-1], f"{batch_id}_{place}")
            for place, click in enumerate(fresh)
        ]

    def _put_back(self, batch: Sequence[Click]) -> None:
        with self._lock:
            room = MOST_WAITING - len(self._queue)
            kept = batch[-room:] if room else ()
            self._queue.extendleft(reversed(kept))
            self.dropped += len(batch) - len(kept)

    def _drop_oldest(self) -> None:
        with self._lock:
            while len(self._queue) > MOST_WAITING:
                self._queue.popleft()
                self.dropped += 1

    def _drop(self, many: int) -> None:
        if many:
            with self._lock:
                self.dropped += many

    async def _write(self, batch: Sequence[Click]) -> None:
        """Write a batch in one transaction that waits for no lock longer than a visitor would."""
        keys: dict[int, bytes] = dict([self._key]) if self._key else {}

        async def work(tx: Transaction) -> None:
            rows = [await self._row(tx, click, keys) for click in batch]
            await tx.put_many(_CLICK, rows)

        await self._database.transact(work, patience=PATIENCE)
        # Only once they are committed: another process may have been faster.
        if keys and not self._database.joined:
            self._key = max(keys.items())

    async def _row(self, tx: Transaction, click: Click, keys: dict[int, bytes]) -> dict[str, Any]:
        said = click.said
        known = told(said)
        visitor = None
        if said.client is not None and not said.private:
            day = click.at // DAY
            key = keys.get(day) or await _key_of(tx, day, keys)
            visitor = visitor_hash(key, said.client, said.agent)
        return {
            "id": click.id,
            "short_url_id": click.short_url_id,
            "at": click.at,
            "visitor": visitor,
            "referrer_host": known.referrer_host,
            "country": known.country,
            "agent_family": known.agent_family,
            "device": known.device,
            "is_bot": int(known.is_bot),
            "rule": click.rule,
            "agent": _storable(said.agent) if self._keeps_agents and not known.is_bot else None,
        }


async def _key_of(tx: Transaction, day: int, keys: dict[int, bytes]) -> bytes:
    """Return the key of a day, drawn by whoever comes first."""
    rows = await tx.fetch(_KEY, {"day": day})
    if not rows:
        await tx.put_many(_ADD_KEY, [{"day": day, "key": secrets.token_bytes(KEY)}])
        rows = await tx.fetch(_KEY, {"day": day})
    keys[day] = bytes(rows[0][0])
    return keys[day]


def _storable(agent: str) -> str | None:
    return agent.encode(errors="replace").decode().replace("\0", "") or None


def now_of(database: Database) -> int:
    """Return the time in microseconds since the epoch."""
    return to_micros(database.clock())
