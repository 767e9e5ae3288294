"""Announcing events, and delivering each at least once to every handler."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import bindparam, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from digistore.blocking import offload, port
from digistore.database import Call, Prepared, Record, inserting
from digistore.database.sets import filtering
from digistore.errors import Invalid
from digistore.events import EVENT_TYPES, Event
from digistore.outbox.tables import deliveries, events, handlers, rounds

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

E = TypeVar("E", bound=Event)
Handler: TypeAlias = Callable[[E], Awaitable[None] | None]

OWN = "digistore."
"""What the names of the library's own handlers begin with."""
LEASE = timedelta(minutes=5)
BACKOFF = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)
logger = logging.getLogger("digistore.outbox")


_ANNOUNCE = inserting(
    events,
    ("id", "type", "subject", "at", "actor", "payload", "dedupe_key", "waiting_key"),
    once=("dedupe_key",),
)
_OWE = Prepared(
    insert(deliveries).from_select(
        ["event_id", "handler", "state", "tries", "next_check_at"],
        select(
            events.c.id,
            bindparam("handler", type_=deliveries.c.handler.type),
            literal("due"),
            literal(0),
            bindparam("due_at", type_=deliveries.c.next_check_at.type),
        ).where(events.c.id == bindparam("event_id")),
    )
)
_OWE_AGAIN = Prepared(
    update(deliveries)
    .where(
        deliveries.c.event_id.in_(
            select(events.c.id).where(events.c.dedupe_key == bindparam("dedupe_key"))
        ),
        deliveries.c.handler == bindparam("handler_"),
    )
    .values(state="due", tries=0, delivered_at=None, next_check_at=bindparam("due_at"))
)


def announce(event: Event, transition: str) -> Call:
    """Return the statement that writes *event*; the same *transition* is written once."""
    return _ANNOUNCE.given(
        id=event.id,
        type=type(event).__name__,
        subject=event.subject,
        at=event.at,
        actor=event.actor,
        payload=event.model_dump(mode="json", exclude={"id", "at", "actor"}),
        dedupe_key=_key(event, transition),
        waiting_key=1,
    )


def owe(event: Event, handler: str) -> Call:
    """Return the statement that owes *event* to a handler of the library's own.

    It goes into the batch of the event, after it: nobody has to be registered for it, and for
    the host's handlers the event still waits as it did.
    """
    return _OWE.given(event_id=event.id, handler=handler, due_at=event.at)


def owe_again(event: Event, transition: str, handler: str) -> Call:
    """Return the statement that has a handler of the library's own take an event once more.

    *event* is as it was announced, but for its id; it is due when *event* happens.
    """
    key = _key(event, transition)
    return _OWE_AGAIN.given(dedupe_key=key, handler_=handler, due_at=event.at)


def _key(event: Event, transition: str) -> str:
    return f"{type(event).__name__}:{event.subject}:{transition}"


