"""What the tests of files share: a clock to turn, a watched backend, a look at the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from digistore.blocking import run
from digistore.clock import utc_now
from digistore.database import Database, Transaction
from digistore.database.migrations import migrate
from digistore.files import AsyncFiles, BlobBackend, BlobRef, BlobState, Files, Source
from digistore.files.backend import BlobStat, BlobWriter, ByteSource, Capabilities
from digistore.files.tables import blobs, uploads
from digistore.settings import Settings

T = TypeVar("T")
MIB = 2**20
PLENTY = 2**40


class TurnableClock:
    """The real time, until a test turns it on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Shelf:
    """A shop's files over one backend, and what a test wants to know of them."""

    database: Database
    backend: BlobBackend
    clock: TurnableClock

    def __post_init__(self) -> None:
        self.files = AsyncFiles(self.database, self.backend, Settings())

    def put(
        self, source: Source, *, max_bytes: int = PLENTY, expected_sha256: str | None = None
    ) -> BlobRef:
        return run(self.files.put(source, max_bytes=max_bytes, expected_sha256=expected_sha256))

    def content(self, blob: BlobRef | str, start: int = 0, end: int | None = None) -> bytes:
        with self.files.open(blob, start, end) as reader:
            return reader.read()

    def verify(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        report = Files(self.files).verify()
        return report.damaged, report.missing

    def objects(self) -> list[str]:
        return sorted(one.key for one in self.backend.list("blobs"))

    def staging(self) -> list[str]:
        return sorted(one.key for one in self.backend.list("staging"))

    def states(self) -> dict[str, str]:
        rows = run(self.database.rows(select(blobs.c.sha256, blobs.c.state)))
        return {row.sha256: row.state for row in rows}

    def uploads(self) -> list[tuple[str, int]]:
        rows = run(self.database.rows(select(uploads).order_by(uploads.c.id)))
        return [(row.state, row.received) for row in rows]

    def set_state(self, blob: BlobRef, state: BlobState) -> None:
        async def change(tx: Transaction) -> None:
            here = blobs.c.sha256 == blob.sha256
            await tx.rows(blobs.update().where(here).values(state=state))

        run(self.database.transact(change))

    def attach(self, *refs: BlobRef) -> None:
        digests = [ref.sha256 for ref in refs]
        run(self.database.transact(lambda tx: self.files.attach(tx, digests)))


def migrated(path: Path) -> Path:
    """Make an empty shop at *path*."""

    async def make(tx: Transaction) -> None:
        await tx.whole(migrate)

    database = Database.open(f"sqlite:///{path}", utc_now)
    run(database.transact(make))
    run(database.close())
    return path


def path_of(folder: Path, blob: BlobRef) -> Path:
    digest = blob.sha256
    return folder / "blobs" / "sha256" / digest[:2] / digest[2:4] / digest


def flip(path: Path, position: int = 0) -> None:
    """Damage one byte of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def megabytes(count: int, *, broken_at: int | None = None) -> Iterator[bytes]:
    """Yield *count* chunks of 1 MiB, or break off while the chunk *broken_at* is due."""
    for number in range(1, count + 1):
        if number == broken_at:
            raise ConnectionResetError
        yield number.to_bytes(2) * (MIB // 2)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Watched:
    """Another backend, with a look before each call and after it."""

    def __init__(self, inner: BlobBackend, look: Callable[[str], None]) -> None:
        self._inner = inner
        self._look = look

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    def sign(self, key: str, *, seconds: int, response: Mapping[str, str]) -> str:
        return self._inner.sign(key, seconds=seconds, response=response)

    def stage(self, key: str) -> BlobWriter:
        self._look("before stage")
        return _WatchedWriter(self._inner.stage(key), self.seen)

    def publish(self, staged: str, key: str) -> bool:
        return self.seen("publish", lambda: self._inner.publish(staged, key))

    def replace(self, staged: str, key: str) -> None:
        self.seen("replace", lambda: self._inner.replace(staged, key))

    def read(self, key: str, start: int, stop: int) -> ByteSource:
        return self.seen("read", lambda: self._inner.read(key, start, stop))

    def stat(self, key: str) -> BlobStat | None:
        return self.seen("stat", lambda: self._inner.stat(key))

    def delete(self, key: str) -> None:
        self.seen("delete", lambda: self._inner.delete(key))

    def list(self, folder: str) -> Iterable[BlobStat]:
        return self.seen("list", lambda: self._inner.list(folder))

    def seen(self, name: str, call: Callable[[], T]) -> T:
        self._look(f"before {name}")
        result = call()
        self._look(f"after {name}")
        return result


class _WatchedWriter:
    def __init__(self, inner: BlobWriter, seen: Callable[[str, Callable[[], None]], None]) -> None:
        self._inner = inner
        self._seen = seen

    def write(self, data: bytes, /) -> None:
        self._seen("write", lambda: self._inner.write(data))

    def finish(self) -> None:
        self._seen("finish", self._inner.finish)

    def discard(self) -> None:
        self._seen("discard", self._inner.discard)
