"""Reading and writing releases and their files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from digistore.audit import Change, record
from digistore.catalog.models import Channel, Release, ReleaseFile, ReleaseRef, ReleaseStatus
from digistore.catalog.rules import RELEASE_MOVES, Edition, latest
from digistore.catalog.tables import release_files, releases
from digistore.database import Record
from digistore.errors import AlreadyExists, InvalidTransition, NotFound
from digistore.events import ReleasePublished, ReleaseYanked
from digistore.files import ScanResult
from digistore.ids import EventId, ProductId, ReleaseId, id_text
from digistore.lifecycle import moves
from digistore.outbox import announce

if TYPE_CHECKING:
    from digistore.database import Database, Reader, Transaction
    from digistore.files import BlobRef
    from digistore.users import Acting


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a release that is about to be added; its bytes are stored."""

    name: str
    media_type: str
    blob: BlobRef
    scan: ScanResult
    personal: str | None


def release_ref(release: ReleaseRef) -> str:
    """Return the id behind a way of naming a release."""
    return id_text("release", release, Release)


async def load_release(reader: Database | Reader, release_id: str) -> Release:
    """Return a release with its files, whoever may see it.

    Raises:
        NotFound: there is none.
    """
    found = await load_releases(reader, releases.c.id == release_id, with_files=True)
    if not found:
        raise NotFound("release", release_id)
    return found[0]


async def load_releases(
    reader: Database | Reader,
    where: Any,  # noqa: ANN401  SQLAlchemy's own
    *,
    with_files: bool,
) -> list[Release]:
    """Return the releases that *where* selects, newest first."""
    rows = await reader.rows(
        select(releases)
        .where(where)
        .order_by(releases.c.published_at.desc().nulls_first(), releases.c.id.desc())
    )
    files = await load_files(reader, [row.id for row in rows]) if with_files else {}
    return [_release(row._mapping, files.get(row.id, ())) for row in rows]


async def load_files(
    reader: Database | Reader, release_ids: Iterable[str]
) -> dict[str, list[ReleaseFile]]:
    """Return the files of releases, in their order."""
    found: dict[str, list[ReleaseFile]] = {}
    statement = (
        select(release_files)
        .where(release_files.c.release_id.in_(list(release_ids)))
        .order_by(release_files.c.release_id, release_files.c.position)
    )
    for row in await reader.rows(statement):
        file = ReleaseFile(
            id=row.id,
            release_id=row.release_id,
            name=row.display_name,
            media_type=row.media_type,
            size=row.size,
            sha256=row.blob_sha256,
            scan=row.scan,
            personal=row.personal,
        )
        found.setdefault(row.release_id, []).append(file)
    return found


def _release(row: Record, files: Sequence[ReleaseFile]) -> Release:
    return Release(
        id=row["id"],
        product_id=row["product_id"],
        version=row["number"],
        channel=row["channel"],
        notes=row["notes"],
        status=row["status"],
        is_latest=row["latest_key"] == 1,
        published_at=row["published_at"],
        yank_reason=row["yank_reason"],
        files=tuple(files),
    )


async def version_exists(reader: Database | Reader, product_id: str, version: str) -> bool:
    """Say whether the product has a release of this version."""
    statement = select(releases.c.id).where(
        releases.c.product_id == product_id, releases.c.number == version
    )
    return await reader.first(statement) is not None


