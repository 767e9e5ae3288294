"""Orders: what somebody wants to buy, at a price that never changes again.

It owns orders, their lines and the attempts to have them paid. It must never believe what a
gateway says about money: that is for payments to settle.
"""

from digistore.orders.discounts.models import Discount, DiscountRef
from digistore.orders.models import (
    Billing,
    Checkout,
    Consent,
    Order,
    OrderLine,
    OrderRef,
    OrderState,
    Quote,
    QuoteLine,
)
from digistore.orders.receipts.models import DocumentKind, ReceiptDocument
from digistore.orders.receipts.receipt import Receipt
from digistore.orders.receipts.texts import ReceiptTexts
from digistore.orders.service import AsyncOrders, Orders
from digistore.orders.tax import (
    FixedRates,
    LineTax,
    NoTax,
    TaxableLine,
    TaxCalculator,
    TaxReason,
    TaxRequest,
)

__all__ = [
    "AsyncOrders",
    "Billing",
    "Checkout",
    "Consent",
    "Discount",
    "DiscountRef",
    "DocumentKind",
    "FixedRates",
    "LineTax",
    "NoTax",
    "Order",
    "OrderLine",
    "OrderRef",
    "OrderState",
    "Orders",
    "Quote",
    "QuoteLine",
    "Receipt",
    "ReceiptDocument",
    "ReceiptTexts",
    "TaxCalculator",
    "TaxReason",
    "TaxRequest",
    "TaxableLine",
]
