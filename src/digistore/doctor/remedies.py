"""What mends what: which checks find damage that stored facts alone can undo.

A check that is not named here finds facts that contradict each other, or are gone; or a key that
only a database without its constraints can have lost. That is for a person.
"""

from __future__ import annotations

from typing import Final

from digistore.doctor.models import Remedy

FIGURES: Final = "closed_days_add_up"
USES: Final = "discount_uses_are_counted"
# What uses are counted from: every order that took something off has its redemption, and its state.
REDEEMED: Final = frozenset(
    {
        "one_redemption_of_what_was_taken_off",
        "redemption_follows_its_order",
        "redemption_is_of_its_sellers_discount",
    }
)
MESSAGES: Final = frozenset({"message_is_worked_once", "messages_are_looked_at"})
# What the figures of a day are added up from: money, orders, discounts, snapshots, references.
WITNESSES: Final = frozenset({"I9", "I10", "I11", "I12", "I13", "I14", "I22", "I24", "I33"})
# By the rules of settling, over the book and the holdings of one order.
BOOKS: Final = frozenset(
    {
        "all_money_back_closes",
        "attempts_are_looked_at",
        "closed_for_a_reason",
        "dispute_suspends",
        "disputes_are_looked_at",
        "help_ends_with_its_money",
        "last_word_is_stored",
        "live_key_follows_state",
        "lost_dispute_closes",
        "lost_dispute_is_asked_about",
        "odd_money_is_acted_on",
        "one_live_purchase",
        "open_key_follows_order",
        "outcome_follows_purchase",
        "paid_help_is_open",
        "paid_is_covered",
        "partial_refund_closes",
        "pending_money_is_looked_at",
        "processing_has_its_payment",
        "rebuilding_changes_nothing",
        "refunds_add_up",
        "refunds_are_looked_at",
        "refunds_within_captured",
        "returned_money_closes",
        "standby_waits_for_a_live_one",
        "state_has_its_time",
        "suspended_for_a_reason",
        "unassigned_refund_is_asked_about",
        "waiting_purchase_is_acted_on",
    }
)
ASK_THE_GATEWAY: Final = frozenset(
    {"access_is_covered", "paid_means_purchased", "succeeded_is_judged"}
)


def remedy_of(check: str) -> Remedy:
    """Return who can mend what the check of this name finds."""
    if check in BOOKS or check in MESSAGES or check in {FIGURES, USES}:
        return Remedy.REPAIR
    return Remedy.RECONCILE if check in ASK_THE_GATEWAY else Remedy.PERSON
