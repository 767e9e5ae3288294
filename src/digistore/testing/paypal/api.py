"""A request on its way: token, features, parameters, request id, answer.

Nothing here knows HTTP; `digistore.testing.loopback.server` does.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from digistore.testing.loopback.faults import FaultName, Faults
from digistore.testing.loopback.messages import Reply, Request
from digistore.testing.paypal import schemas
from digistore.testing.paypal.errors import ApiError, invalid
from digistore.testing.paypal.objects import orders
from digistore.testing.paypal.routes import Route, find_route
from digistore.testing.paypal.validation import check, read
from digistore.testing.paypal.world import Kept, Object, World

TOKEN_PATH = "/v1/oauth2/token"  # noqa: S105 - a path
TOKEN_LASTS = timedelta(hours=9)

_LONGEST_KEY = 108
_MINIMAL = ("id", "status", "links")


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as the double saw it, and what it answered.

    *parameters* are its query, its form or its JSON.  *status* is 0 if no reply was sent.
    """

    method: str
    path: str
    parameters: Any
    key: str | None
    debug_id: str
    fault: FaultName | None = None
    status: int = 0
    replayed: bool = False


class Api:
    """Answers requests; safe to use from threads, as everything happens under the world's lock."""

    def __init__(self, world: World, faults: Faults, client_id: str, client_secret: str) -> None:
        self.world = world
        self.faults = faults
        pair = f"{client_id}:{client_secret}".encode()
        self._basic = "Basic " + base64.b64encode(pair).decode()
        self._tokens: dict[str, datetime] = {}

    def revoke_tokens(self) -> None:
        """Let no access token be good any more, before its time."""
        self._tokens.clear()

    def answer(self, request: Request, debug_id: str, fault: FaultName | None) -> Reply:
        """Return the reply to *request*, whatever it is."""
        headers = {"Paypal-Debug-Id": debug_id}
        try:
            self._suffer(fault)
            with self.world.lock:
                orders.let_time_pass(self.world)
                if request.path == TOKEN_PATH:
                    return _json(200, self._token(request), headers)
                self._check_token(request)
                return self._work(request, headers)
        except ApiError as error:
            return Reply(error.status, error.body(debug_id), headers)

    def _suffer(self, fault: FaultName | None) -> None:
        if fault == "slow":
            self.faults.hold()
        if fault == "rate_limit":
            message = "Too many requests. Blocked due to rate limiting."
            raise ApiError(429, "RATE_LIMIT_REACHED", message)
        if fault == "error_500":
            message = "An internal server error has occurred."
            raise ApiError(500, "INTERNAL_SERVER_ERROR", message)

    def _token(self, request: Request) -> Object:
        if request.headers.get("authorization") != self._basic:
            raise ApiError(401, "invalid_client", "Client Authentication failed")
        check(schemas.TOKEN, read(request))
        token = "A21AA" + self.world.ids.new(40)
        self._tokens[token] = self.world.clock() + TOKEN_LASTS
        seconds = int(TOKEN_LASTS.total_seconds())
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds}

    def _check_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        until = self._tokens.get(token)
        if scheme != "Bearer" or until is None or self.world.clock() >= until:
            message = "Token signature verification failed"
            raise ApiError(401, "AUTHENTICATION_FAILURE", message, issue="INVALID_TOKEN")

    def _work(self, request: Request, headers: dict[str, str]) -> Reply:
        route, given_id = find_route(request.method, request.path)
        if route.feature is not None and route.feature not in self.world.features:
            message = "Authorization failed due to insufficient permissions."
            raise ApiError(403, "NOT_AUTHORIZED", message, issue="PERMISSION_DENIED")
        key = self._key(route, request)
        kept = None if key is None else self.world.keys.get(key)
        if kept is not None and self.world.clock() < kept.until:
            return self._again(kept, request, headers)
        asked = read(request)
        check(route.asks, asked)
        try:
            made = route.handler(self.world, asked, unquote(given_id))
        except ApiError as error:
            if key is not None and error.status == 422:  # noqa: PLR2004 - what was looked at
                body = error.body(headers["Paypal-Debug-Id"])
                self._keep(route, key, request, "", Reply(error.status, body, headers))
            raise
        reply = _answer(route.status, made, request, headers)
        if key is not None:
            self._keep(route, key, request, made["id"], reply)
        return reply

    def _key(self, route: Route, request: Request) -> str | None:
        key = request.headers.get("paypal-request-id")
        if route.needs_key and key is None:
            message = "A PayPal-Request-Id is required to process payment for an order."
            raise invalid("PAYPAL_REQUEST_ID_REQUIRED", message, "PayPal-Request-Id")
        if key is not None and not 0 < len(key) <= _LONGEST_KEY:
            message = "The value of a field is either too short or too long."
            raise invalid("INVALID_STRING_LENGTH", message, "PayPal-Request-Id")
        return key if route.keys is not None else None

    def _keep(self, route: Route, key: str, request: Request, ref: str, reply: Reply) -> None:
        if route.keys is not None:
            until = self.world.clock() + route.keys
            self.world.keys[key] = Kept(
                request.path, route.noun, ref, reply.status, reply.body, until
            )

    def _again(self, kept: Kept, request: Request, headers: dict[str, str]) -> Reply:
        """Tell of what the key stands for, as it is by now; whatever is asked for this time.

        https://developer.paypal.com/api/rest/reference/idempotency does not say what becomes of
        other parameters, so the double does what a shop is hurt by most.
        """
        if kept.path != request.path:
            message = "The value of PayPal-Request-Id header has already been used."
            raise ApiError(400, "DUPLICATE_REQUEST_ID", message)
        headers = headers | {"Replayed": "true"}
        if not kept.ref:
            return Reply(kept.status, kept.body, headers)
        made = (
            self.world.orders.get(kept.ref)
            if kept.noun == "order"
            else self.world.refunds[kept.ref][1]
        )
        if made is None:  # forgotten since
            return Reply(kept.status, kept.body, headers)
        return _answer(200, made, request, headers)


def _answer(status: int, made: Object, request: Request, headers: dict[str, str]) -> Reply:
    whole = request.method == "GET" or request.headers.get("prefer") == "return=representation"
    if not whole:
        made = {name: made[name] for name in _MINIMAL if name in made}
    return _json(status, made, headers)


def _json(status: int, told: Object, headers: dict[str, str]) -> Reply:
    body = b"" if status == 204 else json.dumps(told, indent=2).encode()  # noqa: PLR2004
    return Reply(status, body, headers)
