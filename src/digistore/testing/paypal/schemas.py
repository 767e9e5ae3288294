"""What PayPal takes and what it tells, as JSON Schemas of our own from its documentation.

Each schema says where its fields are documented; read in November 2026.  A field that PayPal knows
and no shop of ours sends is left out, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

ORDERS: Final = "https://developer.paypal.com/docs/api/orders/v2/"
PAYMENTS: Final = "https://developer.paypal.com/docs/api/payments/v2/"
DISPUTES: Final = "https://developer.paypal.com/docs/api/customer-disputes/v1/"
WEBHOOKS: Final = "https://developer.paypal.com/docs/api/webhooks/v1/"
TRANSACTIONS: Final = "https://developer.paypal.com/docs/api/transaction-search/v1/"
OAUTH: Final = "https://developer.paypal.com/api/rest/authentication/"


def _object(required: str = "", /, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def _text(longest: int, shortest: int = 1, pattern: str | None = None) -> Schema:
    schema: Schema = {"type": "string", "minLength": shortest, "maxLength": longest}
    return schema | ({} if pattern is None else {"pattern": pattern})


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def _list(of: Schema, longest: int | None = None) -> Schema:
    schema: Schema = {"type": "array", "items": of, "minItems": 1}
    return schema | ({} if longest is None else {"maxItems": longest})


_ANY_TEXT: Final[Schema] = {"type": "string"}
_URL: Final[Schema] = {"type": "string", "pattern": "^https?://[^ ]{1,2000}$"}
_TIME: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_MONEY: Final = _object(
    "currency_code value",
    currency_code=_text(3, 3, "^[A-Z]{3}$"),
    value=_text(32, 1, r"^((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))$"),
)

_ITEM: Final = _object(
    "name quantity unit_amount",
    name=_text(127),
    quantity=_text(10, 1, "^[1-9][0-9]{0,9}$"),
    unit_amount=_MONEY,
    category=_one_of("DIGITAL_GOODS", "PHYSICAL_GOODS", "DONATION"),
)
_AMOUNT: Final = _object(
    "currency_code value",
    **_MONEY["properties"],
    breakdown=_object(item_total=_MONEY),
)
_EXPERIENCE: Final = _object(
    brand_name=_text(127),
    landing_page=_one_of("LOGIN", "GUEST_CHECKOUT", "NO_PREFERENCE"),
    locale=_text(10, 2, r"^[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|\d{3}))?$"),
    payment_method_preference=_one_of("UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"),
    shipping_preference=_one_of("GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"),
    user_action=_one_of("CONTINUE", "PAY_NOW"),
    return_url=_URL,
    cancel_url=_URL,
)

CREATE_ORDER: Final = _object(
    "intent purchase_units payment_source",
    intent=_one_of("CAPTURE", "AUTHORIZE"),
    purchase_units=_list(
        _object(
            "amount",
            reference_id=_text(256),
            custom_id=_text(127),
            invoice_id=_text(127),
            description=_text(127),
            amount=_AMOUNT,
            items=_list(_ITEM),
        ),
        10,
    ),
    payment_source=_object(
        "paypal",
        paypal=_object(email_address=_text(254, 3), experience_context=_EXPERIENCE),
    ),
) | {"$comment": ORDERS + "#orders_create"}

PATCH_ORDER: Final = _list(
    _object(
        "op path",
        op=_one_of("add", "remove", "replace", "move", "copy", "test"),
        path=_text(200),
        value=_ANY_TEXT,
    )
) | {"$comment": ORDERS + "#orders_patch"}

CAPTURE_ORDER: Final = _object() | {"$comment": ORDERS + "#orders_capture"}

REFUND_CAPTURE: Final = _object(
    amount=_MONEY,
    custom_id=_text(127),
    invoice_id=_text(127),
    note_to_payer=_text(255),
) | {"$comment": PAYMENTS + "#captures_refund"}

NOTHING: Final = _object()

LIST_DISPUTES: Final = _object(
    disputed_transaction_id=_text(255),
    page_size=_text(2, 1, "^([1-9]|[1-4][0-9]|50)$"),
) | {"$comment": DISPUTES + "#disputes_list"}

LIST_EVENTS: Final = _object(
    page_size=_text(3, 1, "^[1-9][0-9]{0,2}$"),
    start_time=_TIME,
    end_time=_TIME,
    next_page_token=_text(500),
) | {"$comment": WEBHOOKS + "#webhooks-events_list"}

LIST_TRANSACTIONS: Final = _object(
    "start_date end_date",
    start_date=_TIME,
    end_date=_TIME,
    fields=_one_of("transaction_info", "all"),
    page_size=_text(3, 1, "^([1-9][0-9]?|[1-4][0-9][0-9]|500)$"),
    page=_text(10, 1, "^[1-9][0-9]*$"),
) | {"$comment": TRANSACTIONS + "#transactions_get"}

TOKEN: Final = _object("grant_type", grant_type=_one_of("client_credentials")) | {"$comment": OAUTH}


# What is told.

_LINKS: Final[Schema] = {
    "type": "array",
    "items": _object(
        "href rel", href=_URL, rel=_ANY_TEXT, method=_one_of("GET", "POST", "PATCH", "REDIRECT")
    ),
}
_PAYEE: Final = _object(email_address=_ANY_TEXT, merchant_id=_ANY_TEXT)
_NAME: Final = _object(given_name=_ANY_TEXT, surname=_ANY_TEXT)
_RELATED: Final = _object(related_ids=_object(order_id=_ANY_TEXT))

CAPTURE: Final = _object(
    "id status amount",
    id=_ANY_TEXT,
    status=_one_of("COMPLETED", "DECLINED", "PARTIALLY_REFUNDED", "PENDING", "REFUNDED", "FAILED"),
    status_details=_object(reason=_ANY_TEXT),
    amount=_MONEY,
    final_capture={"type": "boolean"},
    invoice_id=_ANY_TEXT,
    custom_id=_ANY_TEXT,
    seller_protection=_object(status=_one_of("ELIGIBLE", "PARTIALLY_ELIGIBLE", "NOT_ELIGIBLE")),
    seller_receivable_breakdown=_object(gross_amount=_MONEY, paypal_fee=_MONEY, net_amount=_MONEY),
    supplementary_data=_RELATED,
    create_time=_TIME,
    update_time=_TIME,
    links=_LINKS,
) | {"$comment": PAYMENTS + "#captures_get"}

REFUND: Final = _object(
    "id status",
    id=_ANY_TEXT,
    status=_one_of("CANCELLED", "FAILED", "PENDING", "COMPLETED"),
    status_details=_object(reason=_ANY_TEXT),
    amount=_MONEY,
    invoice_id=_ANY_TEXT,
    custom_id=_ANY_TEXT,
    note_to_payer=_ANY_TEXT,
    seller_payable_breakdown=_object(
        gross_amount=_MONEY, paypal_fee=_MONEY, net_amount=_MONEY, total_refunded_amount=_MONEY
    ),
    create_time=_TIME,
    update_time=_TIME,
    links=_LINKS,
) | {"$comment": PAYMENTS + "#refunds_get"}

_UNIT: Final = _object(
    reference_id=_ANY_TEXT,
    custom_id=_ANY_TEXT,
    invoice_id=_ANY_TEXT,
    description=_ANY_TEXT,
    amount=_AMOUNT,
    items=_list(_ITEM),
    payee=_PAYEE,
    payments=_object(
        captures={"type": "array", "items": CAPTURE}, refunds={"type": "array", "items": REFUND}
    ),
)

ORDER: Final = _object(
    "id status links",
    id=_ANY_TEXT,
    intent=_one_of("CAPTURE", "AUTHORIZE"),
    status=_one_of("CREATED", "SAVED", "APPROVED", "VOIDED", "COMPLETED", "PAYER_ACTION_REQUIRED"),
    payment_source=_object(
        paypal=_object(
            email_address=_ANY_TEXT,
            account_id=_ANY_TEXT,
            account_status=_one_of("VERIFIED", "UNVERIFIED"),
            name=_NAME,
        )
    ),
    payer=_object(email_address=_ANY_TEXT, payer_id=_ANY_TEXT, name=_NAME),
    purchase_units=_list(_UNIT),
    create_time=_TIME,
    update_time=_TIME,
    links=_LINKS,
) | {"$comment": ORDERS + "#orders_get"}

_DISPUTE_SUMMARY: Final[Mapping[str, Schema]] = {
    "dispute_id": _ANY_TEXT,
    "create_time": _TIME,
    "update_time": _TIME,
    "reason": _ANY_TEXT,
    "status": _one_of(
        "OPEN",
        "WAITING_FOR_BUYER_RESPONSE",
        "WAITING_FOR_SELLER_RESPONSE",
        "UNDER_REVIEW",
        "RESOLVED",
        "OTHER",
    ),
    "dispute_state": _one_of(
        "OPEN_INQUIRIES",
        "REQUIRED_ACTION",
        "REQUIRED_OTHER_PARTY_ACTION",
        "UNDER_PAYPAL_REVIEW",
        "RESOLVED",
        "APPEALABLE",
    ),
    "dispute_amount": _MONEY,
    "dispute_life_cycle_stage": _one_of("INQUIRY", "CHARGEBACK", "PRE_ARBITRATION", "ARBITRATION"),
    "dispute_channel": _one_of("INTERNAL", "EXTERNAL"),
    "links": _LINKS,
}
DISPUTE: Final = _object(
    "dispute_id status",
    **_DISPUTE_SUMMARY,
    disputed_transactions=_list(
        _object(
            seller_transaction_id=_ANY_TEXT,
            buyer_transaction_id=_ANY_TEXT,
            create_time=_TIME,
            transaction_status=_ANY_TEXT,
            gross_amount=_MONEY,
            invoice_number=_ANY_TEXT,
            custom=_ANY_TEXT,
        )
    ),
    dispute_outcome=_object(
        outcome_code=_one_of(
            "RESOLVED_BUYER_FAVOUR",
            "RESOLVED_SELLER_FAVOUR",
            "RESOLVED_WITH_PAYOUT",
            "CANCELED_BY_BUYER",
            "ACCEPTED",
            "DENIED",
            "NONE",
        ),
        amount_refunded=_MONEY,
    ),
    seller_response_due_date=_TIME,
) | {"$comment": DISPUTES + "#disputes_get"}

DISPUTE_LIST: Final = _object(
    items={"type": "array", "items": _object("dispute_id", **_DISPUTE_SUMMARY)}, links=_LINKS
) | {"$comment": DISPUTES + "#disputes_list"}

EVENT: Final = _object(
    "id event_type resource create_time",
    id=_ANY_TEXT,
    create_time=_TIME,
    resource_type=_ANY_TEXT,
    event_version=_ANY_TEXT,
    event_type=_ANY_TEXT,
    summary=_ANY_TEXT,
    resource_version=_ANY_TEXT,
    resource={"type": "object"},
    links=_LINKS,
) | {"$comment": WEBHOOKS + "#webhooks-events_get"}

EVENT_LIST: Final = _object(
    "events count",
    events={"type": "array", "items": EVENT},
    count={"type": "integer"},
    links=_LINKS,
) | {"$comment": WEBHOOKS + "#webhooks-events_list"}

TRANSACTION_LIST: Final = _object(
    "transaction_details total_pages",
    transaction_details={
        "type": "array",
        "items": _object(
            transaction_info=_object(
                transaction_id=_ANY_TEXT,
                paypal_reference_id=_ANY_TEXT,
                paypal_reference_id_type=_one_of("ODR", "TXN", "SUB", "PAP"),
                transaction_event_code=_text(5),
                transaction_initiation_date=_TIME,
                transaction_updated_date=_TIME,
                transaction_amount=_MONEY,
                transaction_status=_one_of("D", "P", "S", "V"),
                invoice_id=_ANY_TEXT,
                custom_field=_ANY_TEXT,
            )
        ),
    },
    account_number=_ANY_TEXT,
    start_date=_TIME,
    end_date=_TIME,
    last_refreshed_datetime=_TIME,
    page={"type": "integer"},
    total_items={"type": "integer"},
    total_pages={"type": "integer"},
    links=_LINKS,
) | {"$comment": TRANSACTIONS + "#transactions_get"}