async def add(
    tx: Transaction,
    acting: Acting,
    product_id: str,
    version: str,
    channel: Channel,
    notes: str,
    files: Sequence[NewFile],
) -> str:
    """Add a draft with its *files* and return its id.

    Raises:
        AlreadyExists: the product has this version.
    """
    release_id = tx.new_id("rel")
    statement = (
        insert(releases)
        .values(
            id=release_id,
            product_id=product_id,
            number=version,
            channel=channel,
            notes=notes,
            status=ReleaseStatus.DRAFT,
            version=1,
            created_at=tx.now,
        )
        .on_conflict_do_nothing(index_elements=["product_id", "number"])
        .returning(releases.c.id)
    )
    if await tx.first(statement) is None:
        raise AlreadyExists("release", "version")
    rows = [
        {
            "id": tx.new_id("fil"),
            "release_id": release_id,
            "blob_sha256": file.blob.sha256,
            "display_name": file.name,
            "media_type": file.media_type,
            "size": file.blob.size,
            "position": position,
            "scan": file.scan,
            "personal": file.personal,
        }
        for position, file in enumerate(files)
    ]
    await tx.rows(insert(release_files).values(rows))
    changes = {"product": product_id, "status": "draft"}
    await record(tx, acting.label, "release", [Change("release", release_id, 1, changes)])
    return release_id


async def scanned(file_id: str, result: ScanResult, tx: Transaction) -> None:
    """Note what a scanner says of a file now."""
    await tx.rows(update(release_files).where(release_files.c.id == file_id).values(scan=result))


async def publish(tx: Transaction, acting: Acting, release: Release) -> None:
    """Publish a draft: every holder of live access can fetch it from now on (D6).

    Raises:
        InvalidTransition: it was yanked, or a scanner has not found all of its files clean.
    """
    if not moves("release", RELEASE_MOVES, release.status, ReleaseStatus.PUBLISHED):
        return
    if any(file.scan is not ScanResult.CLEAN for file in release.files):
        hint = "a file is infected, or its scan is not done; run_due asks the scanner again"
        raise InvalidTransition("release", release.status, ReleaseStatus.PUBLISHED, hint=hint)
    await _move(tx, acting, release.id, "publish", status="published", published_at=tx.now)
    await _choose_latest(tx, release.product_id)
    event = ReleasePublished(
        id=EventId(tx.new_id("evt")),
        at=tx.now,
        actor=acting.label,
        release_id=ReleaseId(release.id),
        product_id=ProductId(release.product_id),
    )
    await tx.rows(announce(event, "published"))


async def yank(tx: Transaction, acting: Acting, release: Release, reason: str) -> None:
    """Withdraw a published release; holders may still fetch it by name."""
    if not moves("release", RELEASE_MOVES, release.status, ReleaseStatus.YANKED):
        return
    await _move(
        tx, acting, release.id, "yank", status="yanked", yank_reason=reason, latest_key=None
    )
    await _choose_latest(tx, release.product_id)
    event = ReleaseYanked(
        id=EventId(tx.new_id("evt")),
        at=tx.now,
        actor=acting.label,
        release_id=ReleaseId(release.id),
        product_id=ProductId(release.product_id),
    )
    await tx.rows(announce(event, "yanked"))


async def _move(
    tx: Transaction, acting: Acting, release_id: str, cause: str, **values: object
) -> None:
    row = await tx.first(
        update(releases)
        .where(releases.c.id == release_id)
        .values(version=releases.c.version + 1, **values)
        .returning(releases.c.version, releases.c.status)
    )
    if row is None:
        raise AssertionError
    told = {"status": row.status}
    await record(tx, acting.label, cause, [Change("release", release_id, row.version, told)])


async def _choose_latest(tx: Transaction, product_id: str) -> None:
    published = await tx.rows(
        select(releases.c.id, releases.c.number, releases.c.published_at, releases.c.latest_key)
        .where(releases.c.product_id == product_id)
        .where(releases.c.status == "published", releases.c.channel == "stable")
    )
    best = latest([Edition(row.id, row.number, row.published_at) for row in published])
    before = next((row.id for row in published if row.latest_key == 1), None)
    if best is None or best.id == before:
        return
    if before is not None:  # a place is freed before it is taken
        await tx.rows(update(releases).where(releases.c.id == before).values(latest_key=None))
    await tx.rows(update(releases).where(releases.c.id == best.id).values(latest_key=1))
