"""Disputes: the bank of the buyer asks for the money back, in any of the states there are."""

from __future__ import annotations

from digistore.testing.stripe.errors import invalid, not_modelled
from digistore.testing.stripe.lists import page
from digistore.testing.stripe.objects import balance
from digistore.testing.stripe.objects.metadata import merge_metadata
from digistore.testing.stripe.sdk import documented, whole_hash
from digistore.testing.stripe.world import Account, Object

URL = "/v1/disputes"

_WARNINGS = frozenset({"warning_needs_response", "warning_under_review", "warning_closed"})
_OVER = frozenset({"warning_closed", "won", "lost", "prevented"})
_MONEY_IS_THERE = _WARNINGS | {"won"}
_TELLING = ("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed")
_DAYS_FOR_EVIDENCE = 9
_SECONDS_OF_A_DAY = 86_400


def statuses() -> tuple[str, ...]:
    """Return all statuses that the installed SDK documents; appeals are new in version 16."""
    return documented("dispute", "status")


def begin(account: Account, charge: Object, amount: int, status: str, reason: str) -> Object:
    """Let the bank ask for *amount* of a charge, and return the event that tells of it.

    An inquiry (``warning_...``) takes no money yet.
    """
    dispute = account.add(
        "dispute",
        amount=amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=whole_hash("dispute", "evidence", enhanced_evidence={}),
        evidence_details=_evidence_details(account),
        is_charge_refundable=status in _WARNINGS,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "card": {"brand": "visa", "case_type": _case(status), "network_reason_code": "83"},
            "type": "card",
        },
        reason=reason,
        status=status,
    )
    dispute["payment_method_details"]["card"]["network"] = "visa"
    charge["disputed"] = True
    told = account.tell("charge.dispute.created", dispute)
    if status not in _MONEY_IS_THERE:
        _withdraw(account, dispute)
    return told


def change(account: Account, dispute: Object, status: str) -> Object:
    """Bring a dispute to any *status*, from any other: appeals open what was closed.

    Return the event that tells of it; if nothing changes, the one that told of it before.
    """
    before = dispute["status"]
    if before == status:
        return account.told(dispute["id"], *_TELLING)
    dispute |= {"status": status, "is_charge_refundable": status in _WARNINGS}
    dispute["payment_method_details"]["card"]["case_type"] = _case(status)
    if before in _MONEY_IS_THERE and status not in _MONEY_IS_THERE:
        _withdraw(account, dispute)
    event_type = "charge.dispute.closed" if status in _OVER else "charge.dispute.updated"
    told = account.tell(event_type, dispute)
    if before not in _MONEY_IS_THERE and status in _MONEY_IS_THERE:
        _reinstate(account, dispute)
    return told


def stands_in_the_way(account: Account, charge: Object) -> bool:
    """Say whether a dispute forbids refunds of a charge: its money is gone, or may be."""
    return any(
        one["charge"] == charge["id"] and one["status"] not in _WARNINGS | {"won"}
        for one in account.all("dispute")
    )


def retrieve(account: Account, _: Object, dispute_id: str) -> Object:
    """Answer GET /v1/disputes/{id}."""
    return account.find("dispute", dispute_id, "dispute")


def update(account: Account, params: Object, dispute_id: str) -> Object:
    """Answer POST /v1/disputes/{id}: metadata, and evidence that is handed in."""
    dispute = retrieve(account, {}, dispute_id)
    for other in sorted(params.keys() - {"metadata", "expand", "evidence", "submit"}):
        raise not_modelled(other, other)
    if dispute["status"] in _OVER and "evidence" in params:
        raise invalid("This dispute is already closed", param="evidence")
    dispute["metadata"] = merge_metadata(dispute["metadata"], params.get("metadata"))
    dispute["evidence"] |= params.get("evidence", {})
    details = dispute["evidence_details"]
    details["has_evidence"] = details["has_evidence"] or bool(params.get("evidence"))
    if params.get("submit", "evidence" in params):
        details["submission_count"] += 1
        status: str = dispute["status"]
        change(account, dispute, _UNDER_REVIEW.get(status, status))
    return dispute


def close(account: Account, _: Object, dispute_id: str) -> Object:
    """Answer POST /v1/disputes/{id}/close: give in."""
    dispute = retrieve(account, {}, dispute_id)
    if dispute["status"] in _OVER:
        raise invalid("This dispute is already closed")
    change(account, dispute, "warning_closed" if dispute["status"] in _WARNINGS else "lost")
    return dispute


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/disputes."""
    wanted = {name: params[name] for name in ("charge", "payment_intent") if name in params}
    return page(
        account,
        "dispute",
        params,
        URL,
        lambda one: all(one[name] == value for name, value in wanted.items()),
    )


def warn_of_fraud(account: Account, charge: Object) -> Object:
    """Let the card's issuer suspect fraud: no dispute yet."""
    warning = account.add(
        "radar.early_fraud_warning",
        actionable=True,
        charge=charge["id"],
        fraud_type="unauthorized_use_of_card",
        payment_intent=charge["payment_intent"],
    )
    return account.tell("radar.early_fraud_warning.created", warning)


def _withdraw(account: Account, dispute: Object) -> None:
    _move(account, dispute, -dispute["amount"])
    account.tell("charge.dispute.funds_withdrawn", dispute)


def _reinstate(account: Account, dispute: Object) -> None:
    _move(account, dispute, dispute["amount"])
    account.tell("charge.dispute.funds_reinstated", dispute)


def _move(account: Account, dispute: Object, amount: int) -> None:
    moved = balance.move(account, "adjustment", amount, dispute)
    dispute["balance_transactions"] = [*dispute["balance_transactions"], moved]


def _case(status: str) -> str:
    return "inquiry" if status in _WARNINGS else "chargeback"


def _evidence_details(account: Account) -> Object:
    return whole_hash(
        "dispute",
        "evidence_details",
        due_by=account.now + _DAYS_FOR_EVIDENCE * _SECONDS_OF_A_DAY,
        enhanced_eligibility={},
        has_evidence=False,
        past_due=False,
        submission_count=0,
        submission_method="not_submitted",
    )


_UNDER_REVIEW = {
    "warning_needs_response": "warning_under_review",
    "needs_response": "under_review",
    "appeal_needs_response": "appeal_under_review",
}
