"""Two shops side by side that know nothing of each other, and what only one of them may know."""

from __future__ import annotations

import re
from typing import Any

from digistore import Money, PayWhatYouWant
from digistore.database.types import metadata
from digistore.gateways.sandbox.world import World as Provider
from tests.acceptance.world import World
from tests.downloads.fetching import fetched
from tests.payments.asking import usd
from tests.security.telling import told

PUBLIC = (
    "SELECT * FROM digistore_products WHERE status = 'on_sale'",
    "SELECT * FROM digistore_releases WHERE status <> 'draft'",
    "SELECT * FROM digistore_support_offers",
    "SELECT * FROM digistore_categories",
)
"""What a shop shows to everybody."""
SHORTEST = 6
_WORD = re.compile(r"[A-Za-z_]+")  # of the library: states, kinds, names of events

Rows = dict[str, frozenset[tuple[Any, ...]]]


class Twins(World):
    """The shop of `World`, of *seller* and *buyer*, and another one, of *other* and *rival*.

    Whatever text came into the database with one of them, in whatever table, is private to it,
    but for what it puts in its window.
    """

    def fill(self) -> None:
        """Make both shops, one after the other, and note what each has brought."""
        self.passer = self.store.users.register("passer@example.com", name="Passer-by Paul")
        before = self.texts()
        super().fill()
        self._fetched(self.buyer, self.book)
        with_own = self.texts()
        self.alone = self.save(), self.provider()
        self.fill_other()
        window = {text for sql in PUBLIC for row in self.rows(sql) for text in _texts(row)}
        own = with_own - before | {self.buyer.id, str(self.buyer.email), str(self.seller.email)}
        others = self.texts() - with_own | {str(self.other.email)}
        others -= window
        both = {
            text
            for rows in self.everything().values()
            for row in rows
            if not others.isdisjoint(_texts(row))
            for text in _texts(row)
        }
        kept = window | both | {self.seller.id, self.stranger.id}
        self.private = {"own": frozenset(own - kept), "others": frozenset(others)}
        self.saved: tuple[Any, Provider] = (self.save(), self.provider())
        self.seen = self.digest()
        self.wrote = self.changes
        self.first_rows = {side: self.rows_of(side) for side in self.private}

    def fill_other(self) -> None:
        """Make the other shop: the same in other words."""
        store, other = self.store, self.other
        self.rival = store.users.register("rival@example.net", name="Rival Rita")
        self.their_book = self.product("Their book", seller=other)
        self.their_shelf = self.product("Their shelf", seller=other)
        self.their_draft = store.catalog.add_product(
            other, title="Their secret plan", price=usd("7.77"), summary="Nobody knows of it."
        )
        self.their_hidden = store.catalog.release(
            other,
            self.their_book,
            version="7.0.0",
            files={"their-hidden.txt": b"theirs, hidden"},
            notes="Their hidden notes.",
            publish=False,
        )
        (self.their_release,) = (
            one for one in store.catalog.releases(other, self.their_book) if one.is_latest
        )
        self.their_file = store.downloads.files(other, self.their_book)[0]
        store.support.offer(other, self.their_book, kind="setup", price=usd("9.00"), scope="All.")
        bounds = PayWhatYouWant(minimum=usd("5.00"), maximum=usd("50.00"))
        self.product("Their own price", price=bounds, seller=other)
        self.their_order = self.buy(self.their_book, self.rival).order
        purchase = store.entitlements.check(self.rival, self.their_book).purchase
        assert purchase is not None
        self.their_purchase = purchase
        self.their_unpaid = self.checkout(self.their_shelf, self.rival).order
        made = store.support.request(
            self.rival,
            self.their_book,
            kind="setup",
            subject="Their subject",
            body="Their confession.",
            return_url="https://rival.example/back",
        )
        self.deliver(self.sandbox.pay(made))
        store.support.reply(self.rival, made.request, "Their reply.")
        self.their_request = store.support.get(self.rival, made.request)
        self.their_discount = store.orders.add_discount(other, "THEIR-CODE", percent=20)
        store.orders.add_discount(other, "THEIR-BOOK", percent=20, products=[self.their_book])
        short = self.checkout(self.product("Their short", seller=other), self.rival)
        self.deliver(self.sandbox.pay(short, amount=Money("1.00", "USD")))
        (self.their_action,) = (
            one
            for one in store.payments.needing_action(self.operator)
            if one.order_id == short.order.id
        )
        self.their_link = store.short_urls.shorten(
            other, "https://example.com/their-target", code="their-link", title="Their campaign"
        )
        store.short_urls.resolve("their-link")
        self._fetched(self.rival, self.their_book)

    def _fetched(self, user: Any, product: Any) -> None:
        link = self.store.downloads.link(user, product)
        fetched(self, link.token)

    def texts(self) -> frozenset[str]:
        """Every text that is stored, of some length: ids, addresses, codes, titles, messages."""
        found = self.everything()
        return frozenset(text for rows in found.values() for row in rows for text in _texts(row))

    def everything(self) -> Rows:
        """Every row of every table, the inbox too; tries are counted and no more."""
        names = sorted(metadata.tables.keys() - {"digistore_tries"})
        return {name: frozenset(self.rows(f"SELECT * FROM {name}")) for name in names}

    def rows_of(self, side: str) -> Rows:
        """The rows that hold anything private of one shop."""
        private = self.private[side]
        return {
            table: frozenset(row for row in rows if not private.isdisjoint(_texts(row)))
            for table, rows in self.everything().items()
        }

    def leaked(self, answer: object, side: str) -> list[str]:
        """What an answer tells of one shop."""
        said = "\n".join(told(answer))
        return sorted(text for text in self.private[side] if text in said)

    def restore(self, *, alone: bool = False) -> None:
        """Put everything back, if anything was written; *alone* to where the other shop was not."""
        if alone:
            self.load(self.alone[0])
            self.wrote = -1  # loading is no change that the database counts
        elif self.changes != self.wrote:
            self.put_back()
            self.wrote = self.changes


def _texts(row: tuple[Any, ...]) -> list[str]:
    return [
        one
        for one in row
        if isinstance(one, str) and len(one) >= SHORTEST and not _WORD.fullmatch(one)
    ]
