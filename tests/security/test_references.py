"""A3: every reference in an input, at any depth, is looked for in the scope of who acts.

The first thing that an operation names is the matrix's; here are all others, found in the
signatures of the public operations. A parameter without a line here fails.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from digistore import HostUser, Role
from digistore.errors import AccessRequired, DigistoreError, Forbidden, Invalid, NotFound
from tests.acceptance.test_who_may import ADA, HOST_ONLY, TABLE, WITHIN, services
from tests.conftest import RETURN, STORES
from tests.payments.asking import usd
from tests.security.twins import Twins

Act = Callable[[Twins], Any]
NEW = HostUser("host-9", "new@example.com", "New", email_verified=True)
REFERENCE = re.compile(r"\b(\w+Ref|ProductCategory|Actor|Visitor)\b")

OPEN = {
    "catalog.add_category.parent": "categories are everybody's",
    "catalog.add_product.categories": "categories are everybody's",
    "catalog.update_product.categories": "categories are everybody's",
    "catalog.find.category": "categories are everybody's",
    "orders.checkout.gift_to": "a present may be given to anybody",
    "orders.quote.gift_to": "a present may be given to anybody",
    "support.assign.assignee": "who works on a request is the seller's to say",
}
"""References that are no question of scope, and why."""

FOREIGN: dict[str, tuple[type[DigistoreError] | None, Act]] = {
    # Where the answer is none, it may hold nothing of the other shop.
    "catalog.find.seller": (
        None,
        lambda w: w.store.catalog.find(w.seller, seller=w.other),
    ),
    "downloads.files.release": (
        NotFound,
        lambda w: w.store.downloads.files(w.buyer, w.book, release=w.their_release),
    ),
    "downloads.files.release: of a draft": (
        NotFound,
        lambda w: w.store.downloads.files(w.buyer, w.book, release=w.their_hidden),
    ),
    "downloads.link.release": (
        NotFound,
        lambda w: w.store.downloads.link(w.buyer, w.book, release=w.their_release),
    ),
    "downloads.link.file": (
        NotFound,
        lambda w: w.store.downloads.link(w.buyer, w.book, file=w.their_file.id),
    ),
    "downloads.open.release": (
        NotFound,
        lambda w: w.store.downloads.open(w.buyer, w.book, release=w.their_release),
    ),
    "downloads.open.file": (
        NotFound,
        lambda w: w.store.downloads.open(w.buyer, w.book, file=w.their_file.id),
    ),
    "downloads.log.product": (
        None,
        lambda w: w.store.downloads.log(w.buyer, product=w.their_book),
    ),
    "downloads.log.product: for its rival seller": (
        None,
        lambda w: w.store.downloads.log(w.seller, product=w.their_book),
    ),
    "downloads.log.product: a draft": (
        NotFound,
        lambda w: w.store.downloads.log(w.seller, product=w.their_draft),
    ),
    "entitlements.explain.product": (
        NotFound,
        lambda w: w.store.entitlements.explain(w.seller, w.buyer, w.their_book),
    ),
    "entitlements.explain.product: of their customer": (
        NotFound,
        lambda w: w.store.entitlements.explain(w.seller, w.rival, w.their_book),
    ),
    "entitlements.explain.product: of another's customer": (
        None,
        lambda w: w.store.entitlements.explain(w.seller, w.rival, w.book),
    ),
    "orders.add_discount.seller": (
        Forbidden,
        lambda w: w.store.orders.add_discount(w.seller, "MINE", percent=1, seller=w.other),
    ),
    "orders.add_discount.products": (
        NotFound,
        lambda w: w.store.orders.add_discount(
            w.seller, "MINE", percent=1, products=[w.shelf, w.their_book]
        ),
    ),
    "orders.add_discount.products: a draft": (
        NotFound,
        lambda w: w.store.orders.add_discount(
            w.seller, "MINE", percent=1, products=[w.their_draft]
        ),
    ),
    "orders.checkout.items: a draft beside": (
        NotFound,
        lambda w: w.store.orders.checkout(w.buyer, [w.house, w.their_draft], return_url=RETURN),
    ),
    "orders.checkout.discount": (
        Invalid,
        lambda w: w.store.orders.checkout(
            w.buyer, [w.shelf], return_url=RETURN, discount=w.their_discount.code
        ),
    ),
    "orders.cancel.order: by its lines": (
        NotFound,
        lambda w: w.store.orders.cancel(w.buyer, w.their_unpaid.lines[0].id),
    ),
    "payments.refund.order_or_line: a line": (
        NotFound,
        lambda w: w.store.payments.refund(w.seller, w.their_order.lines[0], reason="x"),
    ),
    "payments.request_refund.order_or_line: a line": (
        NotFound,
        lambda w: w.store.payments.request_refund(w.buyer, w.their_order.lines[0].id, reason="x"),
    ),
    "payments.resolve.order": (
        Invalid,  # one that fits: the money came short of it
        lambda w: w.store.payments.resolve(
            w.operator, w.action, choice="assign", reason="x", order=w.their_unpaid
        ),
    ),
    "payments.resolve.lines": (
        Invalid,
        lambda w: w.store.payments.resolve(
            w.operator, w.action, choice="assign", reason="x", lines=[w.their_order.lines[0]]
        ),
    ),
    "short_urls.shorten.product": (
        None,  # a plain id, which opens nothing and is told to nobody but the link's owner
        lambda w: w.store.short_urls.shorten(
            w.seller, "https://example.com/", product=w.their_book
        ),
    ),
    "short_urls.update.product": (
        None,
        lambda w: w.store.short_urls.update(w.seller, w.link, product=w.their_book),
    ),
    "support.request.discount": (
        Invalid,
        lambda w: w.store.support.request(
            w.buyer,
            w.book,
            kind="setup",
            subject="Hm?",
            body="Help.",
            return_url=RETURN,
            discount=w.their_discount.code,
        ),
    ),
    "support.request.product: of another": (
        AccessRequired,
        lambda w: w.store.support.request(
            w.buyer, w.their_book, kind="setup", subject="Hm?", body="Help.", return_url=RETURN
        ),
    ),
    "support.offer.product: a draft": (
        NotFound,
        lambda w: w.store.support.offer(
            w.seller, w.their_draft, kind="x", price=usd("1"), scope="All."
        ),
    ),
    "entitlements.check_many.products: mixed": (
        None,
        lambda w: [
            bool(one)
            for one in w.store.entitlements.check_many(w.buyer, [w.book, w.their_book]).values()
        ],
    ),
}
"""What people of the first shop try with what belongs to the second."""


@pytest.fixture(scope="module", params=STORES)
def twins(request: pytest.FixtureRequest) -> Iterator[Twins]:
    with Twins.of_kind(request.param) as made:
        yield made


@pytest.mark.on_postgresql(one_in=4)
@pytest.mark.parametrize(
    ("refusal", "act"), [pytest.param(*line, id=name) for name, line in FOREIGN.items()]
)
def test_A3_what_is_anothers_is_nothing_to_refer_to(
    twins: Twins, refusal: type[DigistoreError] | None, act: Act
) -> None:
    twins.restore()
    before, whole = twins.rows_of("others"), twins.digest()
    if refusal is None:
        assert twins.leaked(act(twins), "others") == []
    else:
        with pytest.raises(DigistoreError) as caught:
            act(twins)
        assert type(caught.value) is refusal
        assert twins.leaked(str(caught.value), "others") == []
        assert twins.digest() == whole
    assert twins.rows_of("others") == before


def references() -> Iterator[str]:
    """Every parameter that refers to something, but who acts and what the operation is about."""
    for noun, service in services():
        for name, method in inspect.getmembers(type(service), inspect.iscoroutinefunction):
            if name.startswith("_") or f"{noun}.{name}" in HOST_ONLY | WITHIN:
                continue
            _, _, *given = inspect.signature(method).parameters.values()
            named = [one.name for one in given if REFERENCE.search(str(one.annotation))]
            first = named[:1] if given and given[0].name in named else []
            yield from (f"{noun}.{name}.{one}" for one in named if one not in first)


def test_A3_no_reference_is_without_a_line() -> None:
    known = {name.partition(":")[0] for name in FOREIGN} | OPEN.keys()
    aside = {"downloads.log.purchase"}  # a row of the matrix: without it the log is of everything
    assert set(references()) <= known | aside
    operations = {name.rpartition(".")[0] for name in known}
    assert operations <= {name.partition(":")[0] for name in TABLE}


ASKED_ABOUT: dict[str, Act] = {
    "users.get": lambda w: w.store.users.get(w.passer, NEW),
    "users.get by an operator": lambda w: w.store.users.get(w.operator, NEW),
    "users.legal_entity": lambda w: w.store.users.legal_entity(w.passer, NEW),
    "users.set_legal_entity": lambda w: w.store.users.set_legal_entity(w.passer, NEW, ADA),
    "users.grant_role": lambda w: w.store.users.grant_role(w.passer, NEW, Role.SELLER),
    "entitlements.explain": lambda w: w.store.entitlements.explain(w.passer, NEW, w.book),
    "orders.add_discount": lambda w: w.store.orders.add_discount(
        w.passer, "MINE", percent=1, seller=NEW
    ),
    "catalog.find": lambda w: w.store.catalog.find(None, seller=NEW),
    "support.assign": lambda w: w.store.support.assign(w.passer, w.request, assignee=NEW),
}


@pytest.mark.on_postgresql(one_in=4)
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("act", ASKED_ABOUT.values(), ids=list(ASKED_ABOUT))
def test_A3_being_named_neither_makes_nor_changes_anybody(
    twins: Twins, act: Act, *, known: bool
) -> None:
    """A regression: a host's user was made, or got another address, before anybody was asked."""
    twins.restore()
    if known:
        twins.store.users.ensure(NEW.external_id, email="old@example.com")
    before = twins.digest()
    with suppress(DigistoreError):
        act(twins)
    assert twins.digest() == before
