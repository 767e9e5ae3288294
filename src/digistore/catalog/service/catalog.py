"""``store.catalog``: products, releases and what a visitor can do with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from sqlalchemy import ColumnElement, select, true

from digistore.blocking import Blocking, blocking
from digistore.catalog.models import (
    Offer,
    Price,
    Product,
    ProductCategory,
    ProductRef,
    ProductSort,
    ProductStatus,
)
from digistore.catalog.rules import MOVES, checked_price, offer_of
from digistore.catalog.service import products as rows
from digistore.catalog.service.releasing import Releasing
from digistore.catalog.service.search import find
from digistore.catalog.tables import categories, products
from digistore.errors import Forbidden, NothingToDeliver
from digistore.fields import Input, Metadata, Ref, Slug, Title, checked
from digistore.lifecycle import moves
from digistore.paging import Page
from digistore.users import SYSTEM, Acting, Actor, Role, Visitor

if TYPE_CHECKING:
    from digistore.database import Transaction


class _CategoryInput(Input):
    name: Title
    slug: Slug | None = None
    parent: Ref | None = None
    position: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 0


class AsyncCatalog(Releasing):
    """Categories, products and releases: ``store.catalog``."""

    # Categories.

    async def add_category(
        self,
        actor: Actor,
        name: str,
        *,
        slug: str | None = None,
        parent: ProductCategory | str | None = None,
        position: int = 0,
    ) -> ProductCategory:
        """Add a category; operators only.  Without a *slug* it is made of the name.

        Raises:
            AlreadyExists: the slug is taken.
        """
        acting = await self._users.acting(actor)
        acting.require_operator("add categories")
        shelf = parent.id if isinstance(parent, ProductCategory) else parent
        given = checked(_CategoryInput, name=name, slug=slug, parent=shelf, position=position)
        return await self._database.transact(
            lambda tx: rows.add_category(tx, given.name, given.slug, given.parent, given.position)
        )

    async def categories(self, visitor: Visitor) -> tuple[ProductCategory, ...]:
        """Return all categories by position and name."""
        await self._users.visitor(visitor)
        order = (categories.c.position, categories.c.name, categories.c.id)
        found = await self._database.rows(select(categories).order_by(*order))
        return tuple(ProductCategory.model_validate(dict(row._mapping)) for row in found)

    # Products.

    async def add_product(
        self,
        actor: Actor,
        *,
        title: str,
        price: Price,
        summary: str = "",
        description: str = "",
        categories: Iterable[ProductCategory | str] = (),
        metadata: Metadata | None = None,
    ) -> Product:
        """Add a draft: a seller's own, or for operators without that role the house's.

        *price* is Money of zero (free) or more, or ``PayWhatYouWant``. The description is
        Markdown, kept as it is.

        Raises:
            Forbidden: neither a seller nor an operator.
            Invalid: field by field.
        """
        acting = await self._users.acting(actor)
        seller_id = _seller_of(acting)
        given = checked(
            rows.ProductInput,
            title=title,
            summary=summary,
            description=description,
            metadata=metadata or {},
        )
        cost, shelves = checked_price(price), _ids(categories)

        async def work(tx: Transaction) -> str:
            product_id = await rows.add(tx, acting, seller_id, given, cost)
            await rows.put_on_shelves(tx, product_id, shelves)
            return product_id

        return await rows.load_one(self._database, await self._database.transact(work))

    async def update_product(
        self,
        actor: Actor,
        product: ProductRef,
        *,
        title: str | None = None,
        price: Price | None = None,
        summary: str | None = None,
        description: str | None = None,
        categories: Iterable[ProductCategory | str] | None = None,
        metadata: Metadata | None = None,
    ) -> Product:
        """Change what is given of a product.  Orders keep the price and title they were made with.

        Raises:
            NotFound, Forbidden: not theirs.
            Invalid: field by field.
        """
        acting, found = await self._own(actor, product)
        given = checked(
            rows.ProductChanges,
            title=title,
            summary=summary,
            description=description,
            metadata=metadata,
        )
        values = given.model_dump(exclude_none=True)
        if price is not None:
            values |= rows.price_columns(checked_price(price))
        shelves = None if categories is None else _ids(categories)

        async def work(tx: Transaction) -> None:
            await rows.change(tx, acting, "update_product", found.id, **values)
            if shelves is not None:
                await rows.put_on_shelves(tx, found.id, shelves)

        await self._database.transact(work)
        return await rows.load_one(self._database, found.id)

    async def put_on_sale(self, actor: Actor, product: ProductRef) -> Product:
        """Let customers buy the product; one that is on sale stays.

        Raises:
            NothingToDeliver: it has no published stable release.
        """
        return await self._move(actor, product, ProductStatus.ON_SALE)

    async def withdraw(self, actor: Actor, product: ProductRef) -> Product:
        """Stop sales; whoever bought it keeps it (D5).  One that is withdrawn stays.

        Raises:
            InvalidTransition: a draft, which is not on sale.
        """
        return await self._move(actor, product, ProductStatus.WITHDRAWN)

    async def product(self, visitor: Visitor, ref: ProductRef) -> Product:
        """Return a product by id or slug: one on sale, one's own, or one that was bought.

        Raises:
            NotFound: no such product, or not theirs to see.
        """
        return await self._seen(await self._users.visitor(visitor), ref)

    async def find(
        self,
        visitor: Visitor,
        text: str | None = None,
        *,
        category: ProductCategory | str | None = None,
        seller: Actor | None = None,
        sort: ProductSort = "newest",
        after: str | None = None,
        limit: int = 20,
    ) -> Page[Product]:
        """Return a page of products on sale; sellers find their drafts by ``seller`` themselves.

        Args:
            visitor: who looks; ``None`` for nobody.
            text: words, each of which stands in title, summary or description.
            category: this category and those below it.
            seller: of this seller; ``SYSTEM`` is the house.
            sort: ``newest``, ``title`` or ``price``.
            after: the ``next`` of the page before.
            limit: 1 to 100.
        """
        acting = await self._users.visitor(visitor)
        where: ColumnElement[bool] = products.c.status == ProductStatus.ON_SALE
        if seller is not None:
            seller_id = None if seller is SYSTEM else await self._users.named(seller)
            where = true() if acting.sells(seller_id) else where
            where = where & products.c.seller_id.is_not_distinct_from(seller_id)
        shelf = category.id if isinstance(category, ProductCategory) else category
        return await find(self._database, where, text, shelf, sort, after, limit)

    async def offer(self, visitor: Visitor, product: ProductRef) -> Offer:
        """Say what this visitor can do with the product now, with price and reason.

        Raises:
            NotFound: no such product, or not theirs to see.
        """
        acting = await self._users.visitor(visitor)
        found = await self._seen(acting, product)
        purchase = order = None
        if acting.id is not None:
            purchase = await self._readers.live_purchase(acting.id, found.id)
            order = await self._readers.order_in_flight(acting.id, found.id)
        return offer_of(
            found,
            signed_in=acting.id is not None or acting.system,
            deliverable=await rows.is_deliverable(self._database, found.id),
            purchase_id=purchase,
            order_id=order,
        )

    # Within.

    async def _move(self, actor: Actor, product: ProductRef, new: ProductStatus) -> Product:
        acting, found = await self._own(actor, product)

        async def work(tx: Transaction) -> None:
            now = (await rows.load_one(tx, found.id)).status
            if not moves("product", MOVES, now, new):
                return
            if new is ProductStatus.ON_SALE and not await rows.is_deliverable(tx, found.id):
                raise NothingToDeliver(found.id)
            await rows.change(tx, acting, f"product_{new}", found.id, status=new)

        await self._database.transact(work)
        return await rows.load_one(self._database, found.id)


def _seller_of(acting: Acting) -> str | None:
    if Role.SELLER in acting.roles:
        return acting.id
    if acting.is_operator:
        return None
    raise Forbidden("only a seller or an operator may add products", reason="seller_needed")


def _ids(shelves: Iterable[ProductCategory | str]) -> list[str]:
    return [shelf.id if isinstance(shelf, ProductCategory) else shelf for shelf in shelves]


class Catalog(Blocking[AsyncCatalog]):
    """The same without an event loop."""

    add_category = blocking(AsyncCatalog.add_category)
    categories = blocking(AsyncCatalog.categories)
    add_product = blocking(AsyncCatalog.add_product)
    update_product = blocking(AsyncCatalog.update_product)
    put_on_sale = blocking(AsyncCatalog.put_on_sale)
    withdraw = blocking(AsyncCatalog.withdraw)
    product = blocking(AsyncCatalog.product)
    find = blocking(AsyncCatalog.find)
    offer = blocking(AsyncCatalog.offer)
    release = blocking(AsyncCatalog.release)
    publish = blocking(AsyncCatalog.publish)
    yank = blocking(AsyncCatalog.yank)
    releases = blocking(AsyncCatalog.releases)
    latest = blocking(AsyncCatalog.latest)
