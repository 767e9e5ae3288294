"""Money that moved elsewhere: bank transfers, complimentary copies, imports, and their refunds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeAlias

from pydantic import StringConstraints

from digistore.errors import IdempotencyConflict, Invalid, NotRefundable
from digistore.fields import Input, Reason, Ref, Time
from digistore.money import Money
from digistore.payments.book import Book, PaymentFacts, RefundFacts
from digistore.payments.models import ActionKind, Choice, PaymentState, RefundStatus
from digistore.payments.rules.derive import left_on, spread_refund
from digistore.payments.rules.judge import ASKS

Method: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}(:[a-z0-9][a-z0-9_.-]{0,39})?$")
]


class ReceivedInput(Input):
    """What is said of money received."""

    method: Method
    reference: Ref
    received_at: Time


class ReturnedInput(Input):
    """What is said of money given back."""

    reference: Ref
    returned_at: Time
    reason: Reason


@dataclass(frozen=True, slots=True)
class Received:
    """Money that was received elsewhere."""

    amount: Money
    method: str
    reference: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Returned:
    """Money that was given back elsewhere, of an order or one line of it."""

    line_id: str | None
    amount: Money | None
    reference: str
    returned_at: datetime
    reason: str


def receive(book: Book, received: Received) -> str:
    """Record a payment; told twice it is one.  Return its id.

    Raises:
        IdempotencyConflict: the reference stands for another amount.
    """
    order = book.order
    if order is None:
        raise AssertionError
    for known in book.payments:
        if (known.gateway, known.account, known.ref) == (
            "external",
            received.method,
            received.reference,
        ):
            if (known.captured, known.currency) != (
                received.amount.amount,
                received.amount.currency,
            ):
                raise IdempotencyConflict(received.reference)
            return known.id
    payment = PaymentFacts(
        id=book.new_id("pay"),
        order_id=order.id,
        gateway="external",
        livemode=order.livemode,
        account=received.method,
        ref=received.reference,
        checkout_id=None,
        state=PaymentState.SUCCEEDED,
        currency=received.amount.currency,
        asked=max(order.total, received.amount.amount)
        if received.amount.currency == order.currency
        else received.amount.amount,
        captured=received.amount.amount,
        created_at=book.now,
        received_at=received.received_at,
    )
    book.payments.append(payment)
    return payment.id


def give_back(book: Book, returned: Returned) -> str:
    """Record a refund of a payment that was received elsewhere; told twice it is one.

    Raises:
        NotRefundable: not paid, paid through a gateway, or above what is left.
        Invalid: another currency.
        IdempotencyConflict: the reference stands for another amount.
    """
    for known in book.refunds:
        if (known.gateway, known.ref) == ("external", returned.reference):
            if returned.amount is not None and returned.amount.amount != known.amount:
                raise IdempotencyConflict(returned.reference)
            return known.id
    payment = _returnable(book, returned.line_id)
    lines = [line for line in book.lines if returned.line_id in {None, line.id}]
    covers = payment.cover_key is not None
    left = min(payment.left, sum(left_on(book, line) for line in lines)) if covers else payment.left
    amount = left if returned.amount is None else returned.amount.amount
    if returned.amount is not None and returned.amount.currency != payment.currency:
        raise Invalid(f"the payment was in {payment.currency}", fields={"amount": "currency"})
    if not 0 < amount <= left:
        reason = "nothing_left" if not left else "above_what_is_left"
        raise NotRefundable(reason, Money.from_minor(left, payment.currency))
    refund = RefundFacts(
        id=book.new_id("ref"),
        payment_id=payment.id,
        gateway=payment.gateway,
        livemode=payment.livemode,
        account=payment.account,
        ref=returned.reference,
        amount=amount,
        currency=payment.currency,
        state=RefundStatus.SUCCEEDED,
        origin="store",
        key=f"rf:ext:{payment.id}:{returned.reference}",
        created_at=book.now,
        reason=returned.reason,
        actor=book.actor,
        succeeded_at=returned.returned_at,
    )
    spread_refund(book, refund, lines if covers else [])
    book.refunds.append(refund)
    if not covers and amount == payment.left:
        for kind in (*ASKS.values(), ActionKind.DUPLICATE):
            book.settle_action(kind, payment.id, Choice.REFUND, returned.reason)
    return refund.id


def _returnable(book: Book, line_id: str | None) -> PaymentFacts:
    """Return the payment that money was given back of: first what came for nothing.

    Raises:
        NotRefundable: nothing was received elsewhere.
    """
    external = [
        one
        for one in book.payments
        if one.gateway == "external" and one.state is PaymentState.SUCCEEDED
    ]
    if line_id is None:
        external.sort(key=lambda one: (one.left == 0, one.cover_key is not None))
    else:
        external = [one for one in external if one.cover_key is not None]
    if not external:
        reason = "not_paid" if book.covering is None else "paid_by_gateway: use refund"
        raise NotRefundable(reason)
    return external[0]
