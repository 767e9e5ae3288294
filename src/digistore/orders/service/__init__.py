"""The operations on orders: ``store.orders``."""

from digistore.orders.service.orders import AsyncOrders, Orders
from digistore.orders.service.settling import Settling

__all__ = ["AsyncOrders", "Orders", "Settling"]
