"""Stripe, for products and support requests alike: one Checkout Session for each attempt to pay.

It translates between the port and Stripe's API, decides nothing and stores nothing.  The SDK is
imported when Stripe is first asked, never by importing this, and no object of it gets past here.
"""

from digistore.gateways.stripe.gateway import StripeGateway

__all__ = ["StripeGateway"]
