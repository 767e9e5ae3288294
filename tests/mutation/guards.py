"""The guards in the code, one by one: where they stand, what is left without them, who notices.

A promise that two hold, a guard and a constraint or two guards, stands in ``PAIRS``: without one
of them nothing may happen, without both some test must fail.
"""

from __future__ import annotations

from typing import Final, NamedTuple

RACES: Final = "tests/payments/test_races.py"
SETTLING: Final = "tests/payments/test_dispositions.py"


class Guard(NamedTuple):
    """A guard: the file, what stands there, what is put there, the tests and which of them."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str
    which: str = ""


class Pair(NamedTuple):
    """What holds one promise together: guards and constraints by their names; who notices."""

    promise: str
    without: tuple[str, ...]
    tests: str
    which: str = ""


GUARDS: Final = (
    Guard(
        "an order is locked by the write that comes first",
        "orders/writes.py",
        "    update(orders)\n"
        '    .where(orders.c.id == bindparam("order_id"))\n'
        "    .values(version=orders.c.version + 1)\n"
        "    .returning(orders.c.version)\n",
        "    orders.select()\n"
        '    .where(orders.c.id == bindparam("order_id"))\n'
        '    .with_only_columns((orders.c.version + 1).label("version"))\n',
        RACES,
        "two_payments_of_one_order and PostgreSQL and stores",
    ),
    Guard(
        "what is stored is read under the lock",
        "payments/service/settle.py",
        "answers = iter(await tx.batch([one for group in groups for one in group]))",
        "told = await tx.batch([one for group in groups[1:] for one in group])\n"
        "        answers = iter([*await tx.batch(locks), *told])",
        SETTLING,
        "D4_what_is_stored and PostgreSQL",
    ),
    Guard(
        "a holding is locked before its facts are read",
        "entitlements/holding.py",
        ".on_conflict_do_update(\n"
        '        index_elements=["user_id", "product_id"], '
        'set_={"version": holdings.c.version + 1}\n'
        "    )",
        '.on_conflict_do_nothing(index_elements=["user_id", "product_id"])',
        RACES,
        "beside_a_second and PostgreSQL and stores",
    ),
    Guard(
        "what changes nothing is rolled back",
        "payments/service/settle.py",
        "if not book.changed():",
        "if book is None:",
        "tests/payments/test_webhooks.py",
        "rival_was_faster and SQLite-Store",
    ),
    Guard(
        "a payment is looked for again once it belongs to another order",
        "payments/service/settle.py",
        "if [one.order_id for one in mine] != [order_id]:",
        "if mine is None:",
        "tests/payments/test_assigning.py",
        "SQLite-Store",
    ),
    Guard(
        "a message is stored once",
        "payments/service/webhooks.py",
        "    once=_KEY,\n",
        "",
        "tests/payments/test_webhooks.py",
        "SQLite-Store",
    ),
    Guard(
        "a payment is known by its reference",
        "payments/rules/merge.py",
        "known = next((one for one in book.payments if _is_it(one, snapshot)), None)",
        "known = None",
        "tests/payments/rules/test_merge.py",
    ),
    Guard(
        "a fact is heard once",
        "entitlements/holding.py",
        "if fact.key not in {known.key for known in (*self.facts, *self.fresh)}:",
        "if fact.key:",
        SETTLING,
        "SQLite-Store",
    ),
    Guard(
        "an event is announced once",
        "outbox/service.py",
        '    once=("dedupe_key",),\n',
        "",
        "tests/outbox/test_outbox.py",
        "SQLite-Store",
    ),
    Guard(
        "who slept past its lease closes nothing",
        "outbox/service.py",
        ".where(_is(leased.event.id, leased.handler), deliveries.c.lease == leased.lease)",
        ".where(_is(leased.event.id, leased.handler))",
        "tests/outbox/test_outbox.py",
        "lease and SQLite-Store",
    ),
    Guard(
        "the amount is compared",
        "payments/rules/judge.py",
        "if payment.asked < expected or payment.captured < max(payment.asked, order.total):",
        "if expected is None:",
        SETTLING,
        "SQLite-Store",
    ),
    Guard(
        "the currency is compared",
        "payments/rules/judge.py",
        "if payment.currency != order.currency:",
        "if payment.currency is None:",
        SETTLING,
        "SQLite-Store",
    ),
    Guard(
        "gateway, mode and account are compared",
        "payments/rules/judge.py",
        "    return attempt is not None and (attempt.gateway,",
        "    return attempt is not None or (attempt.gateway,",
        "tests/payments/rules/test_judge.py",
    ),
    Guard(
        "a discount is locked before its uses are counted",
        "orders/discounts/redeeming.py",
        "    await tx.rows(discount.values(used=discounts.c.used))\n",
        "",
        "tests/doctor/test_recount.py",
    ),
    Guard(
        "a discount has uses left",
        "orders/discounts/redeeming.py",
        "            _has_room(discounts),\n",
        "",
        "tests/orders/test_discount_races.py",
        "last_use and PostgreSQL and stores",
    ),
    Guard(
        "a customer has uses left",
        "orders/discounts/redeeming.py",
        ".where(_customer(offer.id, customer_id), _has_room(discount_customers))",
        ".where(_customer(offer.id, customer_id))",
        "tests/orders/test_discounts.py",
        "SQLite-Store",
    ),
    Guard(
        "no more goes back than is left",
        "payments/service/refunds.py",
        "if amount.amount == 0 or amount > remains:",
        "if amount.amount == 0:",
        "tests/payments/test_refunds.py",
        "SQLite-Store",
    ),
    Guard(
        "what is open already is found",
        "orders/service/placing.py",
        "if (r.product_id, r.beneficiary_id) in wanted})",
        "if (r.product_id, r.beneficiary_id) in wanted})[:0]",
        "tests/orders/test_checkout.py",
        "SQLite-Store",
    ),
    Guard(
        "an order is found by its key",
        "orders/service/placing.py",
        "if wish.idempotency_key is None:\n        return None\n    row =",
        "if wish.idempotency_key or not wish.idempotency_key:\n        return None\n    row =",
        "tests/orders/test_checkout.py",
        "key and SQLite-Store",
    ),
    Guard(
        "a receipt is known",
        "orders/receipts/issuing.py",
        "        if known:\n",
        "        if known and not order:\n",
        "tests/orders/test_receipts.py",
        "SQLite-Store",
    ),
    Guard(
        "a link has visits left",
        "short_urls/service/visits.py",
        ".where(short_urls.c.id == link_id, short_urls.c.visits < short_urls.c.max_visits)",
        ".where(short_urls.c.id == link_id)",
        "tests/short_urls/test_redirects.py",
    ),
    Guard(
        "of a dispute the newest ticket counts",
        "payments/rules/merge.py",
        "elif ticket < known.ticket:",
        "elif ticket < 0:",
        "tests/payments/rules/test_merge.py",
    ),
    Guard(
        "a newer ticket is stored where nothing came between",
        "payments/service/settle.py",
        "disputes.c.id == dispute_id, disputes.c.ticket == before",
        "disputes.c.id == dispute_id",
        "tests/payments/test_settle.py",
    ),
)

PAIRS: Final = (
    Pair(
        "D8: one of two paid grants is live",
        (
            "a holding is locked before its facts are read",
            "digistore_purchased_products_one_live_purchase",
        ),
        RACES,
        "beside_a_second and PostgreSQL and stores",
    ),
    Pair(
        "D4: one payment covers an order",
        (
            "what is stored is read under the lock",
            "digistore_payments_one_covering_payment",
        ),
        SETTLING,
        "D4_what_is_stored and PostgreSQL",
    ),
    Pair(
        "one payment opens once, however often it is told",
        ("a message is stored once", "digistore_provider_events_one_row_per_event"),
        "tests/payments/test_webhooks.py",
        "SQLite-Store",
    ),
    Pair(
        "one payment of one reference",
        ("a payment is known by its reference", "digistore_payments_one_payment_per_ref"),
        "tests/payments/test_webhooks.py",
        "SQLite-Store",
    ),
    Pair(
        "a fact is kept once",
        ("a fact is heard once", "digistore_entitlement_facts_a_fact_is_kept_once"),
        "tests/entitlements/test_access.py",
        "I17 and SQLite-Store",
    ),
    Pair(
        "an event is told once",
        ("an event is announced once", "digistore_events_one_event_per_transition"),
        "tests/outbox/test_outbox.py tests/payments/test_webhooks.py",
        "SQLite-Store",
    ),
    Pair(
        "a covering payment covers the total",
        ("the amount is compared", "digistore_payments_covering_really_covers"),
        SETTLING,
        "SQLite-Store",
    ),
    Pair(
        "a covering payment is in the currency of the order",
        ("the currency is compared", "digistore_payments_covering_really_covers"),
        SETTLING,
        "SQLite-Store",
    ),
    Pair(
        "a discount is used as often as it may be",
        ("a discount has uses left", "digistore_discounts_used_within_limit"),
        "tests/orders/test_discount_races.py",
        "last_use and PostgreSQL and stores",
    ),
    Pair(
        "a customer uses a discount as often as they may",
        ("a customer has uses left", "digistore_discount_customers_used_within_limit"),
        "tests/orders/test_discounts.py",
        "SQLite-Store",
    ),
    Pair(
        "no more is given back than was captured",
        ("no more goes back than is left", "digistore_payments_refunds_within_captured"),
        "tests/payments/test_refunds.py",
        "SQLite-Store",
    ),
    Pair(
        "one open purchase of a product",
        ("what is open already is found", "digistore_order_lines_one_open_purchase"),
        "tests/orders/test_checkout.py",
        "SQLite-Store",
    ),
    Pair(
        "one order of a key",
        ("an order is found by its key", "digistore_orders_one_order_per_key"),
        "tests/orders/test_checkout.py",
        "key and SQLite-Store",
    ),
    Pair(
        "one receipt of an order",
        ("a receipt is known", "digistore_receipts_one_receipt_per_order"),
        "tests/orders/test_receipts.py",
        "SQLite-Store",
    ),
    Pair(
        "a link is visited as often as it may be",
        ("a link has visits left", "digistore_short_urls_visits_within_limit"),
        "tests/short_urls/test_redirects.py",
    ),
)
