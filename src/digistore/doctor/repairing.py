"""From a finding to what is rebuilt, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, text

from digistore.analytics import Period
from digistore.analytics.facts import happened
from digistore.analytics.rollups import write
from digistore.doctor.checks import takes_too_long
from digistore.doctor.mending import Contradiction
from digistore.doctor.rebuilding import Rebuild
from digistore.doctor.remedies import BOOKS, FIGURES, MESSAGES, REDEEMED, USES, WITNESSES
from digistore.errors import Busy, NotFound
from digistore.orders.discounts.redeeming import recount
from digistore.payments.service.settle import Moved
from digistore.payments.writing import look_at

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.doctor.checks import Check
    from digistore.orders.kinds import Kind, LineKind
    from digistore.settings import Settings

# Which order, or payment without one, a row belongs to.
_BELONGS = text(
    """
    SELECT id AS order_id, CAST(NULL AS text) AS payment_id FROM digistore_orders WHERE id = :id
    UNION ALL
    SELECT order_id, CAST(NULL AS text) FROM digistore_order_lines WHERE id = :id
    UNION ALL
    SELECT order_id, CAST(NULL AS text) FROM digistore_payment_attempts WHERE id = :id
    UNION ALL
    SELECT order_id, CAST(NULL AS text) FROM digistore_purchased_products WHERE id = :id
    UNION ALL
    SELECT order_id, CAST(NULL AS text) FROM digistore_support_requests WHERE id = :id
    UNION ALL
    SELECT order_id, id FROM digistore_payments WHERE id = :id
    UNION ALL
    SELECT m.order_id, m.id FROM digistore_refunds r
    JOIN digistore_payments m ON m.id = r.payment_id WHERE r.id = :id
    UNION ALL
    SELECT m.order_id, m.id FROM digistore_disputes d
    JOIN digistore_payments m ON m.id = d.payment_id WHERE d.id = :id
    """
).bindparams(bindparam("id", type_=Text()))


@dataclass(frozen=True, slots=True)
class _Turn:
    """What was rebuilt already, and which sums what they are made of leaves in doubt."""

    done: set[tuple[str | None, str | None]] = field(default_factory=set)
    doubted: dict[str, bool] = field(default_factory=dict)


class Repairs:
    """Rebuilds what checks have found, as far as stored facts say what it should be."""

    def __init__(
        self,
        database: Database,
        kinds: Mapping[Kind, LineKind],
        settings: Settings,
        checks: Sequence[Check],
    ) -> None:
        """Repair in *database*; *kinds* say what lines open and close.

        Figures and counters are rebuilt only while those of *checks* that look at their facts
        find nothing.
        """
        self._database = database
        self._checks = checks
        self._rebuild = Rebuild(database, kinds, settings)

    async def repair(self, found: Iterable[tuple[str, str]]) -> None:
        """Repair what can be of *found*: names of checks, each with a subject.

        What facts do not decide stays as it is. Books come first, as figures are made of them.

        Raises:
            Busy: what is repaired already stays so; it may be repeated.
        """
        given_up: tuple[type[Exception], ...] = (
            Contradiction,
            Moved,
            NotFound,
            *self._database.refusals,
        )
        named = sorted(set(found), key=lambda one: one[0] in {FIGURES, USES})
        turn = _Turn()
        for check, subject in named:
            try:
                await self._one(check, subject, turn)
            except given_up:
                continue  # it is found again, and then it is a person's

    async def _one(self, check: str, subject: str, turn: _Turn) -> None:
        if check in BOOKS:
            await self._book(subject, turn.done)
        elif check in MESSAGES:
            await self._database.transact(partial(_look_at, event_id=subject))
        elif check == USES:
            await self._refuse_doubts(check, turn.doubted)
            await self._database.transact(partial(recount, discount_id=subject))
        elif check == FIGURES:
            await self._refuse_doubts(check, turn.doubted)
            await self._figures(subject)

    async def _refuse_doubts(self, check: str, doubted: dict[str, bool]) -> None:
        if check not in doubted:
            doubted[check] = await self._is_doubted(check)
        if doubted[check]:
            raise Contradiction

    async def _is_doubted(self, check: str) -> bool:
        """Say whether the sum may be right, and what it is the sum of wrong, or not looked at."""
        try:
            for one in self._checks:
                witness = one.invariant in WITNESSES if check == FIGURES else one.name in REDEEMED
                if witness and await self._finds(one, 1):
                    return True
                # Of two discounts with wrong counts one may have the redemption of the other.
                if one.name == check == USES and await self._finds(one, 2):
                    return True
        except Busy as error:
            if not takes_too_long(self._database.backend, error):
                raise
            return True
        return False

    async def _finds(self, check: Check, most: int) -> bool:
        return len(await self._database.read(partial(check.find, most=most))) == most

    async def _book(self, subject: str, done: set[tuple[str | None, str | None]]) -> None:
        for row in await self._database.rows(_BELONGS, {"id": subject}):
            place = (row.order_id, None if row.order_id else row.payment_id)
            if place not in done:
                done.add(place)
                await self._rebuild.rebuild(*place)

    async def _figures(self, subject: str) -> None:
        try:
            day = date.fromisoformat(subject)
        except ValueError as error:
            raise Contradiction from error
        figures = await self._database.read(partial(happened, period=Period(day, day)))
        await self._database.transact(partial(write, day=day, figures=figures))


async def _look_at(tx: Transaction, event_id: str) -> None:
    """Let a message that was not worked be looked at."""
    await tx.rows(look_at(event_id, tx.now))
