"""Claims: guests' purchases and gifts move to whoever proves the mailbox, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digistore import SYSTEM, Money
from digistore.errors import Forbidden, Invalid, PaymentInFlight, TooManyAttempts
from digistore.events import ClaimStarted, Event
from digistore.users import User
from tests.conftest import RETURN, Shop

ADDRESS = "ada@example.com"


def guest(shop: Shop, address: str = ADDRESS) -> User:
    return shop.store.users.guest(address)


def wrong(shop: Shop, code: str, user: User | None = None) -> None:
    with pytest.raises(Invalid) as caught:
        shop.store.users.claim(user, ADDRESS, code)
    assert caught.value.fields == {"code": "not_usable"}


def test_registering_an_address_claims_nothing_until_the_code_is_typed(shop: Shop) -> None:
    book, store = shop.product(), shop.store
    bought = shop.buy(book, guest(shop)).order
    ada = store.users.register(ADDRESS)
    assert not store.entitlements.check(ada, book)
    code = store.users.start_claim("Ada@EXAMPLE.com")
    claimed = store.users.claim(ada, ADDRESS, f" {code.lower().replace('-', ' ')}")
    assert claimed.id == ada.id
    assert claimed.email_verified_at == shop.clock()
    assert store.entitlements.check(ada, book)
    assert [order.id for order in store.orders.my_orders(ada)] == [bought.id]
    assert store.orders.get(ada, bought).buyer_id == ada.id
    assert store.orders.receipt(ada, bought).order.id == bought.id


def test_all_guests_of_an_address_and_their_gifts_move_together(shop: Shop) -> None:
    one, two, three = shop.product("one"), shop.product("two"), shop.product("three")
    shop.buy(one, guest(shop))
    shop.buy(two, guest(shop))
    shop.buy(three, gift_to=ADDRESS)
    shop.buy(shop.product("four"), guest(shop, "bob@example.com"))
    ada = shop.store.users.claim(None, ADDRESS, shop.store.users.start_claim(ADDRESS))
    mine = {owned.purchase.product_id for owned in shop.store.entitlements.my_products(ada)}
    assert mine == {one.id, two.id, three.id}
    assert len(list(shop.store.orders.my_orders(ada))) == 2  # a gift's order is its buyer's


def test_without_a_user_the_one_who_proved_the_address_claims(shop: Shop) -> None:
    book, users = shop.product(), shop.store.users
    ada = users.register(ADDRESS)
    users.claim_verified(SYSTEM, ada, ADDRESS)
    shop.buy(book, guest(shop))
    assert users.claim(None, ADDRESS, users.start_claim(ADDRESS)).id == ada.id
    assert shop.store.entitlements.check(ada, book)


def test_who_merely_typed_an_address_gets_nothing_of_its_owner(shop: Shop) -> None:
    """An account made in advance with somebody's address must not receive what is theirs."""
    book, users = shop.product(), shop.store.users
    stranger = users.register(ADDRESS)
    shop.buy(book, guest(shop))
    owner = users.claim(None, ADDRESS, users.start_claim(ADDRESS))
    assert owner.id != stranger.id
    assert owner.email == ADDRESS
    assert shop.store.entitlements.check(owner, book)
    assert not shop.store.entitlements.check(stranger, book)
    assert users.claim(None, ADDRESS, users.start_claim(ADDRESS)).id == owner.id


def test_a_code_is_good_once_for_an_hour_and_until_the_next(shop: Shop) -> None:
    store, ada = shop.store, shop.store.users.register(ADDRESS)
    old = store.users.start_claim(ADDRESS)
    new = store.users.start_claim(ADDRESS)
    wrong(shop, old, ada)
    store.users.claim(ada, ADDRESS, new)
    wrong(shop, new, ada)
    late = store.users.start_claim(ADDRESS)
    shop.clock.go(hours=1)
    wrong(shop, late, ada)


def test_a_code_is_for_its_own_address_alone(shop: Shop) -> None:
    code = shop.store.users.start_claim("bob@example.com")
    wrong(shop, code)
    assert shop.count("users", f"login_email = '{ADDRESS}'") == 0


@pytest.mark.parametrize("code", ["", "0000-0000-0000", "é" * 12, "\ud800", "x" * 10_000, None, 7])
def test_anything_else_is_a_wrong_code(shop: Shop, code: object) -> None:
    shop.store.users.start_claim(ADDRESS)
    wrong(shop, code)  # type: ignore[arg-type]


