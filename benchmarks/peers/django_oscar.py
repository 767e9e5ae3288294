"""django-oscar: what somebody bought, and placing an order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import count, cycle
from pathlib import Path
from typing import Any

from benchmarks.peers.by_hand import EACH, PURCHASES, asked, owned
from benchmarks.peers.django_ready import ready
from benchmarks.peers.writing import Peer, measure
from benchmarks.runner import prepared, repeat

NAMES = {
    "analytics": "Analytics",
    "checkout": "Checkout",
    "address": "Address",
    "shipping": "Shipping",
    "catalogue": "Catalogue",
    "catalogue.reviews": "CatalogueReviews",
    "communication": "Communication",
    "partner": "Partner",
    "basket": "Basket",
    "payment": "Payment",
    "offer": "Offer",
    "order": "Order",
    "customer": "Customer",
    "search": "Search",
    "voucher": "Voucher",
    "wishlists": "Wishlists",
}
PLACED = (
    "an order is placed from a basket: order, line, price, stock and discounts looked at; "
    "no payment, no access, no outbox"
)


def peers(folder: Path) -> Sequence[tuple[str, str, Peer]]:
    """Open a shop with as many order lines as the floor has purchases."""
    from oscar import defaults  # noqa: PLC0415  it needs no settings

    named = {name: value for name, value in vars(defaults).items() if name.startswith("OSCAR_")}
    ready(
        folder,
        [
            "django.contrib.sites",
            "django.contrib.flatpages",
            *(f"oscar.apps.{name}.apps.{config}Config" for name, config in NAMES.items()),
            "haystack",
            "treebeard",
            "django_tables2",
        ],
        SITE_ID=1,
        HAYSTACK_CONNECTIONS={
            "default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}
        },
        **named,
    )
    return _Shop().operations()


class _Shop:
    """Users, products, and an order line for each purchase."""

    def __init__(self) -> None:
        from django.contrib.auth.models import User  # noqa: PLC0415  once Django is ready
        from django.utils.timezone import now  # noqa: PLC0415
        from oscar.core.loading import get_model  # noqa: PLC0415

        self.lines, order = get_model("order", "Line"), get_model("order", "Order")
        self.products = get_model("catalogue", "Product")
        kind = get_model("catalogue", "ProductClass").objects.create(
            name="Book", requires_shipping=False, track_stock=False
        )
        partner = get_model("partner", "Partner").objects.create(name="Shop")
        stock = get_model("partner", "StockRecord")
        self.users = [User(username=f"user-{one}") for one in range(PURCHASES // EACH)]
        User.objects.bulk_create(self.users)
        self.on_sale = {}
        for one in range(EACH + 1):
            product = self.products.objects.create(title=f"Book {one}", product_class=kind)
            self.on_sale[f"product-{one}"] = product
            stock.objects.create(
                product=product, partner=partner, partner_sku=f"{one}", price=Decimal(29)
            )
        self.on_sale["product-none"] = self.on_sale.pop(f"product-{EACH}")
        who = {user.username: user for user in self.users}
        prices = {
            "total_incl_tax": Decimal(29),
            "total_excl_tax": Decimal(29),
            "shipping_incl_tax": 0,
            "shipping_excl_tax": 0,
        }
        orders = order.objects.bulk_create(
            [
                order(
                    number=f"n{one}",
                    user=who[owned(one)[0]],
                    currency="USD",
                    date_placed=now(),
                    **prices,
                )
                for one in range(PURCHASES)
            ]
        )
        line = {
            "num_allocated": 0,
            "line_price_incl_tax": Decimal(29),
            "line_price_excl_tax": Decimal(29),
            "line_price_before_discounts_incl_tax": Decimal(29),
            "line_price_before_discounts_excl_tax": Decimal(29),
        }
        self.lines.objects.bulk_create(
            [
                self.lines(order=one, product=self.on_sale[owned(number)[1]], title="Book", **line)
                for number, one in enumerate(orders)
            ]
        )
        self.who = who

    def operations(self) -> Sequence[tuple[str, str, Peer]]:
        """Return what is measured."""
        turn = cycle([(self.who[buyer], self.on_sale[product]) for buyer, product in asked()])
        lines, mine = self.lines.objects, self.users[3]

        def owns() -> bool:
            user, product = next(turn)
            return bool(lines.filter(order__user=user, product=product).exists())

        def page() -> list[Any]:
            found = lines.filter(order__user=mine).select_related("order", "product")
            return list(found.order_by("-order__date_placed", "-id")[:20])

        if [owns(), owns()] != [True, False] or len(page()) != EACH:
            raise AssertionError
        return [
            ("a", "exists()", (repeat(owns), "lines joined with their orders, one query")),
            ("f", "order lines", (repeat(page), "20 lines, each with its order and product")),
            ("c", "place_order", (prepared(self._baskets, self._place), PLACED)),
        ]

    def _baskets(self, many: int) -> list[Any]:
        from oscar.apps.partner.strategy import Default  # noqa: PLC0415
        from oscar.core.loading import get_model  # noqa: PLC0415

        found = []
        for _ in range(many):
            basket = get_model("basket", "Basket").objects.create(owner=self.users[5])
            basket.strategy = Default()
            basket.add_product(self.on_sale["product-none"], 1)
            found.append(basket)
        return found

    _numbers = count()

    def _place(self, basket: Any) -> None:  # noqa: ANN401  oscar's
        from oscar.apps.checkout.calculators import OrderTotalCalculator  # noqa: PLC0415
        from oscar.apps.order.utils import OrderCreator  # noqa: PLC0415
        from oscar.apps.shipping.methods import NoShippingRequired  # noqa: PLC0415

        method = NoShippingRequired()
        charge = method.calculate(basket)
        total = OrderTotalCalculator().calculate(basket, charge)
        OrderCreator().place_order(
            basket, total, method, charge, user=basket.owner, order_number=f"p{next(self._numbers)}"
        )
        basket.submit()


if __name__ == "__main__":
    measure("django-oscar", peers)
