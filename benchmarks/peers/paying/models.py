"""The payment of the host."""

from __future__ import annotations

from payments.models import BasePayment


class Payment(BasePayment):
    """A payment, as django-payments keeps it."""
