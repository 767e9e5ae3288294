"""Refunds: up to what is left of a charge, none while it is disputed, and they may fail later."""

from __future__ import annotations

from digistore.testing.stripe import money
from digistore.testing.stripe.errors import BadParameters, invalid, not_modelled
from digistore.testing.stripe.lists import page
from digistore.testing.stripe.objects import balance, disputes, transfers
from digistore.testing.stripe.objects.metadata import checked_metadata, merge_metadata
from digistore.testing.stripe.world import Account, Object

URL = "/v1/refunds"

_MODELLED = frozenset(
    {
        "amount",
        "charge",
        "expand",
        "metadata",
        "payment_intent",
        "reason",
        "refund_application_fee",
        "reverse_transfer",
    }
)
_ASKS_THE_BUYER = frozenset({"multibanco"})
_DAYS_TO_ANSWER = 45
_SECONDS_OF_A_DAY = 86_400


def create(account: Account, params: Object, _: str) -> Object:
    """Answer POST /v1/refunds."""
    for other in sorted(params.keys() - _MODELLED):
        raise not_modelled(other, other)
    metadata = checked_metadata(params.get("metadata"))
    charge = _charge(account, params)
    _check_parts(charge, params)
    refund = give_back(account, charge, params.get("amount"))
    refund |= {"metadata": metadata, "reason": params.get("reason")}
    if params.get("reverse_transfer"):
        _reverse_transfer(account, charge, refund)
    if params.get("refund_application_fee"):
        transfers.refund_fee(account, charge, refund["amount"])
    tell(account, charge, refund)
    return refund


def retrieve(account: Account, _: Object, refund_id: str) -> Object:
    """Answer GET /v1/refunds/{id}."""
    return account.find("refund", refund_id, "refund")


def update(account: Account, params: Object, refund_id: str) -> Object:
    """Answer POST /v1/refunds/{id}: only metadata can be changed."""
    refund = retrieve(account, {}, refund_id)
    refund["metadata"] = merge_metadata(refund["metadata"], params.get("metadata"))
    account.tell("refund.updated", refund)
    account.tell("charge.refund.updated", refund)
    return refund


def cancel(account: Account, _: Object, refund_id: str) -> Object:
    """Answer POST /v1/refunds/{id}/cancel: only what waits for the buyer can be."""
    refund = retrieve(account, {}, refund_id)
    if refund["status"] != "requires_action":
        message = f"This refund cannot be canceled because its status is {refund['status']}."
        raise invalid(message)
    change(account, refund, "canceled")
    return refund


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/refunds."""
    wanted = {name: params[name] for name in ("charge", "payment_intent") if name in params}
    return page(
        account,
        "refund",
        params,
        URL,
        lambda one: all(one[name] == value for name, value in wanted.items()),
    )


def give_back(account: Account, charge: Object, amount: int | None) -> Object:
    """Make a refund of *amount*, or of all that is left, without telling of it yet.

    It succeeds at once, unless refunds pend, or the buyer must say first where to send the money,
    as after a payment in cash.

    Raises:
        ApiError: the charge did not succeed, is disputed, or has less left.
    """
    if charge["status"] != "succeeded":
        message = (
            f"This PaymentIntent ({charge['payment_intent']}) does not have a successful charge "
            "to refund."
        )
        raise invalid(message)
    if disputes.stands_in_the_way(account, charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    asked = left if amount is None else amount
    refusal = money.check_refund(asked, charge["amount"], left, charge["currency"])
    if refusal is not None:
        raise refusal
    return _make(account, charge, asked)


def change(account: Account, refund: Object, status: str, reason: str | None = None) -> Object:
    """Let a refund come to its end: ``succeeded``, ``failed`` (even after that) or ``canceled``.

    Return the event that tells of it first.
    """
    charge = account.find("charge", refund["charge"])
    refund |= {"status": status, "next_action": None}
    if status in {"failed", "canceled"}:
        moved = balance.move(account, "refund_failure", refund["amount"], refund)
        refund["failure_balance_transaction"] = moved["id"]
        refund["failure_reason"] = reason
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
    failed = account.tell("refund.failed", refund) if status == "failed" else None
    told = account.tell("refund.updated", refund)
    account.tell("charge.refund.updated", refund)
    return failed or told


def tell(account: Account, charge: Object, refund: Object) -> Object:
    """Tell of a new refund, of its charge, and of the refund again; return the first event."""
    told = account.tell("refund.created", refund)
    account.tell("charge.refunded", charge)
    account.tell("refund.updated", refund)
    account.tell("charge.refund.updated", refund)
    return told


def _charge(account: Account, params: Object) -> Object:
    if ("charge" in params) == ("payment_intent" in params):
        message = "One of the following params should be provided: payment_intent, charge."
        raise BadParameters(message, code="parameter_missing", param="payment_intent")
    if "charge" in params:
        return account.find("charge", params["charge"], "charge")
    intent = account.find("payment_intent", params["payment_intent"], "payment_intent")
    charge = account.get(intent["latest_charge"] or "")
    if charge is None:
        message = (
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        )
        raise invalid(message, code="payment_intent_unexpected_state", param="payment_intent")
    return charge


def _check_parts(charge: Object, params: Object) -> None:
    if params.get("reverse_transfer") and charge["transfer"] is None:
        message = f"Charge {charge['id']} has no transfer to be reversed."
        raise invalid(message, param="reverse_transfer")
    if params.get("refund_application_fee") and charge["application_fee"] is None:
        message = f"Charge {charge['id']} has no application fee to be refunded."
        raise invalid(message, param="refund_application_fee")


def _make(account: Account, charge: Object, amount: int) -> Object:
    kind = charge["payment_method_details"]["type"]
    asks = kind in _ASKS_THE_BUYER
    refund = account.add(
        "refund",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        destination_details=_destination(charge),
        metadata={},
        payment_intent=charge["payment_intent"],
        next_action=_next_action(account, charge) if asks else None,
        status=_status(account, asks=asks),
    )
    refund["balance_transaction"] = balance.move(account, "refund", -amount, refund)["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    return refund


def _status(account: Account, *, asks: bool) -> str:
    if asks:
        return "requires_action"
    return "pending" if account.world.refunds_pend else "succeeded"


def _next_action(account: Account, charge: Object) -> Object:
    email = {"email_sent_at": account.now, "email_sent_to": charge["billing_details"]["email"]}
    until = account.now + _DAYS_TO_ANSWER * _SECONDS_OF_A_DAY
    return {
        "type": "display_details",
        "display_details": {"email_sent": email, "expires_at": until},
    }


def _reverse_transfer(account: Account, charge: Object, refund: Object) -> None:
    transfer = account.find("transfer", charge["transfer"])
    part = money.share(transfer["amount"], refund["amount"], charge["amount"])
    part = min(part, transfer["amount"] - transfer["amount_reversed"])
    if part:
        reversal = transfers.reverse(account, transfer, part, refund["id"])
        refund["transfer_reversal"] = reversal["id"]


def _destination(charge: Object) -> Object:
    if charge["payment_method_details"]["type"] == "card":
        card = {"reference_status": "pending", "reference_type": "acquirer_reference_number"}
        return {"type": "card", "card": card | {"type": "refund"}}
    return {"type": charge["payment_method_details"]["type"]}
