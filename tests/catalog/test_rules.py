"""Decisions of the catalogue: prices, slugs, what is latest, what may follow what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore import Money, PayWhatYouWant, Product
from digistore.catalog.models import OfferAction, ProductStatus, ReleaseStatus
from digistore.catalog.rules import (
    MOVES,
    RELEASE_MOVES,
    Edition,
    checked_price,
    latest,
    offer_of,
    slug_of,
)
from digistore.errors import Invalid, InvalidTransition
from digistore.ids import ProductId
from digistore.lifecycle import moves

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(amount, "USD")


# Lives

PRODUCT = {
    ("draft", "on_sale"): True,
    ("draft", "withdrawn"): None,
    ("on_sale", "draft"): None,
    ("on_sale", "withdrawn"): True,
    ("withdrawn", "draft"): None,
    ("withdrawn", "on_sale"): True,
}
RELEASE = {
    ("draft", "published"): True,
    ("draft", "yanked"): None,
    ("published", "draft"): None,
    ("published", "yanked"): True,
    ("yanked", "draft"): None,
    ("yanked", "published"): None,
}


@pytest.mark.parametrize(
    ("noun", "table", "states", "allowed"),
    [
        ("product", MOVES, ProductStatus, PRODUCT),
        ("release", RELEASE_MOVES, ReleaseStatus, RELEASE),
    ],
)
def test_every_move_is_made_already_there_or_refused(
    noun: str, table: Any, states: Any, allowed: dict[tuple[str, str], bool | None]
) -> None:
    assert set(table) == set(states)
    for now in states:
        assert moves(noun, table, now, now) is False
        for new in set(states) - {now}:
            if allowed[now, new]:
                assert moves(noun, table, now, new) is True
                continue
            with pytest.raises(InvalidTransition) as caught:
                moves(noun, table, now, new)
            assert (caught.value.noun, caught.value.now, caught.value.new) == (noun, now, new)


# What is latest


def editions(*versions: str) -> list[Edition]:
    """Say in which order they were published, a minute apart."""
    return [
        Edition(f"rel_{number}", version, NOON + timedelta(minutes=number))
        for number, version in enumerate(versions)
    ]


@pytest.mark.parametrize(
    ("versions", "best"),
    [
        (["1.0"], "1.0"),
        (["1.9", "1.10"], "1.10"),
        (["1.10", "1.9"], "1.10"),  # a fix for an older line came later
        (["2.0", "2.0.1", "1.9.9"], "2.0.1"),
        (["2.0rc1", "1.9"], "2.0rc1"),
        (["2.0rc1", "2.0"], "2.0"),
        (["2.0", "2.0rc1"], "2.0"),
        (["2.0", "2.0.post1", "2.0.dev1"], "2.0.post1"),
        (["v1.2", "1.10"], "1.10"),
        (["1.0", "1.0.0"], "1.0.0"),  # equal: the later one
        (["2024.12", "2025.1"], "2025.1"),
        (["1!1.0", "2025.1"], "1!1.0"),
        (["1.0+2", "1.0+10"], "1.0+10"),
        # What is no PEP 440 version is latest until a higher one is published after it.
        (["2.0", "second edition"], "second edition"),
        (["second edition", "2.0"], "2.0"),
        (["10.0", "spring", "9.0"], "spring"),
        (["10.0", "spring", "10.1"], "10.1"),
        (["10.0", "spring", "10.1", "9.0"], "10.1"),
        (["spring", "autumn"], "autumn"),
        (["1.0-beta.2+exp.sha.5114f85", "0.9"], "1.0-beta.2+exp.sha.5114f85"),
        (["1.0-alpha.beta", "0.9"], "0.9"),
    ],
)
def test_the_highest_version_is_latest_or_the_last_where_there_is_no_order(
    versions: list[str], best: str
) -> None:
    for order in permutations(editions(*versions)):
        found = latest(order)
        assert found is not None
        assert found.version == best


@pytest.mark.parametrize("versions", [["1.0", "1.0.0"], ["spring", "autumn"], ["1.0", "spring"]])
def test_of_equals_the_last_published_is_latest_whatever_their_ids(versions: list[str]) -> None:
    first, last = (
        Edition(name, version, NOON + timedelta(minutes=minute))
        for name, version, minute in zip(("rel_9", "rel_1"), versions, (0, 1), strict=True)
    )
    assert latest([first, last]) == latest([last, first]) == last


def test_nothing_published_has_no_latest() -> None:
    assert latest([]) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1.0", "1.0.0", "v1.0", "2.0rc1", "1.10", "spring", "1.0+a"]),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_they_are_read_does_not_matter(
    made: list[tuple[str, int]], chance: Any
) -> None:
    given_ = [
        Edition(f"rel_{number}", version, NOON + timedelta(minutes=minute))
        for number, (version, minute) in enumerate(made)
    ]
    shuffled = list(given_)
    chance.shuffle(shuffled)
    assert latest(shuffled) == latest(given_)


# Prices


@pytest.mark.parametrize(
    "price",
    [
        usd("0"),
        usd("29.00"),
        PayWhatYouWant(minimum=usd("0")),
        PayWhatYouWant(minimum=usd("5"), suggested=usd("5"), maximum=usd("5")),
    ],
    ids=str,
)
def test_a_price_is_money_or_what_the_buyer_wants(price: Any) -> None:
    assert checked_price(price) == price


@pytest.mark.parametrize(
    "price", [usd("-0.01"), 29, 29.0, True, "29.00", None, (2900, "USD"), float("nan")], ids=repr
)
def test_N3_anything_else_is_no_price(price: Any) -> None:
    with pytest.raises(Invalid) as caught:
        checked_price(price)
    assert caught.value.fields == {"price": "invalid"}


@pytest.mark.parametrize(
    "bounds",
    [
        {"minimum": usd("-1")},
        {"minimum": usd("5"), "maximum": usd("4.99")},
        {"minimum": usd("5"), "suggested": usd("4.99")},
        {"minimum": usd("5"), "suggested": usd("6"), "maximum": usd("5.99")},
        {"minimum": usd("5"), "maximum": Money("6", "EUR")},
        {"minimum": usd("5"), "suggested": Money("6", "EUR")},
        {"minimum": 5},
        {"minimum": 5.0},
        {"minimum": "5.00"},
        {"minimum": True},
        {"minimum": None},
        {"minimum": usd("5"), "price": usd("5")},
        {},
    ],
    ids=str,
)
def test_bounds_of_a_price_are_ordered_and_of_one_currency(bounds: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        PayWhatYouWant(**bounds)


# Slugs


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Async Python", "async-python"),
        ("  C++ & Rust!  ", "c-rust"),
        ("Über alle Berge", "uber-alle-berge"),
        ("Crème brûlée, 2nd ed.", "creme-brulee-2nd-ed"),
        ("日本語の本", "product"),
        ("!!!", "product"),
        ("../../etc/passwd", "etc-passwd"),
        ("{{7*7}} ${x} %s", "7-7-x-s"),
        ("x" * 200, "x" * 60),
        ("a" * 59 + " b", "a" * 59),
    ],
)
def test_a_slug_is_made_of_the_title(title: str, slug: str) -> None:
    assert slug_of(title) == slug


@given(st.text(max_size=200))
def test_every_title_has_a_slug_that_is_safe_in_an_address(title: str) -> None:
    slug = slug_of(title)
    assert 0 < len(slug) <= 60
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug == slug.strip("-")
    assert slug_of(slug) == slug


# Offers


def product(status: ProductStatus = ProductStatus.ON_SALE) -> Product:
    return Product(
        id=ProductId("prd_1"),
        slug="book",
        title="Book",
        price=usd("29.00"),
        status=status,
        created_at=NOON,
        updated_at=NOON,
    )


@pytest.mark.parametrize("status", ProductStatus)
@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("deliverable", [True, False])
@pytest.mark.parametrize("purchase", ["pur_1", None])
@pytest.mark.parametrize("order", ["ord_1", None])
def test_an_offer_says_what_one_owns_then_owes_then_can_get(
    status: ProductStatus,
    *,
    signed_in: bool,
    deliverable: bool,
    purchase: str | None,
    order: str | None,
) -> None:
    offer = offer_of(
        product(status),
        signed_in=signed_in,
        deliverable=deliverable,
        purchase_id=purchase,
        order_id=order,
    )
    if purchase:
        expected = OfferAction.DOWNLOAD, "owned"
    elif order:
        expected = OfferAction.IN_PROGRESS, "payment_on_its_way"
    elif status is not ProductStatus.ON_SALE:
        expected = OfferAction.UNAVAILABLE, "not_for_sale"
    elif not deliverable:
        expected = OfferAction.UNAVAILABLE, "nothing_to_deliver"
    else:
        expected = (OfferAction.BUY, "for_sale") if signed_in else (OfferAction.SIGN_IN, "sign_in")
    assert (offer.action, offer.reason) == expected
    assert (offer.purchase_id, offer.order_id) == (purchase, order)
    assert offer.price == usd("29.00")
