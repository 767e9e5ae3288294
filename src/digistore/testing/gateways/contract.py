"""The whole suite."""

from __future__ import annotations

from digistore.testing.gateways.creating import CreateContract
from digistore.testing.gateways.failing import FaultContract
from digistore.testing.gateways.hygiene import HygieneContract
from digistore.testing.gateways.money import MoneyContract
from digistore.testing.gateways.order import OrderContract
from digistore.testing.gateways.refunding import RefundContract
from digistore.testing.gateways.settling import SettleContract, TaxContract
from digistore.testing.gateways.shape import ShapeContract
from digistore.testing.gateways.states import StateContract
from digistore.testing.gateways.webhooks import WebhookContract


class GatewayContract(
    ShapeContract,
    CreateContract,
    FaultContract,
    StateContract,
    RefundContract,
    WebhookContract,
    MoneyContract,
    HygieneContract,
    OrderContract,
    SettleContract,
    TaxContract,
):
    """What a PaymentGateway promises: subclass this and give a fresh ``world`` fixture.

    The number in the name of a test is that of the rule which it holds.  Tests of flags that the
    gateway has not got, or of what the world cannot do, are skipped and say so.
    """
