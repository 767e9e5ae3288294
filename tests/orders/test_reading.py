"""What an order says, to whom, and that none of it ever changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from digistore import (
    SYSTEM,
    AccessPolicy,
    Billing,
    Consent,
    Effect,
    HostUser,
    Money,
    PayWhatYouWant,
    Role,
)
from digistore.errors import AmountNotSupported, Forbidden, Invalid, NotFound
from digistore.gateways import MoneyRules
from digistore.gateways.sandbox import SandboxGateway
from digistore.settings import Settings
from digistore.testing import FrozenClock
from tests.conftest import RETURN, OpenStore, Shop

Subtests = pytest.Subtests
USD = "USD"
ORDER = (
    "currency", "subtotal", "discount", "tax", "total", "tax_inclusive", "policy", "billing",
    "consents",
)  # fmt: skip
LINE = (
    "id", "kind", "product_id", "beneficiary_id", "title", "unit_price", "discount", "tax",
    "tax_rate", "tax_reason", "total",
)  # fmt: skip
TERMS = Consent(
    kind="terms",
    text="I agree.\nTo all of it.",
    accepted_at=datetime(2026, 1, 1, 11, tzinfo=UTC),
    locale="en-GB",
)
BILLING = Billing(
    name="Ada Lovelace",
    country="GB",
    email="accounts@example.com",
    company="Analytical Engines Ltd",
    address="1 Row\nLondon",
    tax_id="GB123",
    evidence=("ip: GB", "card: GB"),
)


def test_I14_what_an_order_says_never_changes(shop: Shop) -> None:
    """Neither the catalogue nor money nor a person's own row reaches back into it."""
    book, free = shop.product(), shop.product("Appendix", Money.zero(USD))
    checkout = shop.store.orders.checkout(
        shop.buyer,
        [book, free.slug],
        return_url=RETURN,
        billing=BILLING,
        consents=[TERMS],
        metadata={"campaign": "spring", "seats": [1, 2]},
    )
    made = shop.store.orders.get(shop.buyer, checkout.order)
    assert made == checkout.order
    assert [line.title for line in made.lines] == ["Async Python", "Appendix"]
    assert [line.total for line in made.lines] == [Money("29.00", USD), Money.zero(USD)]
    assert made.subtotal == made.total == Money("29.00", USD)
    assert (made.billing, made.consents) == (BILLING, (TERMS,))
    assert made.metadata == {"campaign": "spring", "seats": [1, 2]}
    assert (made.seller_id, made.livemode, made.self_purchase) == (shop.seller.id, False, False)
    stored = fingerprint(shop)
    catalog = shop.store.catalog
    catalog.update_product(shop.seller, book, title="Renamed", price=Money("99.00", "EUR"))
    catalog.withdraw(shop.seller, free)
    shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.store.payments.refund(shop.operator, checkout.order, reason="a gesture")
    shop.clock.go(days=30)
    shop.store.run_due()
    now = shop.store.orders.get(shop.buyer, checkout.order)
    derived = {"state": "paid", "paid_at": now.paid_at}
    lines = tuple(line.model_copy(update={"outcome": "closed"}) for line in made.lines)
    assert {line.outcome for line in now.lines} <= {"closed", "opened"}
    assert now.model_copy(update={"lines": lines}) == made.model_copy(
        update={**derived, "lines": lines}
    )
    assert fingerprint(shop) == stored


