"""Links to files, requests for them, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self, TypeAlias
from weakref import finalize

from digistore.catalog import ReleaseFile
from digistore.fields import Model
from digistore.files import CHUNK, ScanResult
from digistore.ids import ProductId, PurchasedProductId, ReleaseFileId, ReleaseId
from digistore.users import UserRef


class DownloadFile(Model):
    """One file that may be fetched; ``size`` in bytes, ``sha256`` in hex.

    Both are ``None`` of a *personal* file: each buyer gets one of their own, and what it holds is
    known once it is made.
    """

    id: ReleaseFileId
    release_id: ReleaseId
    name: str
    media_type: str
    size: int | None
    sha256: str | None
    scan: ScanResult = ScanResult.CLEAN
    personal: str | None = None

    @classmethod
    def of(cls, file: ReleaseFile) -> Self:
        """Say of a published *file* what is true of the one that is fetched."""
        own = {} if file.personal is None else {"size": None, "sha256": None}
        return cls(**{**dict(file), **own})


class DownloadLink(Model):
    """A short-lived token for exactly these files; make a fresh one whenever a page is shown."""

    token: str
    expires_at: datetime
    release_id: ReleaseId
    files: tuple[DownloadFile, ...]


class LinkVerdict(StrEnum):
    """What a token is worth now; anything but ``ok`` gives nothing."""

    OK = "ok"
    NOT_FOUND = "not_found"  # not ours, or changed by a single character
    EXPIRED = "link_expired"
    REVOKED = "link_revoked"


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """What a token opens: files, and the purchase that is downloaded by (``None``: a preview)."""

    verdict: LinkVerdict
    files: tuple[DownloadFile, ...] = ()
    purchase_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """What a client sent to a link.

    Args:
        method: as received.
        headers: by name in any case; one that came several times is joined by commas.
        user: who is logged in at the host, if anybody.
        client: the address of the client as the host knows it; only a keyed digest is kept.
    """

    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    user: UserRef | None = None
    client: str | None = None


class Readable(Protocol):
    """A stream of known size; it blocks, and one thread at a time may use it."""

    size: int

    def read(self, n: int = -1) -> bytes:
        """Return up to *n* bytes, none at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class DownloadReader:
    """The bytes of an answer, the first of them at hand.

    A read blocks. What cannot be read to its end raises, so that the connection is cut: a short
    answer never looks complete.
    """

    def __init__(self, source: Readable) -> None:
        """Read *source*, whose first chunk is read here.

        Raises:
            DamagedFile, Busy: as reading does.
        """
        self.size = source.size
        self._source = source
        self._untold: finalize[..., DownloadReader] | None = None
        self._first = memoryview(source.read(min(CHUNK, source.size)) if source.size else b"")

    def read(self, n: int = CHUNK) -> bytes:
        """Return up to *n* bytes, 1 MiB by default, none at the end.

        Raises:
            DamagedFile: the bytes are not what was published.
            Busy: the storage cannot be read now.
        """
        if self._first:
            wanted = len(self._first) if n < 0 else n
            part, self._first = self._first[:wanted], self._first[wanted:]
            return bytes(part)
        return self._source.read(n)

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._first = memoryview(b"")
        self._source.close()

    def when_dropped(self, note: Callable[[Readable], None]) -> None:
        """Call *note* with what is read here, if this is let go of before ``is_told`` is asked.

        It may be called in any thread, between any two lines: it must not wait for anything.
        """
        self._untold = finalize(self, note, self._source)
        self._untold.atexit = False

    def is_told(self) -> bool:
        """Say whether it was told before how much of this was sent; the first to ask tells it."""
        return self._untold is None or self._untold.detach() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        while part := self.read():
            yield part


@dataclass(frozen=True, slots=True)
class Redirect:
    """The storage itself sends the bytes: a signed URL, which is as good as the file."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accel:
    """The web server sends the bytes: the *header* that tells it so, and the *path* in it."""

    header: str
    path: str


@dataclass(frozen=True, slots=True)
class Stream:
    """The application sends the bytes of *reader*, and closes it whatever happens."""

    reader: DownloadReader


DownloadBody: TypeAlias = Redirect | Accel | Stream | None


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """All that a web layer needs to answer.

    Args:
        status: of HTTP.
        headers: all of them, but what the *body* itself asks for.
        body: ``None`` if nothing follows, else who sends the bytes.
        code: a stable word where the request is refused.
        session: what this counts as, for ``finish``; ``None`` where nothing is counted.
    """

    status: int
    headers: Mapping[str, str]
    body: DownloadBody = None
    code: str | None = None
    session: str | None = None


class DownloadSession(Model):
    """What a person would call one download: all requests for a file within its window.

    ``client`` tells the clients of a store apart and names none; ``file`` is ``None`` where all
    files of the release came as one ZIP. *agent* is for operators only.
    """

    id: str
    purchase_id: PurchasedProductId
    product_id: ProductId
    release_id: ReleaseId
    version: str
    file_id: ReleaseFileId | None = None
    file: str | None = None
    first_at: datetime
    last_at: datetime
    requests: int
    sent_bytes: int
    transport: str
    client: str | None = None
    agent: str | None = None


class Refused(Exception):
    """A request that gets nothing; inside the library, a plan says it instead."""

    def __init__(self, word: str, retry_at: datetime | None = None) -> None:
        """Say why by a stable word, and from when on another try may help."""
        super().__init__(word)
        self.word = word
        self.retry_at = retry_at
