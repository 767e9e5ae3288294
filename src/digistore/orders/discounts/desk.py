"""Making discounts, ending them, and finding the one behind a code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, true, update

from digistore.audit import Change, record
from digistore.catalog import ProductRef
from digistore.catalog.service import products as catalog_rows
from digistore.errors import AlreadyExists, Forbidden, Invalid, NotFound
from digistore.fields import checked
from digistore.ids import ProductId, id_text
from digistore.money import Money
from digistore.orders.discounts.models import (
    MOST_PRODUCTS,
    Discount,
    DiscountInput,
    DiscountRef,
)
from digistore.orders.discounts.rules import (
    GUESSES,
    WHOLE,
    Offer,
    Unusable,
    discounted,
    normal_code,
    not_usable,
)
from digistore.orders.discounts.tables import discount_customers, discount_products, discounts
from digistore.orders.kinds import Draft, Kind
from digistore.orders.receipts.rules import HOUSE
from digistore.users import Acting, Role
from digistore.users.tries import refuse_too_many, spend_try

if TYPE_CHECKING:
    from digistore.database import AnyRow, Database, Reader, Transaction


class DiscountDesk:
    """Knows the discounts of every seller and of the house."""

    def __init__(self, database: Database) -> None:
        """Keep them in *database*."""
        self._database = database

    async def add(
        self,
        acting: Acting,
        seller_id: str | None,
        given: DiscountInput,
        amount: Money | None,
        products: Sequence[ProductRef],
    ) -> Discount:
        """Write a new discount of a seller, or of the house."""
        owner = _owner(acting, seller_id)
        values = _values(given, amount)
        scope = await self._scope(owner, products)

        async def work(tx: Transaction) -> str:
            discount_id = tx.new_id("dsc")
            row = {
                "id": discount_id,
                "owner": owner or HOUSE,
                "seller_id": owner,
                **values,
                "used": 0,
                "over_limit": 0,
                "live_key": 1,
                "version": 1,
                "created_at": tx.now,
            }
            taken = (discounts.c.owner == row["owner"]) & (discounts.c.code == row["code"])
            if await tx.first(select(discounts.c.id).where(taken, discounts.c.live_key == 1)):
                raise AlreadyExists("discount", "code")
            await tx.rows(insert(discounts).values(row))
            pairs = [{"discount_id": discount_id, "product_id": one} for one in scope]
            if pairs:
                await tx.rows(insert(discount_products).values(pairs))
            await record(tx, acting.label, "add_discount", [Change("discount", discount_id, 1)])
            return discount_id

        return await self.load(await self._database.transact(work))

    async def _scope(self, owner: str | None, products: Sequence[ProductRef]) -> list[str]:
        if not isinstance(products, list | tuple) or len(products) > MOST_PRODUCTS:
            raise Invalid(
                f"products is a list of up to {MOST_PRODUCTS}", fields={"products": "not_a_list"}
            )
        scope = []
        for one in products:
            ref = catalog_rows.ref_of(one)
            product = await catalog_rows.load_one(self._database, ref)
            if product.seller_id != owner:
                raise NotFound("product", ref)
            scope.append(str(product.id))
        return sorted(set(scope))

    async def retire(self, acting: Acting, discount: DiscountRef) -> Discount:
        """End a discount; what was reserved or used stays."""
        ref = id_text("discount", discount, Discount)
        owner = await self._database.first(
            select(discounts.c.seller_id).where(discounts.c.id == ref)
        )
        if owner is None or not acting.sells(owner.seller_id):
            raise NotFound("discount", ref)

        async def work(tx: Transaction) -> None:
            row = await tx.first(
                update(discounts)
                .where(discounts.c.id == ref, discounts.c.live_key == 1)
                .values(retired_at=tx.now, live_key=None, version=discounts.c.version + 1)
                .returning(discounts.c.version)
            )
            if row is not None:
                change = Change("discount", ref, row.version, {"state": "retired"})
                await record(tx, acting.label, "retire_discount", [change])

        await self._database.transact(work)
        return await self.load(ref)

    async def load(self, discount_id: str) -> Discount:
        """Return a discount, whoever may see it.

        Raises:
            NotFound: there is none.
        """
        row = await self._database.first(select(discounts).where(discounts.c.id == discount_id))
        if row is None:
            raise NotFound("discount", discount_id)
        return _discount(row, await _products(self._database, discount_id))

    # What a checkout asks.

    async def take_off(
        self,
        acting: Acting,
        code: object,
        drafts: Sequence[Draft],
        seller_id: str | None,
        currency: str,
        *,
        now: datetime | None = None,
    ) -> tuple[list[Draft], Offer]:
        """Return *drafts* with what the seller's discount of this *code* takes off.

        With *now* the time and what is left count too; a checkout leaves both to the guarded
        statements, as a repeat must find its order even after the discount is over or retired.

        Raises:
            Invalid: it takes nothing off, for whatever reason; the try is counted.
            TooManyAttempts: too many such codes within an hour.
        """
        buyer_id = acting.user_id()
        await refuse_too_many(self._database, GUESSES, buyer_id)
        try:
            offer = await self._offer(normal_code(code), seller_id, live=now is not None)
            if now is not None:
                await self._refuse_used_up(offer, buyer_id, now)
            return discounted(drafts, offer, currency), offer
        except Unusable:
            await self.count_guess(buyer_id)
            raise not_usable() from None

    async def count_guess(self, buyer_id: str) -> None:
        """Count a code that could not be used.

        Raises:
            TooManyAttempts: a rival has used up the last try meanwhile.
        """
        await spend_try(self._database, GUESSES, buyer_id)

    async def _offer(self, code: str, seller_id: str | None, *, live: bool) -> Offer:
        """Return the *live* discount of a code, or else the one that was retired last."""
        row = await self._database.first(
            select(discounts)
            .where(
                discounts.c.owner == (seller_id or HOUSE),
                discounts.c.code == code,
                discounts.c.live_key == 1 if live else true(),
            )
            .order_by(discounts.c.live_key.is_(None), discounts.c.retired_at.desc())
        )
        if row is None:
            raise Unusable
        scope = await _products(self._database, row.id)
        return Offer(
            id=row.id,
            kind=Kind(row.kind),
            basis_points=row.basis_points,
            amount=row.amount,
            currency=row.currency,
            products=frozenset(scope),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            max_uses=row.max_uses,
            max_uses_per_customer=row.max_uses_per_customer,
            used=row.used,
        )

    async def _refuse_used_up(self, offer: Offer, buyer_id: str, now: datetime) -> None:
        row = await self._database.first(
            select(discount_customers.c.used).where(
                discount_customers.c.discount_id == offer.id,
                discount_customers.c.customer_id == buyer_id,
            )
        )
        own, most = (0 if row is None else row.used), offer.max_uses_per_customer
        left = offer.max_uses is None or offer.used < offer.max_uses
        if not (offer.is_valid_at(now) and left and (most is None or own < most)):
            raise Unusable


def _owner(acting: Acting, seller_id: str | None) -> str | None:
    """Return whose the discount is: a seller's own, or for operators whose they say."""
    sells = Role.SELLER in acting.roles
    owner = acting.id if seller_id is None and sells else seller_id
    if owner is None and not acting.is_operator:
        raise Forbidden("only sellers and operators may add discounts", reason="seller_needed")
    if not acting.sells(owner):
        raise Forbidden("a seller adds discounts for own products only", reason="seller_needed")
    return owner


