"""The one way in which facts about money are written.

Whatever tells of money, whichever door it comes through, ends here: lock the order, read what is
stored, change it in memory by pure rules, let the line kinds hear, write the differences. What
is not new ends at a plain read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select, update

from digistore.audit import Change, record
from digistore.database import Call, Statement
from digistore.database.sets import filtering
from digistore.errors import InvalidTransition
from digistore.gateways import GatewayProfile, PaymentSnapshot, Whose
from digistore.ids import new_id
from digistore.orders.kinds import Cause, Heard, Kind, LineKind
from digistore.orders.service.settling import Takings
from digistore.orders.tables import orders
from digistore.orders.writes import lock, set_outcome
from digistore.orders.writes import locked as locked_order
from digistore.payments.book import Book
from digistore.payments.models import ActionKind
from digistore.payments.reading import Answers, fill, order_reads, orphan_reads, read_told
from digistore.payments.rules.derive import (
    ask_about,
    ask_about_standby,
    causes,
    derive,
    return_duplicates,
    sold_lines,
    take_outcomes,
)
from digistore.payments.rules.judge import judge_all
from digistore.payments.rules.merge import merge
from digistore.payments.rules.without_gateway import end, pay_nothing
from digistore.payments.service.telling import events_of
from digistore.payments.tables import disputes, payments
from digistore.payments.takings import read_takings
from digistore.payments.writing import bump_versions, differences

if TYPE_CHECKING:
    from digistore.database import Database, Reader, Transaction
    from digistore.settings import Settings

T = TypeVar("T")
Mutation = Callable[[Book], T]


class NothingNew(Exception):
    """Under the lock it turned out that a rival was faster."""


class Moved(InvalidTransition):
    """Under the lock it turned out that the payment belongs to another order by now."""

    def __init__(self) -> None:
        """Say what to do: look again."""
        super().__init__("payment", "assigned to another order", "settled", hint="look again")


class Settle:
    """Writes facts about money; orders, payments and reconciliation all come here."""

    def __init__(
        self, database: Database, kinds: Mapping[Kind, LineKind], settings: Settings
    ) -> None:
        """Settle in *database*; *kinds* say what lines open and close."""
        self._database = database
        self._kinds = kinds
        self._refund_duplicates = settings.duplicates == "refund"

    async def settle(self, snapshot: PaymentSnapshot, ticket: int, cause: str) -> None:
        """Take in what a gateway says; told again, it changes nothing.

        Args:
            snapshot: one checkout with its payment, refunds and disputes.
            ticket: how recent the fetch is, from ``take_ticket``; 0 where nothing hangs on it.
            cause: which door it came through.
        """
        if snapshot.whose is Whose.FOREIGN:
            return
        try:
            await self._settle(snapshot, ticket, cause)
        except Moved:  # to its order, between the look and the lock
            await self._settle(snapshot, ticket, cause)

    async def _settle(self, snapshot: PaymentSnapshot, ticket: int, cause: str) -> None:
        def take_in(book: Book) -> None:
            merge(book, snapshot, ticket)

        now = self._database.clock()
        book = Book(now, lambda prefix: new_id(prefix, now))
        order_id, payment_id = await read_told(self._database, book, snapshot)
        if snapshot.whose is Whose.UNKNOWN and order_id is None and payment_id is None:
            return
        self._work_out(book, take_in)
        seen = book.only_tickets()
        if seen is None or not await self._raise_tickets(seen, ticket):
            await self.apply(order_id, payment_id, take_in, "system", cause)

    async def _raise_tickets(self, seen: Mapping[str, int], ticket: int) -> bool:
        """Note that disputes are as they were; ``False`` where a rival has told something newer."""
        for dispute_id, before in seen.items():
            raised = (
                update(disputes)
                .where(disputes.c.id == dispute_id, disputes.c.ticket == before)
                .values(ticket=ticket)
                .returning(disputes.c.id)
            )
            if not await self._database.transact(lambda tx, raised=raised: tx.rows(raised)):  # type: ignore[misc]
                return False
        return True

    async def apply(
        self,
        order_id: str | None,
        payment_id: str | None,
        mutation: Mutation[T],
        actor: str,
        cause: str,
    ) -> T | None:
        """Change the facts of an order (or of a payment without one) by a pure *mutation*.

        Returns:
            What *mutation* returned, ``None`` if it changed nothing.
        """

        async def work(tx: Transaction) -> T:
            return await self.apply_in(tx, order_id, payment_id, mutation, actor, cause)

        return await self.unless_nothing_new(work)

    async def unless_nothing_new(self, work: Callable[[Transaction], Awaitable[T]]) -> T | None:
        """Run *work* in a transaction; one in which ``apply_in`` finds nothing new rolls back."""
        try:
            return await self._database.transact(work)
        except NothingNew:
            return None

    async def apply_in(
        self,
        tx: Transaction,
        order_id: str | None,
        payment_id: str | None,
        mutation: Mutation[T],
        actor: str,
        cause: str,
    ) -> T:
        """Do the same within a transaction that is open already.

        Raises:
            NothingNew: *mutation* changed nothing.
            Moved: the payment is another order's.
        """
        locks = [] if order_id is None else [lock(order_id)]
        locked, book, rows = await self._ask(tx, locks, order_id, payment_id, actor)
        return await self._apply(tx, locked, book, rows, mutation, cause)

    async def apply_to(
        self, tx: Transaction, locked: Change, mutation: Mutation[T], actor: str, cause: str
    ) -> T:
        """Do the same to an order that this transaction has *locked*.

        Raises:
            NothingNew: *mutation* changed nothing.
        """
        _, book, rows = await self._ask(tx, [], locked.entity_id, None, actor)
        return await self._apply(tx, locked, book, rows, mutation, cause)

    async def read(
        self, tx: Transaction, order_id: str | None, payment_id: str | None, actor: str
    ) -> Book:
        """Read the book of an order that is locked, or of a payment without one.

        Raises:
            Moved: the payment is another order's.
        """
        told = await tx.batch(_book_reads(order_id, payment_id))
        return _book_of(tx, told, order_id, payment_id, actor)

    async def _ask(
        self,
        tx: Transaction,
        locks: Sequence[Call],
        order_id: str | None,
        payment_id: str | None,
        actor: str,
    ) -> tuple[Change | None, Book, dict[Kind, Answers]]:
        """Send all locks and reads at once: of the book, then of every kind of line."""
        kinds = {} if order_id is None else self._kinds
        groups: list[Sequence[Statement]] = [locks, _book_reads(order_id, payment_id)]
        groups += [kind.reads(order_id or "") for kind in kinds.values()]
        answers = iter(await tx.batch([one for group in groups for one in group]))
        held, told, *rows = [list(islice(answers, len(group))) for group in groups]
        locked = locked_order(order_id, held[0]) if order_id is not None and held else None
        book = _book_of(tx, told, order_id, payment_id, actor)
        sold = {line.kind for line in book.lines}
        pairs = zip(kinds, rows, strict=True)
        return locked, book, {kind: answered for kind, answered in pairs if kind in sold}

    async def _apply(
        self,
        tx: Transaction,
        locked: Change | None,
        book: Book,
        rows: Mapping[Kind, Answers],
        mutation: Mutation[T],
        cause: str,
    ) -> T:
        result = self._work_out(book, mutation)
        if not book.changed():
            raise NothingNew
        heard = self._hear(book, rows, causes(book))
        take_outcomes(book, _merged(heard), refund_duplicates=self._refund_duplicates)
        for told in heard:
            for kind, line_id in told.actions:
                ask_about(book, ActionKind(kind), line_id)
        derive(book)
        changed = bump_versions(book)
        tx.put(_in_order(book, heard))
        tx.put(events_of(book))
        changes = [*changed, *(change for told in heard for change in told.changes)]
        if locked is not None:
            changes.append(_order_change(locked, book))
        heads = dict(book.heads)
        for told in heard:
            heads |= told.heads
        await record(tx, book.actor, cause, changes, heads)
        return result

    def _work_out(self, book: Book, mutation: Mutation[T]) -> T:
        result = mutation(book)
        judge_all(book)
        return_duplicates(book, refund_duplicates=self._refund_duplicates)
        derive(book)
        return result

    def _hear(self, book: Book, rows: Mapping[Kind, Answers], told: Sequence[Cause]) -> list[Heard]:
        if not told:
            return []
        lines = sold_lines(book)
        return [
            self._kinds[kind].heard(
                [line for line in lines if line.kind is kind],
                told,
                answered,
                now=book.now,
                new_id=book.new_id,
                actor=book.actor,
            )
            for kind, answered in rows.items()
        ]

    # What entitlements ask.

    async def ask_about_standby(
        self, tx: Transaction, order_id: str, line_id: str, actor: str
    ) -> None:
        """Put the money of a purchase that found its place taken before an operator.

        The transaction holds the order's lock.
        """
        book = await self.read(tx, order_id, None, actor)
        ask_about_standby(book, line_id)
        tx.put([*differences(book), *events_of(book)])

    # What orders ask: see orders.service.settling.

    async def settle_free(self, tx: Transaction, order_id: str, actor: str) -> None:
        """Record a payment of zero and open what it covers, in the order's own transaction."""
        await self.apply_in(tx, order_id, None, pay_nothing, actor, "free")

    async def close(self, order_id: str, actor: str, cause: str, *, cancel: bool) -> None:
        """End an open order that its gateway can no longer have paid: canceled, or expired."""
        ending = partial(end, cancel=cancel, replaced=cause == "replaced")
        await self.apply(order_id, None, ending, actor, cause)

    async def takings(self, reader: Database | Reader, order_id: str) -> Takings | None:
        """Return what covers an order and what went back of it, ``None`` if nothing does."""
        return await read_takings(reader, order_id)

    async def customer_at(self, profile: GatewayProfile, buyer_id: str) -> str | None:
        """Return what a gateway has called a buyer when they last paid, ``None`` if never."""
        row = await self._database.first(
            select(payments.c.customer)
            .join(orders, orders.c.id == payments.c.order_id)
            .where(orders.c.buyer_id == buyer_id)
            .where(filtering(payments.c.gateway) == profile.name)
            .where(payments.c.livemode == profile.livemode)
            .where(payments.c.account == profile.account, payments.c.customer.is_not(None))
            .order_by(payments.c.id.desc())
            .limit(1)
        )
        return None if row is None else str(row.customer)


def _book_reads(order_id: str | None, payment_id: str | None) -> list[Call]:
    return orphan_reads(payment_id) if order_id is None else order_reads(order_id)


def _book_of(
    tx: Transaction, told: Answers, order_id: str | None, payment_id: str | None, actor: str
) -> Book:
    book = fill(Book(tx.now, tx.new_id, actor), told)
    if payment_id is not None:
        mine = [one for one in book.payments if one.id == payment_id]
        if [one.order_id for one in mine] != [order_id]:
            raise Moved
    return book


def _merged(heard: Sequence[Heard]) -> dict[str, Any]:
    return {line: outcome for told in heard for line, outcome in told.outcomes.items()}


def _in_order(book: Book, heard: Sequence[Heard]) -> list[Statement]:
    """Return all writes: facts first, as what they open points at them."""
    own = {line.id for line in book.lines}
    elsewhere = [
        set_outcome(line, outcome)
        for line, outcome in _merged(heard).items()
        if line not in own  # a standby of another order has stepped in
    ]
    opened = [statement for told in heard for statement in told.writes]
    return [*differences(book), *opened, *elsewhere]


def _order_change(locked: Change, book: Book) -> Change:
    if book.order is None:
        return locked
    return replace(locked, changes={"state": book.order.state})
