"""``store.downloads``: the files of what was bought."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

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
from digistore.catalog.tables import products, releases
from digistore.clock import to_micros
from digistore.downloads.log import read_log
from digistore.downloads.models import (
    DownloadFile,
    DownloadLink,
    DownloadPlan,
    DownloadRequest,
    DownloadSession,
    LinkCheck,
    LinkVerdict,
    Refused,
    Stream,
)
from digistore.downloads.personal import Personaliser
from digistore.downloads.rules.answers import Client
from digistore.downloads.rules.tokens import VERSION, TokenFields, checked_ttl, chosen, only_one
from digistore.downloads.service.counting import Policy, Visit, count, settle
from digistore.downloads.service.dropped import Dropped
from digistore.downloads.service.opening import Opener
from digistore.downloads.service.personalising import Personalising
from digistore.downloads.service.serving import Serving
from digistore.entitlements import PurchasedProduct, PurchaseRef
from digistore.entitlements.service.commands import raise_epoch
from digistore.entitlements.tables import purchased_products
from digistore.errors import Busy, Forbidden, NotFound, NothingToDeliver
from digistore.files import BlobReader, ScanResult
from digistore.files.models import StoredBlob
from digistore.ids import id_text
from digistore.paging import Page, checked_limit
from digistore.users import Acting, Actor, UserRef

if TYPE_CHECKING:
    from digistore.catalog import Product
    from digistore.database import Database
    from digistore.entitlements import AsyncEntitlements
    from digistore.files import AsyncFiles
    from digistore.settings import Settings
    from digistore.tokens import Signer
    from digistore.users import AsyncUsers


logger = logging.getLogger("digistore.downloads")


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
        personalisers: Mapping[str, Personaliser] | None = None,
    ) -> None:
        """Serve *files* to whom *entitlements* let in; links are signed by *signer*."""
        self._database = database
        self._users = users
        self._entitlements = entitlements
        self._files = files
        self._settings = settings
        self._signer = signer
        self._opener = Opener(database, users, signer)
        self._personal = Personalising(database, files, settings, personalisers or {})
        self._dropped = Dropped(database)
        self._serving = Serving(
            database, users, files, settings, signer, self._personal, self._dropped
        )

    async def files(
        self, user: UserRef, product: ProductRef, *, release: ReleaseRef | None = None
    ) -> tuple[DownloadFile, ...]:
        """Return what *user* may fetch of a product: the latest release, or the one named.

        Raises:
            Forbidden: no access, with the reason of ``check``.
            NothingToDeliver: there is no latest release.
            NotFound: no such release of this product.
        """
        self._database.refuse_stale("downloads.files")
        acting, found, _ = await self._entitled(user, product)
        return _told((await self._release(acting, found, release)).files)

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
        self._database.refuse_stale("downloads.link")
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
            files=_told(files),
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
            Forbidden: no access, with the reason of ``check``; or ``download_limit``.
            Invalid: the release has several files and none is named.
            NotFound, NothingToDeliver, DamagedFile: as they say.
        """
        self._database.refuse_stale("downloads.open")
        acting, found, purchase = await self._entitled(user, product)
        chosen_release = await self._release(acting, found, release)
        one = only_one(chosen(chosen_release.files, file))
        blob = await self._readable(one, purchase)
        reader = await offload(self._files.open_stored, blob)  # what cannot be read costs nothing
        if purchase is None:
            return reader
        _, epoch = await self._holder(acting, purchase)
        visit = Visit(
            purchase_id=purchase.id,
            epoch=epoch,
            item=one.id,
            release_id=chosen_release.id,
            file_id=one.id,
            is_latest=chosen_release.is_latest,
            size=blob.size,
            length=blob.size,
            sent=blob.size,
            transport="open",
            client=Client(),
        )
        policy = Policy.of(self._settings)
        await self._dropped.give_back()
        try:
            await self._database.transact(partial(count, visit=visit, policy=policy))
        except BaseException as error:
            reader.close()
            if isinstance(error, Refused):
                reason = "revoked" if error.word == LinkVerdict.REVOKED else error.word
                raise Forbidden("this file cannot be downloaded now", reason=reason) from error
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
            select(purchased_products.c.user_id, products.c.seller_id)
            .join(products, products.c.id == purchased_products.c.product_id)
            .where(purchased_products.c.id == purchase_id)
        )
        if row is None or not (acting.is_user(row.user_id) or acting.sells(row.seller_id)):
            raise NotFound("purchase", purchase_id)
        await self._database.transact(lambda tx: raise_epoch(tx, acting, purchase_id))

    async def plan(self, token: str, request: DownloadRequest) -> DownloadPlan:
        """Say how to answer a request for a link, and count it.

        Whoever has the *token* is let in; the entitlement is asked anew each time. It never raises
        for anything that a client can send.

        Args:
            token: from the URL.
            request: what the client sent.

        Returns:
            Status, headers and body. A body must be closed, and ``finish`` told, however it ends.
            A plan that is dropped, as by an await that is cancelled, counts as nothing sent: what
            it held is given back by the next download, ``run_due`` or ``close`` of this store.
        """
        self._database.refuse_stale("downloads.plan")
        return await self._serving.plan(token, request)

    async def finish(self, plan: DownloadPlan, sent: int) -> None:
        """Note how many bytes of a plan were sent; what was not is not held against the buyer.

        Args:
            plan: what ``plan`` returned; telling it twice is once.
            sent: bytes of the body that went out.
        """
        if not isinstance(plan.body, Stream) or plan.session is None:
            return
        reader, session = plan.body.reader, plan.session
        if reader.is_told():
            return
        went = min(max(sent, 0), reader.size)
        try:
            await self._database.transact(lambda tx: settle(tx, session, reader.size, went))
        except Busy:  # the bytes are gone out; a response that ends must not fail for its log
            logger.warning("download_unlogged: %s of %s bytes in %s", went, reader.size, session)

    async def log(
        self,
        actor: Actor,
        *,
        purchase: PurchaseRef | None = None,
        product: ProductRef | None = None,
        after: str | None = None,
        limit: int = 20,
    ) -> Page[DownloadSession]:
        """Return a page of what was downloaded, newest first.

        A customer sees their own downloads, a seller those of their products, an operator all.

        Args:
            actor: who asks.
            purchase: only of this purchase.
            product: only of this product.
            after: the ``next`` of the page before.
            limit: 1 to 100.

        Raises:
            NotFound: no such purchase or product, or not theirs to see.
        """
        return await read_log(
            self._database,
            await self._users.acting(actor),
            purchase_id=None
            if purchase is None
            else id_text("purchase", purchase, PurchasedProduct),
            product_ref=None if product is None else catalog_rows.ref_of(product),
            after=after,
            limit=checked_limit(limit),
        )

    # What serving a link asks.

    async def check_link(self, token: str) -> LinkCheck:
        """Say what *token* opens now: signature, expiry, then the entitlement and its epoch.

        It never raises for anything that a client can send.
        """
        self._database.refuse_stale("downloads.check_link")
        try:
            found = await self._opener.open(token)
        except Refused as refusal:
            return LinkCheck(LinkVerdict(refusal.word))
        files = _told(one.file for one in found.files)
        return LinkCheck(LinkVerdict.OK, files, found.purchase_id, found.user_id)

    async def _entitled(
        self, user: UserRef, product: ProductRef
    ) -> tuple[Acting, Product, PurchasedProduct | None]:
        acting = await self._users.acting(user)
        ref = catalog_rows.ref_of(product)
        try:
            found = await catalog_rows.load_one(self._database, ref)
        except NotFound:
            # As much work as for one that is hidden from them: a slug can be guessed.
            await self._entitlements.check(acting.user_id(), ref)
            raise
        access = await self._entitlements.check(acting.user_id(), found.id)
        if access.purchase is not None:
            return acting, found, access.purchase
        if acting.sells(found.seller_id):
            return acting, found, None
        if found.status is ProductStatus.DRAFT:  # nobody else knows of it
            raise NotFound("product", ref)
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

    async def _readable(self, one: ReleaseFile, purchase: PurchasedProduct | None) -> StoredBlob:
        """Return the bytes that this purchase gets of a file.

        Raises:
            Forbidden: ``file_blocked``: a scanner has stopped it, or a preview has no buyer.
            Busy: the buyer's own copy is not there yet.
        """
        blob = await self._files.stored(one.sha256)
        if one.scan is not ScanResult.CLEAN:
            raise Forbidden("a scanner has stopped this file", reason="file_blocked")
        if one.personal is None:
            return blob
        try:
            return await self._personal.blob_of(
                purchase.id if purchase else None, blob, one.personal
            )
        except Refused as refusal:
            if refusal.word == "file_blocked":
                raise Forbidden("only a buyer has an own copy", reason=refusal.word) from refusal
            raise Busy(f"the buyer's own copy is not there: {refusal.word}") from refusal

    async def sweep(self, limit: int) -> int:
        """Let go of buyers' own copies that were built a month ago; return how many."""
        await self._dropped.give_back()
        return await self._personal.forget(limit)

    async def give_back(self) -> None:
        """Settle the plans that were dropped without a word."""
        await self._dropped.give_back()

    async def _holder(self, acting: Acting, purchase: PurchasedProduct | None) -> tuple[str, int]:
        if purchase is None:
            return acting.user_id(), 0
        row = await self._database.first(
            select(purchased_products.c.epoch).where(purchased_products.c.id == purchase.id)
        )
        return purchase.id, row.epoch if row else 0


def _told(files: Iterable[ReleaseFile]) -> tuple[DownloadFile, ...]:
    return tuple(map(DownloadFile.of, files))


class Downloads(Blocking[AsyncDownloads]):
    """The same without an event loop."""

    files = blocking(AsyncDownloads.files)
    link = blocking(AsyncDownloads.link)
    open = blocking(AsyncDownloads.open)
    plan = blocking(AsyncDownloads.plan)
    finish = blocking(AsyncDownloads.finish)
    log = blocking(AsyncDownloads.log)
    revoke_links = blocking(AsyncDownloads.revoke_links)