def _values(given: DiscountInput, amount: Money | None) -> dict[str, Any]:
    if amount is not None and (not isinstance(amount, Money) or amount.amount <= 0):
        raise Invalid("amount is Money above zero", fields={"amount": "invalid"})
    if (given.percent is None) == (amount is None):
        raise Invalid(
            "a discount takes off percent or amount, one of them", fields={"percent": "or_amount"}
        )
    if given.starts_at and given.ends_at and given.ends_at <= given.starts_at:
        raise Invalid("a discount ends after it starts", fields={"ends_at": "before_start"})
    return {
        "code": given.code,
        "kind": given.kind,
        "basis_points": None if given.percent is None else int(given.percent * (WHOLE // 100)),
        "amount": None if amount is None else amount.amount,
        "currency": None if amount is None else amount.currency,
        "starts_at": given.starts_at,
        "ends_at": given.ends_at,
        "max_uses": given.max_uses,
        "max_uses_per_customer": given.max_uses_per_customer,
    }


def discount_input(code: object, percent: object, kind: object, **limits: object) -> DiscountInput:
    """Check what a caller says of a new discount.

    Raises:
        Invalid: field by field.
    """
    try:
        known = Kind(kind)  # type: ignore[arg-type]
    except ValueError:
        raise Invalid("kind is product or support", fields={"kind": "unknown"}) from None
    text = code.strip().upper() if isinstance(code, str) else code
    exact = Decimal(percent) if type(percent) is int else percent
    return checked(DiscountInput, code=text, percent=exact, kind=known, **limits)


async def _products(reader: Database | Reader, discount_id: str) -> list[str]:
    rows = await reader.rows(
        select(discount_products.c.product_id)
        .where(discount_products.c.discount_id == discount_id)
        .order_by(discount_products.c.product_id)
    )
    return [row.product_id for row in rows]


def _discount(row: AnyRow, products: Sequence[str]) -> Discount:
    points = row.basis_points
    copied = (
        *("id", "code", "seller_id", "starts_at", "ends_at", "max_uses", "max_uses_per_customer"),
        *("used", "over_limit", "retired_at", "created_at"),
    )
    return Discount(
        **{name: row._mapping[name] for name in copied},
        kind=Kind(row.kind),
        percent=None if points is None else Decimal(points).scaleb(-2),
        amount=None if row.amount is None else Money.from_minor(row.amount, row.currency),
        products=tuple(ProductId(one) for one in products),
    )
