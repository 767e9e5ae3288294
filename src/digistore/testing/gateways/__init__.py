"""What every payment gateway promises: give a `World`, and subclass `GatewayContract`."""

from digistore.testing.gateways.contract import GatewayContract
from digistore.testing.gateways.world import Fault, SignedEvent, Variant, World

__all__ = ["Fault", "GatewayContract", "SignedEvent", "Variant", "World"]
