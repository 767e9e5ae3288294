"""Finding products: words, categories, sellers, orders, and pages without gaps or repeats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from digistore import SYSTEM, Money, PayWhatYouWant, Product, Role, Store
from digistore.errors import Invalid
from digistore.paging import encode_cursor
from digistore.testing import FrozenClock

Subtests = pytest.Subtests
FILE = {"book.pdf": b"a book"}
NOBODY: Any = None


def sell(store: Store, title: str, price: Any = "5.00", **kwargs: Any) -> Product:
    cost = Money(price, "USD") if isinstance(price, str) else price
    product = store.catalog.add_product(SYSTEM, title=title, price=cost, **kwargs)
    store.catalog.release(SYSTEM, product, version="1.0", files=FILE)
    return store.catalog.put_on_sale(SYSTEM, product)


def titles(store: Store, *args: Any, **kwargs: Any) -> list[str]:
    return [product.title for product in store.catalog.find(NOBODY, *args, **kwargs)]


def pages(store: Store, visitor: Any = NOBODY, **kwargs: Any) -> Iterator[list[Product]]:
    """Turn the pages of a list from the first to the last."""
    after: str | None = None
    for _ in range(100):
        page = store.catalog.find(visitor, after=after, **kwargs)
        yield list(page)
        after = page.next
        if after is None:
            return
    pytest.fail("this list has no end")


# Words


def test_every_word_stands_somewhere_in_the_product(store: Store, subtests: Subtests) -> None:
    sell(store, "Async Python", summary="Event loops", description="For SERVERS.")
    sell(store, "Sync Python", summary="No loops")
    sell(store, "Über Rust", summary="Schöne Ökonomie", description="ÉCRIT à Paris, 東京")
    for text, found in {
        "python": ["Async Python", "Sync Python"],
        "PYTHON": ["Async Python", "Sync Python"],
        "python async": ["Async Python"],
        "  loops\tevent ": ["Async Python"],
        "servers": ["Async Python"],
        "yth": ["Async Python", "Sync Python"],
        "python rust": [],
        "Über": ["Über Rust"],
        "über": ["Über Rust"],
        "ÜBER rust": ["Über Rust"],
        "ökonomie SCHÖNE": ["Über Rust"],
        "écrit": ["Über Rust"],
        "東京": ["Über Rust"],
        "": ["Async Python", "Sync Python", "Über Rust"],
        "   ": ["Async Python", "Sync Python", "Über Rust"],
    }.items():
        with subtests.test(text=text):
            assert sorted(titles(store, text)) == found


def test_N6_signs_of_patterns_are_letters_like_others(store: Store, subtests: Subtests) -> None:
    for title in ("100% Rust", "snake_case", "a/b", "back\\slash", "quo'te", 'dou"ble', "x"):
        sell(store, title)
    for text, found in {
        "%": ["100% Rust"],
        "100%": ["100% Rust"],
        "1%R": [],
        "_": ["snake_case"],
        "snake-case": [],
        "s_ake": [],
        "/": ["a/b"],
        "\\": ["back\\slash"],
        "'": ["quo'te"],
        '"': ['dou"ble'],
        "' OR 1=1 --": [],
        "[a-z]": [],
        "*": [],
    }.items():
        with subtests.test(text=text):
            assert titles(store, text) == found


def test_L1_a_text_is_bounded_and_must_be_one(store: Store, subtests: Subtests) -> None:
    sell(store, "Book")
    for text in ("x" * 201, 7, True, b"book", ["book"], "\ud800"):
        with subtests.test(text=ascii(text)[:20]), pytest.raises(Invalid):
            store.catalog.find(NOBODY, text)  # type: ignore[arg-type]
    assert titles(store, " ".join(["book"] * 40)) == ["Book"]
    assert titles(store, "bo\0ok") == []


# Filters


def test_a_category_holds_those_below_it(store: Store, subtests: Subtests) -> None:
    add = store.catalog.add_category
    books = add(SYSTEM, "Books")
    python = add(SYSTEM, "Python", parent=books)
    asyncio = add(SYSTEM, "Asyncio", parent=python)
    courses = add(SYSTEM, "Courses")
    sell(store, "A", categories=[books])
    sell(store, "B", categories=[python])
    sell(store, "C", categories=[asyncio, courses, books])
    sell(store, "D", categories=[courses])
    sell(store, "E")
    for category, found in (
        (books, "ABC"),
        (python.id, "BC"),
        ("python", "BC"),
        (asyncio, "C"),
        ("courses", "CD"),
        ("nothing", ""),
        ("%", ""),
        (None, "ABCDE"),
    ):
        with subtests.test(category=str(category)[:20]):
            assert "".join(sorted(titles(store, category=category))) == found


def test_a_seller_finds_drafts_that_nobody_else_does(store: Store, subtests: Subtests) -> None:
    users, catalog = store.users, store.catalog
    seller, rival, operator, buyer = (
        users.register(f"{name}@example.com") for name in ("seller", "rival", "operator", "buyer")
    )
    for user in (seller, rival):
        users.grant_role(SYSTEM, user, Role.SELLER)
    users.grant_role(SYSTEM, operator, Role.OPERATOR)
    mine = [catalog.add_product(seller, title=title, price=Money("5.00", "USD")) for title in "AB"]
    catalog.release(seller, mine[0], version="1.0", files=FILE)
    catalog.put_on_sale(seller, mine[0])
    sell(store, "H")
    catalog.withdraw(SYSTEM, sell(store, "W"))
    for visitor, wanted, found in (
        (seller, seller, "AB"),
        (seller.id, seller.id, "AB"),
        (operator, seller, "AB"),
        (SYSTEM, seller, "AB"),
        (rival, seller, "A"),
        (buyer, seller, "A"),
        (NOBODY, seller, "A"),
        (NOBODY, SYSTEM, "H"),
        (seller, SYSTEM, "H"),
        (operator, SYSTEM, "HW"),
        (seller, None, "AH"),
        (SYSTEM, None, "AH"),
        (NOBODY, buyer, ""),
        (NOBODY, "usr_none", ""),
    ):
        with subtests.test(visitor=str(visitor)[:12], wanted=str(wanted)[:12]):
            page = catalog.find(visitor, seller=wanted)
            assert "".join(sorted(product.title for product in page)) == found
    users.revoke_role(SYSTEM, seller, Role.SELLER)
    assert [product.title for product in catalog.find(seller, seller=seller)] == ["A"]


# Orders and pages


@pytest.fixture
def full(store: Store, clock: FrozenClock) -> Store:
    """Seven products, some of them equal in time, title or price."""
    wares: list[tuple[str, Any]] = [
        ("b", "5.00"),
        ("a", "5.00"),
        ("b", "0"),
        ("a", PayWhatYouWant(minimum=Money("5.00", "USD"))),
        ("ä", "99.00"),
        ("B", "5.01"),
        ("c", "4.99"),
    ]
    for number, (title, price) in enumerate(wares):
        sell(store, title, price)
        if number % 2:
            clock.go(minutes=1)
    return store


def least(product: Product) -> int:
    price = product.price
    return (price if isinstance(price, Money) else price.minimum).amount


KEYS: dict[str, Any] = {
    "newest": lambda product: (-product.created_at.timestamp(),),
    "title": lambda product: (product.title,),
    "price": lambda product: (least(product),),
}


def test_pages_are_whole_sorted_and_without_repeats(full: Store, subtests: Subtests) -> None:
    find: Any = full.catalog.find
    for sort, key in KEYS.items():
        whole = list(find(NOBODY, sort=sort, limit=100))
        assert [key(product) for product in whole] == sorted(key(product) for product in whole)
        assert len({product.id for product in whole}) == 7
        for limit in (1, 2, 3, 6, 7, 8, 100):
            with subtests.test(sort=sort, limit=limit):
                turned = list(pages(full, sort=sort, limit=limit))
                assert [product for page in turned for product in page] == whole
                assert [len(page) for page in turned[:-1]] == [limit] * (len(turned) - 1)
                assert turned[-1]
        with subtests.test(sort=sort, filtered="b"):
            found = [
                product for page in pages(full, text="b", sort=sort, limit=1) for product in page
            ]
            assert found == [product for product in whole if product.title in {"b", "B"}]


def test_a_page_stays_where_it_was_while_others_come_and_go(
    full: Store, subtests: Subtests
) -> None:
    find: Any = full.catalog.find
    for sort in KEYS:
        with subtests.test(sort=sort):
            before = [product.id for product in find(NOBODY, sort=sort, limit=100)]
            seen: list[str] = []
            for number, page in enumerate(pages(full, sort=sort, limit=2)):
                seen += [product.id for product in page]
                if number < 2:
                    for title, price in (("a", "5.00"), ("b", "0"), ("zz", "100.00")):
                        sell(full, title, price)
            assert len(seen) == len(set(seen))
            assert [found for found in seen if found in before] == before


def test_an_empty_shop_has_one_empty_page(store: Store) -> None:
    page = store.catalog.find(NOBODY)
    assert (page.items, page.next) == ((), None)


def test_CVE_2011_10019_CVE_2011_10026_N5_L1_sorts_limits_and_cursors_are_checked(
    full: Store, subtests: Subtests
) -> None:
    find: Any = full.catalog.find
    for sort in ("", "__class__", "price DESC", "id", "Newest", None, 7, ("price",)):
        with subtests.test(sort=sort):
            with pytest.raises(Invalid) as caught:
                find(NOBODY, sort=sort)
            assert caught.value.fields == {"sort": "unknown"}
    for limit in (0, -1, 101, True, "5", 1.0, None):
        with subtests.test(limit=limit):
            with pytest.raises(Invalid) as caught:
                find(NOBODY, limit=limit)
            assert caught.value.fields == {"limit": "out_of_range"}
    own = find(NOBODY, sort="title", limit=1).next
    broken: list[Any] = ["", "x", "é", own + "=", own[:-1], own + own, 7, b"x"]
    for sort, cursor in [
        *(("title", cursor) for cursor in broken),
        ("newest", own),
        ("price", own),
        ("title", find(NOBODY, sort="price", limit=1).next),
        ("title", encode_cursor(1, "x")),
        ("price", encode_cursor("x", "x")),
        ("newest", encode_cursor(1)),
        ("newest", encode_cursor(1, "x", 2)),
    ]:
        with subtests.test(sort=sort, cursor=str(cursor)):
            with pytest.raises(Invalid) as caught:
                find(NOBODY, sort=sort, after=cursor)
            assert caught.value.fields == {"after": "invalid"}
    far = 2**53 - 1
    for sort, cursor, left in (
        ("newest", encode_cursor(-far, "zzz"), 0),
        ("newest", encode_cursor(far, "zzz"), 7),
        ("price", encode_cursor(far, ""), 0),
        ("price", encode_cursor(-far, "' OR 1=1"), 7),
        ("title", encode_cursor("", ""), 7),
    ):
        with subtests.test(sort=sort, cursor=cursor):
            assert len(find(NOBODY, sort=sort, after=cursor)) == left
