"""What somebody wants to buy, as the lines that an order would have."""

from __future__ import annotations

from collections.abc import Sequence

from digistore.catalog import Product
from digistore.errors import Invalid
from digistore.money import Money
from digistore.orders.kinds import Draft, Kind
from digistore.orders.rules import unit_price


def drafts_of(
    products: Sequence[Product], holder: str, pay: Money | None, *, allow_repeat: bool
) -> list[Draft]:
    """Return the lines of *products* for their *holder*, before discount and tax.

    Raises:
        Invalid: *pay* is out of bounds, or nobody knows for which product it is.
    """
    named = [product for product in products if not isinstance(product.price, Money)]
    if len(named) > 1 or (pay is not None and not named and len(products) > 1):
        raise Invalid(
            "pay names the price of one pay-what-you-want product", fields={"pay": "ambiguous"}
        )
    return [
        Draft(
            kind=Kind.PRODUCT,
            product_id=product.id,
            beneficiary_id=holder,
            title=product.title,
            unit_price=unit_price(
                product.price, pay if product in named or len(products) == 1 else None
            ).amount,
            allow_repeat=allow_repeat,
        )
        for product in products
    ]
