"""`PayPalDouble`: PayPal as a shop meets it, on loopback, with no account and no network."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from types import TracebackType
from typing import Self

from digistore.clock import Clock, utc_now
from digistore.testing.loopback.faults import FaultName, Faults
from digistore.testing.loopback.messages import Reply, Request
from digistore.testing.loopback.server import Server
from digistore.testing.paypal.api import TOKEN_PATH, Api, LoggedRequest
from digistore.testing.paypal.controls import Controls
from digistore.testing.paypal.errors import ApiError
from digistore.testing.paypal.signing import PATH, Signer
from digistore.testing.paypal.validation import read
from digistore.testing.paypal.world import World

_REQUESTS_KEPT = 10_000


class PayPalDouble(Controls):
    """A stateful double of PayPal's REST API: ``PayPalGateway(..., api_base=double.url)``.

    Requests are validated against schemas made from PayPal's documentation, and what the double
    does not model it refuses.  Use it as a context manager; it listens while it is entered.

    Args:
        clock: the time it goes by; approvals are taken back, and keys forgotten, by it.
        seed: what ids follow from.  Two doubles with one seed that are asked the same give the same
            ids, so use another seed where two must not be mixed up.

    Attributes:
        client_id: of the only app that it knows.
        client_secret: of the same app.
        webhook_id: of the app's webhook.
    """

    def __init__(self, *, clock: Clock = utc_now, seed: str = "digistore") -> None:
        world = World(clock=clock, seed=seed)
        self.client_id = "A" + world.ids.new(40)
        self.client_secret = "E" + world.ids.new(40)
        self.webhook_id = world.ids.new()
        super().__init__(world=world, signer=Signer(world, self.webhook_id), faults=Faults())
        self._api = Api(world, self._faults, self.client_id, self.client_secret)
        self._requests: deque[LoggedRequest] = deque(maxlen=_REQUESTS_KEPT)
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Begin to listen on a free port; `close` ends it."""
        self._server = Server(self)
        self._world.base_url = self._server.url
        self._faults.begin()
        self._server.open()

    def close(self) -> None:
        """Hang up and give the port back; closing again does nothing.

        Raises:
            ExceptionGroup: the double itself failed while it answered, which is a bug of its own.
        """
        server, self._server = self._server, None
        if server is None:
            return
        server.hang_up()
        self._faults.end()
        server.close()
        if server.failures:
            message = "the PayPal double failed, so what it answered is worth nothing"
            raise BaseExceptionGroup(message, server.failures)

    @property
    def url(self) -> str:
        """Where it listens: the gateway's ``api_base``."""
        return self._world.base_url

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """All requests so far but those for certificates, the oldest first; 10,000 at most."""
        return tuple(self._requests)

    @property
    def features(self) -> set[str]:
        """What the app may do: ``disputes`` and ``transactions``; take one away and it is 403."""
        return self._world.features

    @property
    def refunds_pend(self) -> bool:
        """Whether new refunds are pending until `clear_refund`, as those of eChecks are."""
        return self._world.refunds_pend

    @refunds_pend.setter
    def refunds_pend(self, pend: bool) -> None:
        self._world.refunds_pend = pend

    def revoke_tokens(self) -> None:
        """Let no access token be good any more, before its time."""
        self._api.revoke_tokens()

    def answer(self, request: Request) -> Reply | None:
        """Answer one request as the server does; ``None`` if the line is to go dead."""
        with self._world.lock:
            debug_id = self._world.ids.new(13).lower()
        fault = self._fault(request)
        if request.path.startswith(PATH):
            return self._certificate(request, debug_id, fault)
        logged = _log(request, debug_id)
        if fault == "drop_before":
            self._requests.append(replace(logged, fault=fault))
            return None
        reply = self._api.answer(request, debug_id, fault)
        replayed = "Replayed" in reply.headers
        status = 0 if fault == "drop_after" else reply.status
        self._requests.append(replace(logged, fault=fault, status=status, replayed=replayed))
        if fault == "drop_after":
            return None
        headers = {name: value for name, value in reply.headers.items() if name != "Replayed"}
        body = reply.body[: len(reply.body) // 2] if fault == "malformed" else reply.body
        return Reply(reply.status, body, headers)

    def _fault(self, request: Request) -> FaultName | None:
        spared = request.path == TOKEN_PATH or request.path.startswith(PATH)
        return self._faults.take(request.method, request.path, spared=spared)

    def _certificate(
        self, request: Request, debug_id: str, fault: FaultName | None
    ) -> Reply | None:
        if fault in {"drop_before", "drop_after"}:
            return None
        if fault is not None:
            return self._api.answer(request, debug_id, fault)
        chain = self._signer.certificate(request.path)
        kind = {"Content-Type": "application/x-pem-file"}
        return Reply(404, b"", kind) if chain is None else Reply(200, chain, kind)


def _log(request: Request, debug_id: str) -> LoggedRequest:
    try:
        parameters = read(request)
    except ApiError:
        parameters = None
    secret = request.path == TOKEN_PATH
    return LoggedRequest(
        method=request.method,
        path=request.path,
        parameters={} if secret else parameters,
        key=request.headers.get("paypal-request-id"),
        debug_id=debug_id,
    )
