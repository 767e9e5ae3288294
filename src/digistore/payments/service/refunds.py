"""Giving money back: a persisted intent, one call, and three outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from digistore.blocking import port
from digistore.database import AnyRow
from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    DigistoreError,
    GatewayConfigError,
    GatewayError,
    GatewayRateLimited,
    GatewayUnavailable,
    IdempotencyConflict,
    Invalid,
    NotRefundable,
)
from digistore.gateways import (
    DisputeState,
    PaymentGateway,
    PaymentRef,
    PaymentSnapshot,
    PayState,
    RefundRequest,
    RefundSnapshot,
    Whose,
)
from digistore.money import Money
from digistore.orders.kinds import Outcome
from digistore.orders.service.starting import KEY_MARGIN, next_try
from digistore.orders.tables import order_lines
from digistore.payments.book import Book, LineFacts, PaymentFacts, RefundFacts
from digistore.payments.models import ActionKind, RefundStatus
from digistore.payments.rules.derive import left_on, spread_refund, tax_left_on
from digistore.payments.tables import payments, refunds
from digistore.settings import Effect

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.payments.service.settle import Settle

UNSENT = (RefundStatus.REQUESTED, RefundStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What is to be given back: of an order, or of one line of it."""

    line_id: str | None
    amount: Money | None
    reason: str
    access: Effect | None
    key: str | None = None


def checked_amount(amount: object, field: str = "amount") -> Money | None:
    """Return *amount* if money can be given back by it, ``None`` for all that is left.

    Raises:
        Invalid: no Money, or not above zero.
    """
    if amount is None or (isinstance(amount, Money) and amount.amount > 0):
        return amount
    raise Invalid(f"{field} is Money above zero", fields={field: "not_positive"})


def request(book: Book, wish: RefundWish) -> RefundFacts:
    """Reserve a refund of the covering payment in *book*: the intent, before any call.

    Raises:
        NotRefundable: never paid, paid with nothing, in dispute, or above what is left.
        Invalid: another currency.
    """
    payment = _refundable(book)
    lines = [line for line in book.lines if wish.line_id in {None, line.id}]
    left = payment.left
    if wish.line_id is not None:
        left = min(left, sum(left_on(book, line) + tax_left_on(book, line) for line in lines))
    remains = Money.from_minor(left, payment.currency)
    if wish.amount is not None and wish.amount.currency != payment.currency:
        raise Invalid(f"the payment was in {payment.currency}", fields={"amount": "currency"})
    amount = remains if wish.amount is None else wish.amount
    if amount.amount == 0 or amount > remains:
        reason = "nothing_left" if not left else "above_what_is_left"
        raise NotRefundable(reason, remains)
    return reserve(book, payment, amount.amount, wish, lines)


def repeated(book: Book, wish: RefundWish) -> bool:
    """Say whether a refund was asked for before, under the same key.

    Raises:
        IdempotencyConflict: it was of another amount, or of other lines.
    """
    known = next((one for one in book.refunds if one.key == wish.key), None)
    if known is None or wish.key is None:
        return False
    amount = Money.from_minor(known.amount, known.currency)
    if wish.amount not in {None, amount} or (wish.line_id and set(known.lines) != {wish.line_id}):
        raise IdempotencyConflict(wish.key)
    return True


def reserve(
    book: Book,
    payment: PaymentFacts,
    amount: int,
    wish: RefundWish,
    lines: list[LineFacts],
) -> RefundFacts:
    """Add the intent to give *amount* of *payment* back, split over *lines*."""
    refund_id = book.new_id("ref")
    refund = RefundFacts(
        id=refund_id,
        payment_id=payment.id,
        gateway=payment.gateway,
        livemode=payment.livemode,
        account=payment.account,
        ref=None,
        amount=amount,
        currency=payment.currency,
        state=RefundStatus.REQUESTED,
        origin="store",
        key=wish.key or f"rf:{refund_id}",
        created_at=book.now,
        access=wish.access,
        reason=wish.reason,
        actor=book.actor,
        next_check_at=book.now,
    )
    spread_refund(book, refund, lines)
    book.refunds.append(refund)
    return refund


def _refundable(book: Book) -> PaymentFacts:
    payment = book.covering
    if payment is None:
        raise NotRefundable("not_paid")
    refuse_dispute(book, payment)
    if payment.gateway == "external":
        raise NotRefundable(
            "paid_elsewhere: use record_refund", Money.from_minor(payment.left, payment.currency)
        )
    return payment


def refuse_dispute(book: Book, payment: PaymentFacts) -> None:
    """Refuse to give money back while a bank asks for it: it would be lost twice.

    Raises:
        NotRefundable: a dispute is open.
    """
    if any(one.state is DisputeState.OPEN for one in book.disputes_of(payment)):
        raise NotRefundable("in_dispute", Money.zero(payment.currency))


