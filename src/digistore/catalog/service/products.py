"""Reading and writing products and categories."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field
from sqlalchemy import delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from digistore.audit import Change, record
from digistore.catalog.models import (
    PayWhatYouWant,
    Price,
    Product,
    ProductCategory,
    ProductRef,
    ProductStatus,
)
from digistore.catalog.rules import slug_of
from digistore.catalog.tables import (
    categories,
    product_categories,
    products,
    release_files,
    releases,
)
from digistore.clock import from_micros
from digistore.database import Prepared, Record
from digistore.database.sets import among, as_list
from digistore.errors import AlreadyExists, Invalid, NotFound
from digistore.fields import Input, Line, SmallMetadata, Text, Title, maker
from digistore.files import ScanResult
from digistore.ids import id_text
from digistore.money import Money

if TYPE_CHECKING:
    from digistore.database import Database, Reader, Transaction
    from digistore.users import Acting


_NAMES = (
    "id",
    "slug",
    "seller_id",
    "title",
    "summary",
    "description",
    "status",
    "currency",
    "price",
    "minimum",
    "suggested",
    "maximum",
    "metadata",
    "created_at",
    "updated_at",
)
_make = maker(Product)
HOT = tuple(products.c[name] for name in _NAMES)  # what hot statements read of a product
_SHELVES = Prepared(
    select(product_categories.c.product_id, product_categories.c.category_id).where(
        among(product_categories.c.product_id, "products")
    )
)


class OfferReaders(Protocol):
    """What the catalogue asks of those who know purchases and orders."""

    async def live_purchase(self, user_id: str, product_id: str) -> str | None:
        """Return the id of the user's live purchase of the product."""

    async def holds(self, user_id: str, product_id: str) -> bool:
        """Say whether the user ever acquired the product."""

    async def order_in_flight(self, user_id: str, product_id: str) -> str | None:
        """Return the id of the user's order of the product whose payment is on its way."""


class ProductInput(Input):
    """What a seller says of a product."""

    title: Title
    summary: Line = ""
    description: Text = ""
    metadata: SmallMetadata = Field(default_factory=dict)


class ProductChanges(Input):
    """What may change of a product; ``None`` leaves it as it is."""

    title: Title | None = None
    summary: Line | None = None
    description: Text | None = None
    metadata: SmallMetadata | None = None


def ref_of(product: ProductRef) -> str:
    """Return the id (or slug) behind a way of naming a product."""
    return id_text("product", product, Product)


def refs_of(given: Iterable[ProductRef]) -> list[str]:
    """Do the same for many, most of which are ids."""
    return [
        one if type(one) is str and "\0" not in one else ref_of(one)  # hundreds in one call
        for one in given
    ]


def price_columns(price: Price) -> dict[str, Any]:
    """Return the columns that hold *price*."""
    if isinstance(price, Money):
        return {
            "currency": price.currency,
            "price": price.amount,
            "minimum": None,
            "suggested": None,
            "maximum": None,
        }
    return {
        "currency": price.minimum.currency,
        "price": None,
        "minimum": price.minimum.amount,
        "suggested": price.suggested.amount if price.suggested else None,
        "maximum": price.maximum.amount if price.maximum else None,
    }


def _price_of(row: Record) -> Price:
    def money(column: str) -> Money | None:
        amount = row[column]
        return None if amount is None else Money.from_minor(amount, row["currency"])

    price, minimum = money("price"), money("minimum")
    if price is not None:
        return price
    if minimum is None:
        raise AssertionError
    return PayWhatYouWant(minimum=minimum, suggested=money("suggested"), maximum=money("maximum"))


async def load(reader: Database | Reader, refs: Iterable[str]) -> dict[str, Product]:
    """Return products by id, whoever may see them; unknown ids are left out."""
    return await _products(reader, products.c.id.in_(list(refs)))


async def load_one(reader: Database | Reader, ref: str) -> Product:
    """Return the product with this id or slug, whoever may see it.

    Raises:
        NotFound: there is none.
    """
    found = await _products(reader, (products.c.id == ref) | (products.c.slug == ref))
    if not found:
        raise NotFound("product", ref)
    return found.get(ref) or next(iter(found.values()))


async def _products(reader: Database | Reader, where: Any) -> dict[str, Product]:  # noqa: ANN401
    rows = await reader.rows(select(products).where(where))
    return await with_shelves(reader, rows)


async def with_shelves(reader: Database | Reader, rows: Sequence[Any]) -> dict[str, Product]:
    """Make products of their *rows*, in order, with the categories they stand on."""
    ids = [row.id for row in rows]
    shelves: dict[str, list[str]] = {product_id: [] for product_id in ids}
    links = select(product_categories).where(product_categories.c.product_id.in_(ids))
    for link in await reader.rows(links):
        shelves[link.product_id].append(link.category_id)
    return {row.id: _product(row._mapping, sorted(shelves[row.id])) for row in rows}


