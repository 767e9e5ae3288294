"""The words on a receipt, for a host to put into its own language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from digistore.fields import Input


class ReceiptTexts(Input):
    """The words around the data; ``ReceiptTexts(lang="de", receipt="Rechnung", ...)``.

    *lang* is a BCP 47 tag, *direction* how its script runs. *date* is a pattern of ``strftime``,
    for times in UTC. *reasons*, *methods* and *consents* name what they have a key for.
    """

    lang: str = Field(default="en", pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")
    direction: Literal["ltr", "rtl"] = "ltr"
    date: str = "%Y-%m-%d"
    receipt: str = "Receipt"
    credit_note: str = "Credit note"
    debit_note: str = "Debit note"
    test: str = "Test: no real money moved"
    number: str = "Number"
    issued: str = "Issued"
    order: str = "Order"
    ordered: str = "Ordered"
    paid_on: str = "Paid"
    paid_by: str = "Paid by"
    corrects_receipt: str = "To receipt"
    corrects_credit_note: str = "Takes back credit note"
    seller: str = "From"
    buyer: str = "To"
    tax_id: str = "Tax ID"
    registration: str = "Registration"
    items: str = "Items"
    item: str = "Item"
    price: str = "Price"
    discount: str = "Discount"
    tax: str = "Tax"
    amount: str = "Amount"
    subtotal: str = "Subtotal"
    tax_contained: str = "Tax contained"
    tax_added: str = "Tax added"
    gateway_tax: str = "Tax by the payment provider, contained in the total"
    total: str = "Total"
    amount_paid: str = "Amount paid"
    amount_returned: str = "Amount given back"
    amount_charged_again: str = "Amount that did not go back"
    tax_rates: str = "Tax by rate"
    rate: str = "Rate"
    net: str = "Net"
    agreed: str = "Agreed on"
    reasons: Mapping[str, str] = {
        "standard": "standard rate",
        "reduced": "reduced rate",
        "reverse_charge": "reverse charge: the buyer pays the tax",
        "exempt": "exempt from tax",
        "none": "no tax",
    }
    methods: Mapping[str, str] = {"free": "nothing to pay", "bank_transfer": "bank transfer"}
    consents: Mapping[str, str] = {
        "terms": "Terms",
        "immediate_access": "Immediate access",
        "immediate_service": "Immediate service",
    }