def test_tries_are_limited_even_for_the_right_code(shop: Shop) -> None:
    users = shop.store.users
    code = users.start_claim(ADDRESS)
    for _ in range(10):
        wrong(shop, "0000-0000-0000")
    with pytest.raises(TooManyAttempts) as caught:
        users.claim(None, ADDRESS, code)
    assert caught.value.retry_at > shop.clock()
    users.start_claim("bob@example.com")
    shop.clock.go(hours=1)
    assert users.claim(None, ADDRESS, users.start_claim(ADDRESS)).email == ADDRESS


def test_codes_for_one_address_are_limited(shop: Shop) -> None:
    for _ in range(5):
        shop.store.users.start_claim(ADDRESS)
    with pytest.raises(TooManyAttempts):
        shop.store.users.start_claim(ADDRESS.upper())
    assert shop.store.users.start_claim("bob@example.com")


def test_only_digests_are_kept_and_the_event_names_no_address(shop: Shop) -> None:
    told: list[Event] = []
    shop.store.on(ClaimStarted, told.append, name="host")
    code = shop.store.users.start_claim(ADDRESS)
    shop.store.run_due()
    assert len(code.replace("-", "")) == 12
    kept = str(
        shop.rows("SELECT * FROM digistore_claims") + shop.rows("SELECT * FROM digistore_tries")
    )
    assert code.replace("-", "") not in kept
    assert ADDRESS not in str(shop.rows("SELECT * FROM digistore_tries"))
    assert ADDRESS not in "".join(one.model_dump_json() for one in told)
    assert len(told) == 1


def test_what_the_user_has_already_waits_and_an_operator_is_asked(shop: Shop) -> None:
    book, ada = shop.product(), shop.store.users.register(ADDRESS)
    own = shop.buy(book, ada).order
    shop.buy(book, guest(shop))
    shop.store.users.claim_verified(SYSTEM, ada, ADDRESS)
    (action,) = shop.store.payments.needing_action(shop.operator)
    assert action.kind == "standby_paid"
    assert shop.count("purchased_products", "state = 'standby'") == 1
    shop.store.payments.refund(shop.seller, own, reason="asked for")
    assert shop.store.entitlements.check(ada, book)


def test_two_guests_with_one_product_leave_one_live_purchase(shop: Shop) -> None:
    book = shop.product()
    for _ in range(2):
        shop.buy(book, guest(shop))
    ada = shop.store.users.register(ADDRESS)
    shop.store.users.claim_verified(SYSTEM, ada, ADDRESS)
    assert shop.count("purchased_products", "state = 'live'") == 1
    assert shop.store.entitlements.check(ada, book)


def test_money_that_comes_after_the_claim_opens_for_who_claimed(shop: Shop) -> None:
    book, store = shop.product(), shop.store
    checkout = shop.checkout(book, guest(shop))
    gift = shop.checkout(shop.product("gift"), gift_to=ADDRESS)
    ada = store.users.register(ADDRESS)
    store.users.claim_verified(SYSTEM, ada, ADDRESS)
    for one in (checkout, gift):
        shop.deliver(shop.sandbox.pay(one))
    assert len(list(store.entitlements.my_products(ada))) == 2


def test_money_that_goes_back_after_the_claim_closes_it(shop: Shop) -> None:
    book, store = shop.product(), shop.store
    order = shop.buy(book, guest(shop)).order
    ada = store.users.register(ADDRESS)
    store.users.claim_verified(SYSTEM, ada, ADDRESS)
    store.payments.refund(shop.seller, order, reason="asked for")
    assert not store.entitlements.check(ada, book)


def test_a_claimed_payment_on_its_way_holds_a_second_purchase_back(shop: Shop) -> None:
    book, store = shop.product(), shop.store
    checkout = shop.checkout(book, guest(shop))
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    ada = store.users.register(ADDRESS)
    store.users.claim_verified(SYSTEM, ada, ADDRESS)
    with pytest.raises(PaymentInFlight):
        shop.checkout(book, ada)


def test_a_claimed_open_order_gives_way_to_a_new_checkout(shop: Shop) -> None:
    book, store = shop.product(), shop.store
    old = shop.checkout(book, guest(shop), idempotency_key="k")
    ada = store.users.register(ADDRESS)
    shop.checkout(shop.product("other"), ada, idempotency_key="k")
    store.users.claim_verified(SYSTEM, ada, ADDRESS)
    new = shop.checkout(book, ada)
    assert new.order.id != old.order.id
    assert store.orders.get(ada, old.order).state == "canceled"


