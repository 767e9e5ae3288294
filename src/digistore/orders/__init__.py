"""Orders: what somebody wants to buy, at a price that never changes again.

It owns orders, their lines and the attempts to have them paid. It must never believe what a
gateway says about money: that is for payments to settle.
"""

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
    Receipt,
)
from digistore.orders.service import AsyncOrders, Orders

__all__ = [
    "AsyncOrders",
    "Billing",
    "Checkout",
    "Consent",
    "Order",
    "OrderLine",
    "OrderRef",
    "OrderState",
    "Orders",
    "Quote",
    "QuoteLine",
    "Receipt",
]
