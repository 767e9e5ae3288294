"""A payment provider inside the process: for tests, demos and a first look, never for money.

It is a complete :class:`~digistore.gateways.PaymentGateway`, and beside that port it lets tests
play the buyer, the bank and a bad network.  It must never call out, and never say that it is live.
"""

from digistore.gateways.sandbox.gateway import SandboxGateway

__all__ = ["SandboxGateway"]
