"""The SDK at work: imported when first needed, called by threads, with deadlines and retries."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from packaging.version import Version

from digistore.blocking import offload
from digistore.errors import ConfigError
from digistore.gateways.stripe.errors import translate
from digistore.gateways.stripe.snapshots import Object

if TYPE_CHECKING:
    import stripe

OLDEST, TOO_NEW = Version("15.6"), Version("17")
PAGE = 100  # objects, the most that Stripe lists at once


class HasDict(Protocol):
    """An object of the SDK, which is no dict since its version 15."""

    def to_dict(self) -> dict[str, Any]:
        """Return what it holds, as plain data."""


Ask = Callable[["stripe.StripeClient"], HasDict]


class AskPage(Protocol):
    """What asks for one page of a list."""

    def __call__(self, api: stripe.StripeClient, page: Object) -> HasDict:
        """Ask *api* for the *page* that those parameters name."""


def check_installed() -> None:
    """Make sure that the SDK is there, without importing it.

    Raises:
        ConfigError: it is not, or is of another version.
    """
    wanted = 'pip install "digistore[stripe]"'
    if importlib.util.find_spec("stripe") is None:
        raise ConfigError(f"StripeGateway needs Stripe's SDK: {wanted}")
    found = importlib.metadata.version("stripe")
    if not OLDEST <= Version(found) < TOO_NEW:
        raise ConfigError(f"stripe {found} is not from {OLDEST} to below {TOO_NEW}: {wanted}")


class Client:
    """Asks Stripe, and answers with plain dicts; safe to use from threads.

    Args:
        api_key: never shown.
        timeout: of one try, in seconds.
        retries: how often the SDK tries again what got no answer, with the same key.
        api_base: where Stripe is, if elsewhere.
        telemetry: whether the SDK tells Stripe how long requests take; it is a setting of the
            whole process, so it is left alone unless given.
    """

    def __init__(
        self,
        api_key: str,
        *,
        timeout: float,
        retries: int,
        api_base: str | None,
        telemetry: bool | None,
    ) -> None:
        self._api_key = api_key
        self._timeout = timeout
        self._retries = retries
        self._api_base = api_base
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._made: tuple[stripe.StripeClient, stripe.RequestsClient] | None = None

    def __repr__(self) -> str:
        return "Client(...)"

    async def ask(self, ask: Ask, about: str, ref: str = "") -> Object:
        """Return what Stripe answers to *ask*.

        Raises:
            GatewayError: it did not, or said no.
            AmountNotSupported, NotRefundable, CheckoutNotFound: it said no for a known reason.
        """
        return await offload(self._ask, ask, about, ref)

    async def list_all(self, ask: AskPage, about: str, ref: str) -> list[Object]:
        """Return what all pages of a list hold."""
        return await offload(self._list_all, ask, about, ref)

    async def close(self) -> None:
        """Let go of the connections of the calling thread."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            await offload(made[1].close)

    def _ask(self, ask: Ask, about: str, ref: str) -> Object:
        import stripe  # noqa: PLC0415  half a second and 25 MB: only who asks pays for it

        refused: stripe.StripeError
        try:
            return ask(self._client()).to_dict()
        except stripe.StripeError as error:
            refused = error
        # Out here the SDK's exception is no context of ours.
        raise translate(refused, about, ref)

    def _list_all(self, ask: AskPage, about: str, ref: str) -> list[Object]:
        return list(self._pages(ask, about, ref))

    def _pages(self, ask: AskPage, about: str, ref: str) -> Iterator[Object]:
        params: Object = {"limit": PAGE}
        while True:
            page = self._ask(partial(ask, page=params), about, ref)
            yield from page["data"]
            if not page["has_more"] or not page["data"]:
                return
            params = {"limit": PAGE, "starting_after": page["data"][-1]["id"]}

    def _client(self) -> stripe.StripeClient:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made[0]

    def _make(self) -> tuple[stripe.StripeClient, stripe.RequestsClient]:
        import stripe  # noqa: PLC0415  as above

        if self._telemetry is not None:
            stripe.enable_telemetry = self._telemetry
        http_client = stripe.RequestsClient(timeout=self._timeout)
        client = stripe.StripeClient(
            self._api_key,
            http_client=http_client,
            max_network_retries=self._retries,
            base_addresses={} if self._api_base is None else {"api": self._api_base},
        )
        return client, http_client
