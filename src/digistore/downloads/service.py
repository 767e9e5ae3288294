"""``store.downloads``: the files of what was bought."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from digistore.blocking import Blocking, blocking, offload
from digistore.catalog import (
    ProductRef,
    ProductStatus,
    Release,
    ReleaseFile,
    ReleaseRef,
    ReleaseStatus,
)
from digistore.catalog.service import products as catalog_rows
from digistore.catalog.service.releases import load_release, load_releases, release_ref
from digistore.catalog.tables import release_files, releases
from digistore.clock import to_micros
from digistore.downloads.models import DownloadLink, LinkCheck, LinkVerdict
from digistore.downloads.rules.tokens import (
    FIELDS,
    VERSION,
    TokenFields,
    checked_ttl,
    chosen,
    only_one,
    token_fields,
)
from digistore.downloads.tables import download_sessions
from digistore.entitlements import PurchasedProduct, PurchaseRef
from digistore.entitlements.service.commands import raise_epoch, saw_release
from digistore.entitlements.service.entitlements import purchase_of
from digistore.entitlements.tables import purchased_products
from digistore.errors import DigistoreError, Forbidden, NotFound, NothingToDeliver
from digistore.files import BlobReader
from digistore.ids import id_text
from digistore.users import Acting, Actor, UserRef

if TYPE_CHECKING:
    from digistore.catalog import Product
    from digistore.database import Database, Transaction
    from digistore.entitlements import AsyncEntitlements
    from digistore.files import AsyncFiles
    from digistore.settings import Settings
    from digistore.tokens import Signer
    from digistore.users import AsyncUsers

_GONE = LinkCheck(LinkVerdict.REVOKED)
_UNKNOWN = LinkCheck(LinkVerdict.NOT_FOUND)


class AsyncDownloads:
    """Files, links and streams: ``store.downloads``."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        entitlements: AsyncEntitlements,
        files: AsyncFiles,
        settings: Settings,
        signer: Signer,
    ) -> None:
        """Serve *files* to whom *entitlements* let in; links are signed by *signer*."""
        self._database = database
        self._users = users
        self._entitlements = entitlements
        self._files = files
        self._settings = settings
        self._signer = signer

    async def files(
        self, user: UserRef, product: ProductRef, *, release: ReleaseRef | None = None
    ) -> tuple[ReleaseFile, ...]:
        """Return what *user* may fetch of a product: the latest release, or the one named.

        Raises:
            Forbidden: no access, with the reason of ``check``.
            NothingToDeliver: there is no latest release.
            NotFound: no such release of this product.
        """
        acting, found, _ = await self._entitled(user, product)
        return (await self._release(acting, found, release)).files

    async def link(
        self,
        user: UserRef,
        product: ProductRef,
        *,
        file: str | None = None,
        release: ReleaseRef | None = None,
        expires_in: timedelta | None = None,
    ) -> DownloadLink:
        """Make a short-lived link to one file, or without *file* to all of a release.

        *Latest* is resolved now: a link never changes what it delivers.

        Args:
            user: who bought it; the seller and operators get a preview.
            product: what was bought.
            file: its id, or its name.
            release: by default the latest.
            expires_in: 1 minute to 7 days; by default ``Settings.link_ttl``.

        Raises:
            Forbidden: no access, with the reason of ``check``.
            Invalid, NotFound, NothingToDeliver: as they say.
        """
        ttl = checked_ttl(expires_in, self._settings.link_ttl)
        acting, found, purchase = await self._entitled(user, product)
        chosen_release = await self._release(acting, found, release)
        files = chosen(chosen_release.files, file)
        item = files[0].id if len(files) == 1 else chosen_release.id
        expires_at = self._database.clock() + ttl
        holder, epoch = await self._holder(acting, purchase)
        fields = TokenFields(holder, item, epoch, to_micros(expires_at) // 1_000_000)
        return DownloadLink(
            token=self._signer.sign(VERSION, fields.as_text()),
            expires_at=expires_at,
            release_id=chosen_release.id,
            files=files,
        )

    async def open(
        self,
        user: UserRef,
        product: ProductRef,
        *,
        file: str | None = None,
        release: ReleaseRef | None = None,
    ) -> BlobReader:
        """Open one file for reading, and count it as a download; close it when done.

        The stream is verified as it is read: bytes that are not what was published raise
        ``DamagedFile`` before the end is reached. It blocks, in both colours.

        Raises:
            Forbidden: no access, with the reason of ``check``.
            Invalid: the release has several files and none is named.
            NotFound, NothingToDeliver, DamagedFile: as they say.
        """
        acting, found, purchase = await self._entitled(user, product)
        chosen_release = await self._release(acting, found, release)
        one = only_one(chosen(chosen_release.files, file))
        reader = await offload(self._files.open, one.sha256)  # what cannot be read costs nothing
        if purchase is None:
            return reader
        window = self._settings.download_window
        try:
            await self._database.transact(
                lambda tx: _count(tx, purchase, one, chosen_release, window)
            )
        except BaseException:
            reader.close()
            raise
        return reader

    async def revoke_links(self, actor: Actor, purchase: PurchaseRef) -> None:
        """End every link made so far for one purchase; access stays, and fresh links work.

        Raises:
            NotFound: no such purchase, or not theirs.
        """
        acting = await self._users.acting(actor)
        purchase_id = id_text("purchase", purchase, PurchasedProduct)
        row = await self._database.first(
            select(purchased_products).where(purchased_products.c.id == purchase_id)
        )
        noun = "purchase"
        if row is None:
            raise NotFound(noun, purchase_id)
        found = await catalog_rows.load_one(self._database, row.product_id)
        if not (acting.is_user(row.user_id) or acting.sells(found.seller_id)):
            raise NotFound(noun, purchase_id)
        await self._database.transact(lambda tx: raise_epoch(tx, acting, purchase_id))

    # What serving a link will ask.

    async def check_link(self, token: str) -> LinkCheck:
        """Say what *token* opens now: signature, expiry, epoch, then the entitlement again.

        It never raises for anything that a client can send.
        """
        fields = token_fields(self._signer.read(VERSION, token, FIELDS))
        if fields is None:
            return _UNKNOWN
        if fields.has_expired(self._database.clock()):
            return LinkCheck(LinkVerdict.EXPIRED)
        release = await self._release_of(fields.item)
        if release is None:
            return _UNKNOWN
        files = tuple(f for f in release.files if fields.item in {f.id, release.id})
        if fields.holder.startswith("usr_"):
            return await self._preview(fields, release, files)
        return await self._purchased(fields, release, files)

    async def _purchased(
        self, fields: TokenFields, release: Release, files: tuple[ReleaseFile, ...]
    ) -> LinkCheck:
        row = await self._database.first(
            select(
                purchased_products.c.user_id,
                purchased_products.c.product_id,
                purchased_products.c.epoch,
                purchased_products.c.live_key,
            ).where(purchased_products.c.id == fields.holder)
        )
        if row is None or row.product_id != release.product_id:
            return _UNKNOWN
        if row.live_key is None or row.epoch != fields.epoch:
            return _GONE
        return LinkCheck(LinkVerdict.OK, files, fields.holder, row.user_id)

    async def _preview(
        self, fields: TokenFields, release: Release, files: tuple[ReleaseFile, ...]
    ) -> LinkCheck:
        found = await catalog_rows.load_one(self._database, release.product_id)
        try:
            acting = await self._users.acting(fields.holder)
        except DigistoreError:
            return _GONE
        if not acting.sells(found.seller_id):
            return _GONE
        return LinkCheck(LinkVerdict.OK, files, None, fields.holder)

    async def _release_of(self, item: str) -> Release | None:
        try:
            if item.startswith("rel_"):
                return await load_release(self._database, item)
            return await _release_with(self._database, item)
        except NotFound:
            return None

    async def _entitled(
        self, user: UserRef, product: ProductRef
    ) -> tuple[Acting, Product, PurchasedProduct | None]:
        acting = await self._users.acting(user)
        found = await catalog_rows.load_one(self._database, catalog_rows.ref_of(product))
        access = await self._entitlements.check(acting.user_id(), found.id)
        if access.purchase is not None:
            return acting, found, access.purchase
        if acting.sells(found.seller_id):
            return acting, found, None
        if found.status is ProductStatus.DRAFT:  # nobody else knows of it
            raise NotFound("product", found.id)
        raise Forbidden(f"no access to this product: {access.reason}", reason=access.reason)

    async def _release(
        self, acting: Acting, product: Product, release: ReleaseRef | None
    ) -> Release:
        if release is None:
            latest = (releases.c.product_id == product.id) & (releases.c.latest_key == 1)
            found = await load_releases(self._database, latest, with_files=True)
            if not found:
                raise NothingToDeliver(product.id)
            return found[0]
        named = await load_release(self._database, release_ref(release))
        unseen = named.status is ReleaseStatus.DRAFT and not acting.sells(product.seller_id)
        if named.product_id != product.id or unseen:
            raise NotFound("release", named.id)
        return named

    async def _holder(self, acting: Acting, purchase: PurchasedProduct | None) -> tuple[str, int]:
        if purchase is None:
            return acting.user_id(), 0
        row = await self._database.first(
            select(purchased_products.c.epoch).where(purchased_products.c.id == purchase.id)
        )
        return purchase.id, row.epoch if row else 0


async def _release_with(database: Database, file_id: str) -> Release | None:
    row = await database.first(
        select(release_files.c.release_id).where(release_files.c.id == file_id)
    )
    return None if row is None else await load_release(database, row.release_id)


async def _count(
    tx: Transaction,
    purchase: PurchasedProduct,
    file: ReleaseFile,
    release: Release,
    window: timedelta,
) -> None:
    """Count one download: what comes within its window joins it.

    The purchase is read again: between the check and here its money may have gone back.
    """
    row = await tx.first(
        select(purchased_products).where(
            purchased_products.c.id == purchase.id, purchased_products.c.live_key == 1
        )
    )
    if row is None:
        raise Forbidden("no access to this product any more", reason="revoked")
    here = (
        (download_sessions.c.purchase_id == purchase.id)
        & (download_sessions.c.item == file.id)
        & (download_sessions.c.live_key == 1)
    )
    await tx.rows(
        update(download_sessions)
        .where(here, download_sessions.c.first_at <= tx.now - window)
        .values(live_key=None)
    )
    joined = await tx.first(
        update(download_sessions)
        .where(here)
        .values(requests=download_sessions.c.requests + 1, last_at=tx.now)
        .returning(download_sessions.c.id)
    )
    if joined is None:
        await tx.rows(
            insert(download_sessions).values(
                id=tx.new_id("dls"),
                purchase_id=purchase.id,
                item=file.id,
                live_key=1,
                first_at=tx.now,
                last_at=tx.now,
                requests=1,
                reserved_bytes=file.size,
                sent_bytes=file.size,
                transport="open",
            )
        )
    await saw_release(tx, purchase_of(row._mapping).id, release.id, is_latest=release.is_latest)


class Downloads(Blocking[AsyncDownloads]):
    """The same without an event loop."""

    files = blocking(AsyncDownloads.files)
    link = blocking(AsyncDownloads.link)
    open = blocking(AsyncDownloads.open)
    revoke_links = blocking(AsyncDownloads.revoke_links)
