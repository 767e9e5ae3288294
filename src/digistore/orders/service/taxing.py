"""Having the tax of an order worked out, before it is placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from digistore.blocking import port
from digistore.errors import Invalid
from digistore.money import Money
from digistore.orders.kinds import Draft
from digistore.orders.models import Billing
from digistore.orders.tax import (
    LineTax,
    TaxableLine,
    TaxCalculator,
    TaxReason,
    TaxRequest,
    is_percent,
)
from digistore.users.reads import party

if TYPE_CHECKING:
    from digistore.database import Database
    from digistore.settings import Settings


class TaxDesk:
    """Asks the calculator, and believes nothing that cannot be true."""

    def __init__(self, database: Database, calculator: TaxCalculator, settings: Settings) -> None:
        """Ask *calculator*."""
        self._database = database
        self._calculator = calculator
        self._settings = settings

    async def taxed(
        self,
        drafts: Sequence[Draft],
        currency: str,
        seller_id: str | None,
        billing: Billing | None,
    ) -> list[Draft]:
        """Return *drafts* with their tax; its base is the price less the discount.

        Raises:
            Invalid: the calculator misses something, or its answer cannot be true.
            Busy: it cannot be asked now.
        """
        inclusive = self._settings.tax_inclusive
        request = TaxRequest(
            country=await self._country(seller_id),
            billing=billing,
            inclusive=inclusive,
            lines=tuple(
                TaxableLine(
                    draft.kind,
                    draft.product_id,
                    draft.title,
                    Money.from_minor(draft.unit_price - draft.discount, currency),
                )
                for draft in drafts
            ),
        )
        taxes = await port(self._calculator.calculate(request))
        if len(taxes) != len(drafts):
            raise _untrue()
        return [
            _with_tax(draft, line, tax, inclusive=inclusive)
            for draft, line, tax in zip(drafts, request.lines, taxes, strict=True)
        ]

    async def _country(self, seller_id: str | None) -> str | None:
        house = seller_id is None or self._settings.receipt_issuer == "house"
        if house or seller_id is None:
            entity = self._settings.legal_entity
        else:
            entity = (await party(self._database, seller_id)).legal_entity
        return entity.country if entity else None


def _with_tax(draft: Draft, line: TaxableLine, tax: LineTax, *, inclusive: bool) -> Draft:
    amount, price = tax.amount, line.price
    fits = amount.currency == price.currency and amount.amount >= 0
    if not fits or (inclusive and amount > price) or tax.reason not in set(TaxReason):
        raise _untrue()
    if tax.rate is not None and not is_percent(tax.rate):
        raise _untrue()
    rate = None if tax.rate is None else f"{tax.rate.normalize():f}"
    return replace(
        draft,
        tax=amount.amount,
        tax_added=not inclusive,
        tax_rate=rate,
        tax_reason=str(tax.reason),
    )


def _untrue() -> Invalid:
    return Invalid(
        "the tax calculator gave no tax that these lines can have", fields={"tax": "untrue"}
    )
