"""A request on its way: key, version, account, idempotency, parameters, answer, expansion.

Nothing here knows HTTP; `server` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from digistore.testing.loopback.faults import FaultName, Faults
from digistore.testing.loopback.messages import Reply, Request
from digistore.testing.stripe.errors import ApiError, BadParameters
from digistore.testing.stripe.expansion import Expansion, check_paths
from digistore.testing.stripe.forms import Tree, read_form
from digistore.testing.stripe.objects import sessions
from digistore.testing.stripe.routes import INCLUDES, find_route
from digistore.testing.stripe.sdk import api_version
from digistore.testing.stripe.validation import validate
from digistore.testing.stripe.world import Account, Object, Origin, World

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as the double saw it, and what it answered.

    *parameters* are un-nested, but not yet typed.  *status* is 0 if no reply was sent.
    """

    method: str
    path: str
    parameters: Tree
    key: str | None
    version: str | None
    account: str | None
    request_id: str
    fault: FaultName | None = None
    status: int = 0
    replayed: bool = field(default=False)


class Api:
    """Answers requests; safe to use from threads, as everything happens under the world's lock."""

    def __init__(self, world: World, faults: Faults, api_key: str, restricted_key: str) -> None:
        self.world = world
        self.faults = faults
        self.api_key = api_key
        self.restricted_key = restricted_key

    def answer(self, request: Request, request_id: str, fault: FaultName | None) -> Reply:
        """Return the reply to *request*, whatever it is."""
        headers = {"Request-Id": request_id}
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key:
            headers |= {"Idempotency-Key": key, "Original-Request": request_id}
        try:
            self._check_key(request)
            headers["Stripe-Version"] = _check_version(request)
            account = self._account(request)
            if fault == "rate_limit":
                raise _too_many_requests()
            if key:
                reply = self._once(account, request, key, headers, fault)
            else:
                reply = self._work(account, request, headers, fault)
        except ApiError as error:
            reply = Reply(error.status, error.body, headers | error.headers)
        return reply

    def _once(
        self,
        account: Account,
        request: Request,
        key: str,
        headers: Mapping[str, str],
        fault: FaultName | None,
    ) -> Reply:
        # The same parameters in another order are the same parameters.
        asked = json.dumps(read_parameters(request), sort_keys=True)
        known = account.keys.begin(key, request.path, asked, self.world.clock())
        if known is not None:
            original = known.headers["Request-Id"]
            replayed = {"Original-Request": original, "Idempotent-Replayed": "true"}
            return Reply(known.status, known.body, {**headers, **replayed})
        kept = False
        try:
            reply = self._work(account, request, headers, fault)
            account.keys.finish(key, reply)
            kept = True
        finally:
            if not kept:
                account.keys.forget(key)
        return reply

    def _work(
        self,
        account: Account,
        request: Request,
        headers: Mapping[str, str],
        fault: FaultName | None,
    ) -> Reply:
        if fault == "slow":
            self.faults.hold()
        if fault == "error_500":
            kept = {"Stripe-Should-Retry": "false"} if "Idempotency-Key" in headers else {}
            return Reply(500, _our_fault().body, {**headers, **kept})
        origin = Origin(headers["Request-Id"], headers.get("Idempotency-Key"))
        try:
            answer = self._handle(account, request, origin)
        except BadParameters:
            raise
        except ApiError as error:
            return Reply(error.status, error.body, {**headers, **error.headers})
        return Reply(200, json.dumps(answer, indent=2).encode(), headers)

    def _handle(self, account: Account, request: Request, origin: Origin) -> Object:
        route, given_id = find_route(request.method, request.path)
        params = validate(route.params, read_parameters(request))
        paths: list[str] = params.get("expand", [])
        check_paths(route.noun, paths, of_a_list=route.lists)
        with self.world.caused_by(None):
            sessions.let_time_pass(account)
        with self.world.caused_by(origin):
            answer = route.handler(account, params, unquote(given_id))
            return Expansion(account, INCLUDES).apply(answer, paths)

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            message = (
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth."
            )
            raise ApiError(401, message)
        if key == self.restricted_key:
            message = f"The provided key '{_hidden(key)}' does not have the required permissions."
            raise ApiError(403, message)
        if key != self.api_key:
            raise ApiError(401, f"Invalid API Key provided: {_hidden(key)}")

    def _account(self, request: Request) -> Account:
        wanted = request.headers.get("stripe-account")
        if wanted is None or wanted == self.world.own.id:
            return self.world.own
        account = self.world.connected.get(wanted)
        if account is None:
            message = (
                f"The provided key '{_hidden(self.api_key)}' does not have access to account "
                f"'{wanted}' (or that account does not exist)."
            )
            raise ApiError(403, message, code="account_invalid")
        return account


def read_parameters(request: Request) -> Tree:
    """Return the parameters of a request, un-nested.

    Raises:
        BadParameters: they are not encoded as a form.
    """
    if request.method != "POST":
        return read_form(request.query)
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip()
    if request.body and kind != _FORM:
        message = f"Invalid request: the Content-Type must be {_FORM}, not {kind}."
        raise BadParameters(message)
    return read_form(request.body)


def _check_version(request: Request) -> str:
    version = request.headers.get("stripe-version", api_version())
    if version != api_version():
        message = (
            f"Invalid Stripe API version: {version}. The double speaks that of the installed SDK, "
            f"{api_version()}."
        )
        raise ApiError(400, message)
    return version


def _hidden(key: str) -> str:
    return f"{key[:8]}{'*' * 8}{key[-4:]}"


def _too_many_requests() -> ApiError:
    message = "Request rate limit exceeded. Learn more about rate limits at docs.stripe.com."
    headers = {"Stripe-Rate-Limited-Reason": "global-rate", "Retry-After": "1"}
    return ApiError(429, message, code="rate_limit", headers=headers)


def _our_fault() -> ApiError:
    message = "Sorry! There was an error while talking to one of our backends."
    return ApiError(500, message, kind="api_error")
