"""Finding products: filters, a plain text match, and pages by keyset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select, tuple_

from digistore.catalog.models import Product, ProductSort
from digistore.catalog.service.products import with_shelves
from digistore.catalog.tables import categories, product_categories, products
from digistore.clock import from_micros, to_micros
from digistore.errors import Invalid
from digistore.money import Money
from digistore.paging import Page, checked_limit, decode_cursor, page_of

if TYPE_CHECKING:
    from digistore.database import Database

LONGEST_TEXT = 200
MOST_WORDS = 10

_PRICE = func.coalesce(products.c.price, products.c.minimum)


async def find(
    database: Database,
    where: ColumnElement[bool],
    text: str | None,
    category: str | None,
    sort: ProductSort,
    after: str | None,
    limit: int,
) -> Page[Product]:
    """Return a page of the products that *where* allows.

    Raises:
        Invalid: an unknown order, a broken cursor, a limit out of bounds.
    """
    many = checked_limit(limit)
    statement = select(products).where(where, *_matches(text), *_within(category))
    rows = await database.rows(_page(statement, sort, after).limit(many + 1))
    found = await with_shelves(database, rows)
    return page_of(tuple(found.values()), many, lambda product: (_place(sort, product), product.id))


def _matches(text: str | None) -> list[ColumnElement[bool]]:
    if text is None:
        return []
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise Invalid(
            f"search for a text of at most {LONGEST_TEXT} characters", fields={"text": "too_long"}
        )
    return [_stands_somewhere(word) for word in text.split()[:MOST_WORDS]]


def _stands_somewhere(word: str) -> ColumnElement[bool]:
    if "\0" in word:  # stands in no text, and PostgreSQL takes none
        return false()
    # SQLite's lower() and LIKE know the case of ASCII letters only.
    others = () if word.isascii() else (word, word.upper(), word.capitalize())
    return or_(
        *(
            func.lower(column).contains(spelling, autoescape=True)
            for column in (products.c.title, products.c.summary, products.c.description)
            for spelling in dict.fromkeys((word.lower(), *others))
        )
    )


def _within(category: str | None) -> list[ColumnElement[bool]]:
    if category is None:
        return []
    shelf = (
        select(categories.c.id)
        .where(or_(categories.c.id == category, categories.c.slug == category))
        .cte("shelf", recursive=True)
    )
    shelf = shelf.union(select(categories.c.id).where(categories.c.parent_id == shelf.c.id))
    standing = select(product_categories.c.product_id).where(
        product_categories.c.category_id.in_(select(shelf.c.id))
    )
    return [products.c.id.in_(standing)]


def _page(statement: Select[Any], sort: ProductSort, after: str | None) -> Select[Any]:
    columns: dict[str, tuple[Any, bool]] = {
        "newest": (products.c.created_at, True),
        "title": (products.c.title, False),
        "price": (_PRICE, False),
    }
    if sort not in columns:
        raise Invalid("sort by newest, title or price", fields={"sort": "unknown"})
    column, descending = columns[sort]
    if after is not None:
        kind = str if sort == "title" else int
        place, product_id = decode_cursor(after, kind, str)
        value = from_micros(place) if sort == "newest" and isinstance(place, int) else place
        here = tuple_(column, products.c.id)
        there = tuple_(literal(value, column.type), literal(product_id))
        statement = statement.where(and_(here < there if descending else here > there))
    if descending:
        return statement.order_by(column.desc(), products.c.id.desc())
    return statement.order_by(column, products.c.id)


def _place(sort: ProductSort, product: Product) -> int | str:
    if sort == "newest":
        return to_micros(product.created_at)
    if sort == "title":
        return product.title
    price = product.price
    return (price if isinstance(price, Money) else price.minimum).amount
