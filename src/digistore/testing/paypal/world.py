"""What the double knows: orders and what became of them, events, keys, one clock, one lock."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any, Literal, TypeAlias

from digistore.clock import Clock
from digistore.testing.paypal.errors import missing

Object: TypeAlias = dict[str, Any]
Outcome: TypeAlias = Literal["paid", "delayed", "declined"]

FEATURES = frozenset({"disputes", "transactions"})
SELLER: Mapping[str, str] = {
    "email_address": "seller@shop.example",
    "merchant_id": "DOUBLEMERCHNT",
}


class Ids:
    """Ids that look drawn, yet are the same in every run: they follow from the seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def new(self, length: int = 17) -> str:
        """Return the next one, of capital letters and digits."""
        self._count += 1
        text = f"{self._seed}/{self._count}"
        return hashlib.sha256(text.encode()).hexdigest().upper()[:length]


@dataclass(slots=True)
class Hidden:
    """What belongs to an order and is no field of it."""

    created_at: datetime
    funding: Outcome = "paid"
    approved_at: datetime | None = None
    arrives: str | None = None  # decimal text, where it is not all of it


@dataclass(slots=True)
class Kept:
    """What a request id stands for: what was made, or the refusal that is told again."""

    path: str
    noun: str
    ref: str
    status: int
    body: bytes
    until: datetime


@dataclass(slots=True)
class World:
    """Everything, under one lock."""

    clock: Clock
    seed: str
    ids: Ids = field(init=False)
    lock: Any = field(default_factory=RLock)
    base_url: str = ""  # known once the server listens
    orders: dict[str, Object] = field(default_factory=dict)
    hidden: dict[str, Hidden] = field(default_factory=dict)
    captures: dict[str, tuple[str, Object]] = field(default_factory=dict)  # with the order's id
    refunds: dict[str, tuple[str, Object]] = field(default_factory=dict)  # with the capture's id
    # with the id of the first capture that each is about
    disputes: dict[str, tuple[str, Object]] = field(default_factory=dict)
    events: dict[str, Object] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)  # orders by event
    outgoing: list[str] = field(default_factory=list)  # events that no endpoint has acknowledged
    keys: dict[str, Kept] = field(default_factory=dict)
    features: set[str] = field(default_factory=lambda: set(FEATURES))
    refunds_pend: bool = False

    def __post_init__(self) -> None:
        """Begin to count."""
        self.ids = Ids(self.seed)

    @property
    def now(self) -> str:
        """The time of the double's clock, as PayPal writes it."""
        return text_of(self.clock())

    def order(self, ref: str) -> Object:
        """Return an order; its buyer's time may be over.

        Raises:
            ApiError: there is none.
        """
        if ref not in self.orders:
            raise missing("order_id")
        return self.orders[ref]

    def capture(self, ref: str) -> tuple[Object, Object]:
        """Return the order of a capture, and the capture.

        Raises:
            ApiError: there is none.
        """
        if ref not in self.captures:
            raise missing("capture_id")
        order_id, capture = self.captures[ref]
        return self.orders[order_id], capture

    def disputes_of(self, capture_id: str) -> list[Object]:
        """Return the disputes that name a capture, alone or among others, the oldest first."""
        return [
            dispute
            for _, dispute in self.disputes.values()
            if capture_id
            in {one["seller_transaction_id"] for one in dispute["disputed_transactions"]}
        ]

    def link(self, path: str, rel: str, method: str = "GET") -> dict[str, str]:
        """Return a link to the double itself."""
        return {"href": self.base_url + path, "rel": rel, "method": method}

    def tell(self, event_type: str, resource_type: str, resource: Object, order_id: str) -> Object:
        """Write down an event about a thing as it is now."""
        event_id = f"WH-{self.ids.new()}-{self.ids.new()}"
        event: Object = {
            "id": event_id,
            "create_time": self.now,
            "resource_type": resource_type,
            "event_version": "1.0",
            "event_type": event_type,
            "summary": f"{event_type} of {resource_type}",
            "resource_version": "2.0",
            "resource": copy.deepcopy(resource),
            "links": [self.link(f"/v1/notifications/webhooks-events/{event_id}", "self")],
        }
        self.events[event_id] = event
        self.about[event_id] = order_id
        self.outgoing.append(event_id)
        return event

    def retell(self, event: Object) -> Object:
        """Tell the same fact once more, under an id of its own."""
        again = copy.deepcopy(event) | {"id": f"WH-{self.ids.new()}-{self.ids.new()}"}
        self.events[again["id"]] = again
        self.about[again["id"]] = self.about[event["id"]]
        return again

    def told(self, order_id: str, *types: str) -> Object | None:
        """Return the newest event of these types about an order."""
        for event in reversed(self.events.values()):
            if self.about[event["id"]] == order_id and event["event_type"] in types:
                return event
        return None


def text_of(at: datetime) -> str:
    """Write a time as PayPal does."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


APPROVAL_LASTS = timedelta(hours=3)
"""Until an approval that nobody captures is taken back.

https://developer.paypal.com/payment-methods/uncaptured-payments.md
"""
CREATED_LASTS = timedelta(hours=6)
"""Until an order that nobody approves is forgotten: PayPal says only that it will be."""
