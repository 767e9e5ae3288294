"""A strict double of PayPal, on loopback and without a network: `PayPalDouble`.

It must never be more lenient than PayPal: what it does not model it refuses by name.
"""

from digistore.testing.loopback.wire import Delivery
from digistore.testing.paypal.api import LoggedRequest
from digistore.testing.paypal.double import PayPalDouble
from digistore.testing.paypal.errors import ApiError

__all__ = ["ApiError", "Delivery", "LoggedRequest", "PayPalDouble"]
