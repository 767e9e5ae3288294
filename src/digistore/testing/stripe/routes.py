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
    """One endpoint; *params* is the name of its type in ``stripe.params``.

    It replies with an object that calls itself *noun*, or with a list of them.
    """

    method: str
    path: str
    params: str
    handler: Handler
    noun: str

    @property
    def lists(self) -> bool:
        """Whether the reply is a list."""
        return "List" in self.params

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path must look like; an id is its only group."""
        return re.compile(self.path.replace("{id}", "([^/]+)"))


ROUTES = (
    Route("GET", "/v1/account", "AccountRetrieveCurrentParams", accounts.own, "account"),
    Route("GET", "/v1/accounts/{id}", "AccountRetrieveParams", accounts.retrieve, "account"),
    Route(
        "GET",
        "/v1/balance_transactions/{id}",
        "BalanceTransactionRetrieveParams",
        balance.retrieve,
        "balance_transaction",
    ),
    Route("GET", charges.URL, "ChargeListParams", charges.list_all, "charge"),
    Route("GET", charges.URL + "/{id}", "ChargeRetrieveParams", charges.retrieve, "charge"),
    Route("GET", sessions.URL, "checkout.SessionListParams", sessions.list_all, "checkout.session"),
    Route(
        "POST", sessions.URL, "checkout.SessionCreateParams", sessions.create, "checkout.session"
    ),
    Route(
        "GET",
        sessions.URL + "/{id}",
        "checkout.SessionRetrieveParams",
        sessions.retrieve,
        "checkout.session",
    ),
    Route(
        "POST",
        sessions.URL + "/{id}",
        "checkout.SessionUpdateParams",
        sessions.update,
        "checkout.session",
    ),
    Route(
        "POST",
        sessions.URL + "/{id}/expire",
        "checkout.SessionExpireParams",
        sessions.expire,
        "checkout.session",
    ),
    Route(
        "GET",
        sessions.URL + "/{id}/line_items",
        "checkout.SessionListLineItemsParams",
        sessions.list_items,
        "item",
    ),
    Route("GET", customers.URL, "CustomerListParams", customers.list_all, "customer"),
    Route("POST", customers.URL, "CustomerCreateParams", customers.create, "customer"),
    Route("GET", customers.URL + "/{id}", "CustomerRetrieveParams", customers.retrieve, "customer"),
    Route("GET", disputes.URL, "DisputeListParams", disputes.list_all, "dispute"),
    Route("GET", disputes.URL + "/{id}", "DisputeRetrieveParams", disputes.retrieve, "dispute"),
    Route("POST", disputes.URL + "/{id}", "DisputeUpdateParams", disputes.update, "dispute"),
    Route("POST", disputes.URL + "/{id}/close", "DisputeCloseParams", disputes.close, "dispute"),
    Route("GET", events.URL, "EventListParams", events.list_all, "event"),
    Route("GET", events.URL + "/{id}", "EventRetrieveParams", events.retrieve, "event"),
    Route("GET", intents.URL, "PaymentIntentListParams", intents.list_all, "payment_intent"),
    Route(
        "GET",
        intents.URL + "/{id}",
        "PaymentIntentRetrieveParams",
        intents.retrieve,
        "payment_intent",
    ),
    Route(
        "POST", intents.URL + "/{id}", "PaymentIntentUpdateParams", intents.update, "payment_intent"
    ),
    Route("GET", refunds.URL, "RefundListParams", refunds.list_all, "refund"),
    Route("POST", refunds.URL, "RefundCreateParams", refunds.create, "refund"),
    Route("GET", refunds.URL + "/{id}", "RefundRetrieveParams", refunds.retrieve, "refund"),
    Route("POST", refunds.URL + "/{id}", "RefundUpdateParams", refunds.update, "refund"),
    Route("POST", refunds.URL + "/{id}/cancel", "RefundCancelParams", refunds.cancel, "refund"),
    Route("GET", transfers.URL, "TransferListParams", transfers.list_all, "transfer"),
    Route("POST", transfers.URL, "TransferCreateParams", transfers.create, "transfer"),
    Route("GET", transfers.URL + "/{id}", "TransferRetrieveParams", transfers.retrieve, "transfer"),
    Route(
        "GET",
        transfers.URL + "/{id}/reversals",
        "TransferReversalListParams",
        transfers.list_reversals,
        "transfer_reversal",
    ),
    Route(
        "POST",
        transfers.URL + "/{id}/reversals",
        "TransferReversalCreateParams",
        transfers.create_reversal,
        "transfer_reversal",
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
