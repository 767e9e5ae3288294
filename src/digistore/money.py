"""Amounts of money: whole minor units of one ISO 4217 currency, never a float."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import total_ordering
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

from digistore.errors import Invalid

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core.core_schema import CoreSchema

MAX_AMOUNT: Final = 2**53 - 1
"""The most minor units, either way: a JSON reader that has only doubles still counts them right."""

# ISO 4217, list one, as its maintenance agency SIX published it on 2026-01-01 (amendment 180):
# every code with a minor unit.  Metals, XDR, XTS, XXX and the like have none; historic codes are
# on list three.  Both are refused, as nothing can be priced in them.
# https://www.six-group.com/dam/download/financial-information/data-center/iso-currrency/lists/list-one.xml
_CODES_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
        CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
        GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
        LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
        NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
        SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST
        XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
ISO_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {code: places for places, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}
)
"""How many decimal places each currency has; what is no key here is no currency."""

_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


@final
@total_ordering
class Money:
    """An amount of one currency, exact and immutable: ``Money("29.00", "USD")``.

    It may be negative, as differences and reports need that: where only a price makes sense, the
    caller checks.  Between two currencies ``==`` is False, even for zeros; ``<``, ``+`` and ``-``
    raise.  There is no ``sum(items)``, as the zero of ``sum`` has no currency: use ``total``.

    Args:
        amount: major units with no more decimals than the currency has: ``29``, ``"29.00"`` or
            ``Decimal("29.00")``; text is ASCII digits, at most one point, a minus in front.
        currency: ISO 4217 code in use, upper case.

    Raises:
        Invalid: here and in every operation; ``fields`` maps ``amount`` to ``float_refused``,
            ``not_a_number``, ``too_many_decimals`` or ``too_large`` (beyond ``±MAX_AMOUNT``), or
            ``currency`` to ``unknown_currency`` or ``mixed_currencies``.
    """

    # Not a dataclass: dataclasses.replace(money, amount=2900) would read minor units as major.
    __slots__ = ("_amount", "_currency")
    _amount: int
    _currency: str

    def __new__(cls, amount: str | int | Decimal, currency: str) -> Money:
        """Take *amount* in major units."""
        code = _known_currency(currency)
        return cls.from_minor(_minor_units(amount, ISO_EXPONENTS[code]), code)

    @classmethod
    def from_minor(cls, amount: int, currency: str) -> Money:
        """Take *amount* in minor units, such as cents."""
        self = super().__new__(cls)
        self._currency = _known_currency(currency)
        self._amount = _bounded(amount)
        return self

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Make nothing at all of *currency*."""
        return cls.from_minor(0, currency)

    @classmethod
    def total(cls, items: Iterable[Money], currency: str) -> Money:
        """Add up *items*, each of them in *currency*: zero if there are none."""
        return sum(items, start=cls.zero(currency))

    @property
    def amount(self) -> int:
        """Whole minor units, within ``±MAX_AMOUNT``."""
        return self._amount

    @property
    def currency(self) -> str:
        """ISO 4217 code."""
        return self._currency

    @property
    def decimal(self) -> Decimal:
        """Major units with as many places as the currency has, whatever the decimal context."""
        digits = tuple(int(digit) for digit in str(abs(self._amount)))
        return Decimal((int(self._amount < 0), digits, -ISO_EXPONENTS[self._currency]))

    def allocate(self, weights: Iterable[int]) -> tuple[Money, ...]:
        """Split into one part per weight, in their order; the parts add up to the whole.

        Largest remainder: a part is less than one minor unit from its exact share, of equal
        remainders the earliest gets the unit, and a weight of zero gets nothing.  A negative
        amount is split as its opposite is.

        Args:
            weights: whole numbers from zero, not all of them zero unless the amount is.

        Raises:
            Invalid: ``fields`` maps ``weights`` to ``not_whole_numbers`` or ``all_zero``.
        """
        weighed = list(weights)
        if any(type(weight) is not int or weight < 0 for weight in weighed):
            raise _refused("weights", "not_whole_numbers", "weights must be whole numbers from 0")
        whole = sum(weighed)
        if whole == 0 and self:
            raise _refused("weights", "all_zero", "at least one weight must be above zero")
        shares = [divmod(abs(self._amount) * weight, whole or 1) for weight in weighed]
        parts = [part for part, _ in shares]
        # The sort is stable, also in reverse: of equal remainders the earliest stays first.
        by_remainder = sorted(range(len(shares)), key=lambda at: shares[at][1], reverse=True)
        for at in by_remainder[: abs(self._amount) - sum(parts)]:
            parts[at] += 1
        sign = -1 if self._amount < 0 else 1
        return tuple(Money.from_minor(sign * part, self._currency) for part in parts)

    def __add__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money.from_minor(self._amount + self._amount_of(other), self._currency)

    def __sub__(self, other: Money) -> Money:
        return self + -other

    def __neg__(self) -> Money:
        return Money.from_minor(-self._amount, self._currency)

    def __mul__(self, factor: int) -> Money:
        if type(factor) is not int:
            return NotImplemented
        return Money.from_minor(self._amount * factor, self._currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self._amount < self._amount_of(other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return (self._amount, self._currency) == (other.amount, other.currency)

    def __hash__(self) -> int:
        return hash((self._amount, self._currency))

    def __bool__(self) -> bool:
        return self._amount != 0

    def __str__(self) -> str:
        return f"{self.decimal} {self._currency}"

    def __repr__(self) -> str:
        return f"Money({str(self.decimal)!r}, {self._currency!r})"

    def __reduce__(self) -> tuple[Callable[[int, str], Money], tuple[int, str]]:
        return Money.from_minor, (self._amount, self._currency)  # a pickle is checked like input

    def _amount_of(self, other: Money) -> int:
        if other.currency != self._currency:
            message = f"{self._currency} and {other.currency} do not mix: convert one of them first"
            raise _refused("currency", "mixed_currencies", message)
        return other.amount

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let models hold money: on the wire ``{"amount": 2900, "currency": "USD"}``, minor units.

        Strict in every mode: no text or bool for the amount, no other keys.
        """
        from pydantic_core import core_schema as to  # noqa: PLC0415 - only models pay for it

        amount = to.int_schema(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT)
        code = to.str_schema(strict=True, max_length=3, pattern="^[A-Z]{3}$")
        currency = to.no_info_after_validator_function(_known_currency, code)
        fields = {"amount": amount, "currency": currency}
        wire = to.typed_dict_schema(
            {name: to.typed_dict_field(schema) for name, schema in fields.items()},
            extra_behavior="forbid",
        )
        return to.no_info_wrap_validator_function(
            lambda value, read: value if isinstance(value, cls) else cls.from_minor(**read(value)),
            wire,
            serialization=to.plain_serializer_function_ser_schema(
                lambda money: {"amount": money.amount, "currency": money.currency}
            ),
        )


def _known_currency(code: object) -> str:
    if not isinstance(code, str) or code not in ISO_EXPONENTS:
        message = "name an ISO 4217 currency that is in use, in upper case, such as USD"
        raise _refused("currency", "unknown_currency", message)
    return str.__str__(code)  # the member of an enum becomes plain text


def _bounded(amount: object) -> int:
    if type(amount) is not int:
        raise _not_a_number(amount)
    if abs(amount) > MAX_AMOUNT:
        raise _too_large()
    return amount


def _minor_units(amount: str | int | Decimal, places: int) -> int:
    """Read major units without rounding, whatever the decimal context."""
    number = _exact(amount)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):  # NaN, infinity
        raise _not_a_number(amount)
    if -exponent > places:
        message = f"round the amount first: this currency has {places} decimal places"
        raise _refused("amount", "too_many_decimals", message)
    if number.adjusted() > len(str(MAX_AMOUNT)):  # before 10**999999 is worked out
        raise _too_large()
    units: int = int("".join(map(str, digits))) * 10 ** (exponent + places)
    return -units if sign else units


def _exact(amount: object) -> Decimal:
    if isinstance(amount, Decimal):
        return amount
    if isinstance(amount, str) and _PLAIN_NUMBER.fullmatch(amount):
        return Decimal(amount)
    return Decimal(_bounded(amount))


def _not_a_number(amount: object) -> Invalid:
    code = "float_refused" if isinstance(amount, float) else "not_a_number"
    message = 'give major units as "29.00", int or Decimal, minor units as int; never a float'
    return _refused("amount", code, message)


def _too_large() -> Invalid:
    return _refused("amount", "too_large", "an amount is at most 2**53 - 1 minor units")


def _refused(field: str, code: str, message: str) -> Invalid:
    return Invalid(message, fields={field: code})
