"""PayPal behind the port: Orders v2, captured when the buyer is back or the approval is heard of.

It speaks to PayPal's REST API by a thin client of its own over the standard library: the vendor's
SDK knows neither disputes nor webhooks, and brings an HTTP stack of its own.  Install the extra
``digistore[paypal]`` for the signatures of webhooks.  Nothing here was run against the real service
yet; each rule of PayPal's stands beside the page that documents it.
"""

from digistore.gateways.paypal.gateway import PayPalGateway

__all__ = ["PayPalGateway"]
