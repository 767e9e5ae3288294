"""Bad histories that the database refuses by itself, whatever the code above it does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.database.history import tell_history

TOO_MUCH = 2**53
FOREIGN = "FOREIGN KEY constraint failed"

# Names for the rows of the history, each by a statement that finds its id.
NAMES = {
    "book": "SELECT id FROM digistore_products WHERE slug = 'book'",
    "course": "SELECT id FROM digistore_products WHERE slug = 'course'",
    "buyer": "SELECT id FROM digistore_users WHERE email = 'buyer@example.com'",
    "other": "SELECT id FROM digistore_users WHERE email = 'other@example.com'",
    "live": "SELECT id FROM digistore_purchased_products WHERE state = 'live'",
    "standby": "SELECT id FROM digistore_purchased_products WHERE state = 'standby'",
    "paid": "SELECT order_id FROM digistore_purchased_products WHERE state = 'live'",
    "paid_line": "SELECT order_line_id FROM digistore_purchased_products WHERE state = 'live'",
    "payment": "SELECT payment_id FROM digistore_purchased_products WHERE state = 'live'",
    "second": "SELECT payment_id FROM digistore_purchased_products WHERE state = 'standby'",
    "open": "SELECT id FROM digistore_orders WHERE idempotency_key = 'click'",
    "help": "SELECT id FROM digistore_support_requests WHERE state = 'open'",
    "help_line": "SELECT order_line_id FROM digistore_support_requests WHERE state = 'open'",
    "unpaid": "SELECT id FROM digistore_support_requests WHERE state = 'unpaid'",
    "unpaid_line": "SELECT order_line_id FROM digistore_support_requests WHERE state = 'unpaid'",
    "refund": "SELECT id FROM digistore_refunds",
    "release": "SELECT id FROM digistore_releases WHERE latest_key = 1 ORDER BY id",
    "draft": "SELECT id FROM digistore_releases WHERE status = 'draft'",
    "yanked": "SELECT id FROM digistore_releases WHERE status = 'yanked'",
    "event": "SELECT id FROM digistore_events ORDER BY id",
}


def copy(table: str, where: str, **changed: Any) -> tuple[str, str, dict[str, Any]]:
    """Say: insert the row of *table* where *where* again, with some columns *changed*."""
    return table, where, changed


def update(table: str, assignment: str, where: str) -> str:
    return f"UPDATE digistore_{table} SET {assignment} WHERE {where}"


RECEIPT, CREDIT = "order_id = :paid", "refund_id = :refund"
FOLLOWS = "UNIQUE constraint failed: digistore_receipts.{}"
PAYMENT, SECOND = "id = :payment", "id = :second"
UNCOVERED = {
    "cover_key": None,
    "disposition": None,
    "covered_total": None,
    "covered_currency": None,
    "covered_livemode": None,
}
UNCOVER = ", ".join(f"{column} = NULL" for column in UNCOVERED)

BAD: dict[str, tuple[Any, str]] = {
    # Short links
    "two links of one code": (
        copy("short_urls", "1 = 1", id="url_x"), "short_urls.domain, digistore_short_urls.code",
    ),
    "a link that leads to no web address": (
        update("short_urls", "target = 'javascript:alert(1)'", "1 = 1"), "target_is_a_web_address",
    ),
    "more visits than a link may have": (
        update("short_urls", "max_visits = 1, visits = 2", "1 = 1"), "visits_within_limit",
    ),
    "imported clicks below zero": (
        update("short_urls", "imported_clicks = -1", "1 = 1"), "sane_imported_clicks",
    ),
    "a click on no link": (update("clicks", "short_url_id = 'url_x'", "1 = 1"), FOREIGN),
    "a click twice": (copy("clicks", "1 = 1"), "UNIQUE constraint failed: digistore_clicks.id"),
    "a day twice": (copy("click_days", "1 = 1"), "digistore_click_days.day"),
    "more visitors than clicks": (
        update("click_days", "visitors = clicks + 1", "1 = 1"), "a_visitor_clicks",
    ),
    "two keys of a day": (copy("visitor_keys", "1 = 1"), "digistore_visitor_keys.day"),
    "an order of a link without its time": (
        update("orders", "short_url_id = 'url_x'", "id = :open"), "a_click_has_its_link_and_time",
    ),
    # Amounts
    "an amount below zero": (
        update("orders", "discount = -1, total = total + 1", "id = :open"), "sane_discount",
    ),
    "an amount that JSON cannot carry": (
        update("orders", f"subtotal = {TOO_MUCH}, total = {TOO_MUCH}", "id = :open"), "sane_",
    ),
    "an amount that is a text": (
        update("orders", "tax = 'ten'", "id = :open"), "cannot store TEXT value in INTEGER",
    ),
    "an amount with a fraction": (
        update("orders", "tax = 10.5", "id = :open"), "cannot store REAL value in INTEGER",
    ),
    "a total that does not add up": (
        update("orders", "total = total + 1", "id = :open"), "orders_adds_up",
    ),
    "a discount that nobody took off": (
        update("orders", "discount = 1", "id = :open"), "orders_adds_up",
    ),
    "tax outside the price that nobody added": (
        update("orders", "tax = 1, tax_inclusive = 0", "id = :open"), "orders_adds_up",
    ),
    "more tax in a price than the price": (
        update("orders", "tax = total + 1, tax_inclusive = 1", "id = :open"), "contained_tax_fits",
    ),
    "a checkout over nothing": (
        update("payment_attempts", "amount = 0", "order_id = :open"), "attempts_never_zero",
    ),
    "a refund of nothing": (update("refunds", "amount = 0", "id = :refund"), "refunds_never_zero"),
    "a refund of nothing on a line": (
        update("refund_lines", "amount = 0", "refund_id = :refund"), "refund_lines_never_zero",
    ),
    "more refunded than was captured": (
        update("payments", "own_refunds = captured + 1", PAYMENT), "refunds_within_captured",
    ),
    "a flag that is neither yes nor no": (
        update("orders", "late = 2", "id = :open"), "flag_late",
    ),
    # Receipts
    "a second receipt of one order": (
        copy("receipts", RECEIPT, id="rcp_x", number=99), FOLLOWS.format("order_id"),
    ),
    "a second credit note of one refund": (
        copy("receipts", CREDIT, id="rcp_x", number=99), FOLLOWS.format("refund_id"),
    ),
    "two documents with one number": (
        copy("receipts", RECEIPT, id="rcp_x", order_id="ord_x"), FOLLOWS.format("issuer"),
    ),
    "a receipt of nothing": (
        copy("receipts", RECEIPT, id="rcp_x", number=99, order_id=None), "receipts_have_an_order",
    ),
    "a receipt of an order and a refund": (
        copy("receipts", RECEIPT, id="rcp_x", number=99, order_id=":open", refund_id=":refund"),
        "credit_notes_have_a_refund",
    ),
    "a credit note without a refund": (
        copy("receipts", CREDIT, id="rcp_x", number=99, refund_id=None),
        "credit_notes_have_a_refund",
    ),
    "a credit note without a receipt": (
        copy("receipts", CREDIT, id="rcp_x", number=99, receipt_id=None),
        "corrections_name_a_receipt",
    ),
    "a debit note without a credit note": (
        copy(
            "receipts", CREDIT, id="rcp_x", number=99, kind="debit_note",
            series="test_debit_note", refund_id=None,
        ),
        "debit_notes_have_a_credit_note",
    ),
    "a credit note of nothing": (
        copy("receipts", CREDIT, id="rcp_x", number=99, total=0), "corrections_are_of_something",
    ),
    "a number below one": (
        copy("receipts", RECEIPT, id="rcp_x", number=0), "receipts_numbers_start_at_one",
    ),
    "more tax on a receipt than it is about": (
        copy("receipts", RECEIPT, id="rcp_x", number=99, tax=2901), "tax_is_part_of_the_total",
    ),
    "test money in the books of real money": (
        copy("receipts", RECEIPT, id="rcp_x", number=99, livemode=1),
        "series_follows_kind_and_mode",
    ),
    "a counter that has counted nothing": (
        update("receipt_counters", "last = 0", "series = 'test_receipt'"),
        "counters_numbers_start_at_one",
    ),
    # D4: no purchase without a payment that covers it
    "D4 a purchase without a payment": (
        update("purchased_products", "payment_id = NULL", "id = :live"), "NOT NULL",
    ),
    "D4 a purchase that names no total": (
        update("purchased_products", "covered_total = NULL", "id = :live"), "NOT NULL",
    ),
    "D4 a purchase by the payment of another order": (
        update("purchased_products", "payment_id = :second", "id = :live"), FOREIGN,
    ),
    "D4 a purchase for less than the order's total": (
        update("purchased_products", "covered_total = covered_total - 1", "id = :live"), FOREIGN,
    ),
    "D4 a purchase by a payment that covers nothing": (
        [
            copy("payments", PAYMENT, id="pay_x", ref="x", **UNCOVERED),
            update("purchased_products", "payment_id = 'pay_x'", "id = :live"),
        ],
        FOREIGN,
    ),
    "D4 a payment that is demoted under its purchase": (
        update("payments", UNCOVER, PAYMENT), FOREIGN,
    ),
    "D4 a payment that is taken away under its purchase": (
        "DELETE FROM digistore_payments WHERE id = :payment", FOREIGN,
    ),
    "a covering payment that captured too little": (
        update("payments", "captured = covered_total - 1", PAYMENT), "covering_really_covers",
    ),
    "a covering payment in another currency": (
        update("payments", "currency = 'EUR'", PAYMENT), "covering_really_covers",
    ),
    "a covering payment in test mode for a live order": (
        update("payments", "livemode = 1", PAYMENT), "covering_really_covers",
    ),
    "a covering payment that has not succeeded": (
        update("payments", "state = 'pending'", PAYMENT), "only_a_success",
    ),
    "a covering payment without an order": (
        update("payments", "order_id = NULL", PAYMENT), "only_a_success_covers",
    ),
    "a covering payment of another total": (
        update("payments", "captured = captured + 1, covered_total = covered_total + 1", SECOND),
        FOREIGN,
    ),
    "covering without saying so": (
        update("payments", "disposition = 'late'", PAYMENT), "covering_has_its_key",
    ),
    "saying so without covering": (
        copy("payments", PAYMENT, id="pay_x", ref="x", **{**UNCOVERED, "disposition": "covering"}),
        "covering_has_its_key",
    ),
    "a second kind of covering": (update("payments", "cover_key = 2", PAYMENT), "cover_key_is_one"),
    "covering nobody knows what": (
        update("payments", "covered_total = NULL", PAYMENT), "covering_names_what",
    ),
    "two covering payments of one order": (
        copy("payments", PAYMENT, id="pay_x", ref="x"), "payments.order_id, digistore_payments.co",
    ),
    "a verdict on money that has not come": (
        copy("payments", PAYMENT, id="pay_x", ref="x", state="pending",
             **{**UNCOVERED, "disposition": "late"}),
        "only_a_success_is_judged",
    ),
    "the total of a covered order changes": (
        update("orders", "subtotal = subtotal + 1, total = total + 1", "id = :paid"), FOREIGN,
    ),
    "the currency of a covered order changes": (
        update("orders", "currency = 'EUR'", "id = :paid"), FOREIGN,
    ),
    "the mode of a covered order changes": (
        update("orders", "livemode = 1", "id = :paid"), FOREIGN,
    ),
    # A purchase is what the line sold
    "two purchases from one line": (
        copy("purchased_products", "id = :live", id="pur_x", state="revoked", live_key=None),
        "purchased_products.order_line_id",
    ),
    "a purchase of another product than the line sold": (
        update("purchased_products", "product_id = :course", "id = :live"), FOREIGN,
    ),
    "a purchase from a support line": (
        update("purchased_products", "line_kind = 'support'", "id = :live"), "never_a_support_line",
    ),
    "a purchase from a support line that says product": (
        update("purchased_products", "order_line_id = :help_line", "id = :live"), FOREIGN,
    ),
    "a line that sells something else afterwards": (
        update("order_lines", "product_id = :course", "id = :paid_line"), FOREIGN,
    ),
    # D8
    "D8 two live purchases of one product": (
        update("purchased_products", "state = 'live', live_key = 1", "id = :standby"),
        "purchased_products.user_id",
    ),
    "live without the place": (
        update("purchased_products", "live_key = NULL", "id = :live"), "live_key_follows",
    ),
    "the place without being live": (
        update("purchased_products", "state = 'suspended'", "id = :live"), "live_key_follows",
    ),
    "a second place": (
        update("purchased_products", "state = 'live', live_key = 2", "id = :standby"),
        "live_key_is_one",
    ),
    "a purchase in a state of its own": (
        update("purchased_products", "state = 'expired', live_key = NULL", "id = :live"),
        "known_state",
    ),
    "a fact that is kept twice": (
        ("INSERT INTO digistore_entitlement_facts"
        " (grant_id, about, kind, state, amount, ticket, at, actor)"
        " SELECT grant_id, about, kind, state, amount, ticket, at, actor"
        " FROM digistore_entitlement_facts LIMIT 1"),
        "entitlement_facts.grant_id",
    ),
    # Natural keys
    "a payment twice": (
        copy("payments", PAYMENT, id="pay_x", **UNCOVERED), "payments.gateway",
    ),
    "a payment without a reference": (
        update("payments", "ref = NULL", PAYMENT), "NOT NULL",
    ),
    "a payment of no account": (update("payments", "account = NULL", PAYMENT), "NOT NULL"),
    "a payment of no gateway": (update("payments", "gateway = NULL", PAYMENT), "NOT NULL"),
    "a payment of no mode": (update("payments", "livemode = NULL", PAYMENT), "NOT NULL"),
    "a refund twice": (copy("refunds", "id = :refund", id="ref_x", key="k"), "refunds.gateway"),
    "two refunds by one key": (copy("refunds", "id = :refund", id="ref_x", ref="x"), "refunds.key"),
    "a refund that succeeded nobody knows where": (
        update("refunds", "ref = NULL", "id = :refund"), "what_the_gateway_told_has_its_ref",
    ),
    "a refund of ours without a key": (
        update("refunds", "key = NULL", "id = :refund"), "our_own_has_a_key",
    ),
    "a dispute twice": (copy("disputes", "1", id="dis_x"), "disputes.gateway"),
    "a provider's event twice": (
        copy("provider_events", "1 LIMIT 1", id="x"), "provider_events.gateway",
    ),
    "an event that is done at no time": (
        update("provider_events", "done_at = NULL", "status = 'done'"), "done_has_its_time",
    ),
    "an event that waits for ever": (
        update("provider_events", "status = 'received', done_at = NULL", "status = 'done'"),
        "received_has_a_next_time",
    ),
    "one checkout of two attempts": (
        copy("payment_attempts", "order_id = :paid", id="att_x", key="k"),
        "payment_attempts.gateway",
    ),
    "one key of two attempts": (
        copy("payment_attempts", "order_id = :paid", id="att_x", checkout_id="x"),
        "payment_attempts.key",
    ),
    "two live attempts of one order": (
        copy("payment_attempts", "order_id = :open", id="att_x", key="k", checkout_id="x"),
        "payment_attempts.order_id",
    ),
    "an attempt that ended and is live": (
        update("payment_attempts", "state = 'failed'", "order_id = :open"), "live_key_follows",
    ),
    "an open checkout nobody knows where": (
        update("payment_attempts", "checkout_id = NULL", "order_id = :open"),
        "a_checkout_has_its_id",
    ),
    "an action twice": (
        [
            "INSERT INTO digistore_payment_actions (id, kind, subject, open_key, created_at)"
            f" VALUES ('act_{n}', 'late', 'pay_1', 1, 0)"
            for n in range(2)
        ],
        "payment_actions.kind",
    ),
    "an action resolved without a choice": (
        ("INSERT INTO digistore_payment_actions (id, kind, subject, created_at, resolved_at)"
        " VALUES ('act_x', 'late', 'pay_1', 0, 0)"),
        "what_is_resolved_names_the_choice",
    ),
    # Double clicks
    "two open purchases of one product": (
        copy("order_lines", "order_id = :open", id="lin_x", position=9), "order_lines.buyer_id",
    ),
    "one key of two orders": (copy("orders", "id = :open", id="ord_x"), "orders.buyer_id"),
    "another kind of open": (
        update("order_lines", "open_key = 2", "order_id = :open"), "open_key_is_one",
    ),
    "an open support line that stands in the way": (
        update("order_lines", "open_key = 1", "id = :unpaid_line"), "open_key_on_products_only",
    ),
    "two lines in one place": (
        copy("order_lines", "order_id = :open", id="lin_x", open_key=None),
        "order_lines.order_id",
    ),
    "an order paid at no time": (
        update("orders", "state = 'paid'", "id = :open"), "paid_has_its_time",
    ),
    "an order paid and not": (
        update("orders", "state = 'open'", "id = :paid"), "paid_has_its_time",
    ),
    "an order in a state of its own": (
        update("orders", "state = 'refunded', paid_at = NULL", "id = :paid"), "known_state",
    ),
    # D9, D10: support
    "D9 support for nothing": (
        update("order_lines", "total = 0", "id = :unpaid_line"), "support_is_never_free",
    ),
    "D9 an offer for nothing": (update("support_offers", "price = 0", "1"), "offers_never_free"),
    "D9 a request for nothing": (
        update("support_requests", "price = 0", "id = :unpaid"), "requests_never_free",
    ),
    "D9 help before it is paid": (
        update("support_requests", "state = 'open'", "id = :unpaid"), "paid_before_it_opens",
    ),
    "D9 help for no purchase": (
        update("support_requests", "purchased_product_id = NULL", "id = :help"), "NOT NULL",
    ),
    "D9 help paid by the product's payment": (
        update("support_requests", "payment_id = :payment", "id = :help"), FOREIGN,
    ),
    "D10 two requests from one line": (
        copy("support_requests", "id = :help", id="sup_x"), "support_requests.order_line_id",
    ),
    "D10 a request from a product's line": (
        update("support_requests", "order_line_id = :paid_line, order_id = :paid", "id = :unpaid"),
        FOREIGN,
    ),
    "D10 a request that calls itself a product": (
        update("support_requests", "line_kind = 'product'", "id = :help"), "only_a_support_line",
    ),
    "a payment without its total": (
        update("support_requests", "covered_total = NULL", "id = :help"),
        "a_payment_names_its_total",
    ),
    "two active offers of one kind": (
        copy("support_offers", "1", id="off_x"), "support_offers.product_id",
    ),
    # Users
    "one log-in of two people": (
        update("users", "login_email = 'buyer@example.com'", "id = :other"), "users.login_email",
    ),
    "one external id of two people": (
        update("users", "external_id = '7'", "id IN (:buyer, :other)"), "users.external_id",
    ),
    "a role nobody knows": (
        "INSERT INTO digistore_user_roles VALUES (:buyer, 'king', 0)", "known_role",
    ),
    "a role twice": (
        "INSERT INTO digistore_user_roles VALUES (:buyer, 'customer', 0)", "user_roles.user_id",
    ),
    "the role of nobody": (
        "INSERT INTO digistore_user_roles VALUES ('usr_x', 'seller', 0)", FOREIGN,
    ),
    "a status nobody knows": (
        update("users", "status = 'banned'", "id = :buyer"), "known_status",
    ),
    "a password without a log-in": (
        update("users", "password_hash = 'x', login_email = NULL", "id = :buyer"),
        "a_password_needs_a_log_in",
    ),
    # Catalogue
    "two products of one slug": (
        update("products", "slug = 'book'", "id = :course"), "products.slug",
    ),
    "no price at all": (update("products", "price = NULL", "id = :book"), "one_kind_of_price"),
    "two kinds of price": (update("products", "minimum = 1", "id = :book"), "one_kind_of_price"),
    "bounds without a minimum": (
        update("products", "maximum = 5", "id = :book"), "bounds_need_a_minimum",
    ),
    "a maximum below the minimum": (
        update("products", "price = NULL, minimum = 5, maximum = 4", "id = :book"),
        "maximum_above_minimum",
    ),
    "a price below zero": (update("products", "price = -1", "id = :book"), "sane_price"),
    "a version twice": (
        update("releases", "number = '1.0'", "id = :draft"), "releases.product_id",
    ),
    "two latest releases": (
        copy("releases", "id = :release", id="rel_x", number="9"), "releases.product_id",
    ),
    "a draft that is latest": (
        update("releases", "latest_key = 1", "id = :draft"), "latest_is_published_and_stable",
    ),
    "a yanked release that is latest": (
        update("releases", "latest_key = 1", "id = :yanked"), "latest_is_published_and_stable",
    ),
    "a beta that is latest": (
        update("releases", "channel = 'beta'", "id = :release"), "latest_is_published_and_stable",
    ),
    "published at no time": (
        update("releases", "published_at = NULL", "id = :release"), "published_has_its_time",
    ),
    "yanked for no reason": (
        update("releases", "yank_reason = NULL", "id = :yanked"), "a_yank_has_a_reason",
    ),
    "a file of nothing": (
        update("release_files", "size = 0", "release_id = :draft"), "never_empty",
    ),
    "a file whose bytes are unknown": (
        update("release_files", "blob_sha256 = 'x'", "release_id = :draft"), FOREIGN,
    ),
    "a name twice in a release": (
        copy("release_files", "release_id = :draft", id="fil_x"), "release_files.release_id",
    ),
    # Outbox and audit
    "an event told twice": (copy("events", "id = :event", id="evt_x"), "events.dedupe_key"),
    "an event that waits and does not": (
        update("events", "waiting_key = NULL, routed_at = NULL", "id = :event"),
        "waiting_key_follows",
    ),
    "a delivery twice": (
        [("INSERT INTO digistore_deliveries (event_id, handler, state, tries, next_check_at)"
         " VALUES (:event, 'mail', 'due', 0, 0)")] * 2,
        "deliveries.event_id",
    ),
    "a delivery done at no time": (
        ("INSERT INTO digistore_deliveries (event_id, handler, state, tries)"
        " VALUES (:event, 'mail', 'done', 1)"),
        "done_has_its_time",
    ),
    "a delivery that waits for ever": (
        ("INSERT INTO digistore_deliveries (event_id, handler, state, tries)"
        " VALUES (:event, 'mail', 'due', 1)"),
        "due_has_a_next_time",
    ),
    "one version of an entity twice": (
        copy("audit", "entity_id = :buyer", sequence=None), "audit.entity",
    ),
    "a version before the first": (
        copy("audit", "entity_id = :buyer", sequence=None, version=0, previous=b"x"),
        "versions_start_at_one",
    ),
    "a second version of nothing before": (
        copy("audit", "entity_id = :buyer", sequence=None, version=2), "first_has_no_previous",
    ),
    "a first version with one before": (
        copy("audit", "entity_id = :buyer", sequence=None, entity_id="x", previous=b"x"),
        "first_has_no_previous",
    ),
    # D16: nothing that was sold can be deleted
    **{
        f"D16 a deleted {table}": (f"DELETE FROM digistore_{table} WHERE id = :{name}", FOREIGN)
        for table, name in {
            "products": "book",
            "users": "buyer",
            "orders": "paid",
            "order_lines": "paid_line",
            "releases": "release",
            "purchased_products": "live",
        }.items()
    },
}  # fmt: skip

GOOD: dict[str, list[Any]] = {
    "a standby steps in": [
        update("purchased_products", "state = 'suspended', live_key = NULL", "id = :live"),
        update("purchased_products", "state = 'live', live_key = 1", "id = :standby"),
    ],
    "a gift beside an own open order": [
        copy("orders", "id = :open", id="ord_x", idempotency_key=None),
        copy("order_lines", "order_id = :open", id="lin_x", order_id="ord_x",
             beneficiary_id=":other"),
    ],
    "an order comes back from expired and is paid twice over": [
        update("order_lines", "open_key = NULL", "order_id = :open"),
        update("orders", "state = 'expired', expired_at = 1", "id = :open"),
        update("orders", "state = 'processing'", "id = :open"),
        update("orders", "state = 'paid', paid_at = 2, late = 1", "id = :open"),
    ],
    "a second payment that covers nothing": [
        copy("payments", PAYMENT, id="pay_x", ref="x", **{**UNCOVERED, "disposition": "duplicate"}),
    ],
    "the same reference at another account": [
        copy("payments", PAYMENT, id="pay_x", account="acct_2", **UNCOVERED),
    ],
    "the same key of another buyer": [
        copy("orders", "id = :open", id="ord_x", buyer_id=":other"),
    ],
    "two attempts that nobody has answered": [
        copy("payment_attempts", "order_id = :open AND live_key = 1", id=f"att_{n}", key=f"k{n}",
             checkout_id=None, state="abandoned", live_key=None)
        for n in range(2)
    ],
    "two refunds that nobody has answered": [
        copy("refunds", "id = :refund", id=f"ref_{n}", key=f"k{n}", ref=None, state="unknown")
        for n in range(2)
    ],
    "two people without a log-in and one address": [
        update("users", "login_email = NULL, email = 'same@example.com'", "1"),
    ],
    "a captured surplus": [update("payments", "captured = captured + 1", PAYMENT)],
    "a request that is canceled before it is paid": [
        update("support_requests", "state = 'canceled'", "id = :unpaid"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def history(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tell_history(template, tmp_path_factory.mktemp("history"))


@pytest.fixture
def sql(history: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(history, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        yield connection
        connection.execute("ROLLBACK")


def happen(sql: sqlite3.Connection, events: Any) -> None:
    """Let *events* happen; each of them must concern a row."""
    names = {name: sql.execute(found).fetchone()[0] for name, found in NAMES.items()}
    for event in events if isinstance(events, list) else [events]:
        statement, given = (event, {}) if isinstance(event, str) else inserted(sql, event)
        values = {
            name: names[value[1:]] if isinstance(value, str) and value[:1] == ":" else value
            for name, value in given.items()
        }
        assert sql.execute(statement, {**names, **values}).rowcount > 0, statement


def inserted(
    sql: sqlite3.Connection, event: tuple[str, str, dict[str, Any]]
) -> tuple[str, dict[str, Any]]:
    table, where, changed = event
    columns = [row[1] for row in sql.execute(f"PRAGMA table_info(digistore_{table})")]
    assert set(changed) <= set(columns)
    values = ", ".join(f":new_{name}" if name in changed else name for name in columns)
    statement = (
        f"INSERT INTO digistore_{table} ({', '.join(columns)})"
        f" SELECT {values} FROM digistore_{table} WHERE {where}"
    )
    return statement, {f"new_{name}": value for name, value in changed.items()}


@pytest.mark.parametrize(("events", "refusal"), BAD.values(), ids=BAD)
def test_the_database_alone_refuses(sql: sqlite3.Connection, events: Any, refusal: str) -> None:
    with pytest.raises(sqlite3.IntegrityError) as caught:
        happen(sql, events)
    assert refusal in str(caught.value)


@pytest.mark.parametrize("events", GOOD.values(), ids=GOOD)
def test_the_database_accepts(sql: sqlite3.Connection, events: list[Any]) -> None:
    happen(sql, events)
    assert sql.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("name", NAMES)
def test_the_history_has_what_the_table_speaks_of(sql: sqlite3.Connection, name: str) -> None:
    assert sql.execute(NAMES[name]).fetchone()
