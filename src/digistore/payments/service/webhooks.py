"""The inbox: a provider's message is stored before anything is done, and is only ever a hint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, select, update

from digistore.blocking import port
from digistore.database import Prepared, inserting
from digistore.errors import (
    CheckoutNotFound,
    GatewayError,
    Invalid,
    MalformedEvent,
    NotFound,
)
from digistore.gateways import (
    CheckoutRef,
    GatewayEvent,
    GatewayProfile,
    Hint,
    PaymentGateway,
    PaymentRef,
    PaymentSnapshot,
    Whose,
)
from digistore.orders.service.starting import next_try
from digistore.orders.writes import take_ticket, ticket_of
from digistore.payments.book import Book
from digistore.payments.models import ActionKind, Headers, WebhookOutcome, WebhookResult
from digistore.payments.reading import find_attempt
from digistore.payments.service.asking import Asker
from digistore.payments.tables import payments, provider_events

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.payments.service.settle import Settle

LONGEST_BODY = 1024 * 1024
OK, LATER = 200, 503


_KEY = ("gateway", "livemode", "account", "event_id")
# Hot: most messages are repeated by the provider, or tell what another has told.
_FIND = Prepared(
    select(provider_events.c.id, provider_events.c.digest, provider_events.c.status).where(
        *(provider_events.c[name] == bindparam(name) for name in _KEY)
    )
)
_TAKE = inserting(
    provider_events,
    (
        "id",
        *_KEY,
        "type",
        "digest",
        "hint",
        "status",
        "tries",
        "next_check_at",
        "received_at",
    ),
    once=_KEY,
)
_FINISH = Prepared(
    update(provider_events)
    .where(provider_events.c.id == bindparam("stored_id"), provider_events.c.status == "received")
    .values(status=bindparam("became"), done_at=bindparam("at"), next_check_at=None)
)


class Known(NamedTuple):
    """What is stored of a message that came before."""

    id: str
    digest: str
    status: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that is in the inbox.

    *ticket* is drawn where the attempt is known; *conflicts* says that its id came before, with
    other content.
    """

    id: str
    gateway: str
    hint: Hint
    ticket: int | None
    conflicts: bool = False


class Inbox:
    """Takes messages in and settles what they hint at."""

    def __init__(
        self,
        database: Database,
        gateways: Mapping[str, PaymentGateway],
        settle: Settle,
        asker: Asker,
        *,
        later: bool,
    ) -> None:
        """Take messages in; ask by *asker*, settle by *settle*, or *later* by ``reconcile``."""
        self._database = database
        self._gateways = gateways
        self._settle = settle
        self._asker = asker
        self._only_stores = later

    async def take(self, gateway_name: str, body: bytes, headers: Headers) -> WebhookOutcome:
        """Verify, store, fetch, settle, answer; see ``AsyncPayments.handle_webhook``."""
        gateway = self._gateways.get(gateway_name)
        if gateway is None:
            raise NotFound("gateway", gateway_name)
        if not isinstance(body, bytes):
            raise Invalid("pass the raw body as bytes", fields={"body": "wrong_type"})
        if len(body) > LONGEST_BODY:
            raise MalformedEvent(f"a message has at most {LONGEST_BODY} bytes")
        event = await port(gateway.parse_event(body, _one_each(headers)))
        profile = gateway.profile
        foreign = (
            not event.known
            or event.hint.whose is Whose.FOREIGN
            or (event.livemode, event.account) != (profile.livemode, profile.account)
        )
        if foreign:  # refusing it would have it repeated for days
            return WebhookOutcome(status=OK, result=WebhookResult.IGNORED)
        known = await self._known(profile.name, event)
        if known is not None and known.status != "received":
            if known.digest != event.digest:
                await self._flag(event)
            return WebhookOutcome(status=OK, result=WebhookResult.REPEATED)
        stored = await self._database.transact(lambda tx: _store(tx, profile.name, event))
        if stored.conflicts:  # it is a hint all the same, and nobody has settled the first one yet
            await self._flag(event)
        if self._only_stores:
            return WebhookOutcome(status=OK, result=WebhookResult.STORED)
        return await self.work(stored)

    async def work(self, stored: Stored) -> WebhookOutcome:
        """Fetch what a stored message hints at and settle it."""
        try:
            snapshot, ticket = await self.fetch(stored.gateway, stored.hint, stored.ticket)
        except CheckoutNotFound:
            await self._close(stored, "ignored")
            return WebhookOutcome(status=OK, result=WebhookResult.IGNORED)
        except GatewayError:
            await self._database.transact(lambda tx: _later(tx, stored.id))
            return WebhookOutcome(status=LATER, result=WebhookResult.STORED)
        await self._settle.settle(snapshot, ticket, f"webhook:{stored.id}")
        if snapshot.complete:
            await self._close(stored, "done")
        else:  # what could not be read may be what the message tells of
            await self._database.transact(lambda tx: _later(tx, stored.id))
        return WebhookOutcome(status=OK, result=WebhookResult.SETTLED)

    async def remember(self, gateway_name: str, profile: GatewayProfile, hint: Hint) -> None:
        """Store a hint that nobody sent but that could not be settled now."""
        about = hint.checkout_id or hint.payment_id or ""
        event = GatewayEvent(
            id=f"poll:{about}",
            type="poll",
            created=self._database.clock(),
            livemode=profile.livemode,
            account=profile.account,
            known=True,
            hint=hint,
            digest="",
        )
        await self._database.transact(lambda tx: _wake(tx, gateway_name, event))

    async def fetch(
        self, gateway_name: str, hint: Hint, ticket: int | None = None
    ) -> tuple[PaymentSnapshot, int]:
        """Ask the gateway for the truth behind a hint, under a ticket drawn before asking."""
        ref: CheckoutRef | PaymentRef
        if hint.checkout_id is not None:
            ref = CheckoutRef(hint.checkout_id)
        elif hint.payment_id is not None:
            ref = PaymentRef(hint.payment_id)
        else:
            raise CheckoutNotFound("checkout")
        if ticket is None:
            checkout_id = hint.checkout_id or await self._checkout_of(gateway_name, hint)
            attempt = await find_attempt(self._database, gateway_name, hint.reference, checkout_id)
            if attempt is None:  # only the gateway knows which attempt a payment belongs to
                first = await self._asker.ask(gateway_name, ref)
                attempt = await find_attempt(
                    self._database, gateway_name, first.reference, first.checkout_id
                )
                if attempt is None:
                    return first, 0
            attempt_id = attempt.id
            ticket = await self._database.transact(lambda tx: take_ticket(tx, attempt_id))
        return await self._asker.ask(gateway_name, ref), ticket

    async def _checkout_of(self, gateway_name: str, hint: Hint) -> str | None:
        """Return the checkout of a payment that is known here: it saves asking twice."""
        profile = self._gateways[gateway_name].profile
        row = await self._database.first(
            select(payments.c.checkout_id).where(
                payments.c.gateway == gateway_name,
                payments.c.livemode == profile.livemode,
                payments.c.account == profile.account,
                payments.c.ref == hint.payment_id,
            )
        )
        return None if row is None else row.checkout_id

    async def _known(self, gateway: str, event: GatewayEvent) -> Known | None:
        return _known(await self._database.fetch(_FIND, _key_of(gateway, event)))

    async def _flag(self, event: GatewayEvent) -> None:
        """Put before an operator that one event id came with two contents."""

        def flag(book: Book) -> None:
            book.act(ActionKind.EVENT_CONFLICT, event.id)

        await self._settle.apply(None, None, flag, "system", "webhook")

    async def _close(self, stored: Stored, status: str) -> None:
        await self._database.transact(lambda tx: _finish(tx, stored.id, status))


