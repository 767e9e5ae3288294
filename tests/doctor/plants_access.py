"""Bad rows about access: purchases, support requests, downloads."""

from __future__ import annotations

from tests.doctor.plant import plant, twin

_PAYMENT = "UPDATE digistore_payments SET {} WHERE id = :paid_payment"
_PURCHASE = "UPDATE digistore_purchased_products SET {} WHERE id = :{}"
_LIVE = "state = 'live', live_key = 1"
_POLICY = (
    'UPDATE digistore_orders SET policy = replace(policy, \'"{0}":"{1}"\', \'"{0}":"{2}"\')'
    " WHERE id = :{3}"
)
_LINE = "UPDATE digistore_order_lines SET {} WHERE id = :{}"
_REQUEST = "UPDATE digistore_support_requests SET {} WHERE id = :{}"
_SESSION = "UPDATE digistore_download_sessions SET {} WHERE id = :session"
_COUNTED = ("DELETE FROM digistore_download_allowances",)
_COUNTED_TWICE = ("UPDATE digistore_download_allowances SET used = used + 1",)

COVERED = (
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("captured = 1")),
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("currency = 'EUR'")),
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("livemode = 1")),
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("account = 'other'")),
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("gateway = 'other'")),
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("checkout_id = 'other'")),
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("cover_key = NULL")),
    plant("access_is_covered", "paid_purchase", _PAYMENT.format("state = 'failed'")),
    plant(
        "access_is_covered",
        "paid_purchase",
        "DELETE FROM digistore_payments WHERE id = :paid_payment",
    ),
    plant(
        "access_is_covered",
        "suspended_purchase",
        "UPDATE digistore_payments SET captured = 1 WHERE id = :suspended_payment",
    ),
    plant(
        "access_is_covered",
        "standby_purchase",
        "UPDATE digistore_payments SET cover_key = NULL WHERE id = :first_payment",
    ),
    plant(
        "access_is_covered",
        "free_purchase",
        "UPDATE digistore_payments SET cover_key = NULL WHERE id = :free_payment",
    ),
)
CLOSED = (
    plant(
        "returned_money_closes", "refunded_purchase", _PURCHASE.format(_LIVE, "refunded_purchase")
    ),
    plant(
        "returned_money_closes",
        "refunded_purchase",
        _PURCHASE.format("state = 'standby'", "refunded_purchase"),
        "UPDATE digistore_refunds SET state = 'pending' WHERE id = :refund",
    ),
    plant(
        "all_money_back_closes",
        "refunded_purchase",
        _PURCHASE.format(_LIVE, "refunded_purchase"),
        "DELETE FROM digistore_refund_lines WHERE refund_id = :refund",
    ),
    plant(
        "partial_refund_closes",
        "part_purchase",
        "UPDATE digistore_refunds SET access = 'revoke' WHERE id = :part",
    ),
    plant(
        "partial_refund_closes",
        "part_purchase",
        _POLICY.format("partial_refund", "keep", "revoke", "both_order"),
    ),
    plant(
        "lost_dispute_closes",
        "lost_purchase",
        _PURCHASE.format("state = 'suspended'", "lost_purchase"),
    ),
    plant(
        "lost_dispute_closes",
        "won_purchase",
        "UPDATE digistore_disputes SET state = 'prevented', assigned = 1 WHERE id = :won_dispute",
        "INSERT INTO digistore_dispute_lines VALUES (:won_dispute, :won_line)",
        _POLICY.format("dispute_lost", "revoke", "keep", "won_order"),
    ),
    plant("dispute_suspends", "suspended_purchase", _PURCHASE.format(_LIVE, "suspended_purchase")),
    plant(
        "dispute_suspends",
        "suspended_purchase",
        _PURCHASE.format("state = 'standby'", "suspended_purchase"),
    ),
    plant("dispute_suspends", "half_lost_purchase", _PURCHASE.format(_LIVE, "half_lost_purchase")),
    plant(
        "dispute_suspends",
        "warned_purchase",
        _POLICY.format("dispute_warning", "keep", "suspend", "warned_order"),
    ),
)
PLACES = (
    plant("one_live_purchase", "standby_purchase", _PURCHASE.format(_LIVE, "standby_purchase")),
    plant("one_live_purchase", "live_purchase", _PURCHASE.format(_LIVE, "standby_purchase")),
    plant(
        "standby_waits_for_a_live_one",
        "standby_purchase",
        _PURCHASE.format("state = 'revoked', live_key = NULL", "live_purchase"),
    ),
    plant(
        "live_key_follows_state",
        "paid_purchase",
        _PURCHASE.format("live_key = NULL", "paid_purchase"),
    ),
    plant(
        "live_key_follows_state",
        "revoked_purchase",
        _PURCHASE.format("live_key = 1", "revoked_purchase"),
    ),
    plant(
        "one_purchase_per_line",
        "paid_purchase",
        *twin("purchased_products", "id = :paid_purchase", id="'pur_twin'"),
    ),
    plant(
        "one_request_per_line",
        "help_request",
        *twin("support_requests", "id = :help_request", id="'sup_twin'"),
    ),
)
OPENED = (
    plant(
        "paid_means_purchased",
        "paid_line",
        "DELETE FROM digistore_purchased_products WHERE id = :paid_purchase",
    ),
    plant(
        "closed_for_a_reason",
        "paid_purchase",
        _PURCHASE.format("state = 'revoked', live_key = NULL", "paid_purchase"),
    ),
    plant(
        "closed_for_a_reason",
        "part_purchase",
        _PURCHASE.format("state = 'revoked', live_key = NULL", "part_purchase"),
    ),
    plant(
        "closed_for_a_reason",
        "refunded_purchase",
        "UPDATE digistore_refunds SET state = 'failed' WHERE id = :refund",
    ),
    plant(
        "closed_for_a_reason",
        "lost_purchase",
        "UPDATE digistore_disputes SET state = 'won' WHERE id = :lost_dispute",
    ),
    plant(
        "closed_for_a_reason",
        "revoked_purchase",
        *twin(
            "entitlement_facts",
            "grant_id = :revoked_purchase AND kind = 'operator'",
            state="'restored'",
            ticket="2",
            sequence="9999",
        ),
    ),
    plant(
        "suspended_for_a_reason",
        "suspended_purchase",
        "UPDATE digistore_disputes SET state = 'won' WHERE id = :suspended_dispute",
    ),
    plant("paid_help_is_open", "help_line", _REQUEST.format("state = 'unpaid'", "help_request")),
    plant(
        "paid_help_is_open", "solved_line", _REQUEST.format("state = 'canceled'", "solved_request")
    ),
    plant(
        "paid_help_is_open",
        "help_line",
        "DELETE FROM digistore_support_requests WHERE id = :help_request",
    ),
    plant(
        "paid_help_is_open",
        "waived_line",
        "UPDATE digistore_refunds SET state = 'failed' WHERE payment_id = :waived_payment",
    ),
)
HELP = (
    plant(
        "help_is_paid",
        "help_request",
        _REQUEST.format("payment_id = NULL, covered_total = NULL", "help_request"),
    ),
    plant(
        "help_is_paid",
        "solved_request",
        _REQUEST.format("payment_id = :paid_payment", "solved_request"),
    ),
    plant("help_is_paid", "unpaid_request", _REQUEST.format("state = 'open'", "unpaid_request")),
    plant(
        "help_is_what_its_line_sold", "help_request", _LINE.format("kind = 'product'", "help_line")
    ),
    plant("help_is_what_its_line_sold", "help_request", _LINE.format("total = 0", "help_line")),
    plant(
        "help_is_what_its_line_sold", "help_request", _REQUEST.format("price = 0", "help_request")
    ),
    plant(
        "help_is_what_its_line_sold",
        "help_request",
        _REQUEST.format("currency = 'EUR'", "help_request"),
    ),
    plant(
        "help_is_what_its_line_sold",
        "help_request",
        _REQUEST.format("purchased_product_id = :second_purchase", "help_request"),
    ),
    plant("help_is_ordered_alone", "both_order", _LINE.format("kind = 'support'", "both_line")),
    plant(
        "help_ends_with_its_money",
        "waived_request",
        _REQUEST.format("state = 'open'", "waived_request"),
    ),
    plant(
        "help_ends_with_its_money",
        "help_request",
        *twin("disputes", "id = :lost_dispute", id="'dis_twin'", payment_id=":help_payment"),
        "INSERT INTO digistore_dispute_lines VALUES ('dis_twin', :help_line)",
    ),
)
OUTCOMES = (
    plant("outcome_follows_purchase", "paid_line", _LINE.format("outcome = 'held'", "paid_line")),
    plant("outcome_follows_purchase", "paid_line", _LINE.format("outcome = NULL", "paid_line")),
    plant("outcome_follows_purchase", "open_line", _LINE.format("outcome = 'opened'", "open_line")),
)
DOWNLOADED = (
    plant(
        "download_within_access",
        "session",
        _SESSION.format("purchase_id = :suspended_purchase, last_at = 9000000000000000"),
    ),
    plant(
        "download_within_access",
        "session",
        "UPDATE digistore_audit SET changes = replace(changes, 'live', 'standby')"
        " WHERE entity = 'purchase' AND entity_id = :paid_purchase",
    ),
    plant(
        "download_of_its_product",
        "session",
        _SESSION.format("release_id = :other_release"),
    ),
    plant(
        "download_of_its_product",
        "session",
        _SESSION.format(
            "file_id = (SELECT id FROM digistore_release_files WHERE release_id = :other_release)"
        ),
    ),
    plant("every_download_is_counted", "paid_purchase", *_COUNTED),
    plant("every_download_is_counted", "paid_purchase", *_COUNTED_TWICE),
)
PLANTS = (*COVERED, *CLOSED, *PLACES, *OPENED, *HELP, *OUTCOMES, *DOWNLOADED)
