"""What the double knows: accounts, each with its objects, its idempotency keys and its events."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from threading import RLock
from typing import Any, TypeAlias

from digistore.clock import Clock
from digistore.testing.stripe.errors import missing
from digistore.testing.stripe.idempotency import Keys
from digistore.testing.stripe.sdk import api_version, object_class, shape, whole

Object: TypeAlias = dict[str, Any]

_ID_LENGTH = 24
EVENTS_REACH_BACK = timedelta(days=30)
_PREFIXES = {
    "account": "acct_",
    "application_fee": "fee_",
    "balance_transaction": "txn_",
    "charge": "ch_",
    "customer": "cus_",
    "dispute": "du_",
    "event": "evt_",
    "fee_refund": "fr_",
    "item": "li_",
    "payment_intent": "pi_",
    "price": "price_",
    "product": "prod_",
    "radar.early_fraud_warning": "issfr_",
    "refund": "re_",
    "transfer": "tr_",
    "transfer_reversal": "trr_",
}


class Ids:
    """Ids that look drawn, yet are the same in every run: they follow from the seed."""

    def __init__(self, seed: str, *, livemode: bool) -> None:
        self._seed = seed
        self._count = 0
        self._session = "cs_live_" if livemode else "cs_test_"

    def new(self, noun: str) -> str:
        """Return the next id for that noun, such as ``charge``."""
        prefix = self._session if noun == "checkout.session" else _PREFIXES[noun]
        return prefix + self.next()

    def next(self) -> str:
        """Return the next part of an id."""
        self._count += 1
        text = f"{self._seed}/{self._count}"
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that made something happen."""

    request_id: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Checkout:
    """What belongs to a session and is no field of it."""

    items: list[Object]
    intent_data: Object


class Account:
    """One account at Stripe: the shop's own, or a connected one."""

    def __init__(self, account_id: str, world: World, *, connected: bool) -> None:
        self.id = account_id
        self.connected = connected
        self.keys = Keys()
        self.world = world
        self.checkouts: dict[str, Checkout] = {}  # by the id of the session
        self._objects: dict[str, Object] = {}

    @property
    def now(self) -> int:
        """The time of the double's clock, in seconds since 1970."""
        return int(self.world.clock().timestamp())

    def add(self, noun: str, /, **fields: object) -> Object:
        """Make an object with a new id, and keep it."""
        usual: Object = {
            "id": self.world.ids.new(noun),
            "created": self.now,
            "livemode": self.world.livemode,
        }
        known = shape(object_class(noun)).fields
        given = {name: value for name, value in usual.items() if name in known} | fields
        made = whole(noun, **given)
        self._objects[made["id"]] = made
        return made

    def find(self, noun: str, given: str, param: str = "id") -> Object:
        """Return the object of that id.

        Raises:
            ApiError: there is none of that noun.
        """
        found = self._objects.get(given)
        if found is None or found["object"] != noun:
            raise missing(noun, given, param)
        return found

    def get(self, given: str) -> Object | None:
        """Return the object of that id, whatever it is."""
        return self._objects.get(given)

    def all(self, noun: str) -> list[Object]:
        """Return all objects of a noun, the newest first."""
        return [one for one in reversed(self._objects.values()) if one["object"] == noun]

    def tell(self, event_type: str, about: Object, *, at: int | None = None) -> Object:
        """Write down an event about an object as it is now; it happened *at* that time (now)."""
        origin = self.world.origin
        fields: Object = {
            "api_version": self.world.event_api_version,
            "created": self.now if at is None else at,
            "data": {"object": copy.deepcopy(about)},
            "pending_webhooks": 1,
            "request": {
                "id": origin and origin.request_id,
                "idempotency_key": origin and origin.key,
            },
            "type": event_type,
            "account": self.id if self.connected else None,
        }
        event = self.add("event", **fields)
        if not self.connected:
            del event["account"]  # there or not there, never null
        self.world.told.append(event["id"])
        self.world.outgoing.append(event["id"])
        return event

    def told(self, about: str, *types: str) -> Object:
        """Return the newest event of these types about the object of that id; it must be there."""
        return next(
            event
            for event in self.all("event")
            if event["data"]["object"]["id"] == about and event["type"] in types
        )

    def retell(self, event: Object) -> Object:
        """Tell the same fact once more, under an id of its own, as Stripe may."""
        again = copy.deepcopy(event) | {"id": self.world.ids.new("event")}
        self._objects[again["id"]] = again
        self.world.told.append(again["id"])
        return again


class World:
    """All accounts, one clock, one source of ids, one lock."""

    def __init__(self, *, clock: Clock, seed: str, livemode: bool) -> None:
        self.clock = clock
        self.livemode = livemode
        self.lock = RLock()
        self.ids = Ids(seed, livemode=livemode)
        self.origin: Origin | None = None
        self.base_url = ""  # known once the server listens
        self.told: list[str] = []  # ids of all events, of all accounts
        self.outgoing: list[str] = []  # ids of events that no endpoint has acknowledged
        self.tax_percent = Decimal(0)
        self.refunds_pend = False
        self.own = Account(self.ids.new("account"), self, connected=False)
        self.connected: dict[str, Account] = {}

    def connect(self) -> Account:
        """Open a connected account."""
        account = Account(self.ids.new("account"), self, connected=True)
        self.connected[account.id] = account
        return account

    @property
    def event_api_version(self) -> str:
        """The version in which events are told: that of the SDK."""
        return api_version()

    @property
    def accounts(self) -> list[Account]:
        """The shop's own account, then the connected ones."""
        return [self.own, *self.connected.values()]

    @contextmanager
    def caused_by(self, origin: Origin | None) -> Iterator[None]:
        """Hold the lock; what happens meanwhile was asked for by that request."""
        with self.lock:
            self.origin = origin
            try:
                yield
            finally:
                self.origin = None

    def event(self, event_id: str) -> tuple[Account, Object]:
        """Return an event and the account it happened on; it must be there."""
        for account in self.accounts:
            found = account.get(event_id)
            if found is not None:
                return account, found
        raise KeyError(event_id)

    def next_id(self) -> str:
        """Return a part of an id, for what is no object."""
        with self.lock:
            return self.ids.next()

    def checkout_url(self, session_id: str) -> str:
        """Return where the buyer of a session pays."""
        return f"{self.base_url}/c/pay/{session_id}"
