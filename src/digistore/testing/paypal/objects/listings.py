"""What may be asked about the past: events of 30 days, and transactions of three years.

https://developer.paypal.com/docs/api/webhooks/v1/#webhooks-events_list and
https://developer.paypal.com/docs/api/transaction-search/v1/#transactions_get
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from digistore.testing.paypal.errors import invalid
from digistore.testing.paypal.world import Object, World

EVENTS_URL = "/v1/notifications/webhooks-events"
TRANSACTIONS_URL = "/v1/reporting/transactions"

_EVENTS_REACH = timedelta(days=30)
_LONGEST_RANGE = timedelta(days=31)
_REACH = timedelta(days=3 * 366)
_LISTED_AFTER = timedelta(hours=3)
_PAYMENT, _REFUND = "T0006", "T1107"
_STATUS = {"PENDING": "P", "DECLINED": "D", "FAILED": "D", "CANCELLED": "V"}


def events(world: World, asked: Object, _: str) -> Object:
    """Answer GET /v1/notifications/webhooks-events, the newest first."""
    now = world.clock()
    begin = _time(asked["start_time"]) if "start_time" in asked else now - _EVENTS_REACH
    end = _time(asked["end_time"]) if "end_time" in asked else now
    if begin < now - _EVENTS_REACH:
        message = "Events of the last 30 days are kept."
        raise invalid("INVALID_PARAMETER_VALUE", message, "start_time")
    found = [
        event
        for event in reversed(world.events.values())
        if begin <= _time(event["create_time"]) <= end
    ]
    skipped, size = int(asked.get("next_page_token", "0")), int(asked.get("page_size", "10"))
    shown = found[skipped : skipped + size]
    links = []
    if len(found) > skipped + size:
        query = {**asked, "next_page_token": str(skipped + size)}
        links.append(world.link(f"{EVENTS_URL}?{urlencode(query)}", "next"))
    return {"events": shown, "count": len(shown), "links": links}


def transactions(world: World, asked: Object, _: str) -> Object:
    """Answer GET /v1/reporting/transactions, the oldest first; they are listed hours later."""
    begin, end = _time(asked["start_date"]), _time(asked["end_date"])
    now = world.clock()
    if end - begin > _LONGEST_RANGE or begin > end:
        message = "Date range is greater than 31 days."
        raise invalid("INVALID_DATE_RANGE", message, "end_date")
    if begin < now - _REACH:
        message = "Data for the given start date is not available."
        raise invalid("INVALID_START_DATE", message, "start_date")
    shown_until = min(end, now - _LISTED_AFTER)
    found = [one for one in _all(world) if begin <= _made(one) <= shown_until]
    size, page = int(asked.get("page_size", "100")), int(asked.get("page", "1"))
    shown = found[(page - 1) * size : page * size]
    return {
        "transaction_details": [{"transaction_info": one} for one in shown],
        "account_number": "DOUBLEMERCHNT",
        "start_date": asked["start_date"],
        "end_date": asked["end_date"],
        "last_refreshed_datetime": world.now,
        "page": page,
        "total_items": len(found),
        "total_pages": -(-len(found) // size),
        "links": [],
    }


def _all(world: World) -> list[Object]:
    taken = [_info(one, _PAYMENT, {}) for _, one in world.captures.values()]
    back = [
        _info(one, _REFUND, {"paypal_reference_id": ref, "paypal_reference_id_type": "TXN"})
        for ref, one in world.refunds.values()
    ]
    return sorted([*taken, *back], key=_made)


def _info(about: Object, code: str, reference: dict[str, str]) -> Object:
    info: Object = {
        "transaction_id": about["id"],
        **reference,
        "transaction_event_code": code,
        "transaction_initiation_date": about["create_time"],
        "transaction_updated_date": about["update_time"],
        "transaction_amount": about["amount"],
        "transaction_status": _STATUS.get(about["status"], "S"),
    }
    names = {"invoice_id": "invoice_id", "custom_id": "custom_field"}
    return info | {to: about[of] for of, to in names.items() if of in about}


def _made(info: Object) -> datetime:
    return _time(info["transaction_initiation_date"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
