"""What an operator does to a purchase: a recorded word, never a flipped flag."""

from __future__ import annotations

from typing import Any

import pytest

from digistore import SYSTEM, Product, PurchasedProduct
from digistore.errors import Forbidden, Invalid, NotFound
from tests.conftest import Shop
from tests.payments.asking import access, events, given_back, waiting
from tests.payments.end_state import every_row


def owned(shop: Shop, product: Product) -> PurchasedProduct:
    found = shop.store.entitlements.check(shop.buyer, product).purchase
    assert found is not None
    return found


def epoch(shop: Shop, purchase: PurchasedProduct) -> int:
    sql = f"SELECT epoch FROM digistore_purchased_products WHERE id = '{purchase.id}'"
    return int(shop.rows(sql)[0][0])


def states(shop: Shop) -> list[str]:
    sql = "SELECT state FROM digistore_purchased_products ORDER BY rowid"
    return [row[0] for row in shop.rows(sql)]


def test_a_revocation_ends_access_and_restoring_undoes_it(shop: Shop) -> None:
    """D5: money does not move."""
    book = shop.product()
    checkout = shop.buy(book)
    purchase = owned(shop, book)
    revoked = shop.store.entitlements.revoke(shop.operator, purchase, reason="shared it")
    assert (revoked.id, revoked.state) == (purchase.id, "revoked")
    assert access(shop, book) == "revoked"
    assert epoch(shop, purchase) == 2
    restored = shop.store.entitlements.restore(SYSTEM, purchase.id, reason="did not")
    assert (restored.state, access(shop, book)) == ("live", "live")
    assert epoch(shop, purchase) == 2  # what closes raises it; what opens has nothing to close
    assert [one for one in events(shop) if one.startswith("Access")] == [
        "AccessGranted",
        "AccessRevoked",
        "AccessRestored",
    ]
    assert given_back(shop, checkout) == []


def test_said_twice_is_said_once(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    purchase = owned(shop, book)
    say = shop.store.entitlements
    for word, state in ((say.revoke, "revoked"), (say.restore, "live"), (say.revoke, "revoked")):
        word(shop.operator, purchase, reason="once")
        facts = shop.count("entitlement_facts")
        for _ in range(2):
            assert word(shop.operator, purchase, reason="twice").state == state
        assert shop.count("entitlement_facts") == facts
    assert shop.count("entitlement_facts", "kind = 'operator'") == 3


def test_restoring_what_was_never_revoked_says_nothing(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    shop.store.entitlements.restore(shop.operator, owned(shop, book), reason="to be sure")
    assert shop.count("entitlement_facts", "kind = 'operator'") == 0
    assert access(shop, book) == "live"


def test_restoring_opens_only_what_the_money_allows(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    purchase = owned(shop, book)
    shop.store.entitlements.revoke(shop.operator, purchase, reason="x")
    shop.deliver(shop.sandbox.open_dispute(checkout))
    restore = shop.store.entitlements.restore
    assert restore(shop.operator, purchase, reason="x").state == "suspended"
    shop.deliver(shop.sandbox.close_dispute(checkout, "lost"))
    assert restore(shop.operator, purchase, reason="x").state == "revoked"


def test_an_operator_s_no_outlasts_the_bank_s_yes(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.deliver(shop.sandbox.open_dispute(checkout))
    (purchase,) = (row[0] for row in shop.rows("SELECT id FROM digistore_purchased_products"))
    shop.store.entitlements.revoke(shop.operator, purchase, reason="fraud")
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))
    assert access(shop, book) == "revoked"
    shop.store.entitlements.restore(shop.operator, purchase, reason="no fraud")
    assert access(shop, book) == "live"


def test_a_standby_steps_in_for_what_was_revoked(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    first = owned(shop, book)
    shop.buy(book, allow_repeat=True)
    assert states(shop) == ["live", "standby"]
    shop.store.entitlements.revoke(shop.operator, first, reason="x")
    assert (states(shop), access(shop, book)) == (["revoked", "live"], "live")
    assert shop.store.entitlements.restore(shop.operator, first, reason="x").state == "standby"
    assert states(shop) == ["standby", "live"]
    lines = shop.rows("SELECT outcome FROM digistore_order_lines ORDER BY rowid")
    assert lines == [("standby",), ("opened",)]


def test_a_standby_can_be_revoked_and_the_live_one_stays(shop: Shop) -> None:
    book = shop.product()
    for _ in range(2):
        shop.buy(book, allow_repeat=True)
    sql = "SELECT id FROM digistore_purchased_products WHERE state = 'standby'"
    ((second,),) = shop.rows(sql)
    assert shop.store.entitlements.revoke(shop.operator, second, reason="x").state == "revoked"
    assert (states(shop), access(shop, book)) == (["live", "revoked"], "live")


def test_money_of_a_purchase_whose_place_was_taken_is_asked_about(shop: Shop) -> None:
    """As after a dispute that was won: payments.md, section 4."""
    book = shop.product()
    shop.buy(book)
    first = owned(shop, book)
    shop.store.entitlements.revoke(shop.operator, first, reason="x")
    shop.buy(book)
    shop.store.entitlements.restore(shop.operator, first, reason="x")
    assert states(shop) == ["standby", "live"]
    assert waiting(shop) == ["standby_paid"]
    shop.store.entitlements.revoke(shop.operator, first, reason="x")
    shop.store.entitlements.restore(shop.operator, first, reason="x")
    asked = shop.rows("SELECT actor FROM digistore_events WHERE type = 'ActionNeeded'")
    assert asked == [(shop.operator.id,)]


def test_only_operators_and_the_host_say_such_words(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    purchase = owned(shop, book)
    nobody: tuple[Any, ...] = (shop.seller, shop.buyer, shop.new_seller("o@example.com"), None)
    before = every_row(shop.rows)
    for word in (shop.store.entitlements.revoke, shop.store.entitlements.restore):
        for actor in nobody:
            with pytest.raises(Forbidden):
                word(actor, purchase, reason="mine")
        with pytest.raises(NotFound):
            word(shop.operator, "pur_unknown", reason="x")
        for reason in ("", " ", "x" * 2001, "bell \a", None):
            with pytest.raises(Invalid) as caught:
                word(shop.operator, purchase, reason=reason)  # type: ignore[arg-type]
            assert set(caught.value.fields) == {"reason"}
    assert every_row(shop.rows) == before
