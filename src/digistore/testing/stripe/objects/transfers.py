"""Transfers to connected accounts, application fees, and the reversal of both."""

from __future__ import annotations

from digistore.testing.stripe import money
from digistore.testing.stripe.errors import BadParameters, invalid
from digistore.testing.stripe.lists import page, page_of, whole_list
from digistore.testing.stripe.objects import balance
from digistore.testing.stripe.objects.metadata import checked_metadata
from digistore.testing.stripe.world import Account, Object

URL = "/v1/transfers"


def data_of(intent: Object) -> Object | None:
    """Return what a charge says of the transfer that its intent asks for."""
    asked: Object | None = intent["transfer_data"]
    if asked is None:
        return None
    return {"amount": asked.get("amount"), "destination": asked["destination"]}


def share_out(account: Account, charge: Object) -> None:
    """Send a paid charge's share to its destination, and keep the application's fee."""
    data = charge["transfer_data"]
    if data is None:
        return
    amount = data["amount"] or charge["amount"]
    charge["transfer_group"] = charge["transfer_group"] or f"group_{charge['payment_intent']}"
    transfer = _make(account, amount, charge["currency"], data["destination"])
    transfer |= {"source_transaction": charge["id"], "transfer_group": charge["transfer_group"]}
    charge["transfer"] = transfer["id"]
    fee = charge["application_fee_amount"]
    if fee:
        charge["application_fee"] = _fee(account, charge, fee)["id"]


def create(account: Account, params: Object, _: str) -> Object:
    """Answer POST /v1/transfers: send money of the balance."""
    if params.get("amount", 0) < 1:
        raise BadParameters("Invalid positive integer", param="amount")
    account.find("account", params["destination"], "destination")
    source = params.get("source_transaction")
    if source is not None:
        account.find("charge", source, "source_transaction")
    transfer = _make(account, params["amount"], params["currency"], params["destination"])
    transfer |= {
        "description": params.get("description"),
        "metadata": checked_metadata(params.get("metadata")),
        "source_transaction": source,
        "transfer_group": params.get("transfer_group"),
    }
    account.tell("transfer.created", transfer)
    return transfer


def retrieve(account: Account, _: Object, transfer_id: str) -> Object:
    """Answer GET /v1/transfers/{id}."""
    return account.find("transfer", transfer_id, "transfer")


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/transfers."""
    wanted = {name: params[name] for name in ("destination", "transfer_group") if name in params}
    return page(
        account,
        "transfer",
        params,
        URL,
        lambda one: all(one[name] == value for name, value in wanted.items()),
    )


def create_reversal(account: Account, params: Object, transfer_id: str) -> Object:
    """Answer POST /v1/transfers/{id}/reversals: take back all that is left, or some of it."""
    transfer = retrieve(account, {}, transfer_id)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = params.get("amount", left)
    if left == 0:
        raise invalid(f"Transfer {transfer_id} is already fully reversed.", param="id")
    if not 1 <= amount <= left:
        message = f"Reversal amount ({amount}) is greater than unreversed amount ({left})."
        raise invalid(message, param="amount")
    reversal = reverse(account, transfer, amount)
    reversal["metadata"] = checked_metadata(params.get("metadata"))
    return reversal


def list_reversals(account: Account, params: Object, transfer_id: str) -> Object:
    """Answer GET /v1/transfers/{id}/reversals."""
    retrieve(account, {}, transfer_id)
    return page_of(_reversals(account, transfer_id), params, f"{URL}/{transfer_id}/reversals")


def reverse(
    account: Account, transfer: Object, amount: int, refund_id: str | None = None
) -> Object:
    """Take *amount* of a transfer back; it must not be above what is left of it."""
    reversal = account.add(
        "transfer_reversal",
        amount=amount,
        currency=transfer["currency"],
        metadata={},
        source_refund=refund_id,
        transfer=transfer["id"],
    )
    moved = balance.move(account, "transfer_refund", amount, reversal)
    reversal["balance_transaction"] = moved["id"]
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"] = whole_list(
        _reversals(account, transfer["id"]), f"{URL}/{transfer['id']}/reversals"
    )
    account.tell("transfer.reversed", transfer)
    return reversal


def refund_fee(account: Account, charge: Object, amount: int) -> None:
    """Give the application's fee back in proportion to a refund of *amount*."""
    fee = account.find("application_fee", charge["application_fee"])
    part = money.share(fee["amount"], amount, charge["amount"])
    part = min(part, fee["amount"] - fee["amount_refunded"])
    if part == 0:
        return
    refund = account.add(
        "fee_refund", amount=part, currency=fee["currency"], fee=fee["id"], metadata={}
    )
    refund["balance_transaction"] = balance.move(account, "application_fee_refund", -part, refund)[
        "id"
    ]
    fee["amount_refunded"] += part
    fee["refunded"] = fee["amount_refunded"] == fee["amount"]
    found = [one for one in account.all("fee_refund") if one["fee"] == fee["id"]]
    fee["refunds"] = whole_list(found, f"/v1/application_fees/{fee['id']}/refunds")
    account.tell("application_fee.refunded", fee)


def _make(account: Account, amount: int, currency: str, destination: str) -> Object:
    transfer = account.add(
        "transfer",
        amount=amount,
        amount_reversed=0,
        currency=currency,
        destination=destination,
        metadata={},
        reversals={},
        reversed=False,
        source_type="card",
    )
    transfer["reversals"] = whole_list([], f"{URL}/{transfer['id']}/reversals")
    moved = balance.move(account, "transfer", -amount, transfer)
    transfer["balance_transaction"] = moved["id"]
    return transfer


def _fee(account: Account, charge: Object, amount: int) -> Object:
    fee = account.add(
        "application_fee",
        account=charge["transfer_data"]["destination"],
        amount=amount,
        amount_refunded=0,
        application="ca_digistore",
        charge=charge["id"],
        currency=charge["currency"],
        originating_transaction=charge["id"],
        refunded=False,
        refunds={},
    )
    fee["refunds"] = whole_list([], f"/v1/application_fees/{fee['id']}/refunds")
    fee["balance_transaction"] = balance.move(account, "application_fee", amount, fee)["id"]
    account.tell("application_fee.created", fee)
    return fee


def _reversals(account: Account, transfer_id: str) -> list[Object]:
    return [one for one in account.all("transfer_reversal") if one["transfer"] == transfer_id]
