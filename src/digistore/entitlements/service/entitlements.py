"""``store.entitlements``: may this user open this product, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.blocking import Blocking, blocking
from digistore.catalog import ProductRef, ProductStatus
from digistore.catalog.service import products as catalog_rows
from digistore.database import Record
from digistore.database.keyset import place_of
from digistore.entitlements.facts import AccessState, FactState
from digistore.entitlements.holding import facts_of, grants_of, stored_grants
from digistore.entitlements.models import (
    Access,
    ExplainedFact,
    ExplainedPurchase,
    Explanation,
    OwnedProduct,
    PurchasedProduct,
    PurchaseRef,
)
from digistore.entitlements.rules import decide, refusal
from digistore.entitlements.service import access, owned
from digistore.entitlements.service.commands import Ask, say
from digistore.entitlements.tables import purchased_products
from digistore.errors import Invalid, NotFound
from digistore.fields import Input, Reason, checked
from digistore.ids import id_text
from digistore.paging import Page, checked_limit, page_of
from digistore.users import Actor, UserRef

if TYPE_CHECKING:
    from digistore.database import Database, Reader
    from digistore.entitlements.holding import StoredGrant
    from digistore.users import AsyncUsers

MOST_CHECKED = 10_000


class _ReasonInput(Input):
    reason: Reason


class AsyncEntitlements:
    """Access: ``store.entitlements``."""

    def __init__(self, database: Database, users: AsyncUsers, ask: Ask) -> None:
        """Read access from *database*; *ask* is what payments offer."""
        self._database = database
        self._users = users
        self._ask = ask

    async def check(self, user: UserRef, product: ProductRef) -> Access:
        """Say whether *user* may open *product* now: one statement, nothing cached.

        The answer is truthy if access is live; it carries the reason, the purchase and the
        latest release. Unknown ids have no access.

        Raises:
            StaleRead: asked of a replica that is not for this.
        """
        self._database.refuse_stale("entitlements.check")
        user_id = await self._users.id_of(user)
        return await access.check(self._database, user_id, catalog_rows.ref_of(product))

    async def check_many(
        self, user: UserRef, products: Iterable[ProductRef]
    ) -> Mapping[str, Access]:
        """Say it of many products by their ids: one statement however many they are.

        Raises:
            Invalid: more than 10,000 products.
            StaleRead: asked of a replica that is not for this.
        """
        self._database.refuse_stale("entitlements.check_many")
        user_id = await self._users.id_of(user)
        wanted = catalog_rows.refs_of(products)
        if len(wanted) > MOST_CHECKED:
            raise Invalid(
                f"at most {MOST_CHECKED} products at once", fields={"products": "too_many"}
            )
        return await access.check_many(self._database, user_id, wanted)

    async def my_products(
        self, user: UserRef, *, after: str | None = None, limit: int = 20
    ) -> Page[OwnedProduct]:
        """Return a page of what *user* can open, newest purchase first.

        ``updated_since_download`` says that a newer release came after the last one fetched.

        Args:
            user: whose products.
            after: the ``next`` of the page before.
            limit: 1 to 100.
        """
        user_id, many = (await self._users.acting(user)).user_id(), checked_limit(limit)
        items = await owned.page(self._database, user_id, after, many + 1)
        return page_of(
            items, many, lambda item: place_of(item.purchase.acquired_at, item.purchase.id)
        )

    async def explain(self, actor: Actor, user: UserRef, product: ProductRef) -> Explanation:
        """Say why *user* has access to *product*, or has not, by the facts that decide it.

        For the user, the product's seller, operators and ``SYSTEM``.

        Raises:
            NotFound: no such product, or not theirs to ask about.
        """
        acting = await self._users.acting(actor)
        user_id = await self._users.named(user)
        ref = catalog_rows.ref_of(product)
        found = await catalog_rows.load_one(self._database, ref)
        sells = acting.sells(found.seller_id)
        if found.status is ProductStatus.DRAFT and not sells:  # nobody else knows of it
            raise NotFound("product", ref)
        if not (acting.is_user(user_id) or sells):
            raise NotFound("purchase")
        pair = {(user_id, found.id)}
        stored = stored_grants(
            await self._database.rows(grants_of(pair)), await self._database.rows(facts_of(pair))
        )
        return _explanation(stored)

    async def revoke(self, actor: Actor, purchase: PurchaseRef, *, reason: str) -> PurchasedProduct:
        """End access by an operator's recorded word; money does not move.  Twice is once.

        Raises:
            Forbidden: not an operator.
            NotFound: no such purchase.
        """
        return await self._say(actor, purchase, FactState.REVOKED, reason)

    async def restore(
        self, actor: Actor, purchase: PurchaseRef, *, reason: str
    ) -> PurchasedProduct:
        """Take an operator's revocation back: access follows from the money again.

        Where another purchase has taken the place meanwhile, this one is ``standby``.

        Raises:
            Forbidden: not an operator.
            NotFound: no such purchase.
        """
        return await self._say(actor, purchase, FactState.RESTORED, reason)

    async def _say(
        self, actor: Actor, purchase: PurchaseRef, word: FactState, reason: str
    ) -> PurchasedProduct:
        acting = await self._users.acting(actor)
        acting.require_operator("decide on access by hand")
        why = checked(_ReasonInput, reason=reason).reason
        purchase_id = id_text("purchase", purchase, PurchasedProduct)
        await self._database.transact(lambda tx: say(tx, acting, purchase_id, word, why, self._ask))
        row = await self._database.first(
            select(purchased_products).where(purchased_products.c.id == purchase_id)
        )
        if row is None:
            raise AssertionError
        return purchase_of(row._mapping)


def purchase_of(row: Record) -> PurchasedProduct:
    """Make a purchase of its row."""
    return PurchasedProduct(
        id=row["id"],
        product_id=row["product_id"],
        user_id=row["user_id"],
        order_id=row["order_id"],
        order_line_id=row["order_line_id"],
        acquired_at=row["acquired_at"],
        state=AccessState(row["state"]),
    )


async def access_history(reader: Database | Reader, order_id: str) -> tuple[ExplainedPurchase, ...]:
    """Return what an order opened, each purchase with its facts, whoever may see it."""
    mine = select(purchased_products).where(purchased_products.c.order_id == order_id)
    pairs = {(row.user_id, row.product_id) for row in await reader.rows(mine)}
    if not pairs:
        return ()
    stored = stored_grants(await reader.rows(grants_of(pairs)), await reader.rows(facts_of(pairs)))
    return tuple(_explained(grant) for grant in stored if grant.order_id == order_id)


def _explanation(stored: list[StoredGrant]) -> Explanation:
    purchases = tuple(_explained(grant) for grant in stored)
    live = [one for one in purchases if one.purchase.state is AccessState.LIVE]
    reason = "live" if live else refusal([one.purchase.state for one in purchases])
    sentences = [
        f"Purchase {one.purchase.id} is {one.purchase.state}, because of "
        + ", ".join(f"{f.kind} {f.state} ({f.about})" for f in one.facts if f.deciding)
        + "."
        for one in purchases
    ]
    return Explanation(
        granted=bool(live),
        reason=reason,
        text=" ".join(sentences) or "Nothing was ever purchased.",
        purchases=purchases,
    )


def _explained(grant: StoredGrant) -> ExplainedPurchase:
    decision = decide(grant.facts, grant.policy)
    facts = tuple(
        ExplainedFact(
            at=fact.at,
            kind=fact.kind,
            state=fact.state,
            amount=fact.amount,
            about=fact.about,
            actor=fact.actor,
            reason=fact.reason,
            deciding=fact in decision.because,
        )
        for fact in grant.facts
    )
    purchase = purchase_of(
        {
            name: getattr(grant, name)
            for name in (
                "id",
                "product_id",
                "user_id",
                "order_id",
                "order_line_id",
                "acquired_at",
                "state",
            )
        }
    )
    return ExplainedPurchase(purchase=purchase, worth=decision.state, facts=facts)


class Entitlements(Blocking[AsyncEntitlements]):
    """The same without an event loop."""

    check = blocking(AsyncEntitlements.check)
    check_many = blocking(AsyncEntitlements.check_many)
    my_products = blocking(AsyncEntitlements.my_products)
    explain = blocking(AsyncEntitlements.explain)
    revoke = blocking(AsyncEntitlements.revoke)
    restore = blocking(AsyncEntitlements.restore)
