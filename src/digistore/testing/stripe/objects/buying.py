"""What a buyer does with a session, and what becomes of money that is on its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from digistore.errors import InvalidTransition
from digistore.testing.stripe.objects import charges, customers, intents, tax
from digistore.testing.stripe.sdk import whole_hash
from digistore.testing.stripe.world import Account, Object

Outcome: TypeAlias = Literal["paid", "delayed", "voucher", "declined"]

METHODS: Mapping[Outcome, str] = {
    "paid": "card",
    "delayed": "sepa_debit",
    "voucher": "multibanco",
    "declined": "card",
}


class Payer(NamedTuple):
    """Who pays, and how much if it is not what the session asks for."""

    email: str | None = None
    amount: int | None = None
    presented: tuple[int, str] | None = None


def pay(account: Account, session: Object, outcome: Outcome, payer: Payer) -> Object:
    """Let the buyer try to pay, and return the event that tells of it.

    Raises:
        InvalidTransition: the session is not open.
    """
    if session["status"] != "open":
        hint = "start a new checkout"
        raise InvalidTransition("session", session["status"], outcome, hint)
    tax.apply(account, session, account.checkouts[session["id"]].items)
    session["customer_details"] = _details(account, session, payer)
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
        return _complete(account, session)
    _remember(account, session)
    method = METHODS[outcome]
    intent = intents.begin(account, session, method)
    intent["payment_method"] = "pm_" + account.world.ids.next()
    charge = None
    if outcome != "voucher":
        charge = charges.begin(account, session, intent, method)
    if outcome == "declined":
        return _decline(account, intent, charge)
    if payer.presented is not None:
        shown, currency = payer.presented
        presented = {"presentment_amount": shown, "presentment_currency": currency}
        session["presentment_details"] = intent["presentment_details"] = presented
    if outcome == "paid":
        _take(account, session, intent, charge, payer.amount)
    else:
        _wait(account, intent, charge)
    return _complete(account, session)


def clear(account: Account, session: Object, *, ok: bool, amount: int | None = None) -> Object:
    """Let money that was on its way arrive, or not, and return the event that tells of it.

    Raises:
        InvalidTransition: none is on its way.
    """
    intent = account.get(session["payment_intent"] or "")
    waiting = session["status"] == "complete" and session["payment_status"] == "unpaid"
    if intent is None or not waiting or intent["status"] not in _WAITING:
        now = session["payment_status"] if session["status"] == "complete" else session["status"]
        raise InvalidTransition("session", now, "cleared", "pay it by delayed means first")
    charge = account.get(intent["latest_charge"] or "")
    if charge is None:
        method = next(iter(intent["payment_method_options"]))
        charge = charges.begin(account, session, intent, method)
    intent["next_action"] = None
    if ok:
        _take(account, session, intent, charge, amount)
        return account.tell("checkout.session.async_payment_succeeded", session)
    message = "The bank did not send the money."
    charges.fail(charge, "payment_method_customer_decline", None, message)
    _give_up(intent, charge, message)
    account.tell("charge.failed", charge)
    account.tell("payment_intent.payment_failed", intent)
    return account.tell("checkout.session.async_payment_failed", session)


def _take(
    account: Account, session: Object, intent: Object, charge: Object | None, amount: int | None
) -> None:
    if charge is None:
        message = "money is taken by a charge"
        raise TypeError(message)
    received = session["amount_total"] if amount is None else amount
    charges.succeed(account, charge, received)
    intent |= {"amount_received": received, "last_payment_error": None, "status": "succeeded"}
    session["payment_status"] = "paid"
    account.tell("charge.succeeded", charge)
    account.tell("payment_intent.succeeded", intent)


def _wait(account: Account, intent: Object, charge: Object | None) -> None:
    if charge is None:
        intent |= {"status": "requires_action", "next_action": _NEXT_ACTION}
        account.tell("payment_intent.requires_action", intent)
        return
    intent["status"] = "processing"
    account.tell("charge.pending", charge)
    account.tell("payment_intent.processing", intent)


def _decline(account: Account, intent: Object, charge: Object | None) -> Object:
    if charge is None:
        message = "a charge is declined"
        raise TypeError(message)
    message = "Your card was declined."
    charges.fail(charge, "card_declined", "generic_decline", message)
    _give_up(intent, charge, message)
    intent["last_payment_error"]["decline_code"] = "generic_decline"
    account.tell("charge.failed", charge)
    return account.tell("payment_intent.payment_failed", intent)


def _give_up(intent: Object, charge: Object, message: str) -> None:
    intent |= {
        "last_payment_error": {
            "charge": charge["id"],
            "code": charge["failure_code"],
            "message": message,
            "type": "card_error",
        },
        "payment_method": None,
        "status": "requires_payment_method",
    }


def _complete(account: Account, session: Object) -> Object:
    session |= {"status": "complete", "url": None}
    return account.tell("checkout.session.completed", session)


def _remember(account: Account, session: Object) -> None:
    """Make the buyer a customer, where the session asks for that and has none."""
    if session["customer"] is None and session["customer_creation"] == "always":
        told = session["customer_details"]
        customer = customers.create(account, {"email": told["email"], "name": told["name"]}, "")
        session["customer"] = customer["id"]


def _details(account: Account, session: Object, payer: Payer) -> Object:
    customer = account.get(session["customer"] or "") or {}
    email = payer.email or session["customer_email"] or customer.get("email")
    address = {
        "city": None,
        "country": "US",
        "line1": None,
        "line2": None,
        "postal_code": "94103",
        "state": None,
    }
    return whole_hash(
        "checkout.session",
        "customer_details",
        address=address,
        email=email or "buyer@example.com",
        name=customer.get("name") or "Jenny Rosen",
        tax_exempt="none",
        tax_ids=[],
    )


_WAITING = frozenset({"processing", "requires_action"})
_NEXT_ACTION: Object = {
    "type": "multibanco_display_details",
    "multibanco_display_details": {
        "entity": "11249",
        "expires_at": None,
        "hosted_voucher_url": None,
        "reference": "999999999",
    },
}
