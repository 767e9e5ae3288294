"""Products and categories: made, changed, put on sale and withdrawn by those who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from digistore import SYSTEM, HostUser, Money, PayWhatYouWant, Product, Role, Store
from digistore.errors import (
    AlreadyExists,
    DigistoreError,
    Forbidden,
    Invalid,
    InvalidTransition,
    NotFound,
    NothingToDeliver,
)
from tests.conftest import Shop
from tests.past import connection_to

Subtests = pytest.Subtests
PRICE = Money("5.00", "USD")
FILE = {"book.pdf": b"a book"}
SECRET = "4111-1111-1111-1111"


def draft(shop: Shop, title: str = "Draft", **kwargs: Any) -> Product:
    return shop.store.catalog.add_product(shop.seller, title=title, price=PRICE, **kwargs)


# D1


def test_D1_a_product_lives_without_users_orders_and_payments(store: Store) -> None:
    catalog = store.catalog
    product = catalog.add_product(SYSTEM, title="Book", price=PRICE)
    product = catalog.update_product(SYSTEM, product, title="The Book", price=Money("6.00", "USD"))
    first = catalog.release(SYSTEM, product, version="1.0", files=FILE)
    second = catalog.release(SYSTEM, product, version="1.1", files=FILE)
    catalog.put_on_sale(SYSTEM, product)
    catalog.yank(SYSTEM, second, reason="a page is missing")
    assert catalog.latest(None, product) == first.model_copy(update={"files": ()})
    assert [found.title for found in catalog.find(None)] == ["The Book"]
    assert catalog.product(None, "book").status == "on_sale"
    assert catalog.offer(None, product).action == "sign_in"
    catalog.withdraw(SYSTEM, product)
    target = getattr(store, "_target", store)
    with connection_to(target._shop.database) as connection:
        for table in ("users", "orders", "payments", "purchased_products", "short_urls"):
            count = connection.exec_driver_sql(f"SELECT count(*) FROM digistore_{table}").scalar()
            assert count == 0, table


# Making and changing


def test_a_product_comes_back_as_it_was_made(shop: Shop) -> None:
    shelf = shop.store.catalog.add_category(SYSTEM, "Books")
    price = PayWhatYouWant(minimum=PRICE, suggested=PRICE, maximum=Money("9.00", "USD"))
    made = shop.store.catalog.add_product(
        shop.seller,
        title="  Async Python ",
        price=price,
        summary="All of it.",
        description="# Async\n\n<script>alert(1)</script> {{7*7}} %s",
        categories=[shelf, shelf.id],
        metadata={"pages": 300, "isbn": None},
    )
    assert made.id.startswith("prd_")
    assert (made.slug, made.title, made.status) == ("async-python", "Async Python", "draft")
    assert (made.price, made.currency) == (price, "USD")
    assert made.description == "# Async\n\n<script>alert(1)</script> {{7*7}} %s"  # N6: text is data
    assert made.categories == (shelf.id,)
    assert made.metadata == {"pages": 300, "isbn": None}
    assert made.seller_id == shop.seller.id
    assert made.created_at == made.updated_at == shop.clock()
    for ref in (made, made.id, made.slug):
        assert shop.store.catalog.product(shop.seller, ref) == made


def test_only_what_is_given_changes(shop: Shop, subtests: Subtests) -> None:
    shelf = shop.store.catalog.add_category(SYSTEM, "Books")
    product = draft(shop, summary="short", description="long", metadata={"a": 1})
    changes: list[dict[str, Any]] = [
        {"title": "Other"},
        {"summary": ""},
        {"description": "longer"},
        {"price": Money("0", "EUR")},
        {"price": PayWhatYouWant(minimum=Money("0", "EUR"))},
        {"price": PRICE},
        {"metadata": {}},
        {"categories": [shelf.id]},
        {"categories": []},
        {},
    ]
    for change in changes:
        with subtests.test(change=str(change)):
            shop.clock.go(minutes=1)
            changed = shop.store.catalog.update_product(shop.seller, product, **change)
            expected = {**change, "updated_at": shop.clock()}
            if "categories" in change:
                expected["categories"] = tuple(change["categories"])
            assert changed == product.model_copy(update=expected)
            product = changed


def test_titles_may_be_equal_and_slugs_never_are(shop: Shop) -> None:
    titles = ["Book", "Book", "book!", "BOOK", "Böök"]
    slugs = [draft(shop, title).slug for title in titles]
    assert slugs[0] == "book"
    assert len(set(slugs)) == len(slugs)
    assert all(slug == "book" or slug.startswith("book-") for slug in slugs)
    for slug in slugs:
        assert shop.store.catalog.product(shop.seller, slug).slug == slug


def test_an_address_stays_when_the_title_changes(shop: Shop) -> None:
    product = draft(shop, "Book")
    assert shop.store.catalog.update_product(shop.seller, product, title="Tome").slug == "book"


def test_A5_an_id_is_found_before_a_slug(shop: Shop) -> None:
    one = draft(shop, "One")
    assert shop.store.catalog.product(shop.seller, one.id).id == one.id
    other = draft(shop, one.id)  # its slug has other signs than an id: they never meet
    assert other.slug != one.id
    assert shop.store.catalog.product(shop.seller, one.id).id == one.id


def test_bad_products_are_refused_by_field(shop: Shop, subtests: Subtests) -> None:
    catalog: Any = shop.store.catalog
    bad: list[tuple[dict[str, Any], str]] = [
        ({"title": ""}, "title"),
        ({"title": " \n "}, "title"),
        ({"title": f"{SECRET}\0"}, "title"),
        ({"title": SECRET * 20}, "title"),
        ({"title": 7}, "title"),
        ({"summary": f"{SECRET}\n"}, "summary"),
        ({"summary": SECRET * 50}, "summary"),
        ({"description": f"{SECRET}\x1b"}, "description"),
        ({"description": "x" * 50_001}, "description"),
        ({"metadata": {"n": float("nan")}}, "metadata"),
        ({"metadata": {SECRET: object()}}, "metadata"),
        ({"metadata": {"n": "x" * 20_000}}, "metadata"),
        ({"metadata": [SECRET]}, "metadata"),
        ({"price": 5.0}, "price"),
        ({"price": True}, "price"),
        ({"price": "5.00"}, "price"),
        ({"price": Money("-0.01", "USD")}, "price"),
        ({"categories": ["cat_of_nobody"]}, "categories"),
        ({"categories": "books"}, "categories"),
    ]
    product = draft(shop)
    before = shop.count("products"), shop.count("audit")

    def add(values: dict[str, Any]) -> object:
        return catalog.add_product(shop.seller, **{"title": "t", "price": PRICE, **values})

    def change(values: dict[str, Any]) -> object:
        return catalog.update_product(shop.seller, product, **values)

    for values, field in bad:
        for call in (add, change):
            with subtests.test(values=str(values)[:50]):
                with pytest.raises(Invalid) as caught:
                    call(values)
                assert set(caught.value.fields) == {field}
                assert SECRET not in f"{caught.value}{caught.value.fields}"
    with pytest.raises(Invalid):
        catalog.add_product(shop.seller, title="t", price=None)
    assert (shop.count("products"), shop.count("audit")) == before


def test_N2_nothing_of_authority_can_be_set(shop: Shop) -> None:
    catalog: Any = shop.store.catalog
    for name in ("seller_id", "status", "id", "slug", "version", "created_at"):
        with pytest.raises(TypeError):
            catalog.add_product(shop.seller, title="t", price=PRICE, **{name: "x"})
        with pytest.raises(TypeError):
            catalog.update_product(shop.seller, draft(shop), **{name: "x"})


# On sale and off


def test_a_product_moves_between_draft_on_sale_and_withdrawn(shop: Shop) -> None:
    catalog = shop.store.catalog
    product = draft(shop)
    with pytest.raises(InvalidTransition):
        catalog.withdraw(shop.seller, product)
    with pytest.raises(NothingToDeliver) as caught:
        catalog.put_on_sale(shop.seller, product)
    assert caught.value.product_id == product.id
    catalog.release(shop.seller, product, version="0.9", files=FILE, channel="beta")
    with pytest.raises(NothingToDeliver):
        catalog.put_on_sale(shop.seller, product)
    catalog.release(shop.seller, product, version="1.0", files=FILE)
    for call, status in (
        (catalog.put_on_sale, "on_sale"),
        (catalog.put_on_sale, "on_sale"),
        (catalog.withdraw, "withdrawn"),
        (catalog.withdraw, "withdrawn"),
        (catalog.put_on_sale, "on_sale"),
    ):
        assert call(shop.seller, product).status == status


def test_D5_nothing_that_happens_to_a_product_closes_access(shop: Shop) -> None:
    catalog = shop.store.catalog
    book = shop.product()
    shop.buy(book)
    release = catalog.latest(shop.seller, book)
    assert release is not None
    for call in (
        lambda: catalog.update_product(shop.seller, book, title="Other", price=Money("99", "USD")),
        lambda: catalog.withdraw(shop.seller, book),
        lambda: catalog.yank(shop.seller, release, reason="bad"),
        lambda: shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER),
        lambda: shop.clock.go(days=36_500),
    ):
        call()
        assert shop.store.entitlements.check(shop.buyer, book)
    assert catalog.product(shop.buyer, book).title == "Other"  # a holder still sees it


def test_D16_nothing_can_be_deleted(store: Store) -> None:
    target = getattr(store, "_target", store)
    for noun in (target.catalog, target.orders, target.users, target.entitlements):
        names = {name for name in dir(type(noun._service)) if not name.startswith("_")}
        assert not {name for name in names if name.startswith(("delete", "remove", "purge"))}


# Who may


def test_who_may_sell_what(shop: Shop, subtests: Subtests) -> None:
    catalog = shop.store.catalog
    sellers: list[tuple[Any, str | None]] = [
        (shop.seller, shop.seller.id),
        (shop.seller.id, shop.seller.id),
        (shop.operator, None),
        (SYSTEM, None),
    ]
    for actor, seller in sellers:
        with subtests.test(actor=str(actor)[:20]):
            assert catalog.add_product(actor, title="t", price=PRICE).seller_id == seller
    shop.store.users.grant_role(SYSTEM, shop.operator, Role.SELLER)
    own = catalog.add_product(shop.operator, title="t", price=PRICE)
    assert own.seller_id == shop.operator.id
    nobody: Any = None
    for actor in (shop.buyer, HostUser("host-7"), nobody):
        with subtests.test(actor=str(actor)[:20]), pytest.raises(Forbidden):
            catalog.add_product(actor, title="t", price=PRICE)


def commands(shop: Shop) -> dict[str, Callable[[Any, Any], object]]:
    """Say what only those may do who sell the product."""
    catalog = shop.store.catalog
    return {
        "update": lambda who, ref: catalog.update_product(who, ref, title="Mine"),
        "sale": catalog.put_on_sale,
        "withdraw": catalog.withdraw,
        "release": lambda who, ref: catalog.release(who, ref, version="9", files=FILE),
    }


def test_only_the_seller_and_operators_change_a_product(shop: Shop, subtests: Subtests) -> None:
    book = shop.product()
    shop.buy(book)
    rival = shop.new_seller("rival@example.com")
    nobody: Any = None
    for name, call in commands(shop).items():
        for who in (shop.buyer, rival, HostUser("host-7"), nobody):
            with subtests.test(call=name, who=str(who)[:20]), pytest.raises(Forbidden):
                call(who, book)
    assert shop.store.catalog.product(None, book) == book
    for actor in (shop.seller, shop.operator, SYSTEM):
        changed = shop.store.catalog.update_product(actor, book, title=f"By {actor}"[:20])
        assert changed.title.startswith("By ")


def test_E1_a_hidden_product_and_none_at_all_look_the_same(shop: Shop, subtests: Subtests) -> None:
    """Drafts and withdrawn products: one error, one shape, by id as by slug."""
    hidden = [draft(shop, "Hidden draft"), shop.product("Once sold")]
    shop.store.catalog.withdraw(shop.seller, hidden[1])
    rival = shop.new_seller("rival@example.com")
    nobody: Any = None
    catalog: Any = shop.store.catalog
    reads: dict[str, Callable[[Any, Any], object]] = {
        "product": catalog.product,
        "offer": catalog.offer,
        "releases": catalog.releases,
        "latest": catalog.latest,
    }

    def told(call: Callable[[Any, Any], object], who: Any, ref: Any) -> tuple[object, ...]:
        with pytest.raises(DigistoreError) as caught:
            call(who, ref)
        error = caught.value
        return type(error), str(error), getattr(error, "ref", ref) == ref

    names = [ref for product in hidden for ref in (product.id, product.slug)]
    for who in (shop.buyer, rival, HostUser("host-7"), nobody):
        for name, call in {**reads, **(commands(shop) if who else {})}.items():
            absent = told(call, who, "prd_none")
            assert absent[0] is NotFound
            for ref in names:
                with subtests.test(who=str(who)[:20], call=name, ref=ref):
                    assert told(call, who, ref) == absent


def test_what_is_no_reference_is_not_found(shop: Shop, subtests: Subtests) -> None:
    catalog: Any = shop.store.catalog
    for ref in ("", " ", "\0", "x" * 10_000, "prd_", "%", "../book", None, 7, True, ["book"]):
        with subtests.test(ref=str(ref)[:20]), pytest.raises(NotFound):
            catalog.product(SYSTEM, ref)
    with pytest.raises(Invalid):
        catalog.product(SYSTEM, "\ud800")  # no text, so it cannot even be looked for


# Categories


def test_categories_form_a_tree_in_the_order_of_the_operator(store: Store) -> None:
    add = store.catalog.add_category
    books = add(SYSTEM, "Books", position=2)
    courses = add(SYSTEM, "Courses", position=1)
    python = add(SYSTEM, "Python", slug="py", parent=books)
    rust = add(SYSTEM, " Rust ", parent=books.id)
    assert (python.slug, python.parent_id, rust.name) == ("py", books.id, "Rust")
    found = store.catalog.categories(None)
    assert [shelf.name for shelf in found] == ["Python", "Rust", "Courses", "Books"]
    assert set(found) == {books, courses, python, rust}


def test_only_operators_add_categories(shop: Shop, subtests: Subtests) -> None:
    nobody: Any = None
    for who in (shop.seller, shop.buyer, nobody):
        with subtests.test(who=str(who)[:20]), pytest.raises(Forbidden):
            shop.store.catalog.add_category(who, "Books")
    assert shop.store.catalog.add_category(shop.operator, "Books").slug == "books"


def test_bad_categories_are_refused(store: Store, subtests: Subtests) -> None:
    add: Any = store.catalog.add_category
    add(SYSTEM, "Books")
    for values, field in (
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"parent": "cat_none"}, "parent"),
        ({"parent": ""}, "parent"),
        ({"position": 2**31}, "position"),
        ({"position": 1.0}, "position"),
        ({"position": True}, "position"),
    ):
        with subtests.test(values=str(values)[:40]):
            given = {"name": "Other", **values}
            with pytest.raises(Invalid) as caught:
                add(SYSTEM, given.pop("name"), **given)
            assert set(caught.value.fields) == {field}
    for again in ({"name": "Books"}, {"name": "books!"}, {"name": "Other", "slug": "books"}):
        with subtests.test(again=again), pytest.raises(AlreadyExists) as taken:
            add(SYSTEM, again.pop("name"), **again)
        assert taken.value.field == "slug"
    assert len(store.catalog.categories(None)) == 1
