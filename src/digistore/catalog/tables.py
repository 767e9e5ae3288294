"""Categories, products, releases and their files."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from digistore.database.types import (
    Amount,
    Json,
    Key,
    Moment,
    Prose,
    Word,
    amounts,
    metadata,
    one_of,
    references,
)

PUBLIC = {"personal": False}

categories = Table(
    "digistore_categories",
    metadata,
    Column("id", Key, primary_key=True),
    Column("slug", Key, nullable=False),
    Column("name", Prose, nullable=False, info=PUBLIC),
    Column("parent_id", references("digistore_categories")),
    Column("position", Integer, nullable=False),
    UniqueConstraint("slug", name="one_category_per_slug"),
    sqlite_strict=True,
)

products = Table(
    "digistore_products",
    metadata,
    Column("id", Key, primary_key=True),
    Column("slug", Key, nullable=False),
    Column("seller_id", references("digistore_users")),
    Column("title", Prose, nullable=False, info=PUBLIC),
    Column("summary", Prose, nullable=False, info=PUBLIC),
    Column("description", Prose, nullable=False, info=PUBLIC),
    Column("description_format", Word, nullable=False),
    Column("currency", Word, nullable=False),
    # One price, or the bounds of pay-what-you-want, never both.
    Column("price", Amount),
    Column("minimum", Amount),
    Column("suggested", Amount),
    Column("maximum", Amount),
    Column("status", Word, nullable=False),
    Column("metadata", Json, nullable=False, info=PUBLIC),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("slug", name="one_product_per_slug"),
    one_of("status", ("draft", "on_sale", "withdrawn")),
    CheckConstraint("(price IS NULL) = (minimum IS NOT NULL)", name="one_kind_of_price"),
    CheckConstraint(
        "minimum IS NOT NULL OR (suggested IS NULL AND maximum IS NULL)",
        name="bounds_need_a_minimum",
    ),
    CheckConstraint("maximum >= minimum", name="maximum_above_minimum"),
    *amounts("price", "minimum", "suggested", "maximum"),
    Index(None, "status", "created_at", "id"),
    Index(None, "seller_id"),
    sqlite_strict=True,
)

product_categories = Table(
    "digistore_product_categories",
    metadata,
    Column("product_id", references("digistore_products"), nullable=False),
    Column("category_id", references("digistore_categories"), nullable=False),
    PrimaryKeyConstraint("product_id", "category_id"),
    Index(None, "category_id"),
    sqlite_strict=True,
)

releases = Table(
    "digistore_releases",
    metadata,
    Column("id", Key, primary_key=True),
    Column("product_id", references("digistore_products"), nullable=False),
    Column("number", Key, nullable=False),
    Column("channel", Word, nullable=False),
    Column("notes", Prose, nullable=False, info=PUBLIC),
    Column("status", Word, nullable=False),
    Column("latest_key", Integer),
    Column("published_at", Moment),
    Column("yank_reason", Prose, info=PUBLIC),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("product_id", "number", name="a_version_exists_once"),
    UniqueConstraint("product_id", "latest_key", name="one_latest_release"),
    one_of("channel", ("stable", "beta")),
    one_of("status", ("draft", "published", "yanked")),
    CheckConstraint(
        "latest_key IS NULL OR (latest_key = 1 AND status = 'published' AND channel = 'stable')",
        name="latest_is_published_and_stable",
    ),
    CheckConstraint("(status = 'draft') = (published_at IS NULL)", name="published_has_its_time"),
    CheckConstraint("(status = 'yanked') = (yank_reason IS NOT NULL)", name="a_yank_has_a_reason"),
    sqlite_strict=True,
)

release_files = Table(
    "digistore_release_files",
    metadata,
    Column("id", Key, primary_key=True),
    Column("release_id", references("digistore_releases"), nullable=False),
    Column(
        "blob_sha256",
        Key,
        ForeignKey("digistore_blobs.sha256", ondelete="RESTRICT"),
        nullable=False,
    ),
    Column("display_name", Prose, nullable=False, info=PUBLIC),
    Column("media_type", Word, nullable=False),
    Column("size", Amount, nullable=False),
    Column("position", Integer, nullable=False),
    Column("scan", Word, nullable=False),  # the one column that may change after publication
    Column("personal", Key),  # the recipe by which each buyer gets a file of their own
    UniqueConstraint("release_id", "display_name", name="one_file_per_name"),
    one_of("scan", ("clean", "pending", "infected")),
    CheckConstraint("size > 0", name="never_empty"),
    Index(None, "blob_sha256"),
    sqlite_strict=True,
)
