"""A gateway that is asked only where nobody's transaction waits for the answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from digistore.gateways.port import GatewayProfile, PaymentGateway


class Guarded:
    """A gateway each of whose calls is preceded by a check, whatever its port comes to have."""

    def __init__(self, gateway: PaymentGateway, check: Callable[[], None]) -> None:
        """Call *gateway* where *check* does not raise."""
        self._gateway = gateway
        self._check = check

    @property
    def profile(self) -> GatewayProfile:
        """Who this is."""
        return self._gateway.profile

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the gateway has
        """Return the call *name*, guarded."""
        call = getattr(self._gateway, name)
        if not inspect.iscoroutinefunction(call):
            return call

        async def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  as above
            self._check()
            return await call(*args, **kwargs)

        return guarded


def guarded(gateway: PaymentGateway, check: Callable[[], None]) -> PaymentGateway:
    """Return *gateway*, each call of which is refused where *check* raises."""
    return cast("PaymentGateway", Guarded(gateway, check))
