"""The endpoints of the double: what is asked for, how it is typed, and who answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from digistore.testing.stripe.errors import ApiError
from digistore.testing.stripe.expansion import Include
from digistore.testing.stripe.lists import whole_list
from digistore.testing.stripe.objects import (
    accounts,
    balance,
    charges,
    customers,
    disputes,
    events,
    intents,
    refunds,
    sessions,
    transfers,
)
from digistore.testing.stripe.world import Account, Object

Handler = Callable[[Account, Object, str], Object]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; *params* is the name of its type in ``stripe.params``."""

    method: str
    path: str
    params: str
    handler: Handler

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path must look like; an id is its only group."""
        return re.compile(self.path.replace("{id}", "([^/]+)"))


ROUTES = (
    Route("GET", "/v1/account", "AccountRetrieveCurrentParams", accounts.own),
    Route("GET", "/v1/accounts/{id}", "AccountRetrieveParams", accounts.retrieve),
    Route(
        "GET",
        "/v1/balance_transactions/{id}",
        "BalanceTransactionRetrieveParams",
        balance.retrieve,
    ),
    Route("GET", charges.URL, "ChargeListParams", charges.list_all),
    Route("GET", charges.URL + "/{id}", "ChargeRetrieveParams", charges.retrieve),
    Route("GET", sessions.URL, "checkout.SessionListParams", sessions.list_all),
    Route("POST", sessions.URL, "checkout.SessionCreateParams", sessions.create),
    Route("GET", sessions.URL + "/{id}", "checkout.SessionRetrieveParams", sessions.retrieve),
    Route("POST", sessions.URL + "/{id}", "checkout.SessionUpdateParams", sessions.update),
    Route("POST", sessions.URL + "/{id}/expire", "checkout.SessionExpireParams", sessions.expire),
    Route(
        "GET",
        sessions.URL + "/{id}/line_items",
        "checkout.SessionListLineItemsParams",
        sessions.list_items,
    ),
    Route("GET", customers.URL, "CustomerListParams", customers.list_all),
    Route("POST", customers.URL, "CustomerCreateParams", customers.create),
    Route("GET", customers.URL + "/{id}", "CustomerRetrieveParams", customers.retrieve),
    Route("GET", disputes.URL, "DisputeListParams", disputes.list_all),
    Route("GET", disputes.URL + "/{id}", "DisputeRetrieveParams", disputes.retrieve),
    Route("POST", disputes.URL + "/{id}", "DisputeUpdateParams", disputes.update),
    Route("POST", disputes.URL + "/{id}/close", "DisputeCloseParams", disputes.close),
    Route("GET", events.URL, "EventListParams", events.list_all),
    Route("GET", events.URL + "/{id}", "EventRetrieveParams", events.retrieve),
    Route("GET", intents.URL, "PaymentIntentListParams", intents.list_all),
    Route("GET", intents.URL + "/{id}", "PaymentIntentRetrieveParams", intents.retrieve),
    Route("POST", intents.URL + "/{id}", "PaymentIntentUpdateParams", intents.update),
    Route("GET", refunds.URL, "RefundListParams", refunds.list_all),
    Route("POST", refunds.URL, "RefundCreateParams", refunds.create),
    Route("GET", refunds.URL + "/{id}", "RefundRetrieveParams", refunds.retrieve),
    Route("POST", refunds.URL + "/{id}", "RefundUpdateParams", refunds.update),
    Route("POST", refunds.URL + "/{id}/cancel", "RefundCancelParams", refunds.cancel),
    Route("GET", transfers.URL, "TransferListParams", transfers.list_all),
    Route("POST", transfers.URL, "TransferCreateParams", transfers.create),
    Route("GET", transfers.URL + "/{id}", "TransferRetrieveParams", transfers.retrieve),
    Route(
        "GET",
        transfers.URL + "/{id}/reversals",
        "TransferReversalListParams",
        transfers.list_reversals,
    ),
    Route(
        "POST",
        transfers.URL + "/{id}/reversals",
        "TransferReversalCreateParams",
        transfers.create_reversal,
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
    message = (
        f"Unrecognized request URL ({method}: {path}). Stripe may know it; the double does not."
    )
    raise ApiError(404, message)


def _items(account: Account, session: Object) -> Object:
    url = f"{sessions.URL}/{session['id']}/line_items"
    return whole_list(sessions.items_of(account, session["id"]), url)


INCLUDES: Mapping[tuple[str, str], Include] = {
    ("charge", "refunds"): charges.refunds_of,
    ("checkout.session", "line_items"): _items,
}
