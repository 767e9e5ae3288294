"""``digistore explain``: why a user has access to a product, or has not."""

from __future__ import annotations

import argparse

from digistore.cli.people import named_user
from digistore.cli.screen import Answer, Screen
from digistore.entitlements import ExplainedPurchase, Explanation
from digistore.money import Money
from digistore.store import Store
from digistore.users import SYSTEM, User


def explain(store: Store, given: argparse.Namespace, screen: Screen) -> Answer:
    """Say it by the facts that decide it; that somebody has no access is an answer, no failure."""
    user = named_user(store, given.user)
    product = store.catalog.product(SYSTEM, given.product)
    told = store.entitlements.explain(SYSTEM, user, product)
    lines = [_headline(told, user, product.title, screen)]
    for purchase in told.purchases:
        lines += _purchase(store, purchase, screen)
    if not told.purchases:
        lines.append(told.text)
    data = {"user_id": user.id, "product_id": product.id, **told.model_dump(mode="json")}
    return Answer(lines, data)


def _headline(told: Explanation, user: User, title: str, screen: Screen) -> str:
    mark = screen.marks.check if told.granted else screen.marks.cross
    can = "can" if told.granted else "cannot"
    return f"{mark} {user.id} {can} open {title!r}: {told.reason}"


def _purchase(store: Store, explained: ExplainedPurchase, screen: Screen) -> list[str]:
    purchase = explained.purchase
    currency = store.orders.get(SYSTEM, purchase.order_id).currency
    lines = [
        "",
        f"purchase {purchase.id}, {purchase.state}, of order {purchase.order_id}",
        f"  {'when (UTC)':<19}  {'fact':<22} {'money':>16}  about",
    ]
    for fact in explained.facts:
        money = Money.from_minor(fact.amount, currency)
        decides = f"  {screen.marks.check} decides" if fact.deciding else ""
        lines.append(
            f"  {fact.at:%Y-%m-%d %H:%M:%S}  {f'{fact.kind} {fact.state}':<22} {money!s:>16}"
            f"  {fact.about}{decides}"
        )
        if fact.reason:
            lines.append(f"  {'':<19}  because: {fact.reason}")
    return lines
