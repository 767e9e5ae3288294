"""Bad rows about what is written beside every change, and about what all else stands on."""

from __future__ import annotations

from tests.doctor.plant import plant, twin

_MESSAGE = "UPDATE digistore_provider_events SET {} WHERE id = :{}"
_AUDIT = "UPDATE digistore_audit SET {} WHERE entity = 'order' AND entity_id = :paid_order"
_EVENT = "UPDATE digistore_events SET {} WHERE id = :event"
_DELIVERY = "UPDATE digistore_deliveries SET {} WHERE event_id = :event"
_FILE = "UPDATE digistore_release_files SET {} WHERE release_id = :release"
_BLOB = (
    "UPDATE digistore_blobs SET {} WHERE sha256 IN"
    " (SELECT blob_sha256 FROM digistore_release_files WHERE release_id = :release)"
)
_RELEASE = "UPDATE digistore_releases SET {} WHERE id = :{}"
_LINK = "UPDATE digistore_short_urls SET {} WHERE id = :link"
_PURCHASE = "UPDATE digistore_purchased_products SET {} WHERE id = :{}"
_FACTS = "UPDATE digistore_entitlement_facts SET {} WHERE grant_id = :paid_purchase"

MESSAGES = (
    plant(
        "natural_keys_are_unique",
        "paid_payment",
        *twin("payments", "id = :paid_payment", id="'pay_twin'", order_id="NULL"),
    ),
    plant(
        "natural_keys_are_unique",
        "message",
        *twin("provider_events", "id = :message", id="'pev_twin'"),
    ),
    plant("message_is_worked_once", "message", _MESSAGE.format("done_at = NULL", "message")),
    plant(
        "message_is_worked_once", "received", _MESSAGE.format("next_check_at = NULL", "received")
    ),
    plant("message_is_worked_once", "message", _MESSAGE.format("next_check_at = 1", "message")),
    plant(
        "one_content_per_message",
        "message",
        *twin("provider_events", "id = :message", id="'pev_twin'", digest="'other'"),
    ),
)
AUDIT = (
    plant(
        "version_is_audited",
        "paid_order",
        "UPDATE digistore_orders SET version = version + 1 WHERE id = :paid_order",
    ),
    plant(
        "audit_has_no_gap",
        "paid_order",
        "DELETE FROM digistore_audit"
        " WHERE entity = 'order' AND entity_id = :paid_order AND version = 2",
    ),
    plant(
        "audit_has_no_gap",
        "paid_order",
        *twin("audit", "entity = 'order' AND entity_id = :paid_order AND version = 1"),
    ),
    plant("audit_has_no_gap", "paid_order", _AUDIT.format("version = version + 1")),
    plant("audit_names_its_author", "paid_order", _AUDIT.format("actor = ''")),
    plant("audit_names_its_author", "paid_order", _AUDIT.format("cause = NULL")),
    plant(
        "audited_is_there",
        "other_link",
        "DELETE FROM digistore_short_urls WHERE id = :other_link",
    ),
    plant("audited_is_there", "paid_order", _AUDIT.format("entity = 'mystery'")),
    plant(
        "last_word_is_stored",
        "canceled_order",
        "UPDATE digistore_orders SET state = 'expired' WHERE id = :canceled_order",
    ),
    plant(
        "last_word_is_stored",
        "standby_purchase",  # who had the place cannot be told from facts
        _PURCHASE.format("state = 'live'", "standby_purchase"),
        _PURCHASE.format("state = 'standby'", "live_purchase"),
    ),
    plant("audit_chain_is_whole", "paid_order", _AUDIT.format("actor = 'usr_other'")),
    plant("audit_chain_is_whole", "paid_order", _AUDIT.format("changes = '{}'")),
    plant("audit_chain_is_whole", "paid_order", _AUDIT.format("digest = x'00'")),
    plant("audit_chain_is_whole", "paid_order", _AUDIT.format("previous = NULL")),
    plant("audit_chain_is_whole", "paid_order", _AUDIT.format("at = at + 1")),
)
OUTBOX = (
    plant("event_is_told_once", "event", *twin("events", "id = :event", id="'evt_twin'")),
    plant("one_delivery_per_handler", "event", *twin("deliveries", "event_id = :event")),
    plant("event_has_its_subject", "event", _EVENT.format("subject = 'ord_gone'")),
    plant("event_has_its_subject", "event", _EVENT.format("subject = 'odd'")),
    plant("delivery_has_its_time", "event", _DELIVERY.format("delivered_at = NULL")),
    plant("delivery_has_its_time", "event", _DELIVERY.format("state = 'due'")),
    plant("event_is_waiting_or_routed", "event", _EVENT.format("routed_at = NULL")),
    plant("event_is_waiting_or_routed", "event", _EVENT.format("waiting_key = 1")),
)
WAITING = (
    plant(
        "attempts_are_looked_at",
        "open_attempt",
        "UPDATE digistore_payment_attempts SET next_check_at = NULL WHERE id = :open_attempt",
    ),
    plant(
        "refunds_are_looked_at",
        "unknown_refund",
        "UPDATE digistore_refunds SET next_check_at = NULL WHERE id = :unknown_refund",
    ),
    plant(
        "disputes_are_looked_at",
        "suspended_dispute",
        "UPDATE digistore_disputes SET next_check_at = NULL WHERE id = :suspended_dispute",
    ),
    plant(
        "messages_are_looked_at", "received", _MESSAGE.format("next_check_at = NULL", "received")
    ),
    plant("deliveries_are_repeated", "event", _DELIVERY.format("state = 'due'")),
    plant(
        "pending_money_is_looked_at",
        "pending_payment",
        "UPDATE digistore_payment_attempts SET next_check_at = NULL"
        " WHERE order_id = :processing_order",
    ),
    plant(
        "open_orders_expire",
        "open_order",
        "UPDATE digistore_orders SET expires_at = NULL WHERE id = :open_order",
    ),
)
PEOPLE = (
    plant(
        "roles_add_up",
        "seller",
        "DELETE FROM digistore_user_roles WHERE user_id = :seller AND role = 'customer'",
    ),
    plant("roles_add_up", "seller", *twin("user_roles", "user_id = :seller AND role = 'seller'")),
    plant(
        "named_sellers_exist",
        "product",
        "UPDATE digistore_products SET seller_id = 'usr_gone' WHERE id = :product",
    ),
    plant(
        "named_sellers_exist",
        "paid_order",
        "UPDATE digistore_orders SET seller_id = 'usr_gone' WHERE id = :paid_order",
    ),
)
RELEASES = (
    plant(
        "release_has_files",
        "release",
        "DELETE FROM digistore_release_files WHERE release_id = :release",
    ),
    plant("release_is_whole", "release", _FILE.format("size = size + 1")),
    plant("release_is_whole", "release", _BLOB.format("state = 'damaged'")),
    plant("release_is_whole", "release", _FILE.format("blob_sha256 = 'gone'")),
    plant("one_release_is_latest", "release", _RELEASE.format("latest_key = NULL", "release")),
    plant("one_release_is_latest", "draft", _RELEASE.format("latest_key = 1", "draft")),
)
LINKS = (
    plant("one_link_per_code", "link", *twin("short_urls", "id = :link", id="'url_twin'")),
    plant(
        "one_link_per_code",
        "link",
        *twin("short_urls", "id = :link", id="'url_twin'", code="upper(code)"),
    ),
    plant("links_can_be_followed", "link", _LINK.format("code = 'checkout'")),
    plant("links_can_be_followed", "link", _LINK.format("code = 'UPPER'")),
    plant("links_can_be_followed", "link", _LINK.format("code = ''")),
    plant("links_lead_to_the_web", "link", _LINK.format("target = 'javascript:alert(1)'")),
    plant("links_lead_to_the_web", "link", _LINK.format("fallback = 'file:///etc/passwd'")),
    plant(
        "links_lead_to_the_web",
        "link",
        _LINK.format("""rules = '[{"device":"phone","target":"javascript:alert(1)"}]'"""),
    ),
    plant("permanent_links_hold_nothing_back", "link", _LINK.format("permanent = 1, track = 1")),
    plant(
        "permanent_links_hold_nothing_back",
        "link",
        _LINK.format("permanent = 1, password_hash = 'scrypt'"),
    ),
    plant(
        "orders_were_clicked_before_payment",
        "paid_order",
        "UPDATE digistore_orders SET short_url_id = :link, clicked_at = paid_at + 1"
        " WHERE id = :paid_order",
    ),
    plant(
        "orders_were_clicked_before_payment",
        "paid_order",
        "UPDATE digistore_orders SET short_url_id = 'url_gone', clicked_at = paid_at - 1"
        " WHERE id = :paid_order",
    ),
    plant(
        "orders_were_clicked_before_payment",
        "paid_order",
        "UPDATE digistore_orders SET short_url_id = :link WHERE id = :paid_order",
    ),
    plant("visits_stay_within_their_limit", "link", _LINK.format("max_visits = 1, visits = 2")),
    plant("visits_stay_within_their_limit", "link", _LINK.format("visits = -1")),
)
REFERENCES = (
    plant("nothing_dangles", "release", _RELEASE.format("product_id = 'prd_gone'", "release")),
    plant(
        "purchase_is_what_was_sold",
        "paid_purchase",
        _PURCHASE.format("user_id = :seller", "paid_purchase"),
    ),
    plant(
        "purchase_is_what_was_sold",
        "paid_purchase",
        _PURCHASE.format("order_id = :free_order", "paid_purchase"),
    ),
    plant(
        "purchase_is_what_was_sold",
        "paid_purchase",
        _PURCHASE.format("order_line_id = 'lin_gone'", "paid_purchase"),
    ),
    plant(
        "purchase_names_its_payment",
        "revoked_purchase",
        _PURCHASE.format("covered_total = 1", "revoked_purchase"),
    ),
    plant(
        "help_is_its_buyers",
        "help_request",
        "UPDATE digistore_support_requests SET customer_id = :seller WHERE id = :help_request",
    ),
    plant(
        "facts_stay_within_their_order",
        "paid_payment",
        "UPDATE digistore_payments SET covered_total = covered_total - 1 WHERE id = :paid_payment",
    ),
    plant(
        "facts_stay_within_their_order",
        "refunded_payment",
        "UPDATE digistore_refund_lines SET order_line_id = :paid_line WHERE refund_id = :refund",
    ),
    plant(
        "facts_stay_within_their_order",
        "won_payment",
        "INSERT INTO digistore_dispute_lines VALUES (:won_dispute, :paid_line)",
    ),
)
SNAPSHOTS = (
    plant(
        "snapshot_never_changes",
        "paid_order",
        "UPDATE digistore_order_lines SET title = 'Another' WHERE id = :paid_line",
    ),
    plant(
        "snapshot_never_changes",
        "paid_order",
        "UPDATE digistore_orders SET policy = replace(policy, 'revoke', 'keep')"
        " WHERE id = :paid_order",
    ),
    plant(
        "snapshot_never_changes",
        "paid_order",
        "UPDATE digistore_orders SET billing = '{}' WHERE id = :paid_order",
    ),
    plant(
        "rebuilding_changes_nothing",
        "paid_purchase",
        _PURCHASE.format("state = 'suspended', live_key = NULL", "paid_purchase"),
    ),
    plant(
        "rebuilding_changes_nothing",
        "refunded_purchase",
        _PURCHASE.format("state = 'live', live_key = 1", "refunded_purchase"),
    ),
    plant(
        "rebuilding_changes_nothing",
        "live_purchase",  # of two in one place the earlier one has it
        _PURCHASE.format("state = 'live', live_key = 1", "standby_purchase"),
    ),
    plant(
        "rebuilding_changes_nothing",
        "paid_purchase",
        _PURCHASE.format("state = 'odd'", "paid_purchase"),
    ),
    plant("rebuilding_changes_nothing", "paid_purchase", _FACTS.format("kind = 'odd'")),
    plant(
        "rebuilding_changes_nothing",
        "paid_purchase",
        "DELETE FROM digistore_entitlement_facts WHERE grant_id = :paid_purchase",
    ),
)
FIGURES = (
    plant(
        "closed_days_add_up",
        "2026-01-01",
        "UPDATE digistore_day_figures SET value = value + 1 WHERE figure = 'orders'",
    ),
    plant(
        "closed_days_add_up",
        "2026-01-02",
        "DELETE FROM digistore_day_figures WHERE figure = 'clicks'",
    ),
    plant(
        "closed_days_add_up",
        "2026-01-01",
        "UPDATE digistore_orders SET self_purchase = 1 WHERE id = :paid_order",
    ),
    plant(
        "click_days_add_up",
        "link",
        "UPDATE digistore_click_days SET clicks = clicks - 1 WHERE short_url_id = :link",
    ),
    plant(
        "click_days_add_up",
        "link",
        "UPDATE digistore_click_days SET closed = 1, clicks = clicks + 1"
        " WHERE short_url_id = :link",
        "INSERT INTO digistore_clicks (id, short_url_id, at, is_bot)"
        " SELECT 'clk_older', :other_link, (day - 1) * 86400000000, 0 FROM digistore_click_days",
    ),
    plant(
        "click_days_add_up",
        "other_link",
        "UPDATE digistore_clicks SET short_url_id = :other_link",
    ),
    plant(
        "figures_are_of_closed_days",
        "2026-01-01",
        "DELETE FROM digistore_closed_days WHERE day = '2026-01-01'",
    ),
)
PLANTS = (
    *MESSAGES,
    *AUDIT,
    *OUTBOX,
    *WAITING,
    *PEOPLE,
    *RELEASES,
    *LINKS,
    *REFERENCES,
    *SNAPSHOTS,
    *FIGURES,
)
