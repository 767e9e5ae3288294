"""`StripeDouble`: Stripe as a shop meets it, on loopback, with no account and no network."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import Self

from digistore.clock import Clock, utc_now
from digistore.testing.loopback.faults import Faults
from digistore.testing.loopback.messages import Reply, Request
from digistore.testing.loopback.server import Server
from digistore.testing.stripe.api import Api, LoggedRequest, read_parameters
from digistore.testing.stripe.controls import Controls
from digistore.testing.stripe.errors import BadParameters
from digistore.testing.stripe.objects import accounts
from digistore.testing.stripe.signing import Signer
from digistore.testing.stripe.world import World

_REQUESTS_KEPT = 10_000


class StripeDouble(Controls):
    """A stateful double of Stripe for the real SDK: ``stripe.StripeClient(base_addresses=...)``.

    Requests are validated against the typed parameters of the installed SDK, and what the double
    does not model it refuses.  Use it as a context manager; it listens while it is entered.

    Args:
        clock: the time it goes by; sessions expire and idempotency keys are forgotten by it.
        seed: what ids follow from.  Two doubles with one seed that are asked the same give the same
            ids, so use another seed where two must not be mixed up.
        livemode: whether it says that its money is real.

    Attributes:
        api_key: the only secret key that it takes.
        restricted_key: a key that may do nothing: every request with it is answered 403.
    """

    def __init__(
        self, *, clock: Clock = utc_now, seed: str = "digistore", livemode: bool = False
    ) -> None:
        mode = "live" if livemode else "test"
        self.api_key = f"sk_{mode}_{seed}DoubleKey"
        self.restricted_key = f"rk_{mode}_{seed}DoubleKey"
        world = World(clock=clock, seed=seed, livemode=livemode)
        accounts.introduce(world.own)
        signer = Signer(f"whsec_{world.ids.next()}")
        super().__init__(world=world, signer=signer, faults=Faults())
        self._api = Api(world, self._faults, self.api_key, self.restricted_key)
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
            message = "the Stripe double failed, so what it answered is worth nothing"
            raise BaseExceptionGroup(message, server.failures)

    @property
    def url(self) -> str:
        """Where it listens: the SDK's ``base_addresses={"api": double.url}``."""
        return self._world.base_url

    @property
    def webhook_secret(self) -> str:
        """The newest secret that it signs with."""
        return self._signer.secret

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """All requests so far, the oldest first; at most 10,000 are kept."""
        return tuple(self._requests)

    @property
    def tax_percent(self) -> Decimal:
        """What Stripe's own tax is, where a session asks for ``automatic_tax``."""
        return self._world.tax_percent

    @tax_percent.setter
    def tax_percent(self, percent: Decimal | int | str) -> None:
        self._world.tax_percent = Decimal(percent)

    @property
    def refunds_pend(self) -> bool:
        """Whether new refunds are ``pending`` until `clear_refund`, as bank transfers are."""
        return self._world.refunds_pend

    @refunds_pend.setter
    def refunds_pend(self, pend: bool) -> None:
        self._world.refunds_pend = pend

    def answer(self, request: Request) -> Reply | None:
        """Answer one request as the server does; ``None`` if the line is to go dead."""
        request_id = "req_" + self._world.next_id()
        logged = _log(request, request_id)
        fault = self._faults.take(request.method, request.path)
        if fault == "drop_before":
            self._requests.append(replace(logged, fault=fault))
            return None
        reply = self._api.answer(request, request_id, fault)
        replayed = "Idempotent-Replayed" in reply.headers
        status = 0 if fault == "drop_after" else reply.status
        self._requests.append(replace(logged, fault=fault, status=status, replayed=replayed))
        if fault == "drop_after":
            return None
        if fault == "malformed":
            return Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)
        return reply


def _log(request: Request, request_id: str) -> LoggedRequest:
    try:
        parameters = read_parameters(request)
    except BadParameters:
        parameters = {}
    return LoggedRequest(
        method=request.method,
        path=request.path,
        parameters=parameters,
        key=request.headers.get("idempotency-key"),
        version=request.headers.get("stripe-version"),
        account=request.headers.get("stripe-account"),
        request_id=request_id,
    )
