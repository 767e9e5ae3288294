"""A shop with one user of each kind, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from digistore.blocking import run
from digistore.database import Database, Transaction
from digistore.settings import Settings
from digistore.short_urls import AsyncShortUrls, ShortUrls, Visit
from digistore.tokens import Secrets
from digistore.users import SYSTEM, AsyncUsers, Role, User, Users

SETTINGS = Settings(
    link_hosts=frozenset({"shop.example", "Docs.Example."}),
    own_link_hosts=frozenset({"sho.rt", "shop.example/s/"}),
)
TARGET = "https://shop.example/products/1"
FALLBACK = "https://docs.example/over"
GET = Visit("GET", {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Firefox/130.0"})
HEAD = Visit("HEAD", {})

_SECRETS = Secrets("a secret of at least thirty-two characters")
SIGNER = _SECRETS.signer("claim")
CLICKS = _SECRETS.signer("click")


@dataclass
class Clock:
    """A time that only a test moves."""

    now: datetime = datetime(2027, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass
class Shop:
    """Everything that a test of short links needs."""

    database: Database
    clock: Clock
    users: Users = field(init=False)
    links: ShortUrls = field(init=False)
    seller: User = field(init=False)
    rival: User = field(init=False)
    operator: User = field(init=False)
    customer: User = field(init=False)

    def __post_init__(self) -> None:
        self.users = Users(AsyncUsers(self.database, SIGNER))
        self.links = self.short_urls(SETTINGS)
        people = {
            name: self.users.register(f"{name}@example.com")
            for name in ("seller", "rival", "operator", "customer")
        }
        self.seller = self.users.grant_role(SYSTEM, people["seller"], Role.SELLER)
        self.rival = self.users.grant_role(SYSTEM, people["rival"], Role.SELLER)
        self.operator = self.users.grant_role(SYSTEM, people["operator"], Role.OPERATOR)
        self.customer = people["customer"]

    def short_urls(self, settings: Settings, draw: Callable[[int], str] | None = None) -> ShortUrls:
        """Open the same links with other settings."""
        return ShortUrls(
            AsyncShortUrls(self.database, AsyncUsers(self.database, SIGNER), settings, CLICKS, draw)
        )

    def sql(self, statement: str, **params: object) -> Sequence[Any]:
        """Run a statement as an operator at the database's own prompt would."""

        async def work(tx: Transaction) -> Sequence[Any]:
            return await tx.rows(text(statement), params)

        return run(self.database.transact(work))

    def clicks(self) -> Sequence[Any]:
        """Return all rows of clicks, oldest first."""
        return self.sql("SELECT * FROM digistore_clicks ORDER BY rowid")

    def audited(self, link_id: str) -> list[tuple[int, str, str]]:
        """Return version, actor and cause of each change of a link."""
        rows = self.sql(
            "SELECT version, actor, cause FROM digistore_audit"
            " WHERE entity = 'short_url' AND entity_id = :id ORDER BY version",
            id=link_id,
        )
        return [tuple(row) for row in rows]
