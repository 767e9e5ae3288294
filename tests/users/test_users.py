"""Users: registered, ensured, guests; one row each, with roles that add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from digistore import SYSTEM, HostUser, Money, Role, Store, User
from digistore.errors import AlreadyExists, Forbidden, Invalid, NotFound
from tests.conftest import RETURN, Shop
from tests.past import connection_to
from tests.performance.hearing import briefly, hearing

Subtests = pytest.Subtests
CUSTOMER = frozenset({Role.CUSTOMER})
NOWHERE = "usr_2222222222222222222222"


def disable(shop: Shop, user: User, status: str = "disabled") -> None:
    """Do what no operation does yet: an operator stops somebody from acting."""
    target = getattr(shop.store, "_target", shop.store)
    with connection_to(target._shop.database) as connection:
        connection.exec_driver_sql(
            f"UPDATE digistore_users SET status = '{status}' WHERE id = '{user.id}'"
        )


# Register


def test_D2_registering_makes_a_customer_without_purchases(shop: Shop) -> None:
    user = shop.store.users.register("  Ada@Example.COM ", name=" Ada Lovelace ")
    assert user.id.startswith("usr_")
    assert (user.email, user.name) == ("Ada@example.com", "Ada Lovelace")
    assert user.roles == CUSTOMER
    assert user.email_verified_at is None
    assert user.external_id is None
    assert user.created_at == shop.clock()
    assert shop.store.users.get(user, user) == user
    assert not shop.store.entitlements.my_products(user)
    assert not shop.store.orders.my_orders(user)


def test_an_address_registers_once_in_whatever_case(store: Store, subtests: Subtests) -> None:
    store.users.register("Ada@example.com")
    for again in ("Ada@example.com", "ada@example.com", " ADA@EXAMPLE.COM", "ada@Example.com\n"):
        with subtests.test(address=again):
            with pytest.raises(AlreadyExists) as caught:
                store.users.register(again)
            assert caught.value.field == "email"
            assert "ada" not in str(caught.value).lower()
    assert store.users.register("ada@example.org").id


def test_bad_input_is_refused_before_anything_is_written(store: Store, subtests: Subtests) -> None:
    users: Any = store.users
    bad: list[tuple[Callable[[], object], str]] = [
        (lambda: users.register("not an address"), "email"),
        (lambda: users.register(None), "email"),
        (lambda: users.register("ada@example.com", name="a\0b"), "name"),
        (lambda: users.register("ada@example.com", name="two\nlines"), "name"),
        (lambda: users.register("ada@example.com", name=" "), "name"),
        (lambda: users.register("ada@example.com", name="x" * 201), "name"),
        (lambda: users.register("ada@example.com", name=7), "name"),
        (lambda: users.guest("nobody"), "email"),
        (lambda: users.ensure(""), "external_id"),
        (lambda: users.ensure(" "), "external_id"),
        (lambda: users.ensure(None), "external_id"),
        (lambda: users.ensure(7), "external_id"),
        (lambda: users.ensure("x" * 201), "external_id"),
        (lambda: users.ensure("a\0b"), "external_id"),
        (lambda: users.ensure("\ud800"), "external_id"),
        (lambda: users.ensure("7", email="nobody"), "email"),
        (lambda: users.ensure("7", email="ada@example.com", name="\x1b"), "name"),
    ]
    for number, (call, field) in enumerate(bad):
        with subtests.test(number=number, field=field):
            with pytest.raises(Invalid) as caught:
                call()
            assert set(caught.value.fields) == {field}
    assert store.users.register("ada@example.com").email == "ada@example.com"
    with pytest.raises(NotFound):
        store.users.by_external_id(SYSTEM, "7")


def test_each_guest_is_somebody_new_until_a_claim_joins_them(shop: Shop) -> None:
    one, two = (shop.store.users.guest("Ada@example.com") for _ in range(2))
    assert one.id != two.id
    assert one.email == two.email == "Ada@example.com"
    assert one.roles == CUSTOMER
    assert shop.count("users", "login_email IS NOT NULL AND email LIKE 'ada%'") == 0
    assert shop.store.users.register("ada@example.com").id not in {one.id, two.id}


# Ensure


def test_ensuring_again_with_the_same_writes_nothing(shop: Shop, subtests: Subtests) -> None:
    users = shop.store.users
    made = users.ensure("host-7", email="ada@example.com", name="Ada")
    assert (made.external_id, made.email, made.name) == ("host-7", "ada@example.com", "Ada")
    assert made.roles == CUSTOMER
    before = shop.count("audit"), shop.rows("SELECT * FROM digistore_users")
    shop.clock.go(hours=1)
    for again in (
        {"email": "ada@example.com", "name": "Ada"},
        {"email": " ada@EXAMPLE.com "},
        {"name": " Ada "},
        {"email": "", "name": ""},
        {},
    ):
        with subtests.test(again=again):
            with hearing(shop.store) as said:
                assert users.ensure("host-7", **again) == made
            # Not even a transaction that could have written.
            assert briefly(said) == ["SELECT users user_roles"] * 2
    assert (shop.count("audit"), shop.rows("SELECT * FROM digistore_users")) == before


def test_ensuring_with_something_new_brings_the_user_up_to_date(shop: Shop) -> None:
    users = shop.store.users
    made = users.ensure("host-7")
    assert (made.email, made.name) == (None, None)
    named = users.ensure("host-7", name="Ada")
    mailed = users.ensure("host-7", email="ada@example.com")
    assert made.id == named.id == mailed.id
    assert (mailed.email, mailed.name) == ("ada@example.com", "Ada")
    assert users.ensure("host-7", name="Countess").name == "Countess"
    chain = shop.rows(f"SELECT version FROM digistore_audit WHERE entity_id = '{made.id}'")
    assert len(chain) == 4
    assert shop.count("users", "external_id = 'host-7'") == 1


def test_external_ids_are_compared_as_they_stand(store: Store) -> None:
    ids = {store.users.ensure(ref).id for ref in ("a", "A", "a ", " a", "ä", "7", "07")}
    assert len(ids) == 5  # space around is no part of an id


def test_hosts_users_may_share_an_address_with_anybody(store: Store) -> None:
    same = "ada@example.com"
    people = [
        store.users.register(same),
        store.users.guest(same),
        store.users.ensure("1", email=same),
        store.users.ensure("2", email=same),
    ]
    assert len({user.id for user in people}) == 4
    assert {user.email for user in people} == {same}


def test_CVE_2020_15245_CVE_2026_44584_A7_a_changed_address_is_unverified_until_it_is_proved(
    shop: Shop,
) -> None:
    users = shop.store.users
    verified = HostUser("host-7", "ada@example.com", email_verified=True)
    assert users.get(verified, verified).email_verified_at == shop.clock()
    begun = shop.clock()
    shop.clock.go(hours=1)
    assert users.get(verified, verified).email_verified_at == begun  # proved once, kept
    unsaid = HostUser("host-7", "ada@example.com")
    assert users.get(unsaid, unsaid).email_verified_at == begun
    other = HostUser("host-7", "eve@example.com")
    changed = users.get(other, other)
    assert (changed.email, changed.email_verified_at) == ("eve@example.com", None)
    back = users.get(unsaid, unsaid)
    assert (back.email, back.email_verified_at) == ("ada@example.com", None)
    proved = users.get(verified, verified)
    assert proved.email_verified_at == shop.clock()


def test_A7_verified_without_an_address_verifies_nothing(shop: Shop) -> None:
    nobody = HostUser("host-7", email_verified=True)
    assert shop.store.users.get(nobody, nobody).email_verified_at is None
    mailed = HostUser("host-7", "ada@example.com")
    assert shop.store.users.get(mailed, mailed).email_verified_at is None


def test_a_host_user_may_stand_wherever_a_user_may(shop: Shop) -> None:
    host, seller = HostUser("host-7", "ada@example.com"), HostUser("host-8")
    shop.store.users.grant_role(SYSTEM, seller, Role.SELLER)
    product = shop.product(seller=seller)
    checkout = shop.checkout(product, host)
    user = shop.store.users.by_external_id(SYSTEM, "host-7")
    assert checkout.order.buyer_id == user.id
    shop.deliver(shop.sandbox.pay(checkout))
    assert shop.store.entitlements.check(host, product)
    assert shop.store.entitlements.check(user, product)
    assert shop.store.orders.get(host, checkout.order).state == "paid"
    assert [order.id for order in shop.store.orders.my_orders(host)] == [checkout.order.id]
    assert shop.store.catalog.offer(host, product).action == "download"


# Who may see whom


def test_E1_a_stranger_cannot_tell_a_foreign_user_from_none(shop: Shop, subtests: Subtests) -> None:
    host = shop.store.users.ensure("host-7")
    users: Any = shop.store.users
    for stranger in (shop.buyer, shop.seller, host):
        for wanted in (shop.operator, shop.operator.id, NOWHERE, "", "\0", None, 7, ["x"]):
            with subtests.test(stranger=stranger.id, wanted=str(wanted)[:20]):
                with pytest.raises(NotFound) as caught:
                    users.get(stranger, wanted)
                assert str(caught.value) == str(NotFound("user"))
    for wanted in ("host-7", "host-8", "", None, ["x"]):
        with subtests.test(external_id=wanted), pytest.raises(NotFound):
            users.by_external_id(shop.buyer, wanted)


def test_one_sees_oneself_and_operators_see_everybody(shop: Shop) -> None:
    host = shop.store.users.ensure("host-7")
    for actor in (host, host.id, HostUser("host-7"), shop.operator, SYSTEM):
        assert shop.store.users.get(actor, host) == host
        assert shop.store.users.get(actor, host.id) == host
        assert shop.store.users.by_external_id(actor, "host-7") == host
    with pytest.raises(NotFound):
        shop.store.users.get(SYSTEM, NOWHERE)
    with pytest.raises(NotFound):
        shop.store.users.by_external_id(SYSTEM, "host-8")


def test_A2_an_actor_is_needed_and_must_exist(shop: Shop, subtests: Subtests) -> None:
    users: Any = shop.store.users
    calls: list[Callable[[Any], object]] = [
        lambda actor: users.get(actor, shop.buyer),
        lambda actor: users.by_external_id(actor, "host-7"),
        lambda actor: users.grant_role(actor, shop.buyer, Role.SELLER),
        lambda actor: users.revoke_role(actor, shop.seller, Role.SELLER),
    ]
    for actor, error in ((None, Forbidden), (NOWHERE, NotFound), (7, NotFound), ("", NotFound)):
        for call in calls:
            with subtests.test(actor=actor), pytest.raises(error):
                call(actor)


# Roles


def test_D3_roles_add_up_and_take_nothing_away(shop: Shop) -> None:
    users = shop.store.users
    user = users.register("ada@example.com")
    seller = users.grant_role(SYSTEM, user, Role.SELLER)
    assert seller.roles == {Role.CUSTOMER, Role.SELLER}
    both = users.grant_role(SYSTEM, user, Role.OPERATOR)
    assert both.roles == set(Role)
    assert users.grant_role(SYSTEM, user, Role.SELLER).roles == set(Role)
    assert users.revoke_role(SYSTEM, user, Role.SELLER).roles == {Role.CUSTOMER, Role.OPERATOR}
    assert users.revoke_role(SYSTEM, user, Role.SELLER).roles == {Role.CUSTOMER, Role.OPERATOR}
    assert users.get(user, user).email == "ada@example.com"


def test_D3_a_seller_does_all_that_a_customer_does(shop: Shop) -> None:
    rival = shop.new_seller("rival@example.com")
    shop.buy(shop.product(), rival)
    assert len(shop.store.entitlements.my_products(rival)) == 1
    own = shop.product("My own", seller=rival)
    bought = shop.buy(own, rival).order
    assert bought.self_purchase
    assert len(shop.store.entitlements.my_products(rival)) == 2


def test_only_SYSTEM_says_who_is_an_operator(shop: Shop, subtests: Subtests) -> None:
    users = shop.store.users
    for actor in (shop.operator, shop.seller, shop.buyer):
        with subtests.test(actor=actor.email):
            with pytest.raises(Forbidden):
                users.grant_role(actor, actor, Role.OPERATOR)
            with pytest.raises(Forbidden):
                users.grant_role(actor, shop.buyer, Role.OPERATOR)
            with pytest.raises(Forbidden):
                users.revoke_role(actor, shop.operator, Role.OPERATOR)
    assert users.get(shop.buyer, shop.buyer).roles == CUSTOMER
    assert Role.OPERATOR not in users.revoke_role(SYSTEM, shop.operator, Role.OPERATOR).roles
    with pytest.raises(Forbidden):
        users.grant_role(shop.operator, shop.buyer, Role.SELLER)


def test_operators_say_who_is_a_seller_and_nobody_else(shop: Shop, subtests: Subtests) -> None:
    users = shop.store.users
    for actor in (shop.seller, shop.buyer):
        with subtests.test(actor=actor.email):
            with pytest.raises(Forbidden):
                users.grant_role(actor, actor, Role.SELLER)
            with pytest.raises(Forbidden):
                users.revoke_role(actor, shop.seller, Role.SELLER)
    assert Role.SELLER in users.grant_role(shop.operator, shop.buyer, Role.SELLER).roles
    assert Role.SELLER not in users.revoke_role(shop.operator, shop.buyer, Role.SELLER).roles


def test_everybody_stays_a_customer(store: Store) -> None:
    user = store.users.register("ada@example.com")
    with pytest.raises(Invalid) as caught:
        store.users.revoke_role(SYSTEM, user, Role.CUSTOMER)
    assert caught.value.fields == {"role": "customer"}
    assert store.users.grant_role(SYSTEM, user, Role.CUSTOMER).roles == CUSTOMER


def test_roles_are_of_a_closed_list_and_of_users_that_exist(store: Store) -> None:
    users: Any = store.users
    user = users.register("ada@example.com")
    for role in ("king", "", None, 7, ["seller"], "SELLER"):
        with pytest.raises(Invalid) as caught:
            users.grant_role(SYSTEM, user, role)
        assert caught.value.fields == {"role": "unknown"}
    assert users.grant_role(SYSTEM, user, "seller").roles == {Role.CUSTOMER, Role.SELLER}
    with pytest.raises(NotFound):
        users.grant_role(SYSTEM, NOWHERE, Role.SELLER)
    with pytest.raises(NotFound):
        users.revoke_role(SYSTEM, NOWHERE, Role.SELLER)


def test_A1_the_roles_of_a_model_are_not_believed(shop: Shop) -> None:
    forged = shop.buyer.model_copy(update={"roles": frozenset(Role)})
    with pytest.raises(Forbidden):
        shop.store.users.grant_role(forged, shop.buyer, Role.SELLER)
    with pytest.raises(Forbidden):
        shop.store.catalog.add_category(forged, "Books")
    with pytest.raises(Forbidden):
        shop.store.catalog.add_product(forged, title="Book", price=Money("5.00", "USD"))


def test_D5_a_former_seller_is_a_customer_and_the_products_stay_on_sale(shop: Shop) -> None:
    book = shop.product()
    seller = shop.store.users.revoke_role(shop.operator, shop.seller, Role.SELLER)
    catalog = shop.store.catalog
    for call in (
        lambda: catalog.update_product(seller, book, title="Mine"),
        lambda: catalog.withdraw(seller, book),
        lambda: catalog.release(seller, book, version="2.0", files={"a.txt": b"a"}),
        lambda: catalog.add_product(seller, title="More", price=Money("5.00", "USD")),
    ):
        with pytest.raises(Forbidden):
            call()
    assert catalog.product(None, book).status == "on_sale"
    shop.buy(book)
    assert shop.store.entitlements.check(shop.buyer, book)
    with pytest.raises(NotFound):
        shop.store.orders.get(seller, shop.checkout(shop.product("Other", seller=SYSTEM)).order)
    assert catalog.withdraw(shop.operator, book).status == "withdrawn"


# Disabled


@pytest.mark.parametrize("status", ["disabled", "erased"])
def test_A6_who_is_disabled_cannot_act(shop: Shop, subtests: Subtests, status: str) -> None:
    book = shop.product()
    host = HostUser("host-7", "ada@example.com")
    user = shop.store.users.ensure("host-7", email="ada@example.com")
    shop.store.users.grant_role(SYSTEM, user, Role.SELLER)
    order = shop.buy(book, user).order
    disable(shop, user, status)
    store = shop.store
    calls: dict[str, Callable[[Any], object]] = {
        "get": lambda who: store.users.get(who, who),
        "offer": lambda who: store.catalog.offer(who, book),
        "find": store.catalog.find,
        "add_product": lambda who: store.catalog.add_product(
            who, title="More", price=Money("5.00", "USD")
        ),
        "quote": lambda who: store.orders.quote(who, [book]),
        "checkout": lambda who: store.orders.checkout(who, [book], return_url=RETURN),
        "order": lambda who: store.orders.get(who, order),
        "my_orders": store.orders.my_orders,
        "receipt": lambda who: store.orders.receipt(who, order),
        "files": lambda who: store.downloads.files(who, book),
        "link": lambda who: store.downloads.link(who, book),
    }
    for name, call in calls.items():
        for who in (user, user.id, host):
            with subtests.test(call=name, who=type(who).__name__):
                with pytest.raises(Forbidden) as caught:
                    call(who)
                assert caught.value.reason == "user_disabled"
    assert shop.store.users.get(SYSTEM, user).status == status
    disable(shop, user, "active")
    assert shop.store.entitlements.check(user, book)
