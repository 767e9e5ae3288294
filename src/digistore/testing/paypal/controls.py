"""What PayPal does by itself, and tests do by hand: buyer, PayPal's own pages and the wire."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from digistore.errors import Invalid, InvalidTransition, NotFound
from digistore.gateways.port import CheckoutRef, PaymentSnapshot
from digistore.gateways.sandbox.controls import HasCheckout, HasURL, Payable, SignedEvent
from digistore.testing.loopback.faults import FaultName, Faults
from digistore.testing.loopback.wire import Delivery, Endpoint, Wire
from digistore.testing.paypal.delivery import Postman
from digistore.testing.paypal.objects import captures, disputes, orders
from digistore.testing.paypal.signing import Signer
from digistore.testing.paypal.world import Object, Outcome, World

Ending: TypeAlias = Literal["won", "lost", "closed"]

_DISPUTABLE = "pay and capture it first"
_REFUND_MOVES = {"COMPLETED": {"PENDING"}, "FAILED": {"PENDING", "COMPLETED"}}


class Controls:
    """The half of the double that no shop ever calls.

    A *checkout* is the shop's ``Checkout`` or ``SupportCheckout``, its url, or the id of an order,
    capture, refund or dispute.
    """

    def __init__(self, *, world: World, signer: Signer, faults: Faults) -> None:
        self._world = world
        self._signer = signer
        self._faults = faults
        self._postman = Postman(world, signer)

    # The buyer.

    def pay(
        self,
        checkout: Payable,
        outcome: Outcome = "paid",
        *,
        email: str | None = None,
        amount: str | None = None,
    ) -> SignedEvent:
        """Let the buyer approve, and return what PayPal would POST to the shop's webhook.

        No money moves before the shop captures it.  Approving again what is approved tells the same
        event again.

        Args:
            checkout: see the class.
            outcome: what the capture will come to: ``delayed`` money (an eCheck) is on its way
                until `clear`; what is ``declined`` stays open for another way to pay.
            email: the buyer's, if not the one that the shop told.
            amount: what the capture takes, as decimal text, if it is not all of it: PayPal never
                takes less, and a shop must notice if it ever does.

        Raises:
            Invalid: there is no such outcome.
            InvalidTransition: the order was captured, or given up.
        """
        if outcome not in get_args(Outcome):
            message = f"a buyer's outcome is one of {', '.join(get_args(Outcome))}"
            raise Invalid(message, fields={"outcome": "unknown"})
        with self._world.lock:
            order = self._order(checkout)
            if order["status"] not in {"CREATED", "PAYER_ACTION_REQUIRED"}:
                told = self._world.told(order["id"], "CHECKOUT.ORDER.APPROVED")
                same = self._world.hidden[order["id"]].funding == outcome
                if told is None or not same or order["status"] == "VOIDED":
                    raise InvalidTransition("order", order["status"], "APPROVED")
                return self._postman.sign(told)
            return self._postman.sign(orders.approve(self._world, order, outcome, email, amount))

    def clear(self, checkout: Payable, ok: bool = True) -> SignedEvent:  # noqa: FBT001, FBT002 - reads well: clear(checkout, ok=False)
        """Let delayed money arrive, or fail for good with ``ok=False``."""
        with self._world.lock:
            capture = self._captured(checkout)
            if capture["status"] != "PENDING":
                raise InvalidTransition("capture", capture["status"], "COMPLETED")
            return self._postman.sign(captures.clear(self._world, capture, ok=ok))

    def abandon(self, checkout: Payable) -> SignedEvent | None:
        """Let time run out: an approval is taken back and told of, other orders are forgotten."""
        with self._world.lock:
            order = self._order(checkout)
            if order["status"] == "COMPLETED":
                hint = "refund or dispute it instead"
                raise InvalidTransition("order", "COMPLETED", "VOIDED", hint)
            if order["status"] == "VOIDED":
                told = self._world.told(order["id"], "CHECKOUT.PAYMENT-APPROVAL.REVERSED")
            else:
                told = orders.take_back(self._world, order)
            return None if told is None else self._postman.sign(told)

    # PayPal's own pages.

    def dashboard_refund(self, checkout: Payable, amount: str | None = None) -> SignedEvent:
        """Give back *amount*, or all that is left, in PayPal's pages: the shop did not ask.

        Args:
            checkout: see the class.
            amount: decimal text, such as ``5.00``.

        Raises:
            ApiError: above what is left.
        """
        with self._world.lock:
            capture = self._captured(checkout)
            order, _ = self._world.capture(capture["id"])
            asked = {} if amount is None else {"amount": _like(capture, amount)}
            pend, self._world.refunds_pend = self._world.refunds_pend, False
            try:
                captures.give_back(self._world, order, capture, asked)
            finally:
                self._world.refunds_pend = pend
            return self._told(order["id"], "PAYMENT.CAPTURE.REFUNDED")

    def clear_refund(self, checkout: Payable) -> SignedEvent:
        """Let a pending refund succeed: the one named, or the newest one of the checkout."""
        with self._world.lock:
            refund = self._move_refund(checkout, "COMPLETED")
            capture_id, _ = self._world.refunds[refund["id"]]
            order, _ = self._world.capture(capture_id)
            return self._told(order["id"], "PAYMENT.CAPTURE.REFUNDED")

    def fail_refund(self, checkout: Payable) -> None:
        """Let a refund fail, even after it succeeded; PayPal has no event for it."""
        with self._world.lock:
            self._move_refund(checkout, "FAILED")

    def open_dispute(
        self,
        checkout: Payable,
        amount: str | None = None,
        *,
        currency: str | None = None,
        warning: bool = False,
        reason: str = "UNAUTHORISED",
        also: Sequence[Payable] = (),
    ) -> SignedEvent:
        """Let the buyer ask PayPal for the money back, or with ``warning=True`` the seller first.

        Opened again with the same amount, or none, it is the same dispute; another amount makes
        another one, and so do other checkouts that it is *also* about.  A *currency* that is not
        the payment's is one that a shop must never count by.
        """
        stage = "INQUIRY" if warning else "CHARGEBACK"
        with self._world.lock:
            capture = self._captured(checkout)
            asked = None if amount is None else _like(capture, amount, currency)
            known = disputes.of(self._world, capture, self._ref(checkout))
            if known and not also and disputes.is_same(known[0], asked):
                return self._postman.sign(disputes.move(self._world, known[0], stage))
            about = [capture, *(self._captured(other) for other in also)]
            money = asked or disputes.total_of(about)
            return self._postman.sign(disputes.begin(self._world, about, money, stage, reason))

    def close_dispute(self, checkout: Payable, state: Ending) -> SignedEvent:
        """Let PayPal decide; any decision may follow any other."""
        if state not in disputes.OUTCOMES:
            message = f"a dispute ends {', '.join(disputes.OUTCOMES)}"
            raise Invalid(message, fields={"state": "unknown"})
        return self.resolve_dispute(checkout, disputes.OUTCOMES[state])

    def resolve_dispute(self, checkout: Payable, outcome_code: str) -> SignedEvent:
        """Give the newest dispute, or the one named, any outcome that PayPal documents."""
        with self._world.lock:
            dispute = self._dispute(checkout)
            return self._postman.sign(disputes.resolve(self._world, dispute, outcome_code))

    def move_dispute(
        self, checkout: Payable, stage: str, status: str = "UNDER_REVIEW"
    ) -> SignedEvent:
        """Bring the newest dispute, or the one named, to any stage and status, as appeals do."""
        if stage not in disputes.STAGES:
            message = f"a dispute's stage is one of {', '.join(disputes.STAGES)}"
            raise Invalid(message, fields={"stage": "unknown"})
        with self._world.lock:
            dispute = self._dispute(checkout)
            return self._postman.sign(disputes.move(self._world, dispute, stage, status))

    # The wire.

    def fail_next(
        self,
        fault: FaultName,
        times: int = 1,
        *,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Let the next requests fail, of that method and path only if they are given.

        Requests for access tokens are spared, unless their path is given.

        Args:
            fault: ``drop_before`` loses the request, ``drop_after`` only the reply: the work is
                done.  ``error_500`` and ``rate_limit`` come before any work.  ``slow`` holds the
                request until `release`.  ``malformed`` cuts the reply in half; the work is done.
            times: how many requests.
            method: such as ``POST``.
            path: such as ``/v2/checkout/orders/{id}/capture``.
        """
        self._faults.plan(fault, times, method, path)

    def wait_until_held(self, patience: float = 10.0) -> bool:
        """Wait until a slow request is held, at most *patience* seconds, and say whether one is."""
        return self._faults.wait_until_held(patience)

    def release(self) -> None:
        """Let a slow request go on."""
        self._faults.release()

    def events(self, checkout: Payable | None = None) -> list[SignedEvent]:
        """Return all events so far in PayPal's order, of one checkout or of all, signed now."""
        with self._world.lock:
            return [self._postman.sign(event) for event in self._events(checkout)]

    def deliver(
        self,
        to: Endpoint,
        checkout: Payable | None = None,
        *,
        types: Collection[str] | None = None,
        shuffle: int | None = None,
        duplicate: int = 1,
        retell: int = 0,
        delay: int = 0,
        lose: int = 0,
    ) -> list[Delivery]:
        """Send the events that no endpoint has acknowledged, of one checkout or of all.

        What is not answered with a 2xx is due again at the next call, as PayPal tries again.

        Args:
            to: a url, or a function of body and headers.  A number that it returns, or the
                ``status`` of what it returns, is the status; else it is 200.  What it raises is
                raised here.
            checkout: see the class.
            types: what the webhook is registered for; ``None``: all.  Others are never sent.
            shuffle: a seed; ``None`` keeps the order in which things happened.
            duplicate: how often each event is sent.
            retell: of how many events the same fact is told once more, under another id.
            delay: how many events are held back until the next delivery.
            lose: how many events are never sent; the seed says which.

        Raises:
            Invalid: *duplicate* is below 1, or another number below 0.
        """
        wire = Wire(shuffle, duplicate, retell, delay, lose)
        with self._world.lock:
            waiting = set(self._world.outgoing)
            events = [one for one in self._events(checkout) if one["id"] in waiting]
        return self._postman.deliver(to, events, types, wire)

    def sign(self, body: bytes, *, at: datetime | None = None) -> dict[str, str]:
        """Return the headers for a *body* of your own, sent *at* that time (now)."""
        return self._signer.sign(body, at or self._world.clock())

    def roll_certificate(self) -> str:
        """Sign with another certificate from now on; return the path at which it is shown."""
        return self._signer.roll()

    def foreign_event(self) -> SignedEvent:
        """Let another shop on the same account be paid; each call makes one more order."""
        with self._world.lock:
            order = orders.create(self._world, _elsewhere(self._world.ids.new()), "")
            orders.approve(self._world, order, "paid")
            orders.capture(self._world, {}, order["id"])
            return self._told(order["id"], "PAYMENT.CAPTURE.COMPLETED")

    def look_up(self, checkout: Payable) -> Object:
        """Return a copy of an order as the API would show it, such as to look at its status."""
        with self._world.lock:
            copy: Object = json.loads(json.dumps(self._order(checkout)))
            return copy

    def _told(self, order_id: str, event_type: str) -> SignedEvent:
        event = self._world.told(order_id, event_type)
        if event is None:
            raise NotFound("event", order_id)
        return self._postman.sign(event)

    def _move_refund(self, checkout: Payable, status: str) -> Object:
        capture, ref = self._captured(checkout), self._ref(checkout)
        known = captures.refunds_of(self._world, capture)
        known = [one for one in known if one["id"] == ref] or known
        if not known:
            raise NotFound("refund", ref)
        able = [one for one in known if one["status"] in _REFUND_MOVES[status]]
        if not able:
            raise InvalidTransition("refund", known[0]["status"], status, "make another refund")
        captures.settle(self._world, able[0], status)
        return able[0]

    def _dispute(self, checkout: Payable) -> Object:
        ref = self._ref(checkout)
        known = disputes.of(self._world, self._captured(checkout), ref)
        if not known:
            raise NotFound("dispute", ref)
        return known[0]

    def _events(self, checkout: Payable | None) -> list[Object]:
        orders.let_time_pass(self._world)
        events = list(self._world.events.values())
        if checkout is None:
            return events
        ref = self._order(checkout)["id"]
        return [event for event in events if self._world.about[event["id"]] == ref]

    def _order(self, checkout: Payable) -> Object:
        orders.let_time_pass(self._world)
        ref = self._ref(checkout)
        for parents in (self._world.refunds, self._world.disputes, self._world.captures):
            ref = parents[ref][0] if ref in parents else ref
        if ref not in self._world.orders:
            raise NotFound("order", ref)
        return self._world.orders[ref]

    def _captured(self, checkout: Payable) -> Object:
        order = self._order(checkout)
        found = order["purchase_units"][0].get("payments", {}).get("captures")
        if not found:
            raise InvalidTransition("order", order["status"], "reversed", _DISPUTABLE)
        capture: Object = found[0]
        return capture

    @staticmethod
    def _ref(checkout: Payable) -> str:
        if isinstance(checkout, HasCheckout):
            return Controls._ref(checkout.checkout)
        if isinstance(checkout, PaymentSnapshot):
            return checkout.checkout_id
        if isinstance(checkout, CheckoutRef):
            return checkout.id
        url = checkout if isinstance(checkout, str) else _url_of(checkout)
        return url.rpartition("?token=")[2]


def _url_of(checkout: HasURL) -> str:
    if checkout.url is None:
        message = "this checkout has no url: there is nothing to pay at the gateway"
        raise Invalid(message, fields={"checkout": "nothing_to_pay"})
    return checkout.url


def _like(capture: Object, amount: str, currency: str | None = None) -> Object:
    return {"currency_code": currency or capture["amount"]["currency_code"], "value": amount}


def _elsewhere(invoice_id: str) -> Object:
    money = {"currency_code": "USD", "value": "10.00"}
    wallet = {"experience_context": {"return_url": "https://elsewhere.example/thanks"}}
    return {
        "intent": "CAPTURE",
        "purchase_units": [{"amount": money, "invoice_id": invoice_id}],
        "payment_source": {"paypal": wallet},
    }
