"""What Stripe answers, as plain dicts, in the shapes of the port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from digistore.clock import EPOCH
from digistore.errors import GatewayRejected
from digistore.gateways.port import (
    DisputeSnapshot,
    PaymentSnapshot,
    PayState,
    RefundSnapshot,
    Whose,
)
from digistore.gateways.stripe.money import from_wire
from digistore.gateways.stripe.names import reference_of, whose
from digistore.gateways.stripe.states import dispute_state, pay_state, refund_state
from digistore.money import Money

Object: TypeAlias = "dict[str, Any]"


def payment_snapshot(
    gateway: str,
    namespace: str,
    session: Object,
    refunds: Iterable[Object] = (),
    disputes: Iterable[Object] = (),
) -> PaymentSnapshot:
    """Read a Checkout Session whose payment intent is expanded.

    Raises:
        GatewayRejected: an amount that cannot be read without rounding.
    """
    state = pay_state(session)
    intent = session.get("payment_intent")
    total = _total(session)
    captured = None
    if state is PayState.PAID:
        captured = total if intent is None else _captured(intent)
    return PaymentSnapshot(
        gateway=gateway,
        livemode=bool(session["livemode"]),
        account="",
        whose=whose(session, namespace, unmarked=Whose.FOREIGN),
        reference=reference_of(session),
        checkout_id=session["id"],
        payment_id=id_of(intent),
        state=state,
        total=total,
        url=session.get("url"),
        refunds=tuple(refund_snapshot(one, namespace) for one in refunds),
        disputes=tuple(dispute_snapshot(one) for one in disputes),
        captured=captured,
        payer_email=_dict(session.get("customer_details")).get("email"),
        failure=_failure(intent),
        fee=_fee(intent, captured),
        tax=_tax(session),
        customer_ref=id_of(session.get("customer")),
    )


def refund_snapshot(refund: Object, namespace: str) -> RefundSnapshot:
    """Read a refund; it has a reference only if this shop asked for it."""
    ours = whose(refund, namespace, unmarked=Whose.UNKNOWN) is Whose.OURS
    return RefundSnapshot(
        id=refund["id"],
        money=from_wire(refund["amount"], refund["currency"]),
        state=refund_state(refund.get("status")),
        reference=reference_of(refund) if ours else None,
        reason=refund.get("failure_reason") or refund.get("reason"),
    )


def dispute_snapshot(dispute: Object) -> DisputeSnapshot:
    """Read a dispute."""
    return DisputeSnapshot(
        id=dispute["id"],
        money=from_wire(dispute["amount"], dispute["currency"]),
        state=dispute_state(dispute.get("status")),
        reason=dispute.get("reason"),
        evidence_due=_moment(_dict(dispute.get("evidence_details")).get("due_by")),
    )


def id_of(about: object) -> str | None:
    """Return the id of an object that may be expanded, or not there."""
    found = about.get("id") if isinstance(about, Mapping) else about
    return found if isinstance(found, str) else None


def may_have_been_paid(session: Object) -> bool:
    """Say whether there may be refunds and disputes: whether money ever arrived."""
    intent = session.get("payment_intent")
    return isinstance(intent, dict) and bool(intent.get("amount_received"))


def _total(session: Object) -> Money | None:
    amount = session.get("amount_total")
    return None if amount is None else from_wire(amount, session.get("currency"))


def _captured(intent: Object) -> Money:
    return from_wire(intent.get("amount_received"), intent.get("currency"))


def _tax(session: Object) -> Money | None:
    amount = _dict(session.get("total_details")).get("amount_tax")
    return from_wire(amount, session.get("currency")) if amount else None


def _fee(intent: object, captured: Money | None) -> Money | None:
    """Return what Stripe keeps; not if that is of another currency, or has no whole minor units.

    It is told for the books alone, so it must never stand in the way of the payment.
    """
    charge = _dict(_dict(intent).get("latest_charge"))
    moved = _dict(charge.get("balance_transaction"))
    if captured is None or moved.get("currency") != captured.currency.lower():
        return None
    try:
        return from_wire(moved.get("fee"), moved["currency"])
    except GatewayRejected:
        return None


def _failure(intent: object) -> str | None:
    code = _dict(_dict(intent).get("last_payment_error")).get("code")
    return code if isinstance(code, str) else None


def _moment(seconds: object) -> datetime | None:
    return EPOCH + timedelta(seconds=seconds) if type(seconds) is int else None


def _dict(found: object) -> Object:
    return found if isinstance(found, dict) else {}
