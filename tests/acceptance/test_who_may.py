"""Who may do what: every public operation, tried by everybody, against the table of the domain."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from digistore import LegalEntity, Period, Role
from digistore.errors import AccessRequired, DigistoreError, Forbidden, NotFound
from digistore.store import AsyncStore, Store
from tests.acceptance.world import World
from tests.conftest import RETURN, STORES
from tests.payments.asking import usd

Try = Callable[[World, Any], Any]
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
ADA = LegalEntity(name="Ada", country="DE")
DAY = Period(date(2026, 1, 1), date(2026, 1, 1))

ACTORS = ("nobody", "stranger", "buyer", "other", "former_seller", "seller", "operator", "system")
ANSWERS: dict[str, type[DigistoreError] | None] = {
    "+": None,  # it is theirs to do
    "F": Forbidden,
    "N": NotFound,
    "A": AccessRequired,  # theirs to do, had they bought it
}

#                   nobody
#                   | stranger
#                   | | buyer
#                   | | | another seller
#                   | | | | former seller
#                   | | | | | the seller
#                   | | | | | | operator
#                   | | | | | | | SYSTEM
EVERYBODY = "+ + + + + + + +"
PERSON = "F + + + + + + F"
ONESELF = "N + + + + + + N"
SELLERS = "F F F + F + + +"
OPERATORS = "F F F F F F + +"
ITS_SELLER = "F F F F F + + +"
ITS_SELLER_UNSEEN = "F N N N N + + +"
PARTIES = "F N + N N + + +"
STAFF = "F N F N N + + +"

TABLE: dict[str, tuple[str, Try]] = {
    "users.get": (
        "F N + N N N + +",
        lambda w, a: w.store.users.get(a, w.buyer),
    ),
    "users.by_external_id": (
        "F N N N N N + +",
        lambda w, a: w.store.users.by_external_id(a, "host-1"),
    ),
    "users.grant_role": (
        OPERATORS,
        lambda w, a: w.store.users.grant_role(a, w.stranger, Role.SELLER),
    ),
    "users.grant_role: operator": (
        "F F F F F F F +",
        lambda w, a: w.store.users.grant_role(a, w.stranger, Role.OPERATOR),
    ),
    "users.claim_verified": (
        "F F F F F F F +",
        lambda w, a: w.store.users.claim_verified(a, w.stranger, "guest@example.com"),
    ),
    "users.revoke_role": (
        OPERATORS,
        lambda w, a: w.store.users.revoke_role(a, w.other, Role.SELLER),
    ),
    "users.revoke_role: operator": (
        "F F F F F F F +",
        lambda w, a: w.store.users.revoke_role(a, w.operator, Role.OPERATOR),
    ),
    "users.set_legal_entity": (
        "F N N N F + + +",
        lambda w, a: w.store.users.set_legal_entity(a, w.seller, ADA),
    ),
    "users.set_legal_entity: of a customer": (
        "F N F N N N F F",
        lambda w, a: w.store.users.set_legal_entity(a, w.buyer, ADA),
    ),
    "users.legal_entity": (
        "F N N N F + + +",
        lambda w, a: w.store.users.legal_entity(a, w.seller),
    ),
    "catalog.add_category": (OPERATORS, lambda w, a: w.store.catalog.add_category(a, "Music")),
    "catalog.categories": (EVERYBODY, lambda w, a: w.store.catalog.categories(a)),
    "catalog.add_product": (
        SELLERS,
        lambda w, a: w.store.catalog.add_product(a, title="New", price=usd("1")),
    ),
    "catalog.update_product": (
        ITS_SELLER,
        lambda w, a: w.store.catalog.update_product(a, w.book, title="Mine now"),
    ),
    "catalog.update_product: draft": (
        ITS_SELLER_UNSEEN,
        lambda w, a: w.store.catalog.update_product(a, w.draft, title="Mine now"),
    ),
    "catalog.update_product: house": (
        OPERATORS,
        lambda w, a: w.store.catalog.update_product(a, w.house, title="Mine now"),
    ),
    "catalog.put_on_sale": (
        ITS_SELLER_UNSEEN,
        lambda w, a: w.store.catalog.put_on_sale(a, w.ready),
    ),
    "catalog.withdraw": (ITS_SELLER, lambda w, a: w.store.catalog.withdraw(a, w.book)),
    "catalog.product": (EVERYBODY, lambda w, a: w.store.catalog.product(a, w.book)),
    "catalog.product: draft": (
        "N N N N N + + +",
        lambda w, a: w.store.catalog.product(a, w.draft),
    ),
    "catalog.product: withdrawn": (
        "N N N N N + + +",
        lambda w, a: w.store.catalog.product(a, w.gone),
    ),
    "catalog.find": (EVERYBODY, lambda w, a: w.store.catalog.find(a)),
    "catalog.offer": (EVERYBODY, lambda w, a: w.store.catalog.offer(a, w.book)),
    "catalog.offer: draft": ("N N N N N + + +", lambda w, a: w.store.catalog.offer(a, w.draft)),
    "catalog.release": (
        ITS_SELLER,
        lambda w, a: w.store.catalog.release(a, w.book, version="9", files={"a": b"a"}),
    ),
    "catalog.publish": (ITS_SELLER_UNSEEN, lambda w, a: w.store.catalog.publish(a, w.hidden)),
    "catalog.yank": (
        ITS_SELLER,
        lambda w, a: w.store.catalog.yank(a, w.published, reason="mine now"),
    ),
    "catalog.releases": (EVERYBODY, lambda w, a: w.store.catalog.releases(a, w.book)),
    "catalog.latest": (EVERYBODY, lambda w, a: w.store.catalog.latest(a, w.book)),
    "orders.quote": (PERSON, lambda w, a: w.store.orders.quote(a, [w.house])),
    "orders.checkout": (
        PERSON,
        lambda w, a: w.store.orders.checkout(a, [w.house], return_url=RETURN),
    ),
    "orders.checkout: gift": (
        PERSON,
        lambda w, a: w.store.orders.checkout(a, [w.house], return_url=RETURN, gift_to=w.stranger),
    ),
    "orders.add_discount": (
        SELLERS,
        lambda w, a: w.store.orders.add_discount(a, "MINE", percent=10),
    ),
    "orders.add_discount: of a seller": (
        ITS_SELLER,
        lambda w, a: w.store.orders.add_discount(a, "MINE", percent=10, seller=w.seller),
    ),
    "orders.add_discount: of the house": (
        "F F F N F N + +",
        lambda w, a: w.store.orders.add_discount(a, "MINE", percent=10, products=[w.house]),
    ),
    "orders.retire_discount": (
        ITS_SELLER_UNSEEN,
        lambda w, a: w.store.orders.retire_discount(a, w.discount),
    ),
    "orders.get: a gift": (
        "F N + N N + + +",
        lambda w, a: w.store.orders.get(a, w.gift),
    ),
    "orders.get": (PARTIES, lambda w, a: w.store.orders.get(a, w.unpaid)),
    "orders.my_orders": (PERSON, lambda w, a: w.store.orders.my_orders(a)),
    "orders.cancel": ("F N + N N F + +", lambda w, a: w.store.orders.cancel(a, w.unpaid)),
    "orders.receipt": (PARTIES, lambda w, a: w.store.orders.receipt(a, w.paid)),
    "payments.confirm": ("F N + N N F + +", lambda w, a: w.store.payments.confirm(a, w.unpaid)),
    "payments.refund": (STAFF, lambda w, a: w.store.payments.refund(a, w.paid, reason="x")),
    "payments.request_refund": (
        "F N + N N F F F",
        lambda w, a: w.store.payments.request_refund(a, w.paid, reason="x"),
    ),
    "payments.record": (
        OPERATORS,
        lambda w, a: w.store.payments.record(
            a, w.unpaid, amount=usd("29"), method="cash", reference="1", received_at=WHEN
        ),
    ),
    "payments.record_refund": (
        OPERATORS,
        lambda w, a: w.store.payments.record_refund(
            a, w.transferred, reference="2", returned_at=WHEN, reason="x"
        ),
    ),
    "payments.evidence": (STAFF, lambda w, a: w.store.payments.evidence(a, w.paid)),
    "payments.needing_action": (SELLERS, lambda w, a: w.store.payments.needing_action(a)),
    "payments.resolve": (
        OPERATORS,
        lambda w, a: w.store.payments.resolve(a, w.action, choice="keep", reason="x"),
    ),
    "entitlements.check": (ONESELF, lambda w, a: w.store.entitlements.check(a, w.book)),
    "entitlements.check_many": (ONESELF, lambda w, a: w.store.entitlements.check_many(a, [w.book])),
    "entitlements.my_products": (PERSON, lambda w, a: w.store.entitlements.my_products(a)),
    "entitlements.explain": (
        PARTIES,
        lambda w, a: w.store.entitlements.explain(a, w.buyer, w.book),
    ),
    "entitlements.explain: draft": (
        ITS_SELLER_UNSEEN,
        lambda w, a: w.store.entitlements.explain(a, w.stranger, w.draft),
    ),
    "entitlements.revoke": (
        OPERATORS,
        lambda w, a: w.store.entitlements.revoke(a, w.purchase, reason="x"),
    ),
    "entitlements.restore": (
        OPERATORS,
        lambda w, a: w.store.entitlements.restore(a, w.purchase, reason="x"),
    ),
    "downloads.files": ("F F + F F + + F", lambda w, a: w.store.downloads.files(a, w.book)),
    "downloads.files: draft": (
        "F N N N N + + F",
        lambda w, a: w.store.downloads.files(a, w.ready),
    ),
    "downloads.files: draft release": (
        "F F N F F + + F",
        lambda w, a: w.store.downloads.files(a, w.book, release=w.hidden),
    ),
    "downloads.link": ("F F + F F + + F", lambda w, a: w.store.downloads.link(a, w.book)),
    "downloads.open": ("F F + F F + + F", lambda w, a: w.store.downloads.open(a, w.book).close()),
    "downloads.log": ("F + + + + + + +", lambda w, a: w.store.downloads.log(a)),
    "downloads.log: purchase": (
        PARTIES,
        lambda w, a: w.store.downloads.log(a, purchase=w.purchase),
    ),
    "downloads.revoke_links": (PARTIES, lambda w, a: w.store.downloads.revoke_links(a, w.purchase)),
    "support.offer": (
        ITS_SELLER,
        lambda w, a: w.store.support.offer(a, w.book, kind="x", price=usd("1"), scope="All."),
    ),
    "support.offer: draft": (
        ITS_SELLER_UNSEEN,
        lambda w, a: w.store.support.offer(a, w.draft, kind="x", price=usd("1"), scope="All."),
    ),
    "support.offers": (EVERYBODY, lambda w, a: w.store.support.offers(a, w.book)),
    "support.eligibility": (PERSON, lambda w, a: w.store.support.eligibility(a)),
    "support.request": (
        "F A + A A A A F",
        lambda w, a: w.store.support.request(
            a, w.book, kind="setup", subject="Hm?", body="Help.", return_url=RETURN
        ),
    ),
    "support.my_supports": (PERSON, lambda w, a: w.store.support.my_supports(a)),
    "support.queue": (SELLERS, lambda w, a: w.store.support.queue(a)),
    "support.get": (PARTIES, lambda w, a: w.store.support.get(a, w.request)),
    "support.reply": (PARTIES, lambda w, a: w.store.support.reply(a, w.request, "Hm.")),
    "support.assign": (
        STAFF,
        lambda w, a: w.store.support.assign(a, w.request, assignee=w.stranger),
    ),
    "support.start": (STAFF, lambda w, a: w.store.support.start(a, w.request)),
    "support.resolve": (STAFF, lambda w, a: w.store.support.resolve(a, w.request)),
    "support.reopen": (PARTIES, lambda w, a: w.store.support.reopen(a, w.resolved)),
    "support.close": ("F N + N N F + +", lambda w, a: w.store.support.close(a, w.resolved)),
    "support.waive": (STAFF, lambda w, a: w.store.support.waive(a, w.request, reason="x")),
    "short_urls.shorten": (
        SELLERS,
        lambda w, a: w.store.short_urls.shorten(a, "https://example.com/new"),
    ),
    "short_urls.update": (
        "F N N N F + + +",
        lambda w, a: w.store.short_urls.update(a, w.link, title="Mine now"),
    ),
    "short_urls.disable": (
        "F N N N + + + +",
        lambda w, a: w.store.short_urls.disable(a, w.link),
    ),
    "short_urls.mine": ("F + + + + + + +", lambda w, a: w.store.short_urls.mine(a)),
    "short_urls.stats": ("F N N N + + + +", lambda w, a: w.store.short_urls.stats(a, w.link, DAY)),
    "short_urls.import_links": (
        SELLERS,
        lambda w, a: w.store.short_urls.import_links(
            a, [{"code": "new-code", "target": "https://example.com/new"}], dry_run=False
        ),
    ),
    "short_urls.export_links": (
        "F + + + + + + +",
        lambda w, a: w.store.short_urls.export_links(a),
    ),
    "analytics.link_report": (SELLERS, lambda w, a: w.store.analytics.link_report(a, DAY)),
    "analytics.overview": (SELLERS, lambda w, a: w.store.analytics.overview(a, DAY)),
    "analytics.sales": (SELLERS, lambda w, a: w.store.analytics.sales(a, DAY)),
}

HOST_ONLY = {
    "users.register",
    "users.ensure",
    "users.guest",
    "users.start_claim",
    "users.claim",  # the code is the authority
    "payments.handle_webhook",
    "payments.reconcile",
    "files.verify",
    "files.collect",
    "downloads.plan",  # the token is the authority
    "downloads.finish",
    "short_urls.resolve",  # the code is the authority
    "short_urls.roll_up",
    "short_urls.qr",  # it only draws
    "store.migrate",
    "store.check_schema",
    "store.doctor",
    "store.run_due",
    "store.close",
}
"""What takes no actor: the list of api.md, as far as it is built."""

WITHIN = {
    "users.acting",
    "users.visitor",
    "users.id_of",
    "users.named",
    "users.load_many",
    "users.recipient",
    "files.put",
    "files.attach",
    "files.check",
    "files.scan",
    "files.signs",
    "files.stored",
    "downloads.sweep",
    "files.sweep",
    "catalog.scan_again",
    "downloads.give_back",  # of plans that were dropped; it tells nothing
    "downloads.check_link",  # what serving a link asks: the token is the authority
    "short_urls.flush_clicks",
    "short_urls.roll_up_due",
    "support.close_old",
    "analytics.close_days",
}
"""What slices ask of each other: ``Store`` does not show it."""


@pytest.fixture(scope="module", params=STORES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with World.of_kind(request.param) as made:
        yield made


def cases() -> Iterator[Any]:
    for operation, (answers, act) in TABLE.items():
        words = answers.split()
        assert len(words) == len(ACTORS), operation
        for who, answer in zip(ACTORS, words, strict=True):
            yield pytest.param(who, ANSWERS[answer], act, id=f"{operation} by {who}")


@pytest.mark.on_postgresql(one_in=8)
@pytest.mark.parametrize(("who", "refusal", "act"), list(cases()))
def test_everybody_may_do_what_the_table_says_and_no_more(
    world: World, who: str, refusal: type[DigistoreError] | None, act: Try
) -> None:
    world.put_back()
    actor = world.actor(who)
    if refusal is None:
        act(world, actor)
        return
    before = world.digest()
    with pytest.raises(DigistoreError) as caught:
        act(world, actor)
    assert type(caught.value) is refusal
    assert world.digest() == before


def services() -> Iterator[tuple[str, Any]]:
    world = World.open()
    for noun, service in vars(world.store).items():
        if not noun.startswith("_"):
            yield noun, service._service
    world.store.close()


def operations() -> set[str]:
    """Every coroutine that an AsyncStore shows."""
    found = {
        f"{noun}.{name}"
        for noun, service in services()
        for name, _ in inspect.getmembers(type(service), inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    whole = inspect.getmembers(AsyncStore, inspect.iscoroutinefunction)
    return found | {f"store.{name}" for name, _ in whole if not name.startswith("_")}


def test_no_operation_is_without_a_row() -> None:
    """A2: denied by default; whoever adds an operation says here who may."""
    listed = {name.partition(":")[0] for name in TABLE}
    assert operations() == listed | HOST_ONLY | WITHIN


# What registers a handler, or lends the same operations in another way.
_NO_OPERATIONS = ("store._", "store.on", "store.using", "store.replica")


def test_the_blocking_twin_shows_exactly_the_operations() -> None:
    world = World.open()
    shown = {
        f"{noun}.{name}"
        for noun, service in vars(world.store).items()
        if not noun.startswith("_")
        for name in dir(service)
        if not name.startswith("_") and callable(getattr(service, name))
    }
    world.store.close()
    whole = {f"store.{name}" for name, _ in inspect.getmembers(Store, inspect.isfunction)}
    whole = {name for name in whole if not name.startswith(_NO_OPERATIONS)}
    assert shown | whole == {one.partition(":")[0] for one in TABLE} | HOST_ONLY


def test_who_acts_comes_first() -> None:
    """D15: each operation takes the acting user first, but for those of the host alone."""
    for noun, service in services():
        for name, method in inspect.getmembers(type(service), inspect.iscoroutinefunction):
            if name.startswith("_") or f"{noun}.{name}" in WITHIN:
                continue
            first = list(inspect.signature(method).parameters)[1:2]
            acts = first[0] in {"actor", "user", "buyer", "visitor"} if first else False
            by_code = f"{noun}.{name}" == "users.claim"  # whom it names does not act
            assert acts != (f"{noun}.{name}" in HOST_ONLY) or by_code, f"{noun}.{name}"
