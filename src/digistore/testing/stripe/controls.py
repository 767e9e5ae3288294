"""What Stripe does by itself, and tests do by hand: buyer, bank and wire."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from digistore.errors import Invalid, InvalidTransition, NotFound
from digistore.gateways.port import CheckoutRef, PaymentSnapshot
from digistore.gateways.sandbox.controls import HasCheckout, HasURL, Payable, SignedEvent
from digistore.testing.loopback.faults import FaultName, Faults
from digistore.testing.loopback.wire import Delivery, Endpoint, Wire
from digistore.testing.stripe.delivery import Postman
from digistore.testing.stripe.objects import accounts, buying, disputes, refunds, sessions
from digistore.testing.stripe.objects.buying import Outcome, Payer
from digistore.testing.stripe.signing import Signer
from digistore.testing.stripe.world import Account, Object, World

Ending: TypeAlias = Literal["won", "lost", "prevented", "closed"]

_DISPUTABLE = "pay it first"
_ELSEWHERE: Object = {
    "mode": "payment",
    "line_items": [
        {
            "price_data": {
                "currency": "usd",
                "product_data": {"name": "A book of another shop"},
                "unit_amount": 1000,
            },
            "quantity": 1,
        }
    ],
    "success_url": "https://elsewhere.example/thanks",
}
_PAID = ("checkout.session.async_payment_succeeded", "checkout.session.completed")
_REFUNDED = ("refund.created", "refund.failed", "refund.updated")
_REFUND_MOVES = {
    "failed": {"pending", "requires_action", "succeeded"},
    "succeeded": {"pending", "requires_action"},
}


class Controls:
    """The half of the double that no shop ever calls.

    A *checkout* is the shop's ``Checkout`` or ``SupportCheckout``, its url, or the id of a session,
    payment intent, charge, refund or dispute.
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
        amount: int | None = None,
        presented: tuple[int, str] | None = None,
    ) -> SignedEvent:
        """Let the buyer pay, and return what Stripe would POST to the shop's webhook.

        Paying again what is paid tells the same event again.

        Args:
            checkout: see the class.
            outcome: ``delayed`` money (a bank debit) and a ``voucher`` (to be paid in cash) are on
                their way until `clear`; a ``declined`` card leaves the session open.
            email: what the buyer types, if the shop told no address.
            amount: what arrives, in the smallest unit on Stripe's wire, if it is not all of it.
            presented: amount and currency that the buyer saw, where Stripe converted the price.

        Raises:
            Invalid: there is no such outcome.
            InvalidTransition: the session has expired, or was paid in another way.
        """
        if outcome not in get_args(Outcome):
            message = f"a buyer's outcome is one of {', '.join(get_args(Outcome))}"
            raise Invalid(message, fields={"outcome": "unknown"})
        with self._world.caused_by(None):
            account, session = self._session(checkout)
            if session["payment_status"] == "paid" and outcome == "paid":
                return self._postman.sign(account.told(session["id"], *_PAID))
            payer = Payer(email, _units(amount), presented)
            return self._postman.sign(buying.pay(account, session, outcome, payer))

    def clear(
        self,
        checkout: Payable,
        ok: bool = True,  # noqa: FBT001, FBT002 - reads well: clear(checkout, ok=False)
        *,
        amount: int | None = None,
    ) -> SignedEvent:
        """Let delayed money arrive, all or *amount* of it, or fail for good with ``ok=False``."""
        with self._world.caused_by(None):
            account, session = self._session(checkout)
            return self._postman.sign(buying.clear(account, session, ok=ok, amount=_units(amount)))

    def abandon(self, checkout: Payable) -> SignedEvent:
        """Let the buyer walk away: the session expires before its time."""
        with self._world.caused_by(None):
            account, session = self._session(checkout)
            if session["status"] == "complete":
                hint = "refund or dispute it instead"
                raise InvalidTransition("session", "complete", "expired", hint)
            if session["status"] == "open":
                sessions.end(account, session)
            return self._postman.sign(account.told(session["id"], "checkout.session.expired"))

    # The bank.

    def dashboard_refund(self, checkout: Payable, amount: int | None = None) -> SignedEvent:
        """Give back *amount*, or all that is left, in Stripe's dashboard: the shop did not ask.

        Raises:
            ApiError: above what is left, or in dispute.
        """
        with self._world.caused_by(None):
            account, charge = self._charge(checkout)
            refund = refunds.give_back(account, charge, _units(amount))
            return self._postman.sign(refunds.tell(account, charge, refund))

    def clear_refund(self, checkout: Payable) -> SignedEvent:
        """Let a pending refund succeed: the one named, or the newest one of the checkout."""
        return self._move_refund(checkout, "succeeded")

    def fail_refund(self, checkout: Payable, reason: str = "unknown") -> SignedEvent:
        """Let a refund fail, even after it succeeded: the one named, or the checkout's newest."""
        return self._move_refund(checkout, "failed", reason)

    def open_dispute(
        self,
        checkout: Payable,
        amount: int | None = None,
        *,
        warning: bool = False,
        reason: str = "fraudulent",
    ) -> SignedEvent:
        """Let the buyer's bank ask for the money back, or with ``warning=True`` inquire first.

        Opened again with the same amount, or none, it is the same dispute; another amount makes
        another one.
        """
        status = "warning_needs_response" if warning else "needs_response"
        with self._world.caused_by(None):
            account, charge = self._charge(checkout)
            known = self._disputes(account, charge, self._ref(checkout))
            if known and amount in {None, known[0]["amount"]}:
                return self._postman.sign(disputes.change(account, known[0], status))
            asked = _units(amount) or charge["amount"]
            return self._postman.sign(disputes.begin(account, charge, asked, status, reason))

    def close_dispute(self, checkout: Payable, state: Ending) -> SignedEvent:
        """Let the bank decide; any decision may follow any other."""
        if state not in get_args(Ending):
            message = "a dispute ends won, lost, prevented or closed"
            raise Invalid(message, fields={"state": "unknown"})
        return self.move_dispute(checkout, "warning_closed" if state == "closed" else state)

    def move_dispute(self, checkout: Payable, status: str) -> SignedEvent:
        """Bring the newest dispute, or the one named, to any status that the SDK documents."""
        if status not in disputes.statuses():
            message = f"a dispute's status is one of {', '.join(disputes.statuses())}"
            raise Invalid(message, fields={"status": "unknown"})
        with self._world.caused_by(None):
            ref = self._ref(checkout)
            account, charge = self._charge(checkout)
            known = self._disputes(account, charge, ref)
            if not known:
                raise NotFound("dispute", ref)
            return self._postman.sign(disputes.change(account, known[0], status))

    def warn_of_fraud(self, checkout: Payable) -> SignedEvent:
        """Let the card's issuer suspect fraud: an early warning, no dispute yet."""
        with self._world.caused_by(None):
            account, charge = self._charge(checkout)
            return self._postman.sign(disputes.warn_of_fraud(account, charge))

    def connect_account(self) -> str:
        """Open a connected account, and return its id: a destination of transfers."""
        with self._world.caused_by(None):
            account = self._world.connect()
            accounts.introduce(account)
            return account.id

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

        Args:
            fault: ``drop_before`` loses the request, ``drop_after`` only the reply: the work is
                done.  ``error_500`` and ``rate_limit`` come before any work; a 500 is kept for the
                idempotency key, as Stripe keeps it.  ``slow`` holds the request until `release`.
                ``malformed`` cuts the reply in half; the work is done.
            times: how many requests.
            method: such as ``POST``.
            path: such as ``/v1/refunds`` or ``/v1/checkout/sessions/{id}/expire``.
        """
        self._faults.plan(fault, times, method, path)

    def wait_until_held(self, patience: float = 10.0) -> bool:
        """Wait until a slow request is held, at most *patience* seconds, and say whether one is."""
        return self._faults.wait_until_held(patience)

    def release(self) -> None:
        """Let a slow request go on."""
        self._faults.release()

    def events(self, checkout: Payable | None = None) -> list[SignedEvent]:
        """Return all events so far in Stripe's order, of one checkout or of all, signed now."""
        with self._world.caused_by(None):
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

        What is not answered with a 2xx is due again at the next call, as Stripe tries again.

        Args:
            to: a url, or a function of body and headers.  A number that it returns, or the
                ``status`` of what it returns, is the status; else it is 200.  What it raises is
                raised here.
            checkout: see the class.
            types: what the endpoint is registered for; ``None``: all.  Others are never sent.
            shuffle: a seed; ``None`` keeps the order in which things happened.
            duplicate: how often each event is sent.
            retell: of how many events the same fact is told once more, under another id.
            delay: how many events are held back until the next delivery.
            lose: how many events are never sent; the seed says which.

        Raises:
            Invalid: *duplicate* is below 1, or another number below 0.
        """
        wire = Wire(shuffle, duplicate, retell, delay, lose)
        with self._world.caused_by(None):
            waiting = set(self._world.outgoing)
            events = [one for one in self._events(checkout) if one["id"] in waiting]
        return self._postman.deliver(to, events, types, wire)

    def sign(self, body: bytes, *, at: datetime | None = None) -> dict[str, str]:
        """Return the headers for a *body* of your own, sent *at* that time (now)."""
        return self._signer.sign(body, at or self._world.clock())

    def roll_webhook_secret(self) -> str:
        """Sign with a new secret, for 24 hours with the one before it too; return the new one."""
        secret = "whsec_" + self._world.next_id()
        self._signer.roll(secret, self._world.clock())
        return secret

    def foreign_event(self) -> SignedEvent:
        """Let another shop on the same account be paid; each call makes one more session."""
        with self._world.caused_by(None):
            session = sessions.create(self._world.own, _ELSEWHERE, "")
        return self.pay(session["id"])

    def look_up(self, checkout: Payable) -> Object:
        """Return a copy of a session as the API would show it, such as to look at its state."""
        with self._world.caused_by(None):
            _, session = self._session(checkout)
            copy: Object = json.loads(json.dumps(session))
            return copy

    def _move_refund(
        self, checkout: Payable, status: str, reason: str | None = None
    ) -> SignedEvent:
        with self._world.caused_by(None):
            ref = self._ref(checkout)
            account, charge = self._charge(checkout)
            known = [one for one in account.all("refund") if one["charge"] == charge["id"]]
            if account.get(ref) in known:
                known = [one for one in known if one["id"] == ref]
            if not known:
                raise NotFound("refund", ref)
            able = [one for one in known if one["status"] in _REFUND_MOVES[status]]
            refund = (able or known)[0]
            if refund["status"] == status:
                return self._postman.sign(account.told(refund["id"], *_REFUNDED))
            if not able:
                hint = "make another refund"
                raise InvalidTransition("refund", refund["status"], status, hint)
            return self._postman.sign(refunds.change(account, refund, status, reason))

    def _events(self, checkout: Payable | None) -> list[Object]:
        for account in self._world.accounts:
            sessions.let_time_pass(account)
        if checkout is None:
            return [self._world.event(event_id)[1] for event_id in self._world.told]
        account, session = self._session(checkout)
        return [
            event
            for event in reversed(account.all("event"))
            if _is_about(event["data"]["object"], session)
        ]

    def _session(self, checkout: Payable) -> tuple[Account, Object]:
        ref = self._ref(checkout)
        for account in self._world.accounts:
            sessions.let_time_pass(account)
            found = account.get(ref)
            if found is None:
                continue
            if found["object"] == "checkout.session":
                return account, found
            intent_id = found["id"] if found["object"] == "payment_intent" else None
            intent_id = intent_id or found.get("payment_intent")
            for session in account.all("checkout.session"):
                if session["payment_intent"] == intent_id is not None:
                    return account, session
        raise NotFound("session", ref)

    def _charge(self, checkout: Payable) -> tuple[Account, Object]:
        account, session = self._session(checkout)
        intent = account.get(session["payment_intent"] or "")
        charge = account.get(intent["latest_charge"] or "") if intent else None
        if charge is None or charge["status"] != "succeeded":
            raise InvalidTransition("session", session["status"], "reversed", _DISPUTABLE)
        return account, charge

    @staticmethod
    def _disputes(account: Account, charge: Object, ref: str) -> list[Object]:
        known = [one for one in account.all("dispute") if one["charge"] == charge["id"]]
        return [one for one in known if one["id"] == ref] or known

    @staticmethod
    def _ref(checkout: Payable) -> str:
        if isinstance(checkout, HasCheckout):
            return Controls._ref(checkout.checkout)
        if isinstance(checkout, PaymentSnapshot):
            return checkout.checkout_id
        if isinstance(checkout, CheckoutRef):
            return checkout.id
        url = checkout if isinstance(checkout, str) else _url_of(checkout)
        return url.partition("#")[0].partition("?")[0].rstrip("/").rpartition("/")[2]


def _url_of(checkout: HasURL) -> str:
    if checkout.url is None:
        message = "this checkout has no url: there is nothing to pay at the gateway"
        raise Invalid(message, fields={"checkout": "nothing_to_pay"})
    return checkout.url


def _is_about(about: Object, session: Object) -> bool:
    if session["id"] == about["id"]:
        return True
    intent = session["payment_intent"]
    return intent is not None and intent in {about["id"], about.get("payment_intent")}


def _units(amount: int | None) -> int | None:
    """Return an amount as Stripe has it on the wire.

    Raises:
        Invalid: 5.00 is no amount: 500 is.
    """
    if amount is not None and type(amount) is not int:
        message = "amounts are integers in the smallest unit on Stripe's wire: 500 for 5.00 EUR"
        raise Invalid(message, fields={"amount": "not_an_integer"})
    return amount
