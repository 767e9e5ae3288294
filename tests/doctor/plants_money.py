"""Bad rows about money: payments, refunds, disputes, orders."""

from __future__ import annotations

from tests.doctor.plant import plant, twin

_PAYMENT = "UPDATE digistore_payments SET {} WHERE id = :{}"
_REFUND = "UPDATE digistore_refunds SET {} WHERE id = :{}"
_DISPUTE = "UPDATE digistore_disputes SET {} WHERE id = :{}"
_ORDER = "UPDATE digistore_orders SET {} WHERE id = :{}"
_LINE = "UPDATE digistore_order_lines SET {} WHERE id = :{}"
_ACTIONS = "DELETE FROM digistore_payment_actions WHERE {} = :{}"

PAYMENTS = (
    plant(
        "one_covering_payment",
        "paid_order",
        *twin("payments", "id = :paid_payment", id="'pay_twin'", ref="'twin'"),
    ),
    plant(
        "covering_names_what",
        "paid_payment",
        _PAYMENT.format("covered_total = NULL", "paid_payment"),
    ),
    plant(
        "covering_names_what",
        "paid_payment",
        _PAYMENT.format("disposition = 'late'", "paid_payment"),
    ),
    plant("covering_names_what", "paid_payment", _PAYMENT.format("captured = 0", "paid_payment")),
    plant("covering_names_what", "paid_payment", _PAYMENT.format("cover_key = 2", "paid_payment")),
    plant(
        "succeeded_is_judged",
        "underpaid_payment",
        _PAYMENT.format("disposition = NULL", "underpaid_payment"),
    ),
    plant(
        "succeeded_is_judged",
        "pending_payment",
        _PAYMENT.format("disposition = 'late'", "pending_payment"),
    ),
    plant(
        "odd_money_is_acted_on",
        "underpaid_payment",
        _ACTIONS.format("payment_id", "underpaid_payment"),
    ),
    plant(
        "odd_money_is_acted_on",
        "underpaid_payment",
        "UPDATE digistore_payment_actions SET open_key = NULL, choice = 'refund', resolved_at = 1"
        " WHERE payment_id = :underpaid_payment",
    ),
    plant(
        "odd_money_is_acted_on",
        "duplicate_payment",
        "UPDATE digistore_refunds SET state = 'rejected' WHERE payment_id = :duplicate_payment",
        _PAYMENT.format("own_refunds = 0", "duplicate_payment"),
    ),
    plant(
        "waiting_purchase_is_acted_on",
        "standby_purchase",
        _LINE.format("allow_repeat = 0", "first_line"),
    ),
)
REFUNDS = (
    plant("refunds_add_up", "paid_payment", _PAYMENT.format("own_refunds = 1", "paid_payment")),
    plant("refunds_add_up", "paid_payment", _PAYMENT.format("gateway_refunds = 1", "paid_payment")),
    plant("refunds_add_up", "paid_payment", _PAYMENT.format("disputed = 1", "paid_payment")),
    plant("refunds_add_up", "refunded_payment", _REFUND.format("state = 'failed'", "refund")),
    plant("refunds_add_up", "won_payment", _DISPUTE.format("state = 'open'", "won_dispute")),
    plant(
        "refunds_within_captured",
        "refunded_payment",
        _PAYMENT.format("own_refunds = captured + 1", "refunded_payment"),
    ),
    plant(
        "refunds_within_captured",
        "refunded_payment",
        _PAYMENT.format("gateway_refunds = 1", "refunded_payment"),
    ),
    plant(
        "refund_lines_add_up",
        "part",
        "UPDATE digistore_refund_lines SET amount = amount + 1 WHERE refund_id = :part",
    ),
    plant(
        "refund_lines_add_up",
        "part",
        "UPDATE digistore_refund_lines SET amount = amount - 1 WHERE refund_id = :part",
    ),
    plant(
        "refund_lines_add_up", "part", "DELETE FROM digistore_refund_lines WHERE refund_id = :part"
    ),
    plant(
        "unassigned_refund_is_asked_about",
        "unassigned_refund",
        _ACTIONS.format("subject", "unassigned_refund"),
    ),
    plant(
        "lost_dispute_is_asked_about",
        "half_lost_dispute",
        _ACTIONS.format("subject", "half_lost_dispute"),
    ),
    plant(
        "lost_dispute_is_asked_about",
        "lost_dispute",
        _DISPUTE.format("assigned = 0", "lost_dispute"),
    ),
    plant(
        "line_within_its_total",
        "refunded_line",
        "UPDATE digistore_refund_lines SET amount = amount + 1 WHERE refund_id = :refund",
    ),
    plant("facts_belong_together", "refund", _REFUND.format("currency = 'EUR'", "refund")),
    plant("facts_belong_together", "refund", _REFUND.format("gateway = 'other'", "refund")),
    plant("facts_belong_together", "refund", _REFUND.format("livemode = 1", "refund")),
    plant("facts_belong_together", "won_dispute", _DISPUTE.format("account = 'x'", "won_dispute")),
)
AMOUNTS = (
    plant("amounts_are_sane", "paid_payment", _PAYMENT.format("captured = -1", "paid_payment")),
    plant("amounts_are_sane", "paid_payment", _PAYMENT.format("captured = 10.5", "paid_payment")),
    plant("amounts_are_sane", "paid_payment", _PAYMENT.format("captured = 'ten'", "paid_payment")),
    plant(
        "amounts_are_sane",
        "paid_payment",
        _PAYMENT.format("tax = 9007199254740992", "paid_payment"),
    ),
    plant("currencies_are_known", "paid_order", _ORDER.format("currency = 'usd'", "paid_order")),
    plant(
        "nothing_is_paid_with_nothing",
        "free_order",
        _PAYMENT.format("gateway = 'external'", "free_payment"),
    ),
    plant(
        "nothing_is_paid_with_nothing",
        "paid_order",
        _PAYMENT.format("gateway = 'free'", "paid_payment"),
    ),
    plant("order_adds_up", "paid_order", _ORDER.format("total = total + 1", "paid_order")),
    plant("order_adds_up", "paid_order", _ORDER.format("tax = total + 1", "paid_order")),
    plant("order_adds_up", "paid_order", _ORDER.format("tax_inclusive = 0, tax = 5", "paid_order")),
    plant("lines_sum_to_their_order", "both_order", _LINE.format("total = total + 1", "both_line")),
    plant("lines_sum_to_their_order", "both_order", _LINE.format("tax = 1", "both_line")),
    plant(
        "lines_sum_to_their_order",
        "both_order",
        "DELETE FROM digistore_order_lines WHERE order_id = :both_order",
    ),
    plant("line_adds_up", "paid_line", _LINE.format("unit_price = unit_price + 1", "paid_line")),
    plant("line_adds_up", "paid_line", _LINE.format("tax = total + 1", "paid_line")),
)
KEYS = (
    plant(
        "idempotency_keys_hold", "paid_order", *twin("orders", "id = :paid_order", id="'ord_twin'")
    ),
    plant(
        "gateway_keys_hold",
        "attempt",
        *twin("payment_attempts", "id = :attempt", id="'att_twin'", live_key="NULL"),
    ),
    plant("gateway_keys_hold", "refund", *twin("refunds", "id = :refund", id="'ref_twin'")),
)
STATES = (
    plant("paid_is_covered", "open_order", _ORDER.format("state = 'paid'", "open_order")),
    plant("paid_is_covered", "paid_order", _ORDER.format("state = 'open'", "paid_order")),
    plant(
        "processing_has_its_payment",
        "processing_order",
        _PAYMENT.format("state = 'failed'", "pending_payment"),
    ),
    plant(
        "processing_has_its_payment",
        "processing_order",
        _ORDER.format("state = 'open'", "processing_order"),
    ),
    plant(
        "processing_has_its_payment",
        "processing_order",
        _ORDER.format("state = 'expired', expired_at = expires_at", "processing_order"),
    ),
    plant("state_has_its_time", "paid_order", _ORDER.format("paid_at = NULL", "paid_order")),
    plant(
        "state_has_its_time", "expired_order", _ORDER.format("expired_at = NULL", "expired_order")
    ),
    plant(
        "state_has_its_time",
        "expired_order",
        _ORDER.format("expired_at = expires_at - 1", "expired_order"),
    ),
    plant(
        "state_has_its_time",
        "canceled_order",
        _ORDER.format("canceled_at = NULL", "canceled_order"),
    ),
    plant(
        "state_has_its_time", "canceled_order", _ORDER.format("state = 'open'", "canceled_order")
    ),
    plant(
        "state_has_its_time", "open_order", _ORDER.format("expired_at = expires_at", "open_order")
    ),
    plant(
        "one_open_purchase",
        "open_line",
        *twin("order_lines", "id = :open_line", id="'lin_twin'"),
    ),
    plant("open_key_follows_order", "open_line", _LINE.format("open_key = NULL", "open_line")),
    plant("open_key_follows_order", "paid_line", _LINE.format("open_key = 1", "paid_line")),
    plant("open_key_follows_order", "unpaid_line", _LINE.format("open_key = 1", "unpaid_line")),
    plant("open_key_follows_order", "paid_line", _LINE.format("buyer_id = :seller", "paid_line")),
    plant(
        "one_live_attempt",
        "open_order",
        *twin("payment_attempts", "order_id = :open_order", id="'att_twin'", key="'twin'"),
    ),
    plant(
        "one_live_attempt",
        "open_order",
        "UPDATE digistore_payment_attempts SET live_key = NULL WHERE order_id = :open_order",
    ),
    plant(
        "one_live_attempt",
        "paid_order",
        "UPDATE digistore_payment_attempts SET live_key = 1 WHERE id = :attempt",
    ),
)
MODES = (
    plant(
        "live_and_test_never_mix",
        "attempt",
        "UPDATE digistore_payment_attempts SET livemode = 1 WHERE id = :attempt",
    ),
    plant("live_and_test_never_mix", "attempt", _ORDER.format("livemode = 1", "paid_order")),
    plant(
        "live_and_test_never_mix", "paid_payment", _PAYMENT.format("livemode = 1", "paid_payment")
    ),
    plant("live_and_test_never_mix", "refund", _REFUND.format("livemode = 1", "refund")),
    plant("live_and_test_never_mix", "won_dispute", _DISPUTE.format("livemode = 1", "won_dispute")),
)
PLANTS = (*PAYMENTS, *REFUNDS, *AMOUNTS, *KEYS, *STATES, *MODES)
