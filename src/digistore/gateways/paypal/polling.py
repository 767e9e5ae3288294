"""What may have changed: events, which PayPal keeps for 30 days, and transactions beyond that."""

from __future__ import annotations

import base64
import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from digistore.errors import Invalid, MalformedEvent
from digistore.gateways.paypal.client import Client
from digistore.gateways.paypal.events import EVENTS, hints_of
from digistore.gateways.paypal.names import reference_of, whose
from digistore.gateways.paypal.snapshots import Object, dict_of, moment
from digistore.gateways.port import Hint, HintPage, Whose

logger = logging.getLogger("digistore.gateways.paypal")

EVENTS_URL: Final = "/v1/notifications/webhooks-events"
TRANSACTIONS_URL: Final = "/v1/reporting/transactions"

# https://developer.paypal.com/api/rest/webhooks/events-dashboard, and a minute on the way
_REACH: Final = timedelta(days=30) - timedelta(minutes=1)
# https://developer.paypal.com/docs/api/transaction-search/v1/#transactions_get
_LONGEST_RANGE: Final = timedelta(days=31)
_OLDEST: Final = timedelta(days=3 * 365)
_LAG: Final = timedelta(hours=3)  # until a transaction is listed
_EVENTS_LAG: Final = timedelta(hours=1)
_EVENTS_PAGE, _TRANSACTIONS_PAGE = 100, 500
_CURSOR = re.compile(
    r"events(?::(?P<token>[A-Za-z0-9_=-]{1,700}))?"
    r"|transactions:(?P<start>[0-9TZ:-]{20}):(?P<page>[0-9]{1,6})"
)
_NOT_OURS = "give the cursor as poll returned it"
_REVERSAL = "T11"  # the event codes of money that went back
# https://developer.paypal.com/docs/transaction-search/transaction-event-codes/


@dataclass(frozen=True, slots=True)
class Poller:
    """Lists what may have changed, page by page."""

    client: Client
    namespace: str

    async def page(self, since: datetime, cursor: str | None, now: datetime) -> HintPage:
        """Return one page of it: events first, then transactions if *since* is before all events.

        Raises:
            Invalid: the *cursor* is none of ours.
        """
        place = _CURSOR.fullmatch("events" if cursor is None else cursor)
        start = None if place is None or place["start"] is None else moment(place["start"])
        if place is None or (place["start"] is not None and start is None):
            raise Invalid(_NOT_OURS, fields={"cursor": "malformed"})
        if start is not None:
            return await self._transactions(start, int(place["page"]), now)
        return await self._events(since, place["token"], now)

    async def _events(self, since: datetime, token: str | None, now: datetime) -> HintPage:
        begin = _before(since, _EVENTS_LAG, now - _REACH)
        query = {"page_size": str(_EVENTS_PAGE), "start_time": _text(begin), "end_time": _text(now)}
        if token is not None:
            query["next_page_token"] = _unpacked(token)
        found = await self.client.get(EVENTS_URL, "list", **query)
        listed = found.get("events")
        hints = [hint for one in listed or () if isinstance(one, dict) for hint in self._hints(one)]
        following = _next_token(found)
        if following is not None and hints:
            return HintPage(_ours(hints), f"events:{_packed(following)}")
        if since >= now - _REACH:
            return HintPage(_ours(hints), None)
        # A backup was restored, or nobody has asked for a month.
        oldest = _before(since, _LAG, now - _OLDEST)
        return HintPage(_ours(hints), f"transactions:{_text(oldest)}:1")

    async def _transactions(self, start: datetime, page: int, now: datetime) -> HintPage:
        if start > now:  # the clock was set back, or the cursor is none of ours
            return HintPage((), None)
        end = now if now - start < _LONGEST_RANGE else start + _LONGEST_RANGE
        found = await self.client.get(
            TRANSACTIONS_URL,
            "list",
            start_date=_text(start),
            end_date=_text(end),
            fields="transaction_info",
            page_size=str(_TRANSACTIONS_PAGE),
            page=str(page),
        )
        listed = found.get("transaction_details")
        hints = [
            self._transaction_hint(dict_of(one.get("transaction_info")))
            for one in listed or ()
            if isinstance(one, dict)
        ]
        pages = found.get("total_pages")
        if isinstance(pages, int) and page < pages:
            return HintPage(_ours(hints), f"transactions:{_text(start)}:{page + 1}")
        return HintPage(_ours(hints), None if end >= now else f"transactions:{_text(end)}:1")

    def _hints(self, event: Object) -> tuple[Hint, ...]:
        event_type = event.get("event_type")
        if event_type not in EVENTS:
            return (Hint(Whose.FOREIGN),)
        try:
            return hints_of(event_type, dict_of(event.get("resource")), self.namespace)
        except MalformedEvent:  # one that cannot be read must not stop all that can
            logger.warning("paypal: what is listed cannot be read: %.40r", event.get("id"))
            return (Hint(Whose.FOREIGN),)

    def _transaction_hint(self, info: Object) -> Hint:
        mark = info.get("custom_field")
        owner = whose(mark, self.namespace, unmarked=Whose.FOREIGN)
        reversal = str(info.get("transaction_event_code")).startswith(_REVERSAL)
        if reversal:  # it names the capture that it is of; our rows know whose that is
            payment_id = info.get("paypal_reference_id")
            owner = Whose.UNKNOWN if owner is Whose.FOREIGN and mark is None else owner
            return _payment(owner, payment_id, None)
        return _payment(owner, info.get("transaction_id"), reference_of(mark))


def _payment(owner: Whose, payment_id: object, reference: str | None) -> Hint:
    if not isinstance(payment_id, str) or not payment_id:
        return Hint(Whose.FOREIGN)
    return Hint(owner, payment_id=payment_id, reference=reference if owner is Whose.OURS else None)


def _ours(hints: list[Hint]) -> tuple[Hint, ...]:
    return tuple(dict.fromkeys(hint for hint in hints if hint.whose is not Whose.FOREIGN))


def _next_token(found: Object) -> str | None:
    links = found.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next":
            # Only the token is taken: where to ask is ours to say.
            tokens = parse_qs(urlsplit(str(link.get("href"))).query).get("next_page_token")
            return tokens[0] if tokens else None
    return None


def _packed(token: str) -> str:
    return base64.urlsafe_b64encode(token.encode()).decode()


def _unpacked(packed: str) -> str:
    try:
        return base64.urlsafe_b64decode(packed).decode()
    except ValueError:
        raise Invalid(_NOT_OURS, fields={"cursor": "malformed"}) from None


def _before(since: datetime, lag: timedelta, oldest: datetime) -> datetime:
    """Return a *lag* before *since*, but nothing before *oldest*; *since* may be the first day."""
    return max(since, oldest + lag) - lag


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
