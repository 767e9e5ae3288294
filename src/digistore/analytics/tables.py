"""Figures of closed days, reproducible from the facts at any time."""

from sqlalchemy import Column, PrimaryKeyConstraint, Table

from digistore.database.types import Amount, Key, Word, metadata

day_figures = Table(
    "digistore_day_figures",
    metadata,
    Column("day", Key, nullable=False),  # YYYY-MM-DD in UTC
    Column("seller", Key, nullable=False),  # a user's id, '' for the house
    Column("currency", Word, nullable=False),  # '' for figures that are no money
    Column("figure", Word, nullable=False),
    Column("value", Amount, nullable=False),
    PrimaryKeyConstraint("day", "seller", "currency", "figure"),
    sqlite_strict=True,
)

closed_days = Table(
    "digistore_closed_days",
    metadata,
    Column("day", Key, primary_key=True),
    sqlite_strict=True,
)