def fingerprint(shop: Shop) -> str:
    """Return the stored fingerprint, after working it out from the rows as they are now."""
    (order,) = shop.rows(f"SELECT snapshot_fingerprint, {', '.join(ORDER)} FROM digistore_orders")
    content = dict(zip(ORDER, order[1:], strict=True))
    for name in ("policy", "billing", "consents"):
        content[name] = json.loads(content[name])
    content["tax_inclusive"] = bool(content["tax_inclusive"])
    rows = shop.rows(f"SELECT {', '.join(LINE)} FROM digistore_order_lines ORDER BY position")
    spelled = json.dumps(
        {"order": content, "lines": [list(row) for row in rows]},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    assert order[0] == hashlib.sha256(spelled.encode()).hexdigest()
    return str(order[0])


def test_the_policy_in_force_is_copied_onto_the_order(
    open_store: OpenStore, sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    lenient = Settings(access=AccessPolicy(dispute_opened=Effect.KEEP))
    shop = Shop(open_store(settings=lenient), sandbox, clock)
    old = shop.product()
    bought = shop.buy(old)
    shop.store = open_store()  # the host has changed its mind
    new = shop.product("Later")
    later = shop.buy(new)
    for checkout in (bought, later):
        shop.deliver(shop.sandbox.open_dispute(checkout))
    assert shop.store.entitlements.check(shop.buyer, old)
    assert not shop.store.entitlements.check(shop.buyer, new)


# Who may


def test_E1_orders_and_receipts_are_shown_to_their_own_people(
    shop: Shop, subtests: Subtests
) -> None:
    paid, open_ = shop.buy(shop.product()).order, shop.checkout(shop.product("Other")).order
    rival = shop.new_seller("rival@example.com")
    shop.product("Own", seller=rival)
    orders: Any = shop.store.orders
    people: list[Any] = [shop.buyer, shop.seller, shop.operator, SYSTEM]
    for who in people:
        with subtests.test(who=str(who)[:20]):
            assert orders.get(who, paid.id).id == paid.id
            assert orders.receipt(who, paid).order.id == paid.id
            with pytest.raises(NotFound):
                orders.receipt(who, open_)
    strangers = (rival, shop.store.users.guest("buyer@example.com"), HostUser("host-7"))
    for who in strangers:
        for ref in (paid, paid.id, open_.id, "ord_none", "", "\0", "x" * 9999):
            with subtests.test(who=str(who)[:20], ref=str(ref)[:20]):
                with pytest.raises(NotFound) as caught:
                    orders.get(who, ref)
                assert str(caught.value) == str(NotFound("order"))
                with pytest.raises(NotFound) as caught:
                    orders.receipt(who, ref)
                assert str(caught.value) == str(NotFound("order"))
    for ref in (paid, "ord_none"):
        with pytest.raises(Forbidden) as nobody:
            orders.get(None, ref)
        assert nobody.value.reason == "sign_in"
    shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    with pytest.raises(NotFound):  # a former seller is a customer
        orders.get(shop.seller, paid)


def test_a_house_order_is_the_operators(shop: Shop) -> None:
    order = shop.buy(shop.product(seller=SYSTEM)).order
    assert order.seller_id is None
    with pytest.raises(NotFound):
        shop.store.orders.get(shop.seller, order)
    receipt = shop.store.orders.receipt(shop.operator, order)
    assert (receipt.issuer, receipt.buyer_email) == ("house", "buyer@example.com")


def test_a_receipt_bears_the_billing_of_its_order(shop: Shop) -> None:
    order = shop.buy(shop.product(), billing=BILLING).order
    receipt = shop.store.orders.receipt(shop.buyer, order)
    assert (receipt.buyer_name, receipt.buyer_email) == (BILLING.name, BILLING.email)
    assert (receipt.method, receipt.paid_at) == ("sandbox", shop.clock())
    assert (receipt.refunded, receipt.net) == (Money.zero(USD), Money("29.00", USD))
    free = shop.buy(shop.product("Free", Money.zero(USD))).order
    assert shop.store.orders.receipt(shop.buyer, free).method == "free"


def test_my_orders_are_mine_newest_first_and_their_pages_checked(
    shop: Shop, subtests: Subtests
) -> None:
    host = HostUser("host-7")
    made = []
    for number, who in enumerate((shop.buyer, host, shop.buyer)):
        shop.clock.go(minutes=1)
        made.append(shop.checkout(shop.product(f"Book {number}"), who).order)
    mine: Any = shop.store.orders.my_orders
    assert [order.id for order in mine(shop.buyer)] == [made[2].id, made[0].id]
    assert [order.id for order in mine(host)] == [made[1].id]
    assert list(mine(shop.seller)) == []
    page = mine(shop.buyer.id, limit=1)
    assert list(page) == [made[2]]
    assert list(mine(shop.buyer, after=page.next)) == [made[0]]
    for cursor in ("", "x", page.next + "=", 7):
        with subtests.test(cursor=str(cursor)):
            with pytest.raises(Invalid) as caught:
                mine(shop.buyer, after=cursor)
            assert caught.value.fields == {"after": "invalid"}
    for limit in (0, 101, True, "1", None):
        with subtests.test(limit=str(limit)), pytest.raises(Invalid):
            mine(shop.buyer, limit=limit)
    for who, error in ((None, Forbidden), (SYSTEM, Forbidden), ("usr_none", NotFound)):
        with subtests.test(who=str(who)), pytest.raises(error):
            mine(who)


# Quotes


def test_a_quote_says_what_checkout_would_ask(shop: Shop) -> None:
    wanted = PayWhatYouWant(minimum=Money("1.00", USD))
    items = [shop.product(), shop.product("Tip jar", wanted), shop.product("Free", Money.zero(USD))]
    quote = shop.store.orders.quote(shop.buyer, items, pay=Money("3.50", USD))
    assert [str(line.total) for line in quote.lines] == ["29.00 USD", "3.50 USD", "0.00 USD"]
    assert (quote.subtotal, quote.discount, quote.tax) == (
        Money("32.50", USD),
        Money.zero(USD),
        Money.zero(USD),
    )
    assert (quote.total, quote.gateway) == (Money("32.50", USD), "sandbox")
    checkout = shop.store.orders.checkout(
        shop.buyer, items, return_url=RETURN, pay=Money("3.50", USD)
    )
    assert checkout.order.total == shop.sandbox.look_up(checkout).total == quote.total
    assert [line.title for line in shop.sandbox.look_up(checkout).lines] == [
        "Async Python",
        "Tip jar",
    ]
    assert shop.store.orders.quote(shop.buyer, items[2:]).gateway is None


def test_amounts_that_no_gateway_takes_are_refused_with_the_nearest(
    open_store: OpenStore, clock: FrozenClock
) -> None:
    rules = MoneyRules(minimum={USD: 50}, maximum=1_000, steps={USD: 5})
    sandbox = SandboxGateway(clock=clock, money=rules)
    shop = Shop(open_store(gateways=[sandbox]), sandbox, clock)
    book = shop.product(price=PayWhatYouWant(minimum=Money.zero(USD)))
    calls: list[Callable[[Money], object]] = [
        lambda pay: shop.store.orders.quote(shop.buyer, [book], pay=pay),
        lambda pay: shop.checkout(book, pay=pay),
    ]
    for amount, nearest in {
        "0.01": ["0.50"],
        "0.52": ["0.50", "0.55"],
        "10.01": ["10.00"],
        "99.00": ["10.00"],
    }.items():
        for call in calls:
            with pytest.raises(AmountNotSupported) as caught:
                call(Money(amount, USD))
            assert [str(near.decimal) for near in caught.value.nearest] == nearest
    assert shop.count("orders") == 0
    assert shop.checkout(book, pay=Money("0.55", USD)).url is not None


def test_bad_terms_are_refused_before_anything_is_written(shop: Shop, subtests: Subtests) -> None:
    book, second = shop.product(), shop.product("Second")
    euro = shop.product("Euro", Money("5.00", "EUR"))
    wanted = shop.product("Tips", PayWhatYouWant(minimum=Money("1.00", USD)))
    other = shop.product("More tips", PayWhatYouWant(minimum=Money("1.00", USD)))
    pay = Money("2.00", USD)
    before = shop.count("audit")
    bad: list[tuple[Any, dict[str, Any], str]] = [
        ([book], {"billing": {"name": "Ada", "country": "GB"}}, "billing"),
        ([book], {"billing": "Ada"}, "billing"),
        ([book], {"consents": ["terms"]}, "consents"),
        ([book], {"metadata": {"n": float("nan")}}, "metadata"),
        ([book], {"metadata": {"n": "x" * 20_000}}, "metadata"),
        ([book], {"metadata": ["a"]}, "metadata"),
        ([book], {"gateway": ""}, "gateway"),
        ([book], {"gateway": "__class__"}, "gateway"),
        ([book], {"gateway": "free"}, "gateway"),
        ([book], {"gateway": 7}, "gateway"),
        ([book], {"cancel_url": ""}, "cancel_url"),
        ([book], {"cancel_url": "/cart"}, "cancel_url"),
        ([book], {"return_url": None}, "return_url"),
        ([book], {"pay": pay}, "pay"),
        ([wanted], {}, "pay"),
        ([wanted], {"pay": 2.0}, "pay"),
        ([wanted], {"pay": True}, "pay"),
        ([wanted], {"pay": Money("2.00", "EUR")}, "pay"),
        ([wanted, other], {"pay": pay}, "pay"),
        ([book, second], {"pay": pay}, "pay"),
        ([book, euro], {}, "currency"),
        ([book] * 101, {}, "items"),
        ((), {}, "items"),
    ]
    for items, given, field in bad:
        with subtests.test(given=str(given)[:40], field=field):
            with pytest.raises(Invalid) as caught:
                shop.store.orders.checkout(shop.buyer, items, **{"return_url": RETURN, **given})
            assert field in caught.value.fields
    assert (shop.count("orders"), shop.count("audit")) == (0, before)
    assert shop.sandbox.calls == ()


@pytest.mark.parametrize("buyer", ["HostUser", "id"])
def test_a_buyer_may_be_named_in_every_way(shop: Shop, buyer: str) -> None:
    who: Any = HostUser("host-7") if buyer == "HostUser" else shop.buyer.id
    book = shop.product()
    shop.buy(book, who)
    assert shop.store.entitlements.check(who, book)


def test_required_consents_are_asked_of_what_is_free_as_well(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(required_consents=frozenset({"terms"}))
    free = shop.product(price=Money.zero(USD))
    with pytest.raises(Invalid):
        shop.checkout(free)
    order = shop.checkout(free, consents=[TERMS]).order
    assert (order.state, order.consents) == ("paid", (TERMS,))