class Refunder:
    """Sends refunds to their gateways, and finds out what became of them."""

    def __init__(
        self, database: Database, gateways: Mapping[str, PaymentGateway], settle: Settle
    ) -> None:
        """Use *gateways* by name; record every answer by *settle*."""
        self._database = database
        self._gateways = gateways
        self._settle = settle

    def check_gateway(self, name: str) -> None:
        """Make sure that refunds can be sent to the gateway of that *name*.

        Raises:
            GatewayConfigError: there is none any more.
        """
        if name != "free" and name not in self._gateways:
            raise _not_configured(name)

    async def send(self, refund_id: str) -> DigistoreError | None:
        """Have the gateway do a refund that was requested; one that is answered stays.

        Wherever this is interrupted, the money moves at most once: the same key goes out again.

        Returns:
            Why the gateway refused, ``None`` if it did it or nobody knows yet.
        """
        refund = await self._load(refund_id)
        if refund is None or refund.state not in UNSENT:
            return None
        if refund.state == RefundStatus.REQUESTED and await self._stepped_in(refund):
            await self._reject(refund, "not_needed", None)
            return None
        gateway = self._gateways.get(refund.gateway)
        if gateway is None:
            await self._database.transact(lambda tx: _wait(tx, refund, unknown=False))
            return _not_configured(refund.gateway)
        age: timedelta = self._database.clock() - refund.created_at
        if age > gateway.profile.key_ttl - KEY_MARGIN and refund.state == RefundStatus.UNKNOWN:
            return await self._look_for(gateway, refund)
        return await self._call(gateway, refund)

    async def _call(self, gateway: PaymentGateway, refund: AnyRow) -> DigistoreError | None:
        money = Money.from_minor(refund.amount, refund.currency)
        # From here on it may be out: whoever dies before the answer is recorded leaves an unknown.
        await self._database.transact(lambda tx: _may_be_out(tx, refund))
        try:
            snapshot = await port(
                gateway.refund(
                    RefundRequest(
                        payment_id=refund.payment_ref,
                        money=money,
                        reference=refund.id,
                        idempotency_key=refund.key,
                        reason=refund.reason,
                    )
                )
            )
        except (GatewayUnavailable, GatewayRateLimited) as error:
            if isinstance(error, GatewayUnavailable) and error.key_is_spent:
                return await self._look_for(gateway, refund)
            unknown = isinstance(error, GatewayUnavailable)
            await self._database.transact(lambda tx: _wait(tx, refund, unknown=unknown))
            return None
        except (GatewayError, AmountNotSupported, NotRefundable, CheckoutNotFound) as error:
            await self._reject(refund, "refused", error)
            return error
        await self._settle.settle(_told(refund, snapshot), 0, "refund")
        return None

    async def _look_for(self, gateway: PaymentGateway, refund: AnyRow) -> DigistoreError | None:
        """Ask what became of a refund whose key may be forgotten: repeating could pay twice."""
        snapshot = await port(gateway.fetch(PaymentRef(refund.payment_ref)))
        await self._settle.settle(snapshot, 0, "refund")
        if not any(one.reference == refund.id for one in snapshot.refunds):
            await self._reject(refund, "not_found", None)
        return None

    async def _stepped_in(self, refund: AnyRow) -> bool:
        """Say whether the waiting purchase whose money was to go back is used after all."""
        kind, _, line_id = refund.key.rpartition(":")
        if kind != "rf:dup" or not line_id.startswith("lin_"):
            return False
        row = await self._database.first(
            select(order_lines.c.outcome).where(order_lines.c.id == line_id)
        )
        return row is not None and row.outcome == Outcome.OPENED

    async def _reject(self, refund: AnyRow, why: str, error: DigistoreError | None) -> None:
        def give_up(book: Book) -> None:
            may_end = UNSENT if why != "not_needed" else (RefundStatus.REQUESTED,)
            for one in book.refunds:
                if one.id == refund.id and one.state in may_end:
                    one.state, one.next_check_at = RefundStatus.REJECTED, None
                    payment = next(p for p in book.payments if p.id == one.payment_id)
                    if why != "not_needed":
                        code = error.code if error else why
                        book.act(ActionKind.REFUND_FAILED, one.id, payment, code)

        await self._settle.apply(
            refund.order_id, refund.payment_id, give_up, "system", f"refund_{why}"
        )

    async def _load(self, refund_id: str) -> AnyRow | None:
        return await self._database.first(
            select(
                refunds,
                payments.c.order_id,
                payments.c.ref.label("payment_ref"),
                payments.c.checkout_id,
                payments.c.asked,
                payments.c.captured,
            )
            .join(payments, payments.c.id == refunds.c.payment_id)
            .where(refunds.c.id == refund_id)
        )


def _not_configured(name: str) -> GatewayConfigError:
    message = f"no gateway named {name} is configured; keep it until all its money is settled"
    return GatewayConfigError(message)


def _told(refund: AnyRow, snapshot: RefundSnapshot) -> PaymentSnapshot:
    """Return what the answer to a refund says of its payment; what it does not mention stays."""
    return PaymentSnapshot(
        gateway=refund.gateway,
        livemode=refund.livemode,
        account=refund.account,
        whose=Whose.OURS,
        reference=None,
        checkout_id=refund.checkout_id or "",
        payment_id=refund.payment_ref,
        state=PayState.PAID,
        total=Money.from_minor(refund.asked, refund.currency),
        captured=Money.from_minor(refund.captured, refund.currency),
        refunds=(snapshot,),
    )


async def _may_be_out(tx: Transaction, refund: AnyRow) -> None:
    await tx.rows(
        update(refunds)
        .where(refunds.c.id == refund.id, refunds.c.state == RefundStatus.REQUESTED)
        .values(state=RefundStatus.UNKNOWN)
    )


async def _wait(tx: Transaction, refund: AnyRow, *, unknown: bool) -> None:
    later: datetime = next_try(refund.tries + 1, tx.now)
    await tx.rows(
        update(refunds)
        .where(refunds.c.id == refund.id, refunds.c.state.in_(UNSENT))
        .values(
            state=RefundStatus.UNKNOWN if unknown else refund.state,
            tries=refund.tries + 1,
            next_check_at=later,
        )
    )
