"""Charges: what was taken from the buyer, or was tried to."""

from __future__ import annotations

from digistore.testing.stripe.lists import page, whole_list
from digistore.testing.stripe.objects import balance, transfers
from digistore.testing.stripe.world import Account, Object

URL = "/v1/charges"

_METHODS = {"card": "visa"}
_RISK = 20


def begin(account: Account, session: Object, intent: Object, method: str) -> Object:
    """Try to take the money of an intent; what comes of it is said afterwards."""
    details = session["customer_details"]
    charge = account.add(
        "charge",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        application_fee_amount=intent["application_fee_amount"],
        billing_details={
            "address": details["address"],
            "email": details["email"],
            "name": details["name"],
            "phone": None,
            "tax_id": None,
        },
        calculated_statement_descriptor="DIGISTORE TEST",
        captured=False,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        on_behalf_of=intent["on_behalf_of"],
        paid=False,
        payment_intent=intent["id"],
        payment_method=intent["payment_method"],
        payment_method_details=_details(method),
        radar_options={},
        receipt_email=intent["receipt_email"],
        refunded=False,
        status="pending",
        transfer_data=transfers.data_of(intent),
        transfer_group=intent["transfer_group"],
    )
    charge["receipt_url"] = None
    intent["latest_charge"] = charge["id"]
    return charge


def succeed(account: Account, charge: Object, received: int) -> None:
    """Let the money of a charge arrive."""
    charge |= {
        "amount": received,
        "amount_captured": received,
        "captured": True,
        "outcome": _outcome("authorized", "approved_by_network", "Payment complete."),
        "paid": True,
        "status": "succeeded",
    }
    kind = "charge" if charge["payment_method_details"]["type"] == "card" else "payment"
    moved = balance.move(account, kind, received, charge, fee=balance.fee_of(received))
    charge["balance_transaction"] = moved["id"]
    transfers.share_out(account, charge)


def fail(charge: Object, code: str, decline_code: str | None, message: str) -> None:
    """Let a charge fail for good."""
    outcome = _outcome("issuer_declined", "declined_by_network", message)
    outcome |= {"reason": decline_code, "network_decline_code": None}
    charge |= {
        "failure_code": code,
        "failure_message": message,
        "outcome": outcome,
        "paid": False,
        "status": "failed",
    }


def retrieve(account: Account, _: Object, charge_id: str) -> Object:
    """Answer GET /v1/charges/{id}."""
    return account.find("charge", charge_id, "charge")


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/charges."""
    wanted = {
        name: params[name]
        for name in ("customer", "payment_intent", "transfer_group")
        if name in params
    }
    return page(
        account,
        "charge",
        params,
        URL,
        lambda one: all(one[name] == value for name, value in wanted.items()),
    )


def refunds_of(account: Account, charge: Object) -> Object:
    """Return the list of refunds that a charge shows when it is asked to."""
    found = [one for one in account.all("refund") if one["charge"] == charge["id"]]
    return whole_list(found, f"{URL}/{charge['id']}/refunds")


def _details(method: str) -> Object:
    if method == "card":
        return {
            "type": "card",
            "card": {
                "brand": "visa",
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": None,
                    "cvc_check": "pass",
                },
                "country": "US",
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": "Xt5EWLLDS7FJjR1c",
                "funding": "credit",
                "last4": "4242",
                "network": "visa",
                "three_d_secure": None,
                "wallet": None,
            },
        }
    return {"type": method, method: _OTHER_DETAILS[method]}


def _outcome(kind: str, network_status: str, message: str) -> Object:
    failed = kind == "issuer_declined"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if failed else network_status,
        "reason": None,
        "risk_level": "normal",
        "risk_score": _RISK,
        "seller_message": message,
        "type": kind,
    }


_OTHER_DETAILS: dict[str, Object] = {
    "sepa_debit": {
        "bank_code": "37040044",
        "branch_code": "",
        "country": "DE",
        "fingerprint": "vifs0Ho7vwRn1Miu",
        "last4": "3000",
        "mandate": None,
    },
    "multibanco": {"entity": "11249", "reference": "999999999"},
}
