"""The provider that a gateway is tested against, as an author supplies it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NoReturn, TypeAlias

import pytest

from digistore.gateways import DisputeState, PaymentGateway
from digistore.money import Money
from digistore.testing.clock import FrozenClock

SignedEvent: TypeAlias = tuple[bytes, dict[str, str]]
Fault: TypeAlias = Literal["timeout", "lost_reply", "server_error", "rate_limit", "malformed"]
Strange: TypeAlias = Literal["namespace", "mode", "account", "type"]
About: TypeAlias = Literal["payment", "refund", "dispute"]
Tax: TypeAlias = Literal["inclusive", "exclusive"]


@dataclass(frozen=True, slots=True)
class Variant:
    """How another gateway over the same provider differs from the world's own.

    Args:
        webhook_secrets: what it believes, newest first; ``None`` for the world's own.
        tolerance: how many seconds an event may be old, or early.
        timeout: of one request, in seconds; ``None`` for the adapter's default.
        wrong_key: whether the provider refuses its key.
        retries: whether it tries again inside, as shops have it by default.
        tax: how the gateway's own tax is asked for.
    """

    webhook_secrets: str | tuple[str, ...] | None = None
    tolerance: int = 300
    timeout: float | None = None
    wrong_key: bool = False
    retries: bool = False
    tax: Tax | None = None


class World(ABC):
    """A provider with one gateway over it; everything here happens at the provider.

    What is abstract every world can do.  The rest belongs to a capability, or to what only some
    providers have: a test that asks for it is skipped, and says what was missing.

    Attributes:
        gateway: what is tested, without retries inside, if they can be switched off.
        clock: the time that both go by.
        price: what most checkouts cost.
        secrets: what nobody may ever see: keys, and secrets of webhooks.
        webhook_secret: what `sign` signs with.
        spare_secret: another one of the same form.
        longest_tolerance: how many seconds old an event may be, at most.
        packages: the provider's own packages, which nothing but a call may import.
    """

    gateway: PaymentGateway
    clock: FrozenClock
    price: Money = Money("29.00", "USD")
    secrets: tuple[str, ...] = ()
    webhook_secret: str = ""
    longest_tolerance: int = 3600
    spare_secret: str = ""
    packages: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """The shop's name at the provider."""
        return self.gateway.profile.namespace or "contract"

    # The buyer.

    @abstractmethod
    def pay(self, checkout_id: str, amount: Money | None = None) -> None:
        """Let the buyer pay; *amount* arrives, if it is not what is owed.

        A gateway that captures on return is then where the buyer has approved, is back, and the
        money was captured.
        """

    @abstractmethod
    def owed(self, checkout_id: str) -> Money:
        """Return what the provider asks the buyer for, by the provider's own tables."""

    def delay(self, checkout_id: str) -> None:
        """Let the buyer pay by something slow: the money is on its way until `clear`."""
        cannot("delayed payments")

    def clear(self, checkout_id: str, *, ok: bool = True) -> None:
        """Let delayed money arrive, or fail for good."""
        cannot("delayed payments")

    def decline(self, checkout_id: str) -> None:
        """Let the buyer's card be declined; the checkout stays open."""
        cannot("declined cards")

    def approve(self, checkout_id: str) -> Mapping[str, str]:
        """Let the buyer approve, and return the parameters of the way back: nothing is captured."""
        cannot("approval without capture")

    # The bank.

    def refund(self, checkout_id: str, amount: Money | None = None) -> None:
        """Give back *amount*, or all that is left, at the provider: the shop did not ask."""
        cannot("refunds at the provider")

    def fail_refund(self, checkout_id: str) -> None:
        """Let the newest refund fail, after it succeeded."""
        cannot("refunds that fail later")

    def dispute(self, checkout_id: str, state: DisputeState) -> None:
        """Bring the payment's dispute to *state*, and open it first where there is none."""
        cannot("disputes")

    def sellers_share(self, checkout_id: str) -> Money:
        """Return what the seller's account has of a split payment by now."""
        cannot("the balance of connected accounts")

    def connect(self) -> str:
        """Return a seller's account for splits."""
        cannot("connected accounts")

    # The wire.

    @abstractmethod
    def events(self, checkout_id: str) -> Sequence[SignedEvent]:
        """Return all messages of one checkout so far, in the order in which things happened."""

    @abstractmethod
    def sign(self, body: bytes, at: datetime | None = None) -> dict[str, str]:
        """Return the headers that the provider sends with *body*, *at* that time or now."""

    @abstractmethod
    def fault(self, fault: Fault, times: int = 1) -> None:
        """Let the next requests fail.

        After ``lost_reply`` and ``malformed`` the work is done; ``timeout``, ``server_error`` and
        ``rate_limit`` come before any work.
        """

    @property
    @abstractmethod
    def sent(self) -> Sequence[str]:
        """The idempotency key of each request so far, failed ones too, empty where it had none."""

    def strange(self, what: Strange) -> SignedEvent:
        """Return an event that is signed, but of another shop, mode, account or unknown type."""
        cannot(f"events of another {what}")

    def hold(self) -> None:
        """Let the next request wait for `release`."""
        cannot("requests that are not answered")

    def release(self) -> None:
        """Let it go on."""
        cannot("requests that are not answered")

    def confuse(self, checkout_id: str, about: About) -> None:
        """Give the payment, refund or dispute a state and a field that no SDK knows yet."""
        cannot("words that are not known yet")

    def invented(self) -> Sequence[str]:
        """Return the fields of replies so far that the provider does not document."""
        cannot("replies that can be held against documentation")

    @property
    def keys(self) -> list[str]:
        """The idempotency keys so far, in order: `sent` without what had none."""
        return [key for key in self.sent if key]

    # The gateway.

    def another(self, variant: Variant) -> PaymentGateway:
        """Return another gateway over the same provider.

        Raises:
            ConfigError: from the gateway, where it cannot be made so.
        """
        cannot("gateways with other settings")


def cannot(what: str) -> NoReturn:
    """Skip a test, visibly: this world has not got *what* it needs."""
    pytest.skip(f"this world has no {what}")