def test_support_moves_along(shop: Shop) -> None:
    book, store, who = shop.product(), shop.store, guest(shop)
    store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="One hour."
    )
    shop.buy(book, who)
    asked = store.support.request(
        who, book, kind="setup", subject="Help", body="Please.", return_url=RETURN
    )
    shop.deliver(shop.sandbox.pay(asked.checkout))
    ada = store.users.register(ADDRESS)
    store.users.claim_verified(SYSTEM, ada, ADDRESS)
    assert [one.id for one in store.support.my_supports(ada)] == [asked.request.id]
    assert store.support.reply(ada, asked.request, body="It is me.").id == asked.request.id


def test_a_claim_again_changes_nothing_and_takes_what_came_since(shop: Shop) -> None:
    store, ada = shop.store, shop.store.users.register(ADDRESS)
    shop.buy(shop.product("one"), guest(shop))
    for _ in range(2):
        store.users.claim_verified(SYSTEM, ada, ADDRESS)
    assert shop.count("audit", "cause = 'claim' AND entity = 'purchase'") == 1
    shop.buy(shop.product("two"), gift_to=ADDRESS)
    store.users.claim_verified(SYSTEM, ada, ADDRESS)
    assert len(list(store.entitlements.my_products(ada))) == 2


def test_a_guest_who_claimed_is_claimed_in_turn(shop: Shop) -> None:
    store, book = shop.store, shop.product()
    shop.buy(book, guest(shop))
    between = guest(shop, "bob@example.com")
    store.users.claim_verified(SYSTEM, between, ADDRESS)
    last = store.users.register("bob@example.com")
    store.users.claim_verified(SYSTEM, last, "bob@example.com")
    assert store.entitlements.check(last, book)


def test_accounts_are_never_claimed(shop: Shop) -> None:
    store, book = shop.store, shop.product()
    shop.buy(book, store.users.register(ADDRESS))
    shop.buy(book, store.users.ensure("host-1", email=ADDRESS))
    thief = store.users.register("thief@example.com")
    store.users.claim_verified(SYSTEM, thief, ADDRESS)
    assert list(store.entitlements.my_products(thief)) == []
    assert thief.email_verified_at is None


def test_only_the_host_vouches_and_a_merged_guest_acts_no_more(shop: Shop) -> None:
    who = guest(shop)
    for actor in (shop.operator, shop.buyer, who):
        with pytest.raises(Forbidden):
            shop.store.users.claim_verified(actor, who, ADDRESS)
    shop.store.users.claim_verified(SYSTEM, shop.buyer, ADDRESS)
    with pytest.raises(Forbidden):
        shop.store.orders.my_orders(who)


def test_the_limit_of_tries_is_per_hour_from_the_first(shop: Shop) -> None:
    for _ in range(10):
        wrong(shop, "0000-0000-0000")
        shop.clock.go(minutes=5)
    with pytest.raises(TooManyAttempts) as caught:
        shop.store.users.claim(None, ADDRESS, "0000-0000-0000")
    assert caught.value.retry_at - shop.clock() <= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("bought", "claimed"),
    [
        ("anna@straße.de", "anna@strasse.de"),
        ("anna@xn--strae-oqa.de", "anna@strasse.de"),
        ("maße@example.com", "masse@example.com"),
        ("\u03c3@example.com", "\u03c2@example.com"),
        ("\u017fue@example.com", "sue@example.com"),
    ],
)
def test_two_mailboxes_that_look_alike_are_two(shop: Shop, bought: str, claimed: str) -> None:
    """What one person bought was moved to whoever owns the other mailbox."""
    book, users = shop.product(), shop.store.users
    buyer = guest(shop, bought)
    shop.buy(book, buyer)
    other = users.claim(None, claimed, users.start_claim(claimed))
    assert not shop.store.entitlements.check(other, book)
    assert shop.store.entitlements.check(buyer, book)
    owner = users.claim(None, bought, users.start_claim(bought))
    assert shop.store.entitlements.check(owner, book)


def test_what_stays_with_a_guest_who_moved_is_no_damage(shop: Shop) -> None:
    """Of two open orders of one gift the guest's stays where it is, with what it took off."""
    gift = shop.product("gift")
    shop.store.orders.add_discount(shop.seller, "HALF", percent=50)
    me, guest = shop.store.users.register("me@example.com"), shop.store.users.guest(ADDRESS)
    shop.checkout(gift, me, gift_to="kid@example.com")
    kept = shop.checkout(gift, guest, gift_to="kid@example.com", discount="HALF")
    shop.store.users.claim_verified(SYSTEM, me, ADDRESS)
    assert shop.store.orders.get(SYSTEM, kept.order).buyer_id == guest.id
    assert shop.store.doctor().findings == ()
