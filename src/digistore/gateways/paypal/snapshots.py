"""What PayPal answers, as plain dicts, in the shapes of the port."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from digistore.errors import GatewayRejected, GatewayUnavailable
from digistore.gateways.paypal.errors import no_answer
from digistore.gateways.paypal.money import from_wire
from digistore.gateways.paypal.names import reference_of, whose
from digistore.gateways.paypal.states import dispute_state, pay_state, refund_state
from digistore.gateways.port import (
    DisputeSnapshot,
    DisputeState,
    PaymentSnapshot,
    PayState,
    RefundSnapshot,
    RefundState,
    Whose,
)
from digistore.money import Money

Object: TypeAlias = "dict[str, Any]"

logger = logging.getLogger("digistore.gateways.paypal")

_BEST_FIRST = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED", "PENDING")
_PAGES = ("payer-action", "approve")


def payment_snapshot(
    gateway: str,
    namespace: str,
    order: Object,
    disputes: Sequence[Object] = (),
    *,
    livemode: bool,
) -> PaymentSnapshot:
    """Read an order with its captures and refunds, and the disputes about it.

    A dispute that cannot be read is left out, and what is told is not complete.

    Raises:
        GatewayRejected: an amount that cannot be read without rounding.
        GatewayUnavailable: it is no order.
    """
    unit, capture = unit_of(order), capture_of(order)
    state = pay_state(order, capture)
    mark = unit.get("custom_id")
    total = from_wire(unit["amount"]) if "amount" in unit else None
    captured = None
    if capture is not None and state is PayState.PAID:
        captured = from_wire(capture.get("amount"))
    listed = _list(dict_of(unit.get("payments")).get("refunds"))
    readable = _disputes(disputes, listed, captured)
    return PaymentSnapshot(
        gateway=gateway,
        livemode=livemode,
        account="",
        whose=whose(mark, namespace, unmarked=Whose.FOREIGN),
        reference=reference_of(mark),
        checkout_id=id_of(order),
        payment_id=None if capture is None else id_of(capture),
        state=state,
        total=total,
        url=_page_of(order),
        refunds=tuple(refund_snapshot(one, namespace, unit) for one in listed),
        disputes=readable,
        captured=captured,
        payer_email=_email_of(order),
        failure=_failure_of(capture),
        fee=_fee_of(capture, captured),
        customer_ref=_text(dict_of(order.get("payer")).get("payer_id")),
        complete=len(readable) == len(disputes),
    )


def refund_snapshot(
    refund: Object, namespace: str, unit: Mapping[str, Any] | None = None
) -> RefundSnapshot:
    """Read a refund; it has a reference only if this shop asked for it.

    Args:
        refund: as PayPal tells it.
        namespace: the shop's.
        unit: the purchase unit that it is of, whose own mark says nothing of a refund.
    """
    mark = refund.get("custom_id")
    inherited = unit is not None and mark == unit.get("custom_id")
    ours = whose(mark, namespace, unmarked=Whose.UNKNOWN) is Whose.OURS and not inherited
    return RefundSnapshot(
        id=id_of(refund),
        money=from_wire(refund.get("amount")),
        state=refund_state(refund.get("status")),
        reference=reference_of(mark) if ours else None,
        reason=_text(dict_of(refund.get("status_details")).get("reason")),
    )


def unit_of(order: Mapping[str, Any]) -> Object:
    """Return the one purchase unit of an order of ours, empty if there is none."""
    units = _list(order.get("purchase_units"))
    return units[0] if units else {}


def capture_of(order: Mapping[str, Any]) -> Object | None:
    """Return the capture that decides: money that came, or is on its way, before what did not."""
    captures = _list(dict_of(unit_of(order).get("payments")).get("captures"))
    for status in _BEST_FIRST:
        for capture in captures:
            if capture.get("status") == status:
                return capture
    return captures[-1] if captures else None


def may_capture(order: Mapping[str, Any], namespace: str) -> bool:
    """Say whether an order is the shop's, approved by its buyer, and was not given up since."""
    ours = whose(unit_of(order).get("custom_id"), namespace, unmarked=Whose.FOREIGN) is Whose.OURS
    return ours and order.get("status") == "APPROVED" and order.get("intent") == "CAPTURE"


def id_of(found: Mapping[str, Any], name: str = "id") -> str:
    """Return the id of a thing.

    Raises:
        GatewayUnavailable: it has none, so what came cannot be what was asked for.
    """
    value = _text(found.get(name))
    if value is None:
        raise no_answer(f"a reply without {name}")
    return value


