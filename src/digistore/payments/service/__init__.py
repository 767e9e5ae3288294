"""The operations on money: ``store.payments``."""

from digistore.payments.service.payments import AsyncPayments, Payments
from digistore.payments.service.settle import Settle

__all__ = ["AsyncPayments", "Payments", "Settle"]
