"""What a token opens: the purchase, and the files of its product, read by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, or_, select

from digistore.catalog import ReleaseFile
from digistore.catalog.tables import products, release_files, releases
from digistore.downloads.models import LinkVerdict, Refused
from digistore.downloads.rules.tokens import FIELDS, VERSION, TokenFields, token_fields
from digistore.entitlements.tables import purchased_products
from digistore.errors import DigistoreError
from digistore.files import ScanResult
from digistore.files.models import StoredBlob
from digistore.files.rows import BLOB_COLUMNS, READABLE, stored_blob
from digistore.files.tables import blobs

if TYPE_CHECKING:
    from digistore.database import AnyRow, Database
    from digistore.tokens import Signer
    from digistore.users import AsyncUsers

_COLUMNS = (
    releases.c.id.label("release_id"),
    releases.c.product_id,
    releases.c.number,
    releases.c.latest_key,
    products.c.slug,
    products.c.seller_id,
    release_files.c.id.label("file_id"),
    release_files.c.display_name,
    release_files.c.media_type,
    release_files.c.scan,
    release_files.c.personal,
    *BLOB_COLUMNS,
)


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file of a release, and the blob that holds its bytes."""

    file: ReleaseFile
    blob: StoredBlob


@dataclass(frozen=True, slots=True)
class Opened:
    """What a token opens; without a purchase it is a preview."""

    purchase_id: str | None
    user_id: str
    epoch: int
    release_id: str
    product_slug: str
    version: str
    is_latest: bool
    files: tuple[OpenedFile, ...]

    @property
    def item(self) -> str:
        """The id of what is fetched: one file, or all of a release."""
        return self.release_id if len(self.files) > 1 else self.files[0].file.id

    @property
    def file_id(self) -> str | None:
        """The id of the one file, ``None`` for all of them."""
        return None if len(self.files) > 1 else self.files[0].file.id

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.blob.size for one in self.files)

    def refuse_unfit(self) -> None:
        """Refuse files that a scanner has stopped, or whose bytes are known to be damaged.

        Raises:
            Refused: ``file_blocked``, ``storage_unavailable``.
        """
        if any(one.file.scan is not ScanResult.CLEAN for one in self.files):
            raise Refused("file_blocked")
        if not all(one.blob.state in READABLE for one in self.files):
            raise Refused("storage_unavailable")


class Opener:
    """Reads tokens, and what they open now."""

    def __init__(self, database: Database, users: AsyncUsers, signer: Signer) -> None:
        """Read tokens of *signer*."""
        self._database = database
        self._users = users
        self._signer = signer

    async def open(self, token: str) -> Opened:
        """Return what *token* opens: signature, expiry, entitlement, epoch, in this order.

        Raises:
            Refused: by a word of ``LinkVerdict``.
        """
        fields = token_fields(self._signer.read(VERSION, token, FIELDS))
        if fields is None:
            raise Refused(LinkVerdict.NOT_FOUND)
        if fields.has_expired(self._database.clock()):
            raise Refused(LinkVerdict.EXPIRED)
        if fields.holder.startswith("usr_"):
            return await self._preview(fields)
        rows = await self._database.rows(_bought(fields))
        if not rows:
            raise Refused(LinkVerdict.NOT_FOUND)
        if rows[0].live_key is None or rows[0].epoch != fields.epoch:
            raise Refused(LinkVerdict.REVOKED)
        return opened(rows, fields.holder, rows[0].user_id, fields.epoch)

    async def _preview(self, fields: TokenFields) -> Opened:
        rows = await self._database.rows(_offered(fields.item))
        if not rows:
            raise Refused(LinkVerdict.NOT_FOUND)
        try:
            acting = await self._users.acting(fields.holder)
        except DigistoreError as error:
            raise Refused(LinkVerdict.REVOKED) from error
        if not acting.sells(rows[0].seller_id):
            raise Refused(LinkVerdict.REVOKED)
        return opened(rows, None, fields.holder, 0)


def _files(*columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*_COLUMNS, *columns)
        .join(products, products.c.id == releases.c.product_id)
        .join(release_files, release_files.c.release_id == releases.c.id)
        .join(blobs, blobs.c.sha256 == release_files.c.blob_sha256)
        .order_by(release_files.c.position)
    )


def _bought(fields: TokenFields) -> Select[Any]:
    """Reach files through a purchase of their product, never by their own ids alone."""
    purchase = purchased_products.c
    return (
        _files(purchase.user_id, purchase.epoch, purchase.live_key)
        .join(purchased_products, purchase.product_id == releases.c.product_id)
        .where(purchase.id == fields.holder, _names(fields.item), releases.c.status != "draft")
    )


def _offered(item: str) -> Select[Any]:
    return _files().where(_names(item))


def _names(item: str) -> ColumnElement[bool]:
    return or_(release_files.c.id == item, releases.c.id == item)


def opened(rows: Sequence[AnyRow], purchase_id: str | None, user_id: str, epoch: int) -> Opened:
    """Put the rows of a release's files together."""
    first = rows[0]
    return Opened(
        purchase_id=purchase_id,
        user_id=user_id,
        epoch=epoch,
        release_id=first.release_id,
        product_slug=first.slug,
        version=first.number,
        is_latest=first.latest_key == 1,
        files=tuple(_opened_file(row) for row in rows),
    )


def _opened_file(row: AnyRow) -> OpenedFile:
    blob = stored_blob(row)
    file = ReleaseFile(
        id=row.file_id,
        release_id=row.release_id,
        name=row.display_name,
        media_type=row.media_type,
        size=blob.size,
        sha256=blob.sha256,
        scan=row.scan,
        personal=row.personal,
    )
    return OpenedFile(file, blob)
