"""Tax: the port by which a host has it worked out, and two answers that need no service.

An order has one mode. *Inclusive*: prices contain their tax, as consumers in the EU are shown
them. *Exclusive*: tax is added. A gateway that works out tax by itself takes no calculator beside.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Protocol

from digistore.errors import ConfigError, Invalid
from digistore.money import Money
from digistore.orders.kinds import Kind
from digistore.orders.models import Billing

PLACES = 4  # of a rate in percent


class TaxReason(StrEnum):
    """Why a line bears the tax that it bears."""

    STANDARD = "standard"
    REDUCED = "reduced"
    REVERSE_CHARGE = "reverse_charge"
    EXEMPT = "exempt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TaxableLine:
    """One line to work tax out for; *price* is after its discount, and it may be zero."""

    kind: Kind
    product_id: str
    title: str
    price: Money


@dataclass(frozen=True, slots=True)
class TaxRequest:
    """A sale to work tax out for.

    *country* is the seller's, or the house's where it issues the receipts; ``None`` if unknown.
    *inclusive* says whether the prices of *lines* contain their tax. *billing* brings the
    buyer's country, tax id and evidence of where they are.
    """

    country: str | None
    billing: Billing | None
    inclusive: bool
    lines: tuple[TaxableLine, ...]


@dataclass(frozen=True, slots=True)
class LineTax:
    """The tax of one line: *rate* in percent (``None``: none was worked out), *amount*, why."""

    rate: Decimal | None
    amount: Money
    reason: TaxReason


class TaxCalculator(Protocol):
    """Works out the tax of an order before it is placed; no transaction is open meanwhile."""

    async def calculate(self, request: TaxRequest) -> Sequence[LineTax]:
        """Return the tax of each of the request's lines, in their order.

        The same request gives the same answer, or a repeated checkout is another order. An amount
        is in the line's currency, from zero, and within the price where that contains it.

        Raises:
            Invalid: it cannot be known, as something is missing from the billing.
            Busy: whoever knows it cannot be asked now.
        """
        ...


class NoTax:
    """No tax is worked out: the shop owes none, or its gateways do it."""

    async def calculate(self, request: TaxRequest) -> Sequence[LineTax]:
        """Return no tax for any line."""
        return [LineTax(None, line.price * 0, TaxReason.NONE) for line in request.lines]


class FixedRates:
    """Tax by the buyer's country, from tables of percentages that the host keeps.

    The country is that of the billing; without billing it is the seller's. Lines of one rate are
    rounded together, half up, and share the result by largest remainder.

    Args:
        rates: percent by country, such as ``{"DE": "19", "FR": "20"}``.
        elsewhere: percent in all other countries; ``None``: they are sold to without tax, as
            ``exempt``.
        reduced: percent by country for *reduced_products*.
        reduced_products: ids of products with a reduced rate, such as books.
        reverse_charge: countries among which a business pays the tax itself: the buyer has a tax
            id, and is in another one of them than the seller.
        evidence: how many pieces of evidence of the buyer's place a billing must bring; the EU
            asks for two (Implementing Regulation 282/2011, article 24b).

    Raises:
        ConfigError: a country or percentage that is none.
    """

    def __init__(
        self,
        rates: Mapping[str, str | Decimal],
        *,
        elsewhere: str | Decimal | None = None,
        reduced: Mapping[str, str | Decimal] | None = None,
        reduced_products: Collection[str] = (),
        reverse_charge: Collection[str] = (),
        evidence: int = 0,
    ) -> None:
        """Keep the tables."""
        self._rates = _table(rates)
        self._elsewhere = None if elsewhere is None else percent(elsewhere)
        self._reduced = _table(reduced or {})
        self._reduced_products = frozenset(reduced_products)
        self._reverse_charge = frozenset(reverse_charge)
        self._evidence = evidence
        _refuse_countries(self._reverse_charge)

    async def calculate(self, request: TaxRequest) -> Sequence[LineTax]:
        """Return the tax of each line by the tables.

        Raises:
            Invalid: the buyer's country is not known, or too little evidence of it.
        """
        country = self._place(request)
        rates = [self._rate(request, country, line) for line in request.lines]
        amounts = {
            rate: _spread(request, rate, [known == rate for known in rates]) for rate in set(rates)
        }
        return [
            LineTax(rate[0], amounts[rate][number], rate[1]) for number, rate in enumerate(rates)
        ]

    def _place(self, request: TaxRequest) -> str:
        billing = request.billing
        if billing is not None and len(set(billing.evidence)) < self._evidence:
            raise Invalid(
                f"{self._evidence} pieces of evidence of the buyer's place are needed",
                fields={"billing": "evidence_missing"},
            )
        country = billing.country if billing else request.country
        if country is None or (billing is None and self._evidence):
            raise Invalid(
                "tax depends on where the buyer is: give a billing with its country",
                fields={"billing": "missing"},
            )
        return country

    def _rate(
        self, request: TaxRequest, country: str, line: TaxableLine
    ) -> tuple[Decimal, TaxReason]:
        if self._pays_itself(request, country):
            return Decimal(0), TaxReason.REVERSE_CHARGE
        if line.product_id in self._reduced_products and country in self._reduced:
            return self._reduced[country], TaxReason.REDUCED
        rate = self._rates.get(country, self._elsewhere)
        return (Decimal(0), TaxReason.EXEMPT) if rate is None else (rate, TaxReason.STANDARD)

    def _pays_itself(self, request: TaxRequest, country: str) -> bool:
        business = request.billing is not None and bool(request.billing.tax_id)
        both = {country, request.country} <= self._reverse_charge
        return business and both and country != request.country


def percent(rate: str | Decimal) -> Decimal:
    """Return *rate* in percent.

    Raises:
        ConfigError: no number from 0 to 100 with at most four places.
    """
    try:
        found = Decimal(rate) if isinstance(rate, str | Decimal) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not is_percent(found):
        raise ConfigError('a tax rate is percent as text or Decimal, from 0 to 100, such as "19"')
    return found


def is_percent(rate: object) -> bool:
    """Say whether *rate* is a number from 0 to 100 with at most four places."""
    plain = isinstance(rate, Decimal) and rate.is_finite()
    return plain and 0 <= rate <= 100 and rate == round(rate, PLACES)  # type: ignore[operator, call-overload]  # noqa: PLR2004


def contained(price: Money, rate: Decimal) -> Money:
    """Return the tax that *price* contains, rounded half up."""
    return _part(price, rate, Decimal(100) + rate)


def added(price: Money, rate: Decimal) -> Money:
    """Return the tax that is added to *price*, rounded half up."""
    return _part(price, rate, Decimal(100))


def _part(price: Money, rate: Decimal, whole: Decimal) -> Money:
    # Exact: the same fraction in whole numbers, whatever the decimal context.
    over, under = int(rate.scaleb(PLACES)), int(whole.scaleb(PLACES))
    return Money.from_minor((2 * price.amount * over + under) // (2 * under), price.currency)


def _spread(
    request: TaxRequest, rate: tuple[Decimal, TaxReason], chosen: Sequence[bool]
) -> tuple[Money, ...]:
    """Return the tax of the *chosen* lines, which add up to the tax of their sum."""
    weights = [
        line.price.amount if mine else 0 for line, mine in zip(request.lines, chosen, strict=True)
    ]
    together = Money.from_minor(sum(weights), request.lines[0].price.currency)
    tax = (contained if request.inclusive else added)(together, rate[0])
    return tax.allocate(weights)


def _table(rates: Mapping[str, str | Decimal]) -> dict[str, Decimal]:
    _refuse_countries(rates)
    return {country: percent(rate) for country, rate in rates.items()}


def _refuse_countries(countries: Collection[str]) -> None:
    for country in countries:
        plain = isinstance(country, str) and country.isascii() and country.isalpha()
        if not plain or len(country) != 2 or country != country.upper():  # noqa: PLR2004
            raise ConfigError("a country is two capital letters of ISO 3166-1, such as DE")
