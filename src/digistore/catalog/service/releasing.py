"""Releases: adding, publishing and yanking them; the half of ``store.catalog`` that has files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.catalog.models import (
    Channel,
    Product,
    ProductRef,
    ProductStatus,
    Release,
    ReleaseRef,
    ReleaseStatus,
)
from digistore.catalog.service import products as rows
from digistore.catalog.service import releases as editions
from digistore.catalog.tables import products, release_files, releases
from digistore.errors import AlreadyExists, Forbidden, Invalid, NotFound
from digistore.fields import Input, Reason, Ref, Text, checked
from digistore.files import BlobRef, ScanResult, Source, checked_display_name, media_type_of
from digistore.files.rows import BLOB_COLUMNS
from digistore.files.tables import blobs
from digistore.users import Acting, Actor, Visitor

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.files import AsyncFiles
    from digistore.settings import Settings
    from digistore.users import AsyncUsers


class _ReleaseInput(Input):
    version: Ref
    notes: Text = ""


class _ReasonInput(Input):
    reason: Reason


class Releasing:
    """What a product consists of, version by version."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        files: AsyncFiles,
        settings: Settings,
        readers: rows.OfferReaders,
        recipes: Collection[str] = (),
    ) -> None:
        """Keep the catalogue in *database* and its files in *files*.

        Files may be personal by one of *recipes*.
        """
        self._database = database
        self._users = users
        self._files = files
        self._settings = settings
        self._readers = readers
        self._recipes = frozenset(recipes)

    async def release(
        self,
        actor: Actor,
        product: ProductRef,
        *,
        version: str,
        files: Mapping[str, Source],
        notes: str = "",
        channel: Channel | str = Channel.STABLE,
        publish: bool = True,
        personal: Mapping[str, str] | None = None,
    ) -> Release:
        """Add a release and, unless told otherwise, publish it: holders can fetch it at once.

        While a scanner has not found a file clean, the release stays a draft.

        Args:
            actor: the product's seller, or an operator.
            product: what it is a version of.
            version: its number.
            files: the name a customer sees, and bytes, a path, a binary file or chunks of bytes.
            notes: what is new.
            channel: ``stable``, or ``beta``, which is never the latest.
            publish: whether at once.
            personal: names of *files* of which each buyer gets their own, and by which recipe of
                the store's ``personalisers``.

        Raises:
            AlreadyExists: the product has this version.
            Invalid: no files, a name with separators, an empty, too large or infected file, or a
                recipe that the store does not have.
            NotFound, Forbidden: not theirs.
        """
        acting, found = await self._own(actor, product)
        given = checked(_ReleaseInput, version=version, notes=notes)
        kind = _channel(channel)
        names = _checked_names(files, self._settings.max_release_files)
        if await editions.version_exists(self._database, found.id, given.version):
            raise AlreadyExists("release", "version")
        recipes = self._checked_recipes(personal, names)
        stored = await self._store(names, files, recipes)

        async def work(tx: Transaction) -> str:
            await rows.change(tx, acting, "release", found.id)
            await self._files.attach(tx, [file.blob.sha256 for file in stored])
            release_id = await editions.add(
                tx, acting, found.id, given.version, kind, given.notes, stored
            )
            if publish and all(file.scan is ScanResult.CLEAN for file in stored):
                await editions.publish(tx, acting, await editions.load_release(tx, release_id))
            return release_id

        release_id = await self._database.transact(work)
        return await editions.load_release(self._database, release_id)

    async def publish(self, actor: Actor, release: ReleaseRef) -> Release:
        """Publish a draft, whose files are read again before; one that is published stays.

        Raises:
            InvalidTransition: it was yanked, or a scanner has not found all of its files clean.
            DamagedFile: the stored bytes of a file are not what was uploaded.
        """
        acting, found = await self._own_release(actor, release)

        async def work(tx: Transaction) -> None:
            await rows.change(tx, acting, "publish", found.product_id)
            await editions.publish(tx, acting, await editions.load_release(tx, found.id))

        if found.status is ReleaseStatus.DRAFT:
            await self._files.check([file.sha256 for file in found.files])
        if found.status is not ReleaseStatus.PUBLISHED:
            await self._database.transact(work)
        return await editions.load_release(self._database, found.id)

    async def yank(self, actor: Actor, release: ReleaseRef, *, reason: str) -> Release:
        """Withdraw a published release; it is no longer latest.  A yanked one stays.

        Raises:
            InvalidTransition: a draft, which nobody has seen.
        """
        acting, found = await self._own_release(actor, release)
        why = checked(_ReasonInput, reason=reason).reason

        async def work(tx: Transaction) -> None:
            await rows.change(tx, acting, "yank", found.product_id)
            await editions.yank(tx, acting, await editions.load_release(tx, found.id), why)

        if found.status is not ReleaseStatus.YANKED:
            await self._database.transact(work)
        return await editions.load_release(self._database, found.id)

    async def releases(self, visitor: Visitor, product: ProductRef) -> tuple[Release, ...]:
        """Return the published releases, newest first; for who sells it all, with files.

        Raises:
            NotFound: no such product, or not theirs to see.
        """
        acting = await self._users.visitor(visitor)
        found = await self._seen(acting, product)
        where = releases.c.product_id == found.id
        own = acting.sells(found.seller_id)
        if not own:
            where &= releases.c.status == ReleaseStatus.PUBLISHED
        return tuple(await editions.load_releases(self._database, where, with_files=own))

    async def latest(self, visitor: Visitor, product: ProductRef) -> Release | None:
        """Return the latest release, ``None`` while there is none.

        Raises:
            NotFound: no such product, or not theirs to see.
        """
        shown = await self.releases(visitor, product)
        return next((release for release in shown if release.is_latest), None)

    async def scan_again(self, limit: int) -> int:
        """Ask the scanner about files whose scan is not done; return how many were asked about."""
        waiting = await self._database.rows(
            select(release_files.c.id, *BLOB_COLUMNS, blobs.c.media_type.label("sniffed"))
            .join(blobs, blobs.c.sha256 == release_files.c.blob_sha256)
            .where(release_files.c.scan == ScanResult.PENDING)
            .order_by(release_files.c.id)
            .limit(limit)
        )
        for row in waiting:
            ref = BlobRef(row.blob_sha256, row.blob_size, row.blob_crc32, row.sniffed)
            result = await self._files.scan(ref)
            if result is not ScanResult.PENDING:
                await self._database.transact(partial(editions.scanned, row.id, result))
        return len(waiting)

    # Within.

    async def _own(self, actor: Actor, product: ProductRef) -> tuple[Acting, Product]:
        acting = await self._users.acting(actor)
        found = await self._seen(acting, product)
        if not acting.sells(found.seller_id):
            raise _not_theirs()
        return acting, found

    async def _own_release(self, actor: Actor, release: ReleaseRef) -> tuple[Acting, Release]:
        acting = await self._users.acting(actor)
        ref = editions.release_ref(release)
        row = await self._database.first(
            select(releases.c.status, releases.c.product_id, products.c.seller_id)
            .join(products, products.c.id == releases.c.product_id)
            .where(releases.c.id == ref)
        )
        if row is not None and acting.sells(row.seller_id):
            return acting, await editions.load_release(self._database, ref)
        if row is not None and row.status == ReleaseStatus.PUBLISHED:
            product = await rows.load_one(self._database, row.product_id)
            if await self._may_see(acting, product):
                raise _not_theirs()
        raise NotFound("release", ref)

    async def _seen(self, acting: Acting, product: ProductRef) -> Product:
        """Return a product; one that they may not see is not there, under any name."""
        ref = rows.ref_of(product)
        try:
            found = await rows.load_one(self._database, ref)
        except NotFound:
            # As much work as for one that is hidden from them: a slug can be guessed.
            if acting.id is not None:
                await self._readers.holds(acting.id, ref)
            raise
        if not await self._may_see(acting, found):
            raise NotFound("product", ref)
        return found

    async def _may_see(self, acting: Acting, product: Product) -> bool:
        return (
            product.status is ProductStatus.ON_SALE
            or acting.sells(product.seller_id)
            or (acting.id is not None and await self._readers.holds(acting.id, product.id))
        )

    async def _store(
        self, names: Iterable[str], files: Mapping[str, Source], recipes: Mapping[str, str]
    ) -> list[editions.NewFile]:
        left = self._settings.max_release_bytes
        stored = []
        for name in names:
            blob = await self._files.put(
                files[name], max_bytes=min(left, self._settings.max_file_bytes)
            )
            left -= blob.size
            media_type = self._allowed(media_type_of(name, blob.media_type))
            scan = await self._files.scan(blob)
            if scan is ScanResult.INFECTED:
                raise Invalid("a scanner refuses this file", fields={"file": "infected"})
            stored.append(editions.NewFile(name, media_type, blob, scan, recipes.get(name)))
        return stored

    def _allowed(self, media_type: str) -> str:
        allowed, denied = self._settings.allowed_media_types, self._settings.denied_media_types
        if media_type in denied or (allowed and media_type not in allowed):
            raise Invalid("this shop does not sell such files", fields={"file": "type_refused"})
        return media_type

    def _checked_recipes(
        self, personal: Mapping[str, str] | None, names: Iterable[str]
    ) -> Mapping[str, str]:
        given = dict(personal or {})
        if not given.keys() <= set(names):
            raise Invalid("personal names files of this release", fields={"personal": "unknown"})
        if not set(given.values()) <= self._recipes:
            raise Invalid(
                "the store has no such recipe; give it with personalisers={...}",
                fields={"personal": "recipe_unknown"},
            )
        return given


def _not_theirs() -> Forbidden:
    return Forbidden("only the product's seller or an operator may do this", reason="seller_needed")


def _channel(channel: Channel | str) -> Channel:
    try:
        return Channel(channel)
    except ValueError:
        raise Invalid("a channel is stable or beta", fields={"channel": "unknown"}) from None


def _checked_names(files: Mapping[str, Source], most: int) -> list[str]:
    if not files or len(files) > most:
        raise Invalid(
            f"a release has 1 to {most} files",
            fields={"files": "empty" if not files else "too_many"},
        )
    return [checked_display_name(name) for name in files]
