"""Tax: one mode for an order, on what is left after the discount, and never from two sides."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore import SYSTEM, Billing, FixedRates, LegalEntity, Money, NoTax, Store
from digistore.blocking import run
from digistore.errors import ConfigError, Invalid
from digistore.gateways import Cap, CheckoutRef, GatewayProfile, PaymentRef, PaymentSnapshot
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout, LineTax, Receipt, TaxableLine, TaxReason, TaxRequest
from digistore.orders.kinds import Draft, Kind
from digistore.orders.service.taxing import TaxDesk
from digistore.orders.tax import added, contained, percent
from digistore.settings import Settings
from digistore.testing import FrozenClock, check_invariants
from digistore.testing.tax import answer
from tests.conftest import RETURN, SECRET, OpenStore, Shop
from tests.payments.asking import usd

HOUSE = LegalEntity(name="House", country="DE")
EU = FixedRates(
    {"DE": "19", "FR": "20", "LU": "17"},
    reverse_charge=["DE", "FR", "LU"],
    reduced={"DE": "7"},
    reduced_products=["prd_book"],
)


def shop_in(open_store: OpenStore, sandbox: Any, clock: Any, tax: Any, **settings: Any) -> Shop:
    given_settings = Settings(legal_entity=HOUSE, receipt_issuer="house", **settings)
    return Shop(open_store(settings=given_settings, tax=tax), sandbox, clock)


@pytest.fixture
def taxed(
    open_store: OpenStore, sandbox: SandboxGateway, clock: FrozenClock
) -> Callable[..., Shop]:
    """A shop of a German house: ``taxed(tax_inclusive=False)``."""
    return lambda tax=EU, **settings: shop_in(open_store, sandbox, clock, tax, **settings)


def sale(*prices: str, billing: Billing | None = None, inclusive: bool = True) -> TaxRequest:
    lines = [TaxableLine(Kind.PRODUCT, "prd_x", "x", usd(price)) for price in prices]
    return TaxRequest("DE", billing, inclusive, tuple(lines))


def bill(country: str, **more: Any) -> Billing:
    return Billing(name="Ada", country=country, **more)


# The arithmetic


@given(st.integers(0, 2**53 - 1), st.decimals(0, 100, places=4))
def test_tax_is_the_exact_fraction_rounded_half_up(amount: int, rate: Decimal) -> None:
    price, over = Money.from_minor(amount, "USD"), int(rate.scaleb(4))
    for found, under in ((contained(price, rate), 100 * 10**4 + over), (added(price, rate), 10**6)):
        exact = 2 * amount * over
        assert (2 * found.amount - 1) * under <= exact < (2 * found.amount + 1) * under


def test_well_known_amounts() -> None:
    assert contained(usd("29.00"), Decimal(19)) == usd("4.63")
    assert added(usd("29.00"), Decimal(19)) == usd("5.51")
    assert contained(usd("0.00"), Decimal(19)) == usd("0.00")
    assert added(Money("2900", "JPY"), Decimal(10)) == Money("290", "JPY")


def test_lines_of_one_rate_are_rounded_together_and_share_by_largest_remainder() -> None:
    """Three times 0.03 at 19 %: by line 0.01 each, which would be half too much."""
    taxes = answer(EU, sale("0.03", "0.03", "0.03", inclusive=False))
    assert [tax.amount for tax in taxes] == [usd("0.01"), usd("0.01"), usd("0.00")]
    assert added(usd("0.09"), Decimal(19)) == usd("0.02")


@pytest.mark.parametrize(
    "rate", ["", "19%", "-1", "100.1", "NaN", "1e3", "1.00001", 19, 19.0, None]
)
def test_a_rate_is_percent_or_refused(rate: Any) -> None:
    with pytest.raises(ConfigError):
        percent(rate)


@pytest.mark.parametrize("country", ["", "de", "DEU", "D1", "ÄÖ"])
def test_a_country_is_two_capital_letters(country: str) -> None:
    with pytest.raises(ConfigError):
        FixedRates({country: "19"})
    with pytest.raises(ConfigError):
        FixedRates({}, reverse_charge=[country])


# Which rate


@pytest.mark.parametrize(
    ("billing", "rate", "reason"),
    [
        (None, 19, TaxReason.STANDARD),  # at home
        (bill("FR"), 20, TaxReason.STANDARD),
        (bill("FR", tax_id="FR1"), 0, TaxReason.REVERSE_CHARGE),
        (bill("DE", tax_id="DE1"), 19, TaxReason.STANDARD),  # the same country
        (bill("US"), 0, TaxReason.EXEMPT),
        (bill("US", tax_id="US1"), 0, TaxReason.EXEMPT),  # not among those countries
    ],
    ids=str,
)
def test_the_buyers_country_says_which_rate(
    billing: Billing | None, rate: int, reason: TaxReason
) -> None:
    (tax,) = answer(EU, sale("10.00", billing=billing))
    assert (tax.rate, tax.reason) == (Decimal(rate), reason)


def test_some_products_have_a_reduced_rate_where_there_is_one() -> None:
    book = replace(sale("10.00").lines[0], product_id="prd_book")
    for billing, rate in ((bill("DE"), 7), (bill("FR"), 20)):
        (tax,) = answer(EU, replace(sale("10.00"), lines=(book,), billing=billing))
        assert tax.rate == Decimal(rate)


def test_without_any_country_nothing_is_guessed() -> None:
    with pytest.raises(Invalid) as caught:
        answer(EU, replace(sale("10.00"), country=None))
    assert caught.value.fields == {"billing": "missing"}


def test_evidence_of_the_place_may_be_asked_for() -> None:
    asking = FixedRates({"DE": "19"}, evidence=2)
    for evidence in ((), ("ip: DE",), ("ip: DE", "ip: DE")):
        with pytest.raises(Invalid):
            answer(asking, sale("10.00", billing=bill("DE", evidence=evidence)))
    with pytest.raises(Invalid):
        answer(asking, sale("10.00"))
    assert answer(asking, sale("10.00", billing=bill("DE", evidence=("ip: DE", "card: DE"))))


# On orders


def test_contained_tax_leaves_the_price_as_it_is(taxed: Callable[..., Shop]) -> None:
    shop = taxed()
    order = shop.checkout(shop.product(), billing=bill("FR")).order
    assert (order.subtotal, order.total, order.tax) == (usd("29.00"), usd("29.00"), usd("4.83"))
    assert order.tax_inclusive
    (line,) = order.lines
    assert (line.tax, line.tax_rate, line.tax_reason) == (usd("4.83"), "20", "standard")


def test_added_tax_is_asked_for_at_the_gateway(taxed: Callable[..., Shop]) -> None:
    shop = taxed(tax_inclusive=False)
    checkout = shop.checkout(shop.product())
    order = checkout.order
    assert (order.subtotal, order.tax, order.total) == (usd("29.00"), usd("5.51"), usd("34.51"))
    assert shop.sandbox.look_up(checkout).total == usd("34.51")
    shop.deliver(shop.sandbox.pay(checkout))
    assert shop.store.orders.get(SYSTEM, order).state == "paid"


def test_a_quote_says_what_the_order_will_say(taxed: Callable[..., Shop]) -> None:
    shop = taxed(tax_inclusive=False)
    items = [shop.product("One"), shop.product("Two", usd("9.99")), shop.product("Gift", usd("0"))]
    quote = shop.store.orders.quote(shop.buyer, items, billing=bill("LU"))
    order = shop.store.orders.checkout(
        shop.buyer, items, billing=bill("LU"), return_url=RETURN
    ).order
    assert (quote.tax, quote.total) == (order.tax, order.total)
    assert [(one.tax, one.total, one.tax_rate) for one in quote.lines] == [
        (one.tax, one.total, one.tax_rate) for one in order.lines
    ]
    assert order.lines[2].tax == order.lines[2].total == usd("0.00")


def test_what_costs_nothing_bears_no_tax_and_is_paid_at_once(taxed: Callable[..., Shop]) -> None:
    shop = taxed(tax_inclusive=False)
    checkout = shop.checkout(shop.product(price=usd("0.00")))
    assert (checkout.url, checkout.order.tax) == (None, usd("0.00"))


def test_the_evidence_stays_on_the_order(taxed: Callable[..., Shop]) -> None:
    shop = taxed()
    billing = bill("FR", evidence=("billing address: FR", "IP address: FR"))
    order = shop.store.orders.get(SYSTEM, shop.buy(shop.product(), billing=billing).order)
    assert order.billing == billing


def test_support_bears_tax_as_well(taxed: Callable[..., Shop]) -> None:
    shop = taxed(tax_inclusive=False)
    book = shop.product()
    shop.buy(book)
    shop.store.support.offer(shop.seller, book, kind="setup", price=usd("49.00"), scope="An hour.")
    asked = shop.store.support.request(
        shop.buyer, book, kind="setup", subject="Hm?", body="How?", return_url=RETURN
    )
    assert asked.checkout.order.total == usd("58.31")
    shop.deliver(shop.sandbox.pay(asked))
    assert shop.store.support.get(shop.buyer, asked.request).state == "open"


def test_a_seller_is_taxed_where_the_seller_is(
    open_store: OpenStore, sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    shop = Shop(open_store(tax=EU), sandbox, clock)
    book = shop.product()
    with pytest.raises(Invalid):  # nobody has said where that is
        shop.checkout(book)
    shop.store.users.set_legal_entity(
        shop.seller, shop.seller, LegalEntity(name="Ada", country="FR")
    )
    assert shop.checkout(book).order.lines[0].tax_rate == "20"


class Wrong:
    """A calculator that gives one answer to everything."""

    def __init__(self, *taxes: LineTax) -> None:
        self.taxes = taxes

    async def calculate(self, request: TaxRequest) -> Sequence[LineTax]:
        return self.taxes


FINE = LineTax(Decimal(19), usd("1.00"), TaxReason.STANDARD)


@pytest.mark.parametrize(
    "taxes",
    [
        (),
        (FINE, FINE),
        (replace(FINE, amount=usd("-0.01")),),
        (replace(FINE, amount=usd("29.01")),),
        (replace(FINE, amount=Money("1.00", "EUR")),),
        (replace(FINE, rate=Decimal(101)),),
        (replace(FINE, rate=Decimal("NaN")),),
        (replace(FINE, rate=19.0),),  # type: ignore[arg-type]
        (replace(FINE, reason="free"),),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_an_answer_that_cannot_be_true_makes_no_order(
    taxed: Callable[..., Shop], taxes: tuple[LineTax, ...]
) -> None:
    shop = taxed(Wrong(*taxes))
    with pytest.raises(Invalid) as caught:
        shop.checkout(shop.product())
    assert caught.value.fields == {"tax": "untrue"}
    assert shop.count("orders") == 0


# Money back


@pytest.mark.parametrize("inclusive", [True, False])
def test_refunds_and_credit_notes_split_the_tax_of_each_line(
    taxed: Callable[..., Shop], *, inclusive: bool
) -> None:
    shop = taxed(tax_inclusive=inclusive)
    items = [shop.product("One"), shop.product("Two", usd("9.99"))]
    checkout = shop.store.orders.checkout(shop.buyer, items, return_url=RETURN)
    shop.deliver(shop.sandbox.pay(checkout))
    for amount in ("0.01", "10.00", "7.77", None):
        shop.store.payments.refund(
            shop.operator, checkout.order, amount=usd(amount) if amount else None, reason="x"
        )
    shop.store.run_due()
    receipt = shop.store.orders.receipt(SYSTEM, checkout.order)
    assert receipt.document is not None
    assert len(receipt.corrections) == 4
    assert Money.total((one.tax for one in receipt.corrections), "USD") == receipt.document.tax
    assert Money.total((one.total for one in receipt.corrections), "USD") == checkout.order.total
    for line in checkout.order.lines:
        back = shop.rows(
            "SELECT SUM(tax), SUM(amount) FROM digistore_refund_lines"
            f" WHERE order_line_id = '{line.id}'"
        )
        assert back == [(line.tax.amount, line.total.amount)]


def test_tax_comes_back_with_a_refund_that_failed(taxed: Callable[..., Shop]) -> None:
    shop = taxed()
    checkout = shop.buy(shop.product())
    shop.store.payments.refund(shop.operator, checkout.order, amount=usd("9.00"), reason="x")
    shop.store.run_due()
    shop.deliver(shop.sandbox.fail_refund(checkout))
    shop.clock.go(hours=1)
    shop.store.payments.refund(shop.operator, checkout.order, reason="all of it")
    shop.store.run_due()
    credit, debit, again = shop.store.orders.receipt(SYSTEM, checkout.order).corrections
    assert (credit.tax, debit.tax) == (usd("1.44"), usd("1.44"))
    assert again.tax == checkout.order.tax


def test_rates_are_on_the_receipt_one_by_one(taxed: Callable[..., Shop]) -> None:
    shop = taxed(FixedRates({"DE": "19"}))
    items = [shop.product("One"), shop.product("Two", usd("9.99"))]
    checkout = shop.store.orders.checkout(shop.buyer, items, return_url=RETURN)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.store.run_due()
    document = shop.store.orders.receipt(SYSTEM, checkout.order).document
    assert document is not None
    (tax,) = document.taxes
    assert (tax.rate, tax.net, tax.tax) == ("19", usd("32.76"), usd("6.23"))


# The gateway's own tax


class TaxingGateway(SandboxGateway):
    """A sandbox that works tax out by itself, contained in what is asked for or added to it."""

    def __init__(self, clock: FrozenClock, tax: str, *, adds: bool) -> None:
        super().__init__(clock=clock)
        self._tax, self.added = usd(tax), usd(tax if adds else "0.00")

    @property
    def profile(self) -> GatewayProfile:
        known = super().profile
        return replace(known, capabilities=known.capabilities | {Cap.TAX})

    async def fetch(self, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        told = await super().fetch(ref)
        if told.captured is None or told.total is None:
            return told
        return replace(told, tax=self._tax, total=told.total + self.added)


def sold_with_gateway_tax(
    template: Path, folder: Path, *, adds: bool
) -> tuple[Store, TaxingGateway, Checkout]:
    clock = FrozenClock()
    gateway = TaxingGateway(clock, "5.51" if adds else "4.63", adds=adds)
    shutil.copy(template, folder / "shop.db")
    store = Store.open(
        f"sqlite:///{folder}/shop.db",
        files="memory://",
        gateways=[gateway],
        secret=SECRET,
        clock=clock,
    )
    shop = Shop(store, gateway, clock)
    checkout = shop.checkout(shop.product())
    shop.deliver(gateway.pay(checkout, amount=usd("29.00") + gateway.added))
    store.run_due()
    return store, gateway, checkout


@pytest.mark.parametrize(
    ("adds", "total", "tax"), [(True, "34.51", "5.51"), (False, "29.00", "4.63")]
)
def test_the_gateways_tax_is_on_the_receipt(
    template: Path, tmp_path: Path, *, adds: bool, total: str, tax: str
) -> None:
    """Books: captured = order total + gateway tax added."""
    store, _, checkout = sold_with_gateway_tax(template, tmp_path, adds=adds)
    with store:
        document = receipt_of(store, checkout).document
        assert document is not None
        assert (document.total, document.paid) == (usd(total), usd(total))
        assert (document.tax, document.gateway_tax) == (usd(tax), usd(tax))
        assert checkout.order.total == usd("29.00")
        check_invariants(store)


@pytest.mark.parametrize("adds", [True, False])
def test_the_gateways_tax_goes_back_with_the_money(
    template: Path, tmp_path: Path, *, adds: bool
) -> None:
    store, _, checkout = sold_with_gateway_tax(template, tmp_path, adds=adds)
    with store:
        for amount in (usd("10.00"), None):
            store.payments.refund(SYSTEM, checkout.order, amount=amount, reason="x")
        store.run_due()
        receipt = receipt_of(store, checkout)
        assert receipt.document is not None
        totals = [one.total for one in receipt.corrections]
        assert Money.total(totals, "USD") == receipt.document.total
        back = [one.gateway_tax for one in receipt.corrections]
        assert Money.total(back, "USD") == receipt.document.gateway_tax
        assert all(back)
        check_invariants(store)


def receipt_of(store: Store, checkout: Checkout) -> Receipt:
    return store.orders.receipt(SYSTEM, checkout.order)


def test_a_gateways_tax_and_a_calculator_are_never_together(
    open_store: OpenStore, clock: FrozenClock
) -> None:
    gateway = TaxingGateway(clock, "5.51", adds=True)
    with pytest.raises(ConfigError, match="sandbox"):
        open_store(gateways=[gateway], tax=EU)
    open_store(gateways=[gateway], tax=NoTax())


@pytest.mark.parametrize("tax", [19, "19", object(), FixedRates])
def test_what_is_no_calculator_is_refused_when_the_store_is_made(
    open_store: OpenStore, tax: Any
) -> None:
    with pytest.raises(ConfigError):
        open_store(tax=tax)


def test_the_tax_base_is_what_is_left_after_the_discount() -> None:
    desk = TaxDesk(None, EU, Settings(legal_entity=HOUSE, tax_inclusive=False))  # type: ignore[arg-type]
    drafts = [
        Draft(Kind.PRODUCT, "prd_1", "usr_1", "One", 2900, discount=1900),
        Draft(Kind.PRODUCT, "prd_2", "usr_1", "Two", 500, discount=500),
    ]
    one, two = run(desk.taxed(drafts, "USD", None, None))
    assert (one.tax, one.total) == (190, 1190)
    assert (two.tax, two.total) == (0, 0)
