"""A strict double of Stripe, for the real SDK and without a network: `StripeDouble`.

It must never be more lenient than Stripe: what it does not model it refuses by name.
"""

from digistore.testing.loopback.wire import Delivery
from digistore.testing.stripe.api import LoggedRequest
from digistore.testing.stripe.double import StripeDouble
from digistore.testing.stripe.errors import ApiError

__all__ = ["ApiError", "Delivery", "LoggedRequest", "StripeDouble"]