async def shelves_of(database: Database, ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the categories on which products stand, in order; who stands on none is left out."""
    found: dict[str, list[str]] = {}
    if ids:
        for product_id, category_id in await database.fetch(_SHELVES, {"products": as_list(ids)}):
            found.setdefault(product_id, []).append(category_id)
    return {product_id: sorted(shelves) for product_id, shelves in found.items()}


def product_of(hot: Sequence[Any], shelves: Sequence[str]) -> Product:
    """Make a product of its columns ``HOT``, as the driver has them."""
    row = dict(zip(_NAMES, hot, strict=True))
    row["metadata"] = json.loads(row["metadata"])
    for name in ("created_at", "updated_at"):
        row[name] = from_micros(row[name])
    return _product(row, shelves)


def _product(row: Record, shelves: Sequence[str]) -> Product:
    copied = ("id", "slug", "seller_id", "title", "summary", "description", "status")
    return _make(
        {name: row[name] for name in copied}
        | {
            "price": _price_of(row),
            "categories": tuple(shelves),
            "metadata": row["metadata"],
            "created_at": row["created_at"],
            "updated_at": row["updated_at"],
        }
    )


async def add(
    tx: Transaction, acting: Acting, seller_id: str | None, given: ProductInput, price: Price
) -> str:
    """Add a draft and return its id; a slug that is taken gets a tail of its own."""
    product_id = tx.new_id("prd")
    slug = slug_of(given.title)
    for candidate in (slug, f"{slug}-{product_id[-6:].lower()}", product_id.lower()):
        statement = (
            insert(products)
            .values(
                id=product_id,
                slug=candidate,
                seller_id=seller_id,
                **given.model_dump(),
                description_format="markdown",
                **price_columns(price),
                status=ProductStatus.DRAFT,
                version=1,
                created_at=tx.now,
                updated_at=tx.now,
            )
            .on_conflict_do_nothing(index_elements=["slug"])
            .returning(products.c.id)
        )
        if await tx.first(statement) is not None:
            break
    changes = {"seller": seller_id, "status": "draft", **price_columns(price)}
    await record(tx, acting.label, "add_product", [Change("product", product_id, 1, changes)])
    return product_id


async def change(
    tx: Transaction, acting: Acting, cause: str, product_id: str, **values: object
) -> None:
    """Change a product and note that it changed; this locks it until the transaction ends."""
    row = await tx.first(
        update(products)
        .where(products.c.id == product_id)
        .values(version=products.c.version + 1, updated_at=tx.now, **values)
        .returning(products.c.version)
    )
    if row is None:
        raise NotFound("product", product_id)
    told = {
        name: value
        for name, value in values.items()
        if isinstance(value, int | str) and name not in {"title", "summary", "description"}
    }
    await record(tx, acting.label, cause, [Change("product", product_id, row.version, told)])


async def put_on_shelves(tx: Transaction, product_id: str, shelves: Iterable[str]) -> None:
    """Let a product stand on exactly these categories.

    Raises:
        Invalid: a category that does not exist.
    """
    wanted = set(shelves)
    known = await tx.rows(select(categories.c.id).where(categories.c.id.in_(wanted)))
    if len(known) != len(wanted):
        raise Invalid("no such category", fields={"categories": "unknown"})
    here = product_categories.c.product_id == product_id
    await tx.rows(delete(product_categories).where(here))
    if wanted:
        rows = [{"product_id": product_id, "category_id": shelf} for shelf in sorted(wanted)]
        await tx.rows(insert(product_categories).values(rows))


async def is_deliverable(reader: Database | Reader, product_id: str) -> bool:
    """Say whether there is a latest release, all of whose files may be delivered."""
    stopped = exists().where(
        release_files.c.release_id == releases.c.id, release_files.c.scan != ScanResult.CLEAN
    )
    statement = select(releases.c.id).where(
        releases.c.product_id == product_id, releases.c.latest_key == 1, ~stopped
    )
    return await reader.first(statement) is not None


async def add_category(
    tx: Transaction, name: str, slug: str | None, parent: str | None, position: int
) -> ProductCategory:
    """Add a category.

    Raises:
        Invalid: the parent does not exist.
        AlreadyExists: the slug is taken.
    """
    if parent is not None:
        known = await tx.first(select(categories.c.id).where(categories.c.id == parent))
        if known is None:
            raise Invalid("no such category", fields={"parent": "unknown"})
    row = {
        "id": tx.new_id("cat"),
        "slug": slug or slug_of(name),
        "name": name,
        "parent_id": parent,
        "position": position,
    }
    statement = insert(categories).values(row).on_conflict_do_nothing(index_elements=["slug"])
    if await tx.first(statement.returning(categories.c.id)) is None:
        raise AlreadyExists("category", "slug")
    return ProductCategory.model_validate(row)
