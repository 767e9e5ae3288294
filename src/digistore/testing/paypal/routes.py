"""The endpoints of the double: how what is asked is typed, who answers, and how long keys live."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from digistore.testing.paypal import schemas
from digistore.testing.paypal.errors import ApiError
from digistore.testing.paypal.objects import captures, disputes, listings, orders
from digistore.testing.paypal.schemas import Schema
from digistore.testing.paypal.world import Object, World

Handler = Callable[[World, Any, str], Object]

_HOURS = timedelta(hours=6)  # https://developer.paypal.com/docs/api/orders/v2/#orders_create
_DAYS = timedelta(days=45)  # https://developer.paypal.com/docs/api/payments/v2/#captures_refund


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint.

    *noun* is what it makes and a request id stands for, *keys* how long it does; *feature* is what
    the app must have turned on.
    """

    method: str
    path: str
    asks: Schema
    tells: Schema
    handler: Handler
    status: int = 200
    noun: str = ""
    keys: timedelta | None = None
    needs_key: bool = False
    feature: str | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path must look like; an id is its only group."""
        return re.compile(self.path.replace("{id}", "([^/]+)"))


ROUTES = (
    Route(
        "POST",
        orders.URL,
        schemas.CREATE_ORDER,
        schemas.ORDER,
        orders.create,
        status=201,
        noun="order",
        keys=_HOURS,
        needs_key=True,
    ),
    Route("GET", orders.URL + "/{id}", schemas.NOTHING, schemas.ORDER, orders.retrieve),
    Route(
        "PATCH",
        orders.URL + "/{id}",
        schemas.PATCH_ORDER,
        schemas.NOTHING,
        orders.patch,
        status=204,
    ),
    Route(
        "POST",
        orders.URL + "/{id}/capture",
        schemas.CAPTURE_ORDER,
        schemas.ORDER,
        orders.capture,
        status=201,
        noun="order",
        keys=_HOURS,
        needs_key=True,
    ),
    Route("GET", captures.URL + "/{id}", schemas.NOTHING, schemas.CAPTURE, captures.retrieve),
    Route(
        "POST",
        captures.URL + "/{id}/refund",
        schemas.REFUND_CAPTURE,
        schemas.REFUND,
        captures.refund,
        status=201,
        noun="refund",
        keys=_DAYS,
    ),
    Route(
        "GET",
        captures.REFUNDS_URL + "/{id}",
        schemas.NOTHING,
        schemas.REFUND,
        captures.retrieve_refund,
    ),
    Route(
        "GET",
        disputes.URL,
        schemas.LIST_DISPUTES,
        schemas.DISPUTE_LIST,
        disputes.list_all,
        feature="disputes",
    ),
    Route(
        "GET",
        disputes.URL + "/{id}",
        schemas.NOTHING,
        schemas.DISPUTE,
        disputes.retrieve,
        feature="disputes",
    ),
    Route("GET", listings.EVENTS_URL, schemas.LIST_EVENTS, schemas.EVENT_LIST, listings.events),
    Route(
        "GET",
        listings.TRANSACTIONS_URL,
        schemas.LIST_TRANSACTIONS,
        schemas.TRANSACTION_LIST,
        listings.transactions,
        feature="transactions",
    ),
)
_PATTERNS = tuple((route, route.pattern) for route in ROUTES)


def find_route(method: str, path: str) -> tuple[Route, str]:
    """Return the endpoint of a request, and the id in its path.

    Raises:
        ApiError: there is none.
    """
    for route, pattern in _PATTERNS:
        matched = pattern.fullmatch(path)
        if matched is not None and route.method == method:
            return route, "".join(matched.groups())
    message = f"{method} {path}: PayPal may know it; the double does not."
    raise ApiError(404, "RESOURCE_NOT_FOUND", message)