@dataclass(frozen=True, slots=True)
class _Leased:
    event: Event
    handler: str
    tries: int
    lease: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many deliveries succeeded, how many failed, and what handlers of our own have made."""

    succeeded: int
    failed: int
    made: int


class AsyncOutbox:
    """Delivers events to the handlers of this process."""

    def __init__(self, database: Database) -> None:
        """Deliver what *database* holds."""
        self._database = database
        self._handlers: dict[tuple[str, str], Callable[[Any], Any]] = {}
        self._registered: set[tuple[str, str]] = set()
        self._within: set[tuple[str, str]] = set()

    def on(self, kind: type[E], handler: Handler[E], name: str) -> None:
        """Let *handler* take events of *kind*; *name* is what its deliveries are remembered by.

        Raises:
            Invalid: not an event type, no name, or a name that has this type already.
        """
        key = (getattr(kind, "__name__", ""), name)
        if kind is None or EVENT_TYPES.get(key[0]) is not kind:
            raise Invalid("not an event type", fields={"type": "unknown"})
        if not name or len(name) > 100 or not name.isprintable():  # noqa: PLR2004
            raise Invalid(
                "a handler needs a name of 1 to 100 printable characters",
                fields={"name": "invalid"},
            )
        if name.startswith(OWN):
            raise Invalid(
                f"handler names that begin with {OWN} are the library's", fields={"name": "taken"}
            )
        if key in self._handlers:
            raise Invalid(
                "this handler name is taken for this event type", fields={"name": "taken"}
            )
        self._handlers[key] = handler

    def within(
        self, kind: type[E], handler: Callable[[E], Coroutine[Any, Any, int]], name: str
    ) -> None:
        """Let *handler*, of the library's own, take what is owed to it by :func:`owe`.

        It is not registered, it runs where the round runs, as it touches the database alone, and it
        says how many things it has made.
        """
        key = (kind.__name__, name)
        self._handlers[key] = handler
        self._registered.add(key)
        self._within.add(key)

    async def deliver(self, limit: int) -> Delivered:
        """Deliver up to *limit* events."""
        if not self._handlers:
            return Delivered(0, 0, 0)
        fresh = self._handlers.keys() - self._registered
        leased = await self._database.transact(lambda tx: self._lease(tx, fresh, limit))
        self._registered |= fresh  # not before the commit: a repetition registers them again
        made = [await self._hand_over(one) for one in leased]
        done = [one for one in made if one is not None]
        return Delivered(len(done), len(made) - len(done), sum(done))

    async def beat(self, name: str) -> None:
        """Note that the round *name* has run."""
        await self._database.transact(lambda tx: _beat(tx, name))

    async def last_beat(self, name: str) -> datetime | None:
        """Return when the round *name* ran last."""
        row = await self._database.first(select(rounds.c.at).where(rounds.c.name == name))
        return row.at if row else None

    async def _lease(
        self, tx: Transaction, fresh: Collection[tuple[str, str]], limit: int
    ) -> Sequence[_Leased]:
        await _register(tx, fresh)
        await _route(tx, limit)
        due = await tx.rows(
            select(deliveries, events)
            .join(events, events.c.id == deliveries.c.event_id)
            .where(deliveries.c.next_check_at <= tx.now)
            .where(tuple_(filtering(events.c.type), deliveries.c.handler).in_(list(self._handlers)))
            .order_by(deliveries.c.next_check_at, events.c.id)
            .limit(limit)
        )
        leased = []
        for row in due:
            lease = secrets.token_urlsafe(16)
            await tx.rows(
                update(deliveries)
                .where(_is(row.event_id, row.handler))
                .values(lease=lease, tries=row.tries + 1, next_check_at=tx.now + LEASE)
            )
            leased.append(_Leased(_event(row._mapping), row.handler, row.tries + 1, lease))
        return leased

    async def _hand_over(self, leased: _Leased) -> int | None:
        """Return what a handler has made, ``None`` if it has failed."""
        kind = type(leased.event).__name__
        handler = self._handlers[kind, leased.handler]
        made, failure = 0, None
        try:
            if (kind, leased.handler) in self._within:
                made = await handler(leased.event)
            elif inspect.iscoroutinefunction(handler):
                await port(handler(leased.event))
            else:
                answer = await offload(handler, leased.event)
                if inspect.isawaitable(answer):  # of a lambda, or an object with async __call__
                    await port(_awaited(answer))
        except Exception as error:
            logger.exception("handler %s failed on %s %s", leased.handler, kind, leased.event.id)
            failure = type(error).__name__
        await self._database.transact(lambda tx: _close(tx, leased, failure))
        return made if failure is None else None


async def _register(tx: Transaction, fresh: Collection[tuple[str, str]]) -> None:
    for kind, name in sorted(fresh):
        await tx.rows(
            insert(handlers)
            .values(type=kind, name=name, since=tx.now)
            .on_conflict_do_nothing(index_elements=["type", "name"])
        )


async def _route(tx: Transaction, limit: int) -> None:
    """Give every waiting event of a type that somebody takes one delivery per handler.

    All known handlers count, not only those of this process, so that none misses an event.
    """
    known = await tx.rows(select(handlers.c.type, handlers.c.name))
    waiting = await tx.rows(
        select(events.c.id, events.c.type)
        .where(events.c.type.in_({row.type for row in known}), events.c.waiting_key == 1)
        .order_by(events.c.id)
        .limit(limit)
    )
    for event in waiting:
        rows = [
            {
                "event_id": event.id,
                "handler": row.name,
                "state": "due",
                "tries": 0,
                "next_check_at": tx.now,
            }
            for row in known
            if row.type == event.type
        ]
        await tx.rows(insert(deliveries).values(rows))
    routed = [event.id for event in waiting]
    if routed:
        await tx.rows(
            update(events).where(events.c.id.in_(routed)).values(waiting_key=None, routed_at=tx.now)
        )


async def _close(tx: Transaction, leased: _Leased, failure: str | None) -> None:
    # A worker that slept past its lease must not close what another one has taken over.
    if failure is None:
        outcome = {"state": "done", "delivered_at": tx.now, "next_check_at": None}
    else:
        wait = BACKOFF[min(leased.tries, len(BACKOFF)) - 1]
        outcome = {"next_check_at": tx.now + wait, "failure": failure}
    await tx.rows(
        update(deliveries)
        .where(_is(leased.event.id, leased.handler), deliveries.c.lease == leased.lease)
        .values(lease=None, **outcome)
    )


async def _beat(tx: Transaction, name: str) -> None:
    await tx.rows(
        insert(rounds)
        .values(name=name, at=tx.now, runs=1)
        .on_conflict_do_update(
            index_elements=["name"], set_={"at": tx.now, "runs": rounds.c.runs + 1}
        )
    )


async def _awaited(answer: Awaitable[None]) -> None:
    await answer


def _is(event_id: str, handler: str) -> Any:  # noqa: ANN401  SQLAlchemy's own
    return (deliveries.c.event_id == event_id) & (deliveries.c.handler == handler)


def _event(row: Record) -> Event:
    kind = EVENT_TYPES[row["type"]]
    content = {"id": row["id"], "at": row["at"], "actor": row["actor"], **row["payload"]}
    return kind.model_validate(content)
