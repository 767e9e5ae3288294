"""The first tables."""

import sqlalchemy as sa
from alembic import op

from digistore.database.types import Amount, Digest, Flag, Json, Key, Moment, Prose, Word

revision = "dg0001"
down_revision = None
branch_labels = ("digistore",)
depends_on = None

APPEND_ONLY = (
    "digistore_audit",
    "digistore_entitlement_facts",
    "digistore_receipts",
    "digistore_support_facts",
)


def upgrade() -> None:
    op.create_table(
        "digistore_audit",
        sa.Column("sequence", Amount(), primary_key=True, autoincrement=True),
        sa.Column("entity", Word(), nullable=False),
        sa.Column("entity_id", Key(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("actor", Key(), nullable=False),
        sa.Column("cause", Key(), nullable=False),
        sa.Column("changes", Json(), nullable=False),
        sa.Column("digest", Digest(), nullable=False),
        sa.Column("previous", Digest()),
        sa.PrimaryKeyConstraint("sequence", name=op.f("digistore_audit_pk")),
        sa.UniqueConstraint(
            "entity", "entity_id", "version", name=op.f("digistore_audit_one_row_per_version")
        ),
        sa.CheckConstraint(
            "(version = 1) = (previous IS NULL)", name=op.f("digistore_audit_first_has_no_previous")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("digistore_audit_versions_start_at_one")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_blobs",
        sa.Column("sha256", Key(), primary_key=True),
        sa.Column("size", Amount(), nullable=False),
        sa.Column("crc32", Amount(), nullable=False),
        sa.Column("storage_key", Key(), nullable=False),
        sa.Column("media_type", Word(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("touched_at", Moment(), nullable=False),
        sa.Column("condemned_at", Moment()),
        sa.Column("verified_at", Moment()),
        sa.Column("stamp", Key()),
        sa.PrimaryKeyConstraint("sha256", name=op.f("digistore_blobs_pk")),
        sa.UniqueConstraint("storage_key", name=op.f("digistore_blobs_one_blob_per_key")),
        sa.CheckConstraint(
            "state IN ('live', 'condemned', 'deleting', 'damaged')",
            name=op.f("digistore_blobs_known_state"),
        ),
        sa.CheckConstraint(
            "crc32 BETWEEN 0 AND 9007199254740991", name=op.f("digistore_blobs_sane_crc32")
        ),
        sa.CheckConstraint(
            "size BETWEEN 0 AND 9007199254740991", name=op.f("digistore_blobs_sane_size")
        ),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("digistore_blobs_sha256_in_hex")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_categories",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("slug", Key(), nullable=False),
        sa.Column("name", Prose(), nullable=False),
        sa.Column("parent_id", Key()),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_categories_pk")),
        sa.UniqueConstraint("slug", name=op.f("digistore_categories_one_category_per_slug")),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["digistore_categories.id"],
            name=op.f("digistore_categories_parent_id_fk"),
            ondelete="RESTRICT",
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_closed_days",
        sa.Column("day", Key(), primary_key=True),
        sa.PrimaryKeyConstraint("day", name=op.f("digistore_closed_days_pk")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_day_figures",
        sa.Column("day", Key(), nullable=False),
        sa.Column("seller", Key(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("figure", Word(), nullable=False),
        sa.Column("value", Amount(), nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "seller", "currency", "figure", name=op.f("digistore_day_figures_pk")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_event_handlers",
        sa.Column("type", Word(), nullable=False),
        sa.Column("name", Key(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("type", "name", name=op.f("digistore_event_handlers_pk")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_events",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("type", Word(), nullable=False),
        sa.Column("subject", Key(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("actor", Key(), nullable=False),
        sa.Column("payload", Json(), nullable=False),
        sa.Column("dedupe_key", Key(), nullable=False),
        sa.Column("waiting_key", sa.Integer()),
        sa.Column("routed_at", Moment()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_events_pk")),
        sa.UniqueConstraint("dedupe_key", name=op.f("digistore_events_one_event_per_transition")),
        sa.CheckConstraint(
            "(routed_at IS NULL) = (waiting_key IS NOT NULL)",
            name=op.f("digistore_events_waiting_key_follows"),
        ),
        sa.CheckConstraint("waiting_key = 1", name=op.f("digistore_events_waiting_key_is_one")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_events_type_waiting_key_ix"), "digistore_events", ["type", "waiting_key"]
    )
    op.create_table(
        "digistore_poll_marks",
        sa.Column("gateway", Word(), nullable=False),
        sa.Column("account", Key(), nullable=False),
        sa.Column("watermark", Moment(), nullable=False),
        sa.Column("cursor", Prose()),
        sa.Column("began_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "account", name=op.f("digistore_poll_marks_pk")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_provider_events",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("gateway", Word(), nullable=False),
        sa.Column("livemode", Flag(), nullable=False),
        sa.Column("account", Key(), nullable=False),
        sa.Column("event_id", Key(), nullable=False),
        sa.Column("type", Key(), nullable=False),
        sa.Column("digest", Key(), nullable=False),
        sa.Column("hint", Json(), nullable=False),
        sa.Column("status", Word(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_check_at", Moment()),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("done_at", Moment()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_provider_events_pk")),
        sa.UniqueConstraint(
            "gateway",
            "livemode",
            "account",
            "event_id",
            name=op.f("digistore_provider_events_one_row_per_event"),
        ),
        sa.CheckConstraint(
            "(status = 'done') = (done_at IS NOT NULL)",
            name=op.f("digistore_provider_events_done_has_its_time"),
        ),
        sa.CheckConstraint(
            "livemode IN (0, 1)", name=op.f("digistore_provider_events_flag_livemode")
        ),
        sa.CheckConstraint(
            "status IN ('received', 'done', 'ignored')",
            name=op.f("digistore_provider_events_known_status"),
        ),
        sa.CheckConstraint(
            "(status = 'received') = (next_check_at IS NOT NULL)",
            name=op.f("digistore_provider_events_received_has_a_next_time"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_provider_events_next_check_at_ix"),
        "digistore_provider_events",
        ["next_check_at"],
    )
    op.create_table(
        "digistore_rounds",
        sa.Column("name", Key(), primary_key=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("runs", Amount(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("digistore_rounds_pk")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_uploads",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("owner_id", Key()),
        sa.Column("staging_key", Key(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("received", Amount(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_uploads_pk")),
        sa.UniqueConstraint("staging_key", name=op.f("digistore_uploads_one_upload_per_key")),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'failed')", name=op.f("digistore_uploads_known_state")
        ),
        sa.CheckConstraint(
            "received BETWEEN 0 AND 9007199254740991", name=op.f("digistore_uploads_sane_received")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_uploads_state_expires_at_ix"), "digistore_uploads", ["state", "expires_at"]
    )
    op.create_table(
        "digistore_users",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("external_id", Prose()),
        sa.Column("email", Prose()),
        sa.Column("email_verified_at", Moment()),
        sa.Column("login_email", Prose()),
        sa.Column("guest_email", Prose()),
        sa.Column("gift_key", sa.Integer()),
        sa.Column("password_hash", Prose()),
        sa.Column("name", Prose()),
        sa.Column("legal_entity", Json()),
        sa.Column("status", Word(), nullable=False),
        sa.Column("merged_into", Key()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_users_pk")),
        sa.UniqueConstraint(
            "guest_email", "gift_key", name=op.f("digistore_users_one_gift_guest_per_address")
        ),
        sa.UniqueConstraint("login_email", name=op.f("digistore_users_one_log_in_per_address")),
        sa.UniqueConstraint("external_id", name=op.f("digistore_users_one_user_per_external_id")),
        sa.ForeignKeyConstraint(
            ["merged_into"],
            ["digistore_users.id"],
            name=op.f("digistore_users_merged_into_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "password_hash IS NULL OR login_email IS NOT NULL",
            name=op.f("digistore_users_a_password_needs_a_log_in"),
        ),
        sa.CheckConstraint("gift_key = 1", name=op.f("digistore_users_gift_key_is_one")),
        sa.CheckConstraint(
            "gift_key IS NULL OR guest_email IS NOT NULL",
            name=op.f("digistore_users_gifts_have_an_address"),
        ),
        sa.CheckConstraint(
            "guest_email IS NULL OR (external_id IS NULL AND login_email IS NULL)",
            name=op.f("digistore_users_guests_have_no_account"),
        ),
        sa.CheckConstraint(
            "status IN ('active', 'disabled', 'erased', 'merged')",
            name=op.f("digistore_users_known_status"),
        ),
        sa.CheckConstraint(
            "(status = 'merged') = (merged_into IS NOT NULL)",
            name=op.f("digistore_users_merged_into_somebody"),
        ),
        sa.CheckConstraint(
            "merged_into <> id", name=op.f("digistore_users_never_merged_into_oneself")
        ),
        sa.CheckConstraint(
            "merged_into IS NULL OR guest_email IS NOT NULL",
            name=op.f("digistore_users_only_guests_are_merged"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("digistore_users_versions_start_at_one")),
        sqlite_strict=True,
    )
    op.create_index(op.f("digistore_users_email_ix"), "digistore_users", ["email"])
    op.create_index(op.f("digistore_users_merged_into_ix"), "digistore_users", ["merged_into"])
    op.create_table(
        "digistore_deliveries",
        sa.Column("event_id", Key(), nullable=False),
        sa.Column("handler", Key(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_check_at", Moment()),
        sa.Column("lease", Key()),
        sa.Column("delivered_at", Moment()),
        sa.Column("failure", Key()),
        sa.PrimaryKeyConstraint("event_id", "handler", name=op.f("digistore_deliveries_pk")),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["digistore_events.id"],
            name=op.f("digistore_deliveries_event_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "(state = 'done') = (delivered_at IS NOT NULL)",
            name=op.f("digistore_deliveries_done_has_its_time"),
        ),
        sa.CheckConstraint(
            "(state = 'due') = (next_check_at IS NOT NULL)",
            name=op.f("digistore_deliveries_due_has_a_next_time"),
        ),
        sa.CheckConstraint(
            "state IN ('due', 'done')", name=op.f("digistore_deliveries_known_state")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_deliveries_next_check_at_ix"), "digistore_deliveries", ["next_check_at"]
    )
    op.create_table(
        "digistore_orders",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("buyer_id", Key(), nullable=False),
        sa.Column("seller_id", Key()),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("subtotal", Amount(), nullable=False),
        sa.Column("discount", Amount(), nullable=False),
        sa.Column("tax", Amount(), nullable=False),
        sa.Column("total", Amount(), nullable=False),
        sa.Column("tax_inclusive", Flag(), nullable=False),
        sa.Column("billing", Json()),
        sa.Column("consents", Json(), nullable=False),
        sa.Column("metadata", Json(), nullable=False),
        sa.Column("policy", Json(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("livemode", Flag(), nullable=False),
        sa.Column("self_purchase", Flag(), nullable=False),
        sa.Column("idempotency_key", Key()),
        sa.Column("request_fingerprint", Key(), nullable=False),
        sa.Column("snapshot_fingerprint", Key(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("expired_at", Moment()),
        sa.Column("canceled_at", Moment()),
        sa.Column("paid_at", Moment()),
        sa.Column("late", Flag(), nullable=False),
        sa.Column("short_url_id", Key()),
        sa.Column("clicked_at", Moment()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_orders_pk")),
        sa.UniqueConstraint(
            "buyer_id", "idempotency_key", name=op.f("digistore_orders_one_order_per_key")
        ),
        sa.UniqueConstraint(
            "id", "total", "currency", "livemode", name=op.f("digistore_orders_what_is_covered")
        ),
        sa.ForeignKeyConstraint(
            ["buyer_id"],
            ["digistore_users.id"],
            name=op.f("digistore_orders_buyer_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"],
            ["digistore_users.id"],
            name=op.f("digistore_orders_seller_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "total = subtotal - discount + CASE tax_inclusive WHEN 1 THEN 0 ELSE tax END",
            name=op.f("digistore_orders_adds_up"),
        ),
        sa.CheckConstraint(
            "tax_inclusive = 0 OR tax <= total", name=op.f("digistore_orders_contained_tax_fits")
        ),
        sa.CheckConstraint("late IN (0, 1)", name=op.f("digistore_orders_flag_late")),
        sa.CheckConstraint("livemode IN (0, 1)", name=op.f("digistore_orders_flag_livemode")),
        sa.CheckConstraint(
            "self_purchase IN (0, 1)", name=op.f("digistore_orders_flag_self_purchase")
        ),
        sa.CheckConstraint(
            "tax_inclusive IN (0, 1)", name=op.f("digistore_orders_flag_tax_inclusive")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'processing', 'paid', 'expired', 'canceled')",
            name=op.f("digistore_orders_known_state"),
        ),
        sa.CheckConstraint(
            "(state = 'paid') = (paid_at IS NOT NULL)",
            name=op.f("digistore_orders_paid_has_its_time"),
        ),
        sa.CheckConstraint(
            "(short_url_id IS NULL) = (clicked_at IS NULL)",
            name=op.f("digistore_orders_a_click_has_its_link_and_time"),
        ),
        sa.CheckConstraint(
            "discount BETWEEN 0 AND 9007199254740991", name=op.f("digistore_orders_sane_discount")
        ),
        sa.CheckConstraint(
            "subtotal BETWEEN 0 AND 9007199254740991", name=op.f("digistore_orders_sane_subtotal")
        ),
        sa.CheckConstraint(
            "tax BETWEEN 0 AND 9007199254740991", name=op.f("digistore_orders_sane_tax")
        ),
        sa.CheckConstraint(
            "total BETWEEN 0 AND 9007199254740991", name=op.f("digistore_orders_sane_total")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_orders_buyer_id_created_at_id_ix"),
        "digistore_orders",
        ["buyer_id", "created_at", "id"],
    )
    op.create_index(
        op.f("digistore_orders_buyer_id_request_fingerprint_ix"),
        "digistore_orders",
        ["buyer_id", "request_fingerprint"],
    )
    op.create_index(
        op.f("digistore_orders_seller_id_paid_at_ix"), "digistore_orders", ["seller_id", "paid_at"]
    )
    op.create_index(op.f("digistore_orders_paid_at_ix"), "digistore_orders", ["paid_at"])
    op.create_index(
        op.f("digistore_orders_short_url_id_paid_at_ix"),
        "digistore_orders",
        ["short_url_id", "paid_at"],
    )
    op.create_index(
        op.f("digistore_orders_state_expires_at_ix"), "digistore_orders", ["state", "expires_at"]
    )
    op.create_table(
        "digistore_products",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("slug", Key(), nullable=False),
        sa.Column("seller_id", Key()),
        sa.Column("title", Prose(), nullable=False),
        sa.Column("summary", Prose(), nullable=False),
        sa.Column("description", Prose(), nullable=False),
        sa.Column("description_format", Word(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("price", Amount()),
        sa.Column("minimum", Amount()),
        sa.Column("suggested", Amount()),
        sa.Column("maximum", Amount()),
        sa.Column("status", Word(), nullable=False),
        sa.Column("metadata", Json(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_products_pk")),
        sa.UniqueConstraint("slug", name=op.f("digistore_products_one_product_per_slug")),
        sa.ForeignKeyConstraint(
            ["seller_id"],
            ["digistore_users.id"],
            name=op.f("digistore_products_seller_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "minimum IS NOT NULL OR (suggested IS NULL AND maximum IS NULL)",
            name=op.f("digistore_products_bounds_need_a_minimum"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'on_sale', 'withdrawn')",
            name=op.f("digistore_products_known_status"),
        ),
        sa.CheckConstraint(
            "maximum >= minimum", name=op.f("digistore_products_maximum_above_minimum")
        ),
        sa.CheckConstraint(
            "(price IS NULL) = (minimum IS NOT NULL)",
            name=op.f("digistore_products_one_kind_of_price"),
        ),
        sa.CheckConstraint(
            "maximum BETWEEN 0 AND 9007199254740991", name=op.f("digistore_products_sane_maximum")
        ),
        sa.CheckConstraint(
            "minimum BETWEEN 0 AND 9007199254740991", name=op.f("digistore_products_sane_minimum")
        ),
        sa.CheckConstraint(
            "price BETWEEN 0 AND 9007199254740991", name=op.f("digistore_products_sane_price")
        ),
        sa.CheckConstraint(
            "suggested BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_products_sane_suggested"),
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("digistore_products_seller_id_ix"), "digistore_products", ["seller_id"])
    op.create_index(
        op.f("digistore_products_status_created_at_id_ix"),
        "digistore_products",
        ["status", "created_at", "id"],
    )
    op.create_table(
        "digistore_short_urls",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("domain", Key(), nullable=False),
        sa.Column("code", Key(), nullable=False),
        sa.Column("target", Prose(), nullable=False),
        sa.Column("owner_id", Key()),
        sa.Column("product_id", Key()),
        sa.Column("title", Prose()),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("starts_at", Moment()),
        sa.Column("expires_at", Moment()),
        sa.Column("max_visits", Amount()),
        sa.Column("visits", Amount(), nullable=False),
        sa.Column("fallback", Prose()),
        sa.Column("password_hash", Prose()),
        sa.Column("rules", Json(), nullable=False),
        sa.Column("forward_query", Flag(), nullable=False),
        sa.Column("track", Flag(), nullable=False),
        sa.Column("permanent", Flag(), nullable=False),
        sa.Column("imported_clicks", Amount(), nullable=False),
        sa.Column("disabled_at", Moment()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_short_urls_pk")),
        sa.UniqueConstraint("domain", "code", name=op.f("digistore_short_urls_one_link_per_code")),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["digistore_users.id"],
            name=op.f("digistore_short_urls_owner_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "max_visits >= 1", name=op.f("digistore_short_urls_a_limit_allows_a_visit")
        ),
        sa.CheckConstraint(
            "expires_at > starts_at", name=op.f("digistore_short_urls_expires_after_it_starts")
        ),
        sa.CheckConstraint(
            "forward_query IN (0, 1)", name=op.f("digistore_short_urls_flag_forward_query")
        ),
        sa.CheckConstraint("track IN (0, 1)", name=op.f("digistore_short_urls_flag_track")),
        sa.CheckConstraint("permanent IN (0, 1)", name=op.f("digistore_short_urls_flag_permanent")),
        sa.CheckConstraint(
            "imported_clicks BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_short_urls_sane_imported_clicks"),
        ),
        sa.CheckConstraint(
            "target LIKE 'http://%' OR target LIKE 'https://%'",
            name=op.f("digistore_short_urls_target_is_a_web_address"),
        ),
        sa.CheckConstraint(
            "max_visits IS NULL OR visits <= max_visits",
            name=op.f("digistore_short_urls_visits_within_limit"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_short_urls_owner_id_created_at_id_ix"),
        "digistore_short_urls",
        ["owner_id", "created_at", "id"],
    )
    op.create_table(
        "digistore_user_roles",
        sa.Column("user_id", Key(), nullable=False),
        sa.Column("role", Word(), nullable=False),
        sa.Column("granted_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "role", name=op.f("digistore_user_roles_pk")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["digistore_users.id"],
            name=op.f("digistore_user_roles_user_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "role IN ('customer', 'seller', 'operator')",
            name=op.f("digistore_user_roles_known_role"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_clicks",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("short_url_id", Key(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("visitor", Prose()),
        sa.Column("referrer_host", Prose()),
        sa.Column("country", Prose()),
        sa.Column("agent_family", Word(), nullable=False),
        sa.Column("device", Word(), nullable=False),
        sa.Column("is_bot", Flag(), nullable=False),
        sa.Column("rule", Prose()),
        sa.Column("agent", Prose()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_clicks_pk")),
        sa.ForeignKeyConstraint(
            ["short_url_id"],
            ["digistore_short_urls.id"],
            name=op.f("digistore_clicks_short_url_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("is_bot IN (0, 1)", name=op.f("digistore_clicks_flag_is_bot")),
        sqlite_strict=True,
    )
    op.create_index(op.f("digistore_clicks_at_ix"), "digistore_clicks", ["at"])
    op.create_index(
        op.f("digistore_clicks_short_url_id_at_ix"), "digistore_clicks", ["short_url_id", "at"]
    )
    op.create_table(
        "digistore_click_days",
        sa.Column("short_url_id", Key(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("is_bot", Flag(), nullable=False),
        sa.Column("clicks", Amount(), nullable=False),
        sa.Column("visitors", Amount(), nullable=False),
        sa.Column("closed", Flag(), nullable=False),
        sa.PrimaryKeyConstraint(
            "short_url_id", "day", "is_bot", name=op.f("digistore_click_days_pk")
        ),
        sa.ForeignKeyConstraint(
            ["short_url_id"],
            ["digistore_short_urls.id"],
            name=op.f("digistore_click_days_short_url_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "clicks BETWEEN 0 AND 9007199254740991", name=op.f("digistore_click_days_sane_clicks")
        ),
        sa.CheckConstraint(
            "visitors BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_click_days_sane_visitors"),
        ),
        sa.CheckConstraint("is_bot IN (0, 1)", name=op.f("digistore_click_days_flag_is_bot")),
        sa.CheckConstraint("closed IN (0, 1)", name=op.f("digistore_click_days_flag_closed")),
        sa.CheckConstraint(
            "visitors <= clicks", name=op.f("digistore_click_days_a_visitor_clicks")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_click_days_closed_day_ix"), "digistore_click_days", ["closed", "day"]
    )
    op.create_table(
        "digistore_visitor_keys",
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("key", Digest(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("digistore_visitor_keys_pk")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_holdings",
        sa.Column("user_id", Key(), nullable=False),
        sa.Column("product_id", Key(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "product_id", name=op.f("digistore_holdings_pk")),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_holdings_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["digistore_users.id"],
            name=op.f("digistore_holdings_user_id_fk"),
            ondelete="RESTRICT",
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_order_lines",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("order_id", Key(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", Word(), nullable=False),
        sa.Column("product_id", Key(), nullable=False),
        sa.Column("buyer_id", Key(), nullable=False),
        sa.Column("beneficiary_id", Key(), nullable=False),
        sa.Column("title", Prose(), nullable=False),
        sa.Column("unit_price", Amount(), nullable=False),
        sa.Column("discount", Amount(), nullable=False),
        sa.Column("tax", Amount(), nullable=False),
        sa.Column("tax_rate", Key()),
        sa.Column("tax_reason", Word(), nullable=False),
        sa.Column("total", Amount(), nullable=False),
        sa.Column("allow_repeat", Flag(), nullable=False),
        sa.Column("open_key", sa.Integer()),
        sa.Column("outcome", Word()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_order_lines_pk")),
        sa.UniqueConstraint(
            "order_id", "position", name=op.f("digistore_order_lines_one_line_per_position")
        ),
        sa.UniqueConstraint(
            "buyer_id",
            "beneficiary_id",
            "product_id",
            "open_key",
            name=op.f("digistore_order_lines_one_open_purchase"),
        ),
        sa.UniqueConstraint(
            "id", "order_id", "product_id", "kind", name=op.f("digistore_order_lines_what_was_sold")
        ),
        sa.ForeignKeyConstraint(
            ["beneficiary_id"],
            ["digistore_users.id"],
            name=op.f("digistore_order_lines_beneficiary_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["buyer_id"],
            ["digistore_users.id"],
            name=op.f("digistore_order_lines_buyer_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["digistore_orders.id"],
            name=op.f("digistore_order_lines_order_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_order_lines_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "allow_repeat IN (0, 1)", name=op.f("digistore_order_lines_flag_allow_repeat")
        ),
        sa.CheckConstraint(
            "kind IN ('product', 'support')", name=op.f("digistore_order_lines_known_kind")
        ),
        sa.CheckConstraint(
            "outcome IN ('opened', 'standby', 'held', 'closed')",
            name=op.f("digistore_order_lines_known_outcome"),
        ),
        sa.CheckConstraint(
            "tax_reason IN ('standard', 'reduced', 'reverse_charge', 'exempt', 'none')",
            name=op.f("digistore_order_lines_known_tax_reason"),
        ),
        sa.CheckConstraint(
            "open_key IS NULL OR open_key = 1", name=op.f("digistore_order_lines_open_key_is_one")
        ),
        sa.CheckConstraint(
            "kind = 'product' OR open_key IS NULL",
            name=op.f("digistore_order_lines_open_key_on_products_only"),
        ),
        sa.CheckConstraint(
            "discount BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_order_lines_sane_discount"),
        ),
        sa.CheckConstraint(
            "tax BETWEEN 0 AND 9007199254740991", name=op.f("digistore_order_lines_sane_tax")
        ),
        sa.CheckConstraint(
            "total BETWEEN 0 AND 9007199254740991", name=op.f("digistore_order_lines_sane_total")
        ),
        sa.CheckConstraint(
            "unit_price BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_order_lines_sane_unit_price"),
        ),
        sa.CheckConstraint(
            "kind <> 'support' OR total > 0",
            name=op.f("digistore_order_lines_support_is_never_free"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_order_lines_beneficiary_id_product_id_ix"),
        "digistore_order_lines",
        ["beneficiary_id", "product_id"],
    )
    op.create_index(
        op.f("digistore_order_lines_product_id_order_id_ix"),
        "digistore_order_lines",
        ["product_id", "order_id"],
    )
    op.create_table(
        "digistore_payment_attempts",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("order_id", Key(), nullable=False),
        sa.Column("gateway", Word(), nullable=False),
        sa.Column("livemode", Flag(), nullable=False),
        sa.Column("account", Key(), nullable=False),
        sa.Column("checkout_id", Key()),
        sa.Column("url", Prose()),
        sa.Column("state", Word(), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("key", Key(), nullable=False),
        sa.Column("request", Json(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("live_key", sa.Integer()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_check_at", Moment()),
        sa.Column("failure", Key()),
        sa.Column("fetched_at", Moment()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_payment_attempts_pk")),
        sa.UniqueConstraint("key", name=op.f("digistore_payment_attempts_one_attempt_per_key")),
        sa.UniqueConstraint(
            "checkout_id",
            "gateway",
            "livemode",
            "account",
            name=op.f("digistore_payment_attempts_one_checkout"),
        ),
        sa.UniqueConstraint(
            "order_id", "live_key", name=op.f("digistore_payment_attempts_one_live_attempt")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["digistore_orders.id"],
            name=op.f("digistore_payment_attempts_order_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "checkout_id IS NOT NULL OR state IN ('creating', 'unknown', 'failed', 'abandoned')",
            name=op.f("digistore_payment_attempts_a_checkout_has_its_id"),
        ),
        sa.CheckConstraint(
            "livemode IN (0, 1)", name=op.f("digistore_payment_attempts_flag_livemode")
        ),
        sa.CheckConstraint(
            "state IN ('creating', 'unknown', 'open', 'pending', 'failed', 'expired', 'abandoned', 'paid')",
            name=op.f("digistore_payment_attempts_known_state"),
        ),
        sa.CheckConstraint(
            "(state IN ('creating', 'unknown', 'open', 'pending')) = (live_key IS NOT NULL)",
            name=op.f("digistore_payment_attempts_live_key_follows"),
        ),
        sa.CheckConstraint("live_key = 1", name=op.f("digistore_payment_attempts_live_key_is_one")),
        sa.CheckConstraint("amount > 0", name=op.f("digistore_payment_attempts_never_zero")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_payment_attempts_next_check_at_ix"),
        "digistore_payment_attempts",
        ["next_check_at"],
    )
    op.create_table(
        "digistore_payments",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("order_id", Key()),
        sa.Column("gateway", Word(), nullable=False),
        sa.Column("livemode", Flag(), nullable=False),
        sa.Column("account", Key(), nullable=False),
        sa.Column("ref", Key(), nullable=False),
        sa.Column("checkout_id", Key()),
        sa.Column("state", Word(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("asked", Amount(), nullable=False),
        sa.Column("captured", Amount(), nullable=False),
        sa.Column("tax", Amount(), nullable=False),
        sa.Column("fee", Amount()),
        sa.Column("customer", Prose()),
        sa.Column("disposition", Word()),
        sa.Column("cover_key", sa.Integer()),
        sa.Column("covered_total", Amount()),
        sa.Column("covered_currency", Word()),
        sa.Column("covered_livemode", Flag()),
        sa.Column("own_refunds", Amount(), nullable=False),
        sa.Column("gateway_refunds", Amount(), nullable=False),
        sa.Column("disputed", Amount(), nullable=False),
        sa.Column("received_at", Moment()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_payments_pk")),
        sa.UniqueConstraint(
            "order_id", "cover_key", name=op.f("digistore_payments_one_covering_payment")
        ),
        sa.UniqueConstraint(
            "gateway",
            "livemode",
            "account",
            "ref",
            name=op.f("digistore_payments_one_payment_per_ref"),
        ),
        sa.UniqueConstraint(
            "id", "order_id", "covered_total", name=op.f("digistore_payments_what_it_covers")
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "covered_total", "covered_currency", "covered_livemode"],
            [
                "digistore_orders.id",
                "digistore_orders.total",
                "digistore_orders.currency",
                "digistore_orders.livemode",
            ],
            name=op.f("digistore_payments_cover_their_order"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["digistore_orders.id"],
            name=op.f("digistore_payments_order_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("cover_key = 1", name=op.f("digistore_payments_cover_key_is_one")),
        sa.CheckConstraint(
            "(cover_key IS NOT NULL) = (COALESCE(disposition, '') = 'covering')",
            name=op.f("digistore_payments_covering_has_its_key"),
        ),
        sa.CheckConstraint(
            "(cover_key IS NULL) = (covered_total IS NULL) AND (cover_key IS NULL) = (covered_currency IS NULL) AND (cover_key IS NULL) = (covered_livemode IS NULL)",
            name=op.f("digistore_payments_covering_names_what"),
        ),
        sa.CheckConstraint(
            "captured >= covered_total AND currency = covered_currency AND livemode = covered_livemode",
            name=op.f("digistore_payments_covering_really_covers"),
        ),
        sa.CheckConstraint("livemode IN (0, 1)", name=op.f("digistore_payments_flag_livemode")),
        sa.CheckConstraint(
            "disposition IN ('covering', 'duplicate', 'underpaid', 'wrong_currency', 'orphan', 'late')",
            name=op.f("digistore_payments_known_disposition"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'failed', 'canceled', 'succeeded')",
            name=op.f("digistore_payments_known_state"),
        ),
        sa.CheckConstraint(
            "cover_key IS NULL OR (state = 'succeeded' AND order_id IS NOT NULL)",
            name=op.f("digistore_payments_only_a_success_covers"),
        ),
        sa.CheckConstraint(
            "disposition IS NULL OR state = 'succeeded'",
            name=op.f("digistore_payments_only_a_success_is_judged"),
        ),
        sa.CheckConstraint(
            "own_refunds <= captured", name=op.f("digistore_payments_refunds_within_captured")
        ),
        sa.CheckConstraint(
            "asked BETWEEN 0 AND 9007199254740991", name=op.f("digistore_payments_sane_asked")
        ),
        sa.CheckConstraint(
            "captured BETWEEN 0 AND 9007199254740991", name=op.f("digistore_payments_sane_captured")
        ),
        sa.CheckConstraint(
            "disputed BETWEEN 0 AND 9007199254740991", name=op.f("digistore_payments_sane_disputed")
        ),
        sa.CheckConstraint(
            "fee BETWEEN 0 AND 9007199254740991", name=op.f("digistore_payments_sane_fee")
        ),
        sa.CheckConstraint(
            "gateway_refunds BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_payments_sane_gateway_refunds"),
        ),
        sa.CheckConstraint(
            "own_refunds BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_payments_sane_own_refunds"),
        ),
        sa.CheckConstraint(
            "tax BETWEEN 0 AND 9007199254740991", name=op.f("digistore_payments_sane_tax")
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("digistore_payments_order_id_ix"), "digistore_payments", ["order_id"])
    op.create_table(
        "digistore_product_categories",
        sa.Column("product_id", Key(), nullable=False),
        sa.Column("category_id", Key(), nullable=False),
        sa.PrimaryKeyConstraint(
            "product_id", "category_id", name=op.f("digistore_product_categories_pk")
        ),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["digistore_categories.id"],
            name=op.f("digistore_product_categories_category_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_product_categories_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_product_categories_category_id_ix"),
        "digistore_product_categories",
        ["category_id"],
    )
    op.create_table(
        "digistore_releases",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("product_id", Key(), nullable=False),
        sa.Column("number", Key(), nullable=False),
        sa.Column("channel", Word(), nullable=False),
        sa.Column("notes", Prose(), nullable=False),
        sa.Column("status", Word(), nullable=False),
        sa.Column("latest_key", sa.Integer()),
        sa.Column("published_at", Moment()),
        sa.Column("yank_reason", Prose()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_releases_pk")),
        sa.UniqueConstraint(
            "product_id", "number", name=op.f("digistore_releases_a_version_exists_once")
        ),
        sa.UniqueConstraint(
            "product_id", "latest_key", name=op.f("digistore_releases_one_latest_release")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_releases_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "(status = 'yanked') = (yank_reason IS NOT NULL)",
            name=op.f("digistore_releases_a_yank_has_a_reason"),
        ),
        sa.CheckConstraint(
            "channel IN ('stable', 'beta')", name=op.f("digistore_releases_known_channel")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'published', 'yanked')",
            name=op.f("digistore_releases_known_status"),
        ),
        sa.CheckConstraint(
            "latest_key IS NULL OR (latest_key = 1 AND status = 'published' AND channel = 'stable')",
            name=op.f("digistore_releases_latest_is_published_and_stable"),
        ),
        sa.CheckConstraint(
            "(status = 'draft') = (published_at IS NULL)",
            name=op.f("digistore_releases_published_has_its_time"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_support_offers",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("product_id", Key(), nullable=False),
        sa.Column("kind", Key(), nullable=False),
        sa.Column("price", Amount(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("scope", Prose(), nullable=False),
        sa.Column("active_key", sa.Integer()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_support_offers_pk")),
        sa.UniqueConstraint(
            "product_id",
            "kind",
            "active_key",
            name=op.f("digistore_support_offers_one_active_offer"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_support_offers_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "active_key IS NULL OR active_key = 1",
            name=op.f("digistore_support_offers_active_key_is_one"),
        ),
        sa.CheckConstraint("price > 0", name=op.f("digistore_support_offers_never_free")),
        sa.CheckConstraint(
            "price BETWEEN 0 AND 9007199254740991", name=op.f("digistore_support_offers_sane_price")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_disputes",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("payment_id", Key(), nullable=False),
        sa.Column("gateway", Word(), nullable=False),
        sa.Column("livemode", Flag(), nullable=False),
        sa.Column("account", Key(), nullable=False),
        sa.Column("ref", Key(), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("reason", Key()),
        sa.Column("evidence_due", Moment()),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("assigned", Flag(), nullable=False),
        sa.Column("next_check_at", Moment()),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_disputes_pk")),
        sa.UniqueConstraint(
            "gateway",
            "livemode",
            "account",
            "payment_id",
            "ref",
            name=op.f("digistore_disputes_one_dispute_per_ref"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["digistore_payments.id"],
            name=op.f("digistore_disputes_payment_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("assigned IN (0, 1)", name=op.f("digistore_disputes_flag_assigned")),
        sa.CheckConstraint("livemode IN (0, 1)", name=op.f("digistore_disputes_flag_livemode")),
        sa.CheckConstraint(
            "state IN ('warning', 'open', 'won', 'lost', 'prevented', 'closed')",
            name=op.f("digistore_disputes_known_state"),
        ),
        sa.CheckConstraint(
            "amount BETWEEN 0 AND 9007199254740991", name=op.f("digistore_disputes_sane_amount")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_disputes_next_check_at_ix"), "digistore_disputes", ["next_check_at"]
    )
    op.create_index(op.f("digistore_disputes_payment_id_ix"), "digistore_disputes", ["payment_id"])
    op.create_table(
        "digistore_payment_actions",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("kind", Word(), nullable=False),
        sa.Column("subject", Key(), nullable=False),
        sa.Column("order_id", Key()),
        sa.Column("payment_id", Key()),
        sa.Column("reason", Prose()),
        sa.Column("open_key", sa.Integer()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("resolved_at", Moment()),
        sa.Column("resolved_by", Key()),
        sa.Column("choice", Word()),
        sa.Column("resolution", Prose()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_payment_actions_pk")),
        sa.UniqueConstraint(
            "kind", "subject", name=op.f("digistore_payment_actions_one_action_per_subject")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["digistore_orders.id"],
            name=op.f("digistore_payment_actions_order_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["digistore_payments.id"],
            name=op.f("digistore_payment_actions_payment_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (open_key IS NOT NULL)",
            name=op.f("digistore_payment_actions_open_key_follows"),
        ),
        sa.CheckConstraint("open_key = 1", name=op.f("digistore_payment_actions_open_key_is_one")),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (choice IS NULL)",
            name=op.f("digistore_payment_actions_what_is_resolved_names_the_choice"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_payment_actions_open_key_created_at_id_ix"),
        "digistore_payment_actions",
        ["open_key", "created_at", "id"],
    )
    op.create_index(
        op.f("digistore_payment_actions_order_id_ix"), "digistore_payment_actions", ["order_id"]
    )
    op.create_index(
        op.f("digistore_payment_actions_payment_id_ix"), "digistore_payment_actions", ["payment_id"]
    )
    op.create_table(
        "digistore_purchased_products",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("product_id", Key(), nullable=False),
        sa.Column("user_id", Key(), nullable=False),
        sa.Column("order_line_id", Key(), nullable=False),
        sa.Column("line_kind", Word(), nullable=False),
        sa.Column("payment_id", Key(), nullable=False),
        sa.Column("order_id", Key(), nullable=False),
        sa.Column("covered_total", Amount(), nullable=False),
        sa.Column("acquired_at", Moment(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("live_key", sa.Integer()),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seen_release_id", Key()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_purchased_products_pk")),
        sa.UniqueConstraint(
            "user_id",
            "product_id",
            "live_key",
            name=op.f("digistore_purchased_products_one_live_purchase"),
        ),
        sa.UniqueConstraint(
            "order_line_id", name=op.f("digistore_purchased_products_one_purchase_per_line")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_purchased_products_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["seen_release_id"],
            ["digistore_releases.id"],
            name=op.f("digistore_purchased_products_seen_release_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["digistore_users.id"],
            name=op.f("digistore_purchased_products_user_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id", "order_id", "covered_total"],
            [
                "digistore_payments.id",
                "digistore_payments.order_id",
                "digistore_payments.covered_total",
            ],
            name=op.f("digistore_purchases_only_what_was_paid"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id", "order_id", "product_id", "line_kind"],
            [
                "digistore_order_lines.id",
                "digistore_order_lines.order_id",
                "digistore_order_lines.product_id",
                "digistore_order_lines.kind",
            ],
            name=op.f("digistore_purchases_what_the_line_sold"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "state IN ('live', 'suspended', 'standby', 'revoked')",
            name=op.f("digistore_purchased_products_known_state"),
        ),
        sa.CheckConstraint(
            "(state = 'live') = (live_key IS NOT NULL)",
            name=op.f("digistore_purchased_products_live_key_follows"),
        ),
        sa.CheckConstraint(
            "live_key = 1", name=op.f("digistore_purchased_products_live_key_is_one")
        ),
        sa.CheckConstraint(
            "line_kind = 'product'", name=op.f("digistore_purchased_products_never_a_support_line")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_purchased_products_order_id_ix"),
        "digistore_purchased_products",
        ["order_id"],
    )
    op.create_index(
        op.f("digistore_purchased_products_user_id_acquired_at_id_ix"),
        "digistore_purchased_products",
        ["user_id", "acquired_at", "id"],
    )
    op.create_table(
        "digistore_refunds",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("payment_id", Key(), nullable=False),
        sa.Column("gateway", Word(), nullable=False),
        sa.Column("livemode", Flag(), nullable=False),
        sa.Column("account", Key(), nullable=False),
        sa.Column("ref", Key()),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("origin", Word(), nullable=False),
        sa.Column("key", Key()),
        sa.Column("access", Word()),
        sa.Column("reason", Prose()),
        sa.Column("actor", Key(), nullable=False),
        sa.Column("assigned", Flag(), nullable=False),
        sa.Column("respread", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_check_at", Moment()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("succeeded_at", Moment()),
        sa.Column("failed_at", Moment()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_refunds_pk")),
        sa.UniqueConstraint("key", name=op.f("digistore_refunds_one_refund_per_key")),
        sa.UniqueConstraint(
            "gateway",
            "livemode",
            "account",
            "ref",
            name=op.f("digistore_refunds_one_refund_per_ref"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["digistore_payments.id"],
            name=op.f("digistore_refunds_payment_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("assigned IN (0, 1)", name=op.f("digistore_refunds_flag_assigned")),
        sa.CheckConstraint("livemode IN (0, 1)", name=op.f("digistore_refunds_flag_livemode")),
        sa.CheckConstraint(
            "access IN ('keep', 'revoke')", name=op.f("digistore_refunds_known_access")
        ),
        sa.CheckConstraint(
            "origin IN ('store', 'gateway')", name=op.f("digistore_refunds_known_origin")
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'unknown', 'pending', 'succeeded', 'failed', 'canceled', 'rejected')",
            name=op.f("digistore_refunds_known_state"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("digistore_refunds_never_zero")),
        sa.CheckConstraint(
            "(origin = 'store') = (key IS NOT NULL)",
            name=op.f("digistore_refunds_our_own_has_a_key"),
        ),
        sa.CheckConstraint(
            "amount BETWEEN 0 AND 9007199254740991", name=op.f("digistore_refunds_sane_amount")
        ),
        sa.CheckConstraint(
            "ref IS NOT NULL OR state IN ('requested', 'unknown', 'rejected')",
            name=op.f("digistore_refunds_what_the_gateway_told_has_its_ref"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_refunds_next_check_at_ix"), "digistore_refunds", ["next_check_at"]
    )
    op.create_index(op.f("digistore_refunds_payment_id_ix"), "digistore_refunds", ["payment_id"])
    op.create_index(
        op.f("digistore_refunds_succeeded_at_ix"), "digistore_refunds", ["succeeded_at"]
    )
    op.create_index(op.f("digistore_refunds_created_at_ix"), "digistore_refunds", ["created_at"])
    op.create_index(op.f("digistore_refunds_failed_at_ix"), "digistore_refunds", ["failed_at"])
    op.create_table(
        "digistore_release_files",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("release_id", Key(), nullable=False),
        sa.Column("blob_sha256", Key(), nullable=False),
        sa.Column("display_name", Prose(), nullable=False),
        sa.Column("media_type", Word(), nullable=False),
        sa.Column("size", Amount(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("scan", Word(), nullable=False),
        sa.Column("personal", Key()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_release_files_pk")),
        sa.UniqueConstraint(
            "release_id", "display_name", name=op.f("digistore_release_files_one_file_per_name")
        ),
        sa.ForeignKeyConstraint(
            ["blob_sha256"],
            ["digistore_blobs.sha256"],
            name=op.f("digistore_release_files_blob_sha256_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["digistore_releases.id"],
            name=op.f("digistore_release_files_release_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "scan IN ('clean', 'pending', 'infected')",
            name=op.f("digistore_release_files_known_scan"),
        ),
        sa.CheckConstraint("size > 0", name=op.f("digistore_release_files_never_empty")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_release_files_blob_sha256_ix"), "digistore_release_files", ["blob_sha256"]
    )
    op.create_table(
        "digistore_dispute_lines",
        sa.Column("dispute_id", Key(), nullable=False),
        sa.Column("order_line_id", Key(), nullable=False),
        sa.PrimaryKeyConstraint(
            "dispute_id", "order_line_id", name=op.f("digistore_dispute_lines_pk")
        ),
        sa.ForeignKeyConstraint(
            ["dispute_id"],
            ["digistore_disputes.id"],
            name=op.f("digistore_dispute_lines_dispute_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"],
            ["digistore_order_lines.id"],
            name=op.f("digistore_dispute_lines_order_line_id_fk"),
            ondelete="RESTRICT",
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_dispute_lines_order_line_id_ix"),
        "digistore_dispute_lines",
        ["order_line_id"],
    )
    op.create_table(
        "digistore_download_sessions",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("purchase_id", Key(), nullable=False),
        sa.Column("item", Key(), nullable=False),
        sa.Column("release_id", Key(), nullable=False),
        sa.Column("file_id", Key()),
        sa.Column("live_key", sa.Integer()),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("reserved_bytes", Amount(), nullable=False),
        sa.Column("sent_bytes", Amount(), nullable=False),
        sa.Column("transport", Word(), nullable=False),
        sa.Column("client_key", Prose()),
        sa.Column("agent", Prose()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_download_sessions_pk")),
        sa.UniqueConstraint(
            "purchase_id",
            "item",
            "live_key",
            name=op.f("digistore_download_sessions_one_live_session"),
        ),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["digistore_releases.id"],
            name=op.f("digistore_download_sessions_release_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["digistore_release_files.id"],
            name=op.f("digistore_download_sessions_file_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "item = COALESCE(file_id, release_id)",
            name=op.f("digistore_download_sessions_item_is_what_was_fetched"),
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"],
            ["digistore_purchased_products.id"],
            name=op.f("digistore_download_sessions_purchase_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "requests >= 1", name=op.f("digistore_download_sessions_a_session_has_a_request")
        ),
        sa.CheckConstraint(
            "live_key IS NULL OR live_key = 1",
            name=op.f("digistore_download_sessions_live_key_is_one"),
        ),
        sa.CheckConstraint(
            "reserved_bytes BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_download_sessions_sane_reserved_bytes"),
        ),
        sa.CheckConstraint(
            "sent_bytes BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_download_sessions_sane_sent_bytes"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_download_sessions_first_at_id_ix"),
        "digistore_download_sessions",
        ["first_at", "id"],
    )
    op.create_table(
        "digistore_download_allowances",
        sa.Column("purchase_id", Key(), nullable=False),
        sa.Column("item", Key(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "purchase_id", "item", name=op.f("digistore_download_allowances_pk")
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"],
            ["digistore_purchased_products.id"],
            name=op.f("digistore_download_allowances_purchase_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "used >= 1", name=op.f("digistore_download_allowances_a_row_says_that_it_was_used")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_personal_files",
        sa.Column("purchase_id", Key(), nullable=False),
        sa.Column("source_sha256", Key(), nullable=False),
        sa.Column("recipe", Key(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("blob_sha256", Key()),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("built_at", Moment()),
        sa.PrimaryKeyConstraint(
            "purchase_id", "source_sha256", "recipe", name=op.f("digistore_personal_files_pk")
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"],
            ["digistore_purchased_products.id"],
            name=op.f("digistore_personal_files_purchase_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["blob_sha256"],
            ["digistore_blobs.sha256"],
            name=op.f("digistore_personal_files_blob_sha256_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "state IN ('building', 'ready', 'failed')",
            name=op.f("digistore_personal_files_known_state"),
        ),
        sa.CheckConstraint(
            "(state = 'ready') = (blob_sha256 IS NOT NULL AND built_at IS NOT NULL)",
            name=op.f("digistore_personal_files_what_is_ready_is_there"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_personal_files_blob_sha256_ix"), "digistore_personal_files", ["blob_sha256"]
    )
    op.create_index(
        op.f("digistore_personal_files_state_built_at_ix"),
        "digistore_personal_files",
        ["state", "built_at"],
    )
    op.create_table(
        "digistore_download_networks",
        sa.Column("purchase_id", Key(), nullable=False),
        sa.Column("network", Prose(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint(
            "purchase_id", "network", name=op.f("digistore_download_networks_pk")
        ),
        sa.ForeignKeyConstraint(
            ["purchase_id"],
            ["digistore_purchased_products.id"],
            name=op.f("digistore_download_networks_purchase_id_fk"),
            ondelete="RESTRICT",
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_entitlement_facts",
        sa.Column("sequence", Amount(), primary_key=True, autoincrement=True),
        sa.Column("grant_id", Key(), nullable=False),
        sa.Column("about", Key(), nullable=False),
        sa.Column("kind", Word(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("access", Word()),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("actor", Key(), nullable=False),
        sa.Column("reason", Prose()),
        sa.PrimaryKeyConstraint("sequence", name=op.f("digistore_entitlement_facts_pk")),
        sa.UniqueConstraint(
            "grant_id",
            "about",
            "state",
            "amount",
            "ticket",
            name=op.f("digistore_entitlement_facts_a_fact_is_kept_once"),
        ),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["digistore_purchased_products.id"],
            name=op.f("digistore_entitlement_facts_grant_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "kind IN ('payment', 'refund', 'dispute', 'operator')",
            name=op.f("digistore_entitlement_facts_known_kind"),
        ),
        sa.CheckConstraint(
            "amount BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_entitlement_facts_sane_amount"),
        ),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_refund_lines",
        sa.Column("refund_id", Key(), nullable=False),
        sa.Column("order_line_id", Key(), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("tax", Amount(), nullable=False),
        sa.PrimaryKeyConstraint(
            "refund_id", "order_line_id", name=op.f("digistore_refund_lines_pk")
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"],
            ["digistore_order_lines.id"],
            name=op.f("digistore_refund_lines_order_line_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"],
            ["digistore_refunds.id"],
            name=op.f("digistore_refund_lines_refund_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("amount > 0", name=op.f("digistore_refund_lines_never_zero")),
        sa.CheckConstraint(
            "amount BETWEEN 0 AND 9007199254740991", name=op.f("digistore_refund_lines_sane_amount")
        ),
        sa.CheckConstraint(
            "tax BETWEEN 0 AND 9007199254740991", name=op.f("digistore_refund_lines_sane_tax")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_refund_lines_order_line_id_ix"), "digistore_refund_lines", ["order_line_id"]
    )
    op.create_table(
        "digistore_receipts",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("kind", Word(), nullable=False),
        sa.Column("issuer", Key(), nullable=False),
        sa.Column("series", Word(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("order_id", Key()),
        sa.Column("refund_id", Key()),
        sa.Column("credit_note_id", Key()),
        sa.Column("receipt_id", Key()),
        sa.Column("livemode", Flag(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("total", Amount(), nullable=False),
        sa.Column("tax", Amount(), nullable=False),
        sa.Column("printed", Json(), nullable=False),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_receipts_pk")),
        sa.UniqueConstraint(
            "refund_id", name=op.f("digistore_receipts_one_credit_note_per_refund")
        ),
        sa.UniqueConstraint(
            "credit_note_id", name=op.f("digistore_receipts_one_debit_note_per_credit_note")
        ),
        sa.UniqueConstraint(
            "issuer", "series", "number", name=op.f("digistore_receipts_one_document_per_number")
        ),
        sa.UniqueConstraint("order_id", name=op.f("digistore_receipts_one_receipt_per_order")),
        sa.ForeignKeyConstraint(
            ["credit_note_id"],
            ["digistore_receipts.id"],
            name=op.f("digistore_receipts_credit_note_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["digistore_orders.id"],
            name=op.f("digistore_receipts_order_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["digistore_receipts.id"],
            name=op.f("digistore_receipts_receipt_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"],
            ["digistore_refunds.id"],
            name=op.f("digistore_receipts_refund_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "kind = 'receipt' OR total > 0",
            name=op.f("digistore_receipts_corrections_are_of_something"),
        ),
        sa.CheckConstraint(
            "(kind = 'receipt') = (receipt_id IS NULL)",
            name=op.f("digistore_receipts_corrections_name_a_receipt"),
        ),
        sa.CheckConstraint(
            "(kind = 'credit_note') = (refund_id IS NOT NULL)",
            name=op.f("digistore_receipts_credit_notes_have_a_refund"),
        ),
        sa.CheckConstraint(
            "(kind = 'debit_note') = (credit_note_id IS NOT NULL)",
            name=op.f("digistore_receipts_debit_notes_have_a_credit_note"),
        ),
        sa.CheckConstraint("livemode IN (0, 1)", name=op.f("digistore_receipts_flag_livemode")),
        sa.CheckConstraint(
            "kind IN ('receipt', 'credit_note', 'debit_note')",
            name=op.f("digistore_receipts_known_kind"),
        ),
        sa.CheckConstraint("number >= 1", name=op.f("digistore_receipts_numbers_start_at_one")),
        sa.CheckConstraint(
            "(kind = 'receipt') = (order_id IS NOT NULL)",
            name=op.f("digistore_receipts_receipts_have_an_order"),
        ),
        sa.CheckConstraint(
            "tax BETWEEN 0 AND 9007199254740991", name=op.f("digistore_receipts_sane_tax")
        ),
        sa.CheckConstraint(
            "total BETWEEN 0 AND 9007199254740991", name=op.f("digistore_receipts_sane_total")
        ),
        sa.CheckConstraint(
            "series = CASE livemode WHEN 1 THEN kind ELSE 'test_' || kind END",
            name=op.f("digistore_receipts_series_follows_kind_and_mode"),
        ),
        sa.CheckConstraint(
            "tax <= total", name=op.f("digistore_receipts_tax_is_part_of_the_total")
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("digistore_receipts_receipt_id_ix"), "digistore_receipts", ["receipt_id"])
    op.create_table(
        "digistore_receipt_counters",
        sa.Column("issuer", Key(), nullable=False),
        sa.Column("series", Word(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "series", name=op.f("digistore_receipt_counters_pk")),
        sa.CheckConstraint(
            "last >= 1", name=op.f("digistore_receipt_counters_numbers_start_at_one")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_support_requests",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("purchased_product_id", Key(), nullable=False),
        sa.Column("product_id", Key(), nullable=False),
        sa.Column("customer_id", Key(), nullable=False),
        sa.Column("kind", Key(), nullable=False),
        sa.Column("subject", Prose(), nullable=False),
        sa.Column("body", Prose(), nullable=False),
        sa.Column("price", Amount(), nullable=False),
        sa.Column("currency", Word(), nullable=False),
        sa.Column("scope", Prose(), nullable=False),
        sa.Column("metadata", Json(), nullable=False),
        sa.Column("order_id", Key(), nullable=False),
        sa.Column("order_line_id", Key(), nullable=False),
        sa.Column("line_kind", Word(), nullable=False),
        sa.Column("payment_id", Key()),
        sa.Column("covered_total", Amount()),
        sa.Column("state", Word(), nullable=False),
        sa.Column("resume_state", Word()),
        sa.Column("assignee_id", Key()),
        sa.Column("first_response_at", Moment()),
        sa.Column("resolved_at", Moment()),
        sa.Column("paid_at", Moment()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_support_requests_pk")),
        sa.UniqueConstraint(
            "order_line_id", name=op.f("digistore_support_requests_one_request_per_line")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id", "order_id", "covered_total"],
            [
                "digistore_payments.id",
                "digistore_payments.order_id",
                "digistore_payments.covered_total",
            ],
            name=op.f("digistore_support_only_what_was_paid"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["assignee_id"],
            ["digistore_users.id"],
            name=op.f("digistore_support_requests_assignee_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["digistore_users.id"],
            name=op.f("digistore_support_requests_customer_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["digistore_orders.id"],
            name=op.f("digistore_support_requests_order_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_support_requests_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["purchased_product_id"],
            ["digistore_purchased_products.id"],
            name=op.f("digistore_support_requests_purchased_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id", "order_id", "product_id", "line_kind"],
            [
                "digistore_order_lines.id",
                "digistore_order_lines.order_id",
                "digistore_order_lines.product_id",
                "digistore_order_lines.kind",
            ],
            name=op.f("digistore_support_what_the_line_sold"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "(payment_id IS NULL) = (covered_total IS NULL)",
            name=op.f("digistore_support_requests_a_payment_names_its_total"),
        ),
        sa.CheckConstraint(
            "resume_state IN ('open', 'in_progress', 'waiting')",
            name=op.f("digistore_support_requests_known_resume_state"),
        ),
        sa.CheckConstraint(
            "state IN ('unpaid', 'open', 'in_progress', 'waiting', 'resolved', 'closed', 'canceled')",
            name=op.f("digistore_support_requests_known_state"),
        ),
        sa.CheckConstraint("price > 0", name=op.f("digistore_support_requests_never_free")),
        sa.CheckConstraint(
            "line_kind = 'support'", name=op.f("digistore_support_requests_only_a_support_line")
        ),
        sa.CheckConstraint(
            "state IN ('unpaid', 'canceled') OR payment_id IS NOT NULL",
            name=op.f("digistore_support_requests_paid_before_it_opens"),
        ),
        sa.CheckConstraint(
            "price BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_support_requests_sane_price"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_support_requests_created_at_id_ix"),
        "digistore_support_requests",
        ["created_at", "id"],
    )
    op.create_index(
        op.f("digistore_support_requests_customer_id_created_at_id_ix"),
        "digistore_support_requests",
        ["customer_id", "created_at", "id"],
    )
    op.create_index(
        op.f("digistore_support_requests_product_id_state_ix"),
        "digistore_support_requests",
        ["product_id", "state"],
    )
    op.create_index(
        op.f("digistore_support_requests_purchased_product_id_ix"),
        "digistore_support_requests",
        ["purchased_product_id"],
    )
    op.create_index(
        op.f("digistore_support_requests_state_created_at_id_ix"),
        "digistore_support_requests",
        ["state", "created_at", "id"],
    )
    op.create_index(
        op.f("digistore_support_requests_state_resolved_at_ix"),
        "digistore_support_requests",
        ["state", "resolved_at"],
    )
    op.create_table(
        "digistore_support_facts",
        sa.Column("sequence", Amount(), primary_key=True, autoincrement=True),
        sa.Column("grant_id", Key(), nullable=False),
        sa.Column("about", Key(), nullable=False),
        sa.Column("kind", Word(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("access", Word()),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("actor", Key(), nullable=False),
        sa.Column("reason", Prose()),
        sa.PrimaryKeyConstraint("sequence", name=op.f("digistore_support_facts_pk")),
        sa.UniqueConstraint(
            "grant_id",
            "about",
            "state",
            "amount",
            "ticket",
            name=op.f("digistore_support_facts_a_fact_is_kept_once"),
        ),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["digistore_support_requests.id"],
            name=op.f("digistore_support_facts_grant_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "kind IN ('payment', 'refund', 'dispute', 'operator')",
            name=op.f("digistore_support_facts_known_kind"),
        ),
        sa.CheckConstraint(
            "amount BETWEEN 0 AND 9007199254740991",
            name=op.f("digistore_support_facts_sane_amount"),
        ),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_support_messages",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("request_id", Key(), nullable=False),
        sa.Column("author_id", Key()),
        sa.Column("by_staff", Flag(), nullable=False),
        sa.Column("body", Prose(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_support_messages_pk")),
        sa.ForeignKeyConstraint(
            ["author_id"],
            ["digistore_users.id"],
            name=op.f("digistore_support_messages_author_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["digistore_support_requests.id"],
            name=op.f("digistore_support_messages_request_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "by_staff IN (0, 1)", name=op.f("digistore_support_messages_flag_by_staff")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_support_messages_request_id_id_ix"),
        "digistore_support_messages",
        ["request_id", "id"],
    )
    op.create_index(
        op.f("digistore_support_messages_author_id_ix"),
        "digistore_support_messages",
        ["author_id"],
    )
    op.create_table(
        "digistore_tries",
        sa.Column("purpose", Word(), nullable=False),
        sa.Column("subject", Key(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "subject", name=op.f("digistore_tries_pk")),
        sa.CheckConstraint("tries >= 1", name=op.f("digistore_tries_tries_start_at_one")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_claims",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("email", Prose(), nullable=False),
        sa.Column("code_digest", Key(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("open_key", sa.Integer()),
        sa.Column("claimed_at", Moment()),
        sa.Column("claimed_by", Key()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_claims_pk")),
        sa.UniqueConstraint(
            "email", "open_key", name=op.f("digistore_claims_one_open_claim_per_address")
        ),
        sa.ForeignKeyConstraint(
            ["claimed_by"],
            ["digistore_users.id"],
            name=op.f("digistore_claims_claimed_by_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "(claimed_at IS NULL) = (claimed_by IS NULL)",
            name=op.f("digistore_claims_claimed_by_somebody"),
        ),
        sa.CheckConstraint(
            "claimed_at IS NULL OR open_key IS NULL", name=op.f("digistore_claims_claimed_once")
        ),
        sa.CheckConstraint("open_key = 1", name=op.f("digistore_claims_open_key_is_one")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_discounts",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("owner", Key(), nullable=False),
        sa.Column("seller_id", Key()),
        sa.Column("code", Key(), nullable=False),
        sa.Column("kind", Word(), nullable=False),
        sa.Column("basis_points", sa.Integer()),
        sa.Column("amount", Amount()),
        sa.Column("currency", Word()),
        sa.Column("starts_at", Moment()),
        sa.Column("ends_at", Moment()),
        sa.Column("max_uses", sa.Integer()),
        sa.Column("max_uses_per_customer", sa.Integer()),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("over_limit", sa.Integer(), nullable=False),
        sa.Column("retired_at", Moment()),
        sa.Column("live_key", sa.Integer()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_discounts_pk")),
        sa.UniqueConstraint(
            "owner", "code", "live_key", name=op.f("digistore_discounts_one_live_discount_per_code")
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"],
            ["digistore_users.id"],
            name=op.f("digistore_discounts_seller_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "(amount IS NULL) = (currency IS NULL)",
            name=op.f("digistore_discounts_an_amount_has_a_currency"),
        ),
        sa.CheckConstraint(
            "used >= 0 AND over_limit >= 0", name=op.f("digistore_discounts_counters_from_zero")
        ),
        sa.CheckConstraint(
            "kind IN ('product', 'support')", name=op.f("digistore_discounts_known_kind")
        ),
        sa.CheckConstraint(
            "max_uses >= 1 AND max_uses_per_customer >= 1",
            name=op.f("digistore_discounts_limits_allow_a_use"),
        ),
        sa.CheckConstraint(
            "(retired_at IS NULL) = (live_key IS NOT NULL)",
            name=op.f("digistore_discounts_live_key_follows"),
        ),
        sa.CheckConstraint("live_key = 1", name=op.f("digistore_discounts_live_key_is_one")),
        sa.CheckConstraint(
            "owner = COALESCE(seller_id, 'house')",
            name=op.f("digistore_discounts_owner_follows_seller"),
        ),
        sa.CheckConstraint(
            "(basis_points IS NULL) <> (amount IS NULL)",
            name=op.f("digistore_discounts_percent_or_amount"),
        ),
        sa.CheckConstraint(
            "basis_points BETWEEN 1 AND 10000", name=op.f("digistore_discounts_percent_up_to_all")
        ),
        sa.CheckConstraint(
            "amount BETWEEN 0 AND 9007199254740991", name=op.f("digistore_discounts_sane_amount")
        ),
        sa.CheckConstraint(
            "starts_at < ends_at", name=op.f("digistore_discounts_starts_before_it_ends")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("digistore_discounts_takes_something_off")),
        sa.CheckConstraint(
            "max_uses IS NULL OR used <= max_uses + over_limit",
            name=op.f("digistore_discounts_used_within_limit"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("digistore_discounts_versions_start_at_one")),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_discount_customers",
        sa.Column("discount_id", Key(), nullable=False),
        sa.Column("customer_id", Key(), nullable=False),
        sa.Column("max_uses", sa.Integer()),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("over_limit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "discount_id", "customer_id", name=op.f("digistore_discount_customers_pk")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["digistore_users.id"],
            name=op.f("digistore_discount_customers_customer_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["discount_id"],
            ["digistore_discounts.id"],
            name=op.f("digistore_discount_customers_discount_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "used >= 0 AND over_limit >= 0",
            name=op.f("digistore_discount_customers_counters_from_zero"),
        ),
        sa.CheckConstraint(
            "max_uses IS NULL OR used <= max_uses + over_limit",
            name=op.f("digistore_discount_customers_used_within_limit"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_discount_products",
        sa.Column("discount_id", Key(), nullable=False),
        sa.Column("product_id", Key(), nullable=False),
        sa.PrimaryKeyConstraint(
            "discount_id", "product_id", name=op.f("digistore_discount_products_pk")
        ),
        sa.ForeignKeyConstraint(
            ["discount_id"],
            ["digistore_discounts.id"],
            name=op.f("digistore_discount_products_discount_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["digistore_products.id"],
            name=op.f("digistore_discount_products_product_id_fk"),
            ondelete="RESTRICT",
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "digistore_redemptions",
        sa.Column("id", Key(), primary_key=True),
        sa.Column("order_id", Key(), nullable=False),
        sa.Column("discount_id", Key(), nullable=False),
        sa.Column("customer_id", Key(), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("state", Word(), nullable=False),
        sa.Column("over_limit", Flag(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("used_at", Moment()),
        sa.Column("released_at", Moment()),
        sa.PrimaryKeyConstraint("id", name=op.f("digistore_redemptions_pk")),
        sa.UniqueConstraint(
            "order_id", name=op.f("digistore_redemptions_one_redemption_per_order")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["digistore_users.id"],
            name=op.f("digistore_redemptions_customer_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["discount_id"],
            ["digistore_discounts.id"],
            name=op.f("digistore_redemptions_discount_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["digistore_orders.id"],
            name=op.f("digistore_redemptions_order_id_fk"),
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint(
            "over_limit IN (0, 1)", name=op.f("digistore_redemptions_flag_over_limit")
        ),
        sa.CheckConstraint(
            "state IN ('reserved', 'used', 'released')",
            name=op.f("digistore_redemptions_known_state"),
        ),
        sa.CheckConstraint(
            "over_limit = 0 OR state = 'used'",
            name=op.f("digistore_redemptions_only_what_is_used_is_over_limit"),
        ),
        sa.CheckConstraint(
            "state <> 'released' OR released_at IS NOT NULL",
            name=op.f("digistore_redemptions_released_has_its_time"),
        ),
        sa.CheckConstraint(
            "amount BETWEEN 0 AND 9007199254740991", name=op.f("digistore_redemptions_sane_amount")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("digistore_redemptions_takes_something_off")),
        sa.CheckConstraint(
            "(state = 'used') = (used_at IS NOT NULL)",
            name=op.f("digistore_redemptions_used_has_its_time"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("digistore_redemptions_discount_id_customer_id_ix"),
        "digistore_redemptions",
        ["discount_id", "customer_id"],
    )
    for table in APPEND_ONLY:
        refuse("UPDATE", table, "facts are only ever added")
        refuse("DELETE", table, "facts are only ever added")
    published = (
        "EXISTS (SELECT 1 FROM digistore_releases r"
        " WHERE r.id = {row}.release_id AND r.status <> 'draft')"
    )
    why = "files of a published release never change"
    out, into = published.format(row="OLD"), published.format(row="NEW")
    # What a scanner says of a file may change; the file may not.
    frozen = "id, release_id, blob_sha256, display_name, media_type, size, position, personal"
    refuse("UPDATE", "digistore_release_files", why, when=f"{out} OR {into}", of=frozen)
    refuse("DELETE", "digistore_release_files", why, when=out)
    refuse("INSERT", "digistore_release_files", why, when=into)


def refuse(act: str, table: str, why: str, when: str = "1 = 1", of: str = "") -> None:
    """Refuse *act* on rows of *table*, or only on its columns *of*, where *when* is true."""
    name = f"{table}_refuse_{act.lower()}"
    what = f"{act} OF {of}" if of else act
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {what} ON {table} WHEN {when} "
            f"BEGIN SELECT RAISE(ABORT, '{why}'); END"
        )
        return
    result = "OLD" if act == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {when} THEN RAISE EXCEPTION '{why}' "
        f"USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {result}; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def downgrade() -> None:
    op.drop_table("digistore_redemptions")
    op.drop_table("digistore_discount_products")
    op.drop_table("digistore_discount_customers")
    op.drop_table("digistore_discounts")
    op.drop_table("digistore_claims")
    op.drop_table("digistore_tries")
    op.drop_table("digistore_support_messages")
    op.drop_table("digistore_support_facts")
    op.drop_table("digistore_support_requests")
    op.drop_table("digistore_receipts")
    op.drop_table("digistore_receipt_counters")
    op.drop_table("digistore_refund_lines")
    op.drop_table("digistore_entitlement_facts")
    op.drop_table("digistore_download_networks")
    op.drop_table("digistore_personal_files")
    op.drop_table("digistore_download_allowances")
    op.drop_table("digistore_download_sessions")
    op.drop_table("digistore_dispute_lines")
    op.drop_table("digistore_release_files")
    op.drop_table("digistore_refunds")
    op.drop_table("digistore_purchased_products")
    op.drop_table("digistore_payment_actions")
    op.drop_table("digistore_disputes")
    op.drop_table("digistore_support_offers")
    op.drop_table("digistore_releases")
    op.drop_table("digistore_product_categories")
    op.drop_table("digistore_payments")
    op.drop_table("digistore_payment_attempts")
    op.drop_table("digistore_order_lines")
    op.drop_table("digistore_holdings")
    op.drop_table("digistore_visitor_keys")
    op.drop_table("digistore_click_days")
    op.drop_table("digistore_clicks")
    op.drop_table("digistore_user_roles")
    op.drop_table("digistore_short_urls")
    op.drop_table("digistore_products")
    op.drop_table("digistore_orders")
    op.drop_table("digistore_deliveries")
    op.drop_table("digistore_users")
    op.drop_table("digistore_uploads")
    op.drop_table("digistore_rounds")
    op.drop_table("digistore_provider_events")
    op.drop_table("digistore_poll_marks")
    op.drop_table("digistore_events")
    op.drop_table("digistore_event_handlers")
    op.drop_table("digistore_day_figures")
    op.drop_table("digistore_closed_days")
    op.drop_table("digistore_categories")
    op.drop_table("digistore_blobs")
    op.drop_table("digistore_audit")
    if op.get_bind().dialect.name != "sqlite":
        for table in APPEND_ONLY:
            for act in ("update", "delete"):
                op.execute(f"DROP FUNCTION {table}_refuse_{act}")
        for act in ("update", "delete", "insert"):
            op.execute(f"DROP FUNCTION digistore_release_files_refuse_{act}")
