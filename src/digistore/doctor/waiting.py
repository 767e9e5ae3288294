"""Nothing waits unseen: what is not final has a next time, or an operator was asked."""

from __future__ import annotations

from digistore.doctor.checks import Statement

# An operator has been asked about this order or payment.
_ASKED = """EXISTS (
    SELECT 1 FROM digistore_payment_actions a
    WHERE a.open_key = 1 AND ({0})
)"""
ATTEMPT_IS_ASKED_ABOUT = _ASKED.format("a.order_id = t.order_id")
PAYMENT_IS_ASKED_ABOUT = _ASKED.format("a.payment_id = t.payment_id OR a.subject = t.id")

CHECKS = (
    Statement(
        "I36",
        "attempts_are_looked_at",
        "This checkout is not final and nobody will ask the gateway about it again. Set its"
        " next_check_at to now.",
        f"""
        SELECT t.id AS subject
        FROM digistore_payment_attempts t
        WHERE t.state IN ('creating', 'unknown', 'open', 'pending') AND t.next_check_at IS NULL
          AND NOT {ATTEMPT_IS_ASKED_ABOUT}
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I36",
        "refunds_are_looked_at",
        "This refund is not final and nobody will ask the gateway about it again. Set its"
        " next_check_at to now.",
        f"""
        SELECT t.id AS subject
        FROM digistore_refunds t
        WHERE t.state IN ('requested', 'unknown', 'pending') AND t.next_check_at IS NULL
          AND NOT {PAYMENT_IS_ASKED_ABOUT}
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I36",
        "disputes_are_looked_at",
        "This dispute is not over and nobody will ask the gateway about it again. Set its"
        " next_check_at to now.",
        f"""
        SELECT t.id AS subject
        FROM digistore_disputes t
        WHERE t.state IN ('warning', 'open') AND t.next_check_at IS NULL
          AND NOT {PAYMENT_IS_ASKED_ABOUT}
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I36",
        "messages_are_looked_at",
        "This message is not settled and nobody will look at it again. Set its next_check_at to"
        " now.",
        """
        SELECT t.id AS subject
        FROM digistore_provider_events t
        WHERE t.status = 'received' AND t.next_check_at IS NULL
        """,
    ),
    Statement(
        "I36",
        "deliveries_are_repeated",
        "A delivery of this event is not done and will never be tried again. Set its"
        " next_check_at to now.",
        """
        SELECT t.event_id AS subject
        FROM digistore_deliveries t
        WHERE t.state <> 'done' AND t.next_check_at IS NULL
        """,
    ),
    Statement(
        "I36",
        "pending_money_is_looked_at",
        "This payment is on its way, but nobody will ask about its checkout again. Set the"
        " attempt's next_check_at to now. A payment without an order has no attempt: nothing"
        " hangs on it.",
        f"""
        SELECT t.id AS subject
        FROM digistore_payments t
        WHERE t.state = 'pending' AND t.order_id IS NOT NULL
          AND NOT EXISTS (
              SELECT 1 FROM digistore_payment_attempts p
              WHERE p.order_id = t.order_id AND p.checkout_id = t.checkout_id
                AND p.next_check_at IS NOT NULL
          )
          AND NOT {ATTEMPT_IS_ASKED_ABOUT}
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I36",
        "open_orders_expire",
        "This order is open and has no time at which it expires.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE o.state = 'open' AND o.expires_at IS NULL
        """,
    ),
)