def moment(told: object) -> datetime | None:
    """Read a time as RFC 3339 writes it, ``None`` if it is none."""
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
        return None if found is None or found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # it may be none in UTC, such as one before the year 1
        return None


def dict_of(found: object) -> Object:
    """Return an object, an empty one for all that is none."""
    return found if isinstance(found, dict) else {}


def _disputes(
    disputes: Sequence[Object], refunds: Sequence[Object], captured: Money | None
) -> tuple[DisputeSnapshot, ...]:
    found = []
    for dispute in disputes:
        try:
            found.append(_dispute(dispute, refunds, captured))
        except (
            GatewayRejected,
            GatewayUnavailable,
        ) as error:  # the payment is to settle all the same
            logger.warning("paypal: a dispute cannot be read: %s", error)
    return tuple(found)


def _dispute(dispute: Object, refunds: Sequence[Object], captured: Money | None) -> DisputeSnapshot:
    state, told = dispute_state(dispute), from_wire(dispute.get("dispute_amount"))
    before, since = _given_back(refunds, moment(dispute.get("create_time")))
    left = _what_was_left(captured, before)
    # PayPal goes on telling the whole transaction, of which a part may have been given back.
    money = told if left is None or left.currency != told.currency else min(told, left)
    if state is DisputeState.LOST and _is_settled(dispute, {told, money}, since, left):
        state = DisputeState.CLOSED  # the refund tells of the money; nobody may count it twice
    return DisputeSnapshot(
        id=id_of(dispute, "dispute_id"),
        money=money,
        state=state,
        reason=_text(dispute.get("reason")),
        evidence_due=moment(dispute.get("seller_response_due_date")),
    )


def _given_back(
    refunds: Sequence[Object], began: datetime | None
) -> tuple[list[Money], list[Money]]:
    """Return what went back before a dispute began, or nobody knows when, and what has since."""
    before: list[Money] = []
    since: list[Money] = []
    for refund in refunds:
        if refund_state(refund.get("status")) in _BACK:
            made = moment(refund.get("create_time"))
            later = began is not None and made is not None and made >= began
            (since if later else before).append(from_wire(refund.get("amount")))
    return before, since


def _what_was_left(captured: Money | None, back: Sequence[Money]) -> Money | None:
    if captured is None:
        return None
    gone = _sum_in(captured.currency, back)
    return captured - gone if gone < captured else Money.zero(captured.currency)


def _is_settled(
    dispute: Object, amounts: set[Money], since: Sequence[Money], left: Money | None
) -> bool:
    """Say whether a lost dispute ended in a refund, which one made before it began never is.

    It did if one has what went to the buyer for it, or if nothing was left for it to take.
    """
    outcome = dict_of(dispute.get("dispute_outcome"))
    if "amount_refunded" in outcome:
        amounts = {from_wire(outcome["amount_refunded"])}
    if amounts.intersection(since):
        return True
    return left is not None and bool(left) and _sum_in(left.currency, since) >= left


def _sum_in(currency: str, amounts: Sequence[Money]) -> Money:
    return Money.total([one for one in amounts if one.currency == currency], currency)


_BACK = frozenset({RefundState.PENDING, RefundState.SUCCEEDED})


def _page_of(order: Mapping[str, Any]) -> str | None:
    by_rel = {link.get("rel"): _text(link.get("href")) for link in _list(order.get("links"))}
    return next((by_rel[rel] for rel in _PAGES if by_rel.get(rel)), None)


def _email_of(order: Mapping[str, Any]) -> str | None:
    wallet = dict_of(dict_of(order.get("payment_source")).get("paypal"))
    payer = dict_of(order.get("payer"))
    return _text(payer.get("email_address")) or _text(wallet.get("email_address"))


def _failure_of(capture: Object | None) -> str | None:
    return _text(dict_of((capture or {}).get("status_details")).get("reason"))


def _fee_of(capture: Object | None, captured: Money | None) -> Money | None:
    """Return what PayPal keeps, unless it settles in another currency than was paid."""
    told = dict_of((capture or {}).get("seller_receivable_breakdown")).get("paypal_fee")
    if captured is None or dict_of(told).get("currency_code") != captured.currency:
        return None
    return from_wire(told)


def _list(found: object) -> list[Object]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _text(found: object) -> str | None:
    return found if isinstance(found, str) and found else None
