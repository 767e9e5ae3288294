"""Bad rows about discounts and what was redeemed of them."""

from __future__ import annotations

from tests.doctor.plant import plant, twin

_DISCOUNT = "UPDATE digistore_discounts SET {} WHERE id = :discount"
_CUSTOMER = (
    "UPDATE digistore_discount_customers SET {} WHERE discount_id = :discount"
    " AND customer_id = :late_discounted_buyer"
)
_TAKEN = "UPDATE digistore_redemptions SET {} WHERE order_id = :{}"

PLANTS = (
    plant("discount_uses_are_counted", "discount", _DISCOUNT.format("used = used - 1")),
    plant("discount_uses_are_counted", "discount", _CUSTOMER.format("used = 0")),
    plant(
        "discount_uses_are_counted",
        "discount",
        "DELETE FROM digistore_discount_customers WHERE customer_id = :late_discounted_buyer",
    ),
    plant(
        "discount_holds_its_limits",
        "discount",
        _DISCOUNT.format("max_uses = 1, over_limit = 0"),
    ),
    plant("discount_holds_its_limits", "discount", _DISCOUNT.format("over_limit = 9")),
    plant("discount_holds_its_limits", "discount", _CUSTOMER.format("max_uses = 9")),
    plant("discount_holds_its_limits", "discount", _CUSTOMER.format("over_limit = 9")),
    plant(
        "discount_holds_its_limits",
        "discount",
        _CUSTOMER.format("max_uses = 1, over_limit = 0, used = 2"),
    ),
    plant(
        "one_redemption_of_what_was_taken_off",
        "discounted_order",
        *twin("redemptions", "order_id = :discounted_order", id="'zzz_twin'"),
    ),
    plant(
        "one_redemption_of_what_was_taken_off",
        "discounted_order",
        "DELETE FROM digistore_redemptions WHERE order_id = :discounted_order",
    ),
    plant(
        "one_redemption_of_what_was_taken_off",
        "discounted_order",
        _TAKEN.format("amount = 1", "discounted_order"),
    ),
    plant(
        "redemption_follows_its_order",
        "discounted_order",
        _TAKEN.format("state = 'reserved'", "discounted_order"),
    ),
    plant(
        "redemption_follows_its_order",
        "reserved_order",
        _TAKEN.format("state = 'used'", "reserved_order"),
    ),
    plant(
        "redemption_follows_its_order",
        "reserved_order",
        _TAKEN.format("state = 'released'", "reserved_order"),
    ),
    plant(
        "redemption_follows_its_order",
        "released_order",
        _TAKEN.format("state = 'reserved'", "released_order"),
    ),
    plant(
        "redemption_follows_its_order",
        "discounted_order",
        _TAKEN.format("over_limit = 1", "discounted_order"),
    ),
    plant(
        "redemption_is_of_its_sellers_discount",
        "discounted_order",
        _DISCOUNT.format("owner = 'house', seller_id = NULL"),
    ),
    plant(
        "redemption_is_of_its_sellers_discount",
        "discounted_order",
        _TAKEN.format("customer_id = :seller", "discounted_order"),
    ),
    plant(
        "one_live_discount_per_code",
        "discount",
        *twin("discounts", "id = :discount", id="'zzz_twin'"),
    ),
    plant("one_live_discount_per_code", "discount", _DISCOUNT.format("live_key = NULL")),
    plant("one_live_discount_per_code", "discount", _DISCOUNT.format("owner = 'house'")),
)
