"""What an order would cost, as it is shown before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from digistore.gateways import GatewayProfile
from digistore.ids import ProductId
from digistore.money import Money
from digistore.orders.kinds import Draft
from digistore.orders.models import Quote, QuoteLine


def quote_of(
    drafts: Sequence[Draft], total: Money, profile: GatewayProfile | None, *, inclusive: bool
) -> Quote:
    """Return the quote of *drafts*, whose discount and tax are worked out."""

    def money(amount: int) -> Money:
        return Money.from_minor(amount, total.currency)

    lines = [
        QuoteLine(
            kind=draft.kind,
            product_id=ProductId(draft.product_id),
            title=draft.title,
            unit_price=money(draft.unit_price),
            discount=money(draft.discount),
            tax=money(draft.tax),
            tax_rate=draft.tax_rate,
            tax_reason=draft.tax_reason,
            total=money(draft.total),
        )
        for draft in drafts
    ]
    return Quote(
        lines=tuple(lines),
        subtotal=money(sum(draft.unit_price for draft in drafts)),
        discount=money(sum(draft.discount for draft in drafts)),
        tax=money(sum(draft.tax for draft in drafts)),
        tax_inclusive=inclusive,
        total=total,
        gateway=profile.name if profile else None,
    )
