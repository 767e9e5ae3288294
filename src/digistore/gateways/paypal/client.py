"""Asking PayPal: access tokens, deadlines, retries with the same key, and errors in ours."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from digistore.blocking import offload
from digistore.clock import Clock
from digistore.errors import GatewayConfigError
from digistore.gateways.paypal.errors import no_answer, translate
from digistore.gateways.paypal.transport import NoReply, Reply, Transport

Object: TypeAlias = "dict[str, Any]"

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_LONGEST_TOKEN = 7 * 24 * 3600  # seconds; PayPal's last for 9 hours
_SPARE = timedelta(minutes=1)  # a token is renewed before it ends on the way
_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0)  # seconds before a request is tried again
_UNAUTHORIZED, _SERVER = 401, 500


@dataclass(frozen=True, slots=True)
class Call:
    """One request; *about* and *ref* say of what, for errors."""

    method: str
    path: str
    about: str
    ref: str = ""
    body: Object | list[Object] | None = None
    key: str | None = None


class Client:
    """Speaks to PayPal's REST API; safe to use from threads, which share one access token.

    Args:
        client_id: of the app.
        client_secret: of the app.
        base: where the API is.
        timeout: of one try of a request, in seconds.
        retries: how often what got no answer, or a 5xx, is sent again, with the same key.
        transport: carries the requests.
        clock: the time that tokens end by.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        base: str,
        timeout: float,
        retries: int,
        transport: Transport,
        clock: Clock,
    ) -> None:
        pair = f"{client_id}:{client_secret}".encode()
        self._basic = "Basic " + base64.b64encode(pair).decode()
        self._base = base.rstrip("/")
        self._timeout = timeout
        self._retries = retries
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._token: tuple[str, datetime] | None = None

    def __repr__(self) -> str:
        return "Client(...)"

    async def ask(self, call: Call) -> Object:
        """Return what PayPal answers.

        Raises:
            GatewayError: it did not, or said no.
            AmountNotSupported, NotRefundable, CheckoutNotFound: it said no for a known reason.
        """
        return await offload(self._ask, call)

    async def get(self, path: str, about: str, ref: str = "", **query: str) -> Object:
        """Return what is at *path*; *query* is appended."""
        asked = f"{path}?{urlencode(query)}" if query else path
        return await self.ask(Call("GET", asked, about, ref))

    async def fetch(self, url: str) -> Reply:
        """Return what is at a public address, without any token.

        Raises:
            GatewayUnavailable: nothing came.
        """
        return await offload(self._send, "GET", url, {"Accept": "*/*"}, None)

    def _ask(self, call: Call) -> Object:
        token = self._access_token()
        reply = self._authorized(call, token)
        if reply.status == _UNAUTHORIZED:  # it may have been revoked before its time
            self._forget(token)
            reply = self._authorized(call, self._access_token())
        if not 200 <= reply.status < 300:  # noqa: PLR2004 - 2xx
            raise translate(reply, call.about, call.ref)
        return _object(reply)

    def _authorized(self, call: Call, token: str) -> Reply:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": _JSON,
            "Prefer": "return=representation",
        }
        if call.key is not None:
            headers["PayPal-Request-Id"] = call.key
        body = None if call.body is None else json.dumps(call.body).encode()
        if call.method != "GET":
            headers["Content-Type"] = _JSON
        return self._send(call.method, self._base + call.path, headers, body)

    def _access_token(self) -> str:
        with self._lock:  # whoever comes second waits for the first one's
            if self._token is None or self._clock() >= self._token[1]:
                self._token = self._new_token()
            return self._token[0]

    def _new_token(self) -> tuple[str, datetime]:
        headers = {"Authorization": self._basic, "Accept": _JSON, "Content-Type": _FORM}
        url = self._base + "/v1/oauth2/token"
        reply = self._send("POST", url, headers, b"grant_type=client_credentials")
        if not 200 <= reply.status < 300:  # noqa: PLR2004 - 2xx
            raise translate(reply, "client")
        found = _object(reply)
        token, seconds = found.get("access_token"), found.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise GatewayConfigError("PayPal gave no access token", provider_code="access_token")
        told = seconds if type(seconds) is int and 0 <= seconds <= _LONGEST_TOKEN else 0
        return token, self._clock() + timedelta(seconds=told) - _SPARE

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token is not None and self._token[0] == token:
                self._token = None

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        for tried in range(self._retries + 1):
            last = tried == self._retries
            try:
                reply = self._transport.send(method, url, headers, body, self._timeout)
            except NoReply as error:
                if last:
                    raise no_answer(str(error)) from error
            else:
                if reply.status < _SERVER or last:
                    return reply
            time.sleep(_PAUSES[tried])
        raise AssertionError


def path_to(root: str, ref: str, rest: str = "") -> str:
    """Return the path of one thing; an id is quoted, whatever it holds."""
    return f"{root}/{quote(ref, safe='')}{rest}"


def _object(reply: Reply) -> Object:
    if not reply.body:
        return {}
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise no_answer("a reply that is no JSON object")
    return found