async def _store(tx: Transaction, gateway: str, event: GatewayEvent) -> Stored:
    """Store a message, unless it is here already, and draw its ticket."""
    key, hint = _key_of(gateway, event), event.hint
    take = _TAKE.given(
        **key,
        id=tx.new_id("pev"),
        type=event.type,
        digest=event.digest,
        hint=hint_to_json(hint),
        status="received",
        tries=0,
        next_check_at=tx.now,
        received_at=tx.now,
    )
    ticket = ticket_of(gateway, hint.reference, hint.checkout_id)
    _, (row,), drawn = await tx.batch([take, _FIND.given(**key), ticket])
    return Stored(
        id=row.id,
        gateway=gateway,
        hint=hint,
        ticket=drawn[0].ticket if drawn else None,
        conflicts=row.digest != event.digest,
    )


def _key_of(gateway: str, event: GatewayEvent) -> Mapping[str, object]:
    return {
        "gateway": gateway,
        "livemode": int(event.livemode),
        "account": event.account,
        "event_id": event.id,
    }


def _known(rows: Sequence[tuple[Any, ...]]) -> Known | None:
    return Known(*rows[0]) if rows else None


async def _wake(tx: Transaction, gateway: str, event: GatewayEvent) -> None:
    """Store a hint, or have one that was done before asked about again."""
    stored = await _store(tx, gateway, event)
    await tx.rows(
        update(provider_events)
        .where(provider_events.c.id == stored.id)
        .values(status="received", next_check_at=tx.now, done_at=None)
    )


async def _later(tx: Transaction, stored_id: str) -> None:
    row = await tx.first(select(provider_events.c.tries).where(provider_events.c.id == stored_id))
    tries = (row.tries if row else 0) + 1
    await tx.rows(
        update(provider_events)
        .where(provider_events.c.id == stored_id, provider_events.c.status == "received")
        .values(tries=tries, next_check_at=next_try(tries, tx.now))
    )


async def _finish(tx: Transaction, stored_id: str, status: str) -> None:
    at = tx.now if status == "done" else None
    tx.put([_FINISH.given(stored_id=stored_id, became=status, at=at)])


def hint_to_json(hint: Hint) -> dict[str, str | None]:
    """Return what is stored of a hint."""
    return {
        "whose": str(hint.whose),
        "checkout_id": hint.checkout_id,
        "payment_id": hint.payment_id,
        "reference": hint.reference,
    }


def hint_from_json(stored: Mapping[str, Any]) -> Hint:
    """Read a stored hint."""
    return Hint(
        whose=Whose(stored["whose"]),
        checkout_id=stored["checkout_id"],
        payment_id=stored["payment_id"],
        reference=stored["reference"],
    )


def _one_each(headers: Headers) -> dict[str, str]:
    """Return each header once; several of one name are a list (RFC 9110, 5.3).

    Raises:
        Invalid: these are no headers.
    """
    if not callable(getattr(headers, "items", None)):
        raise Invalid("pass the headers of the request", fields={"headers": "wrong_type"})
    found: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str):
            raise Invalid("headers have names", fields={"headers": "wrong_type"})
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
