"""Objects in a bucket of S3, or of a service that speaks its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar, cast
from uuid import uuid4

import s3fs
from botocore.exceptions import BotoCoreError

from digistore.errors import ConfigError
from digistore.files.backend import (
    BlobStat,
    BlobWriter,
    ByteSource,
    Capabilities,
    StorageDown,
    checked_key,
    is_key,
)
from digistore.files.rules import STAGING
from digistore.files.signs import of_clock

READ_AHEAD = 4 * 2**20  # the default of 50 MiB grew each reader's memory by as much
PART = 8 * 2**20  # of a multipart upload, held in memory; 10,000 of them are 78 GiB
T = TypeVar("T")

_OURS = {"use_listings_cache", "skip_instance_cache", "asynchronous", "loop"}
_EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")
_RESPONSE = {
    "Content-Disposition": "ResponseContentDisposition",
    "Content-Type": "ResponseContentType",
    "Cache-Control": "ResponseCacheControl",
}


class _RemoteFile(Protocol):
    """What is used of a file that s3fs has opened."""

    closed: bool

    def read(self, n: int) -> bytes: ...
    def seek(self, place: int) -> int: ...
    def write(self, data: bytes) -> int: ...
    def close(self) -> None: ...
    def commit(self) -> None: ...
    def discard(self) -> None: ...


class S3Backend:
    """A bucket, or what lies below a prefix of it.

    Nobody else may write there. The bucket is private: signed URLs are how others read.
    """

    def __init__(self, place: str, **options: Any) -> None:  # noqa: ANN401  those of s3fs
        """Use *place*, such as ``bucket/shop``.

        Args:
            place: a bucket and, below it, a prefix.
            options: of ``s3fs.S3FileSystem``: ``key``, ``secret``, ``endpoint_url``; by default
                the environment says them, as for every program of AWS.

        Raises:
            ConfigError: no bucket is named, it cannot be written, or it would sign by version 2.
        """
        self._bucket, _, self._prefix = place.strip("/").partition("/")
        if not self._bucket:
            raise ConfigError("the URL of files names no bucket; use s3://bucket/prefix")
        if _OURS & options.keys():
            raise ConfigError(f"leave {', '.join(sorted(_OURS & options.keys()))} to digistore")
        config = {"signature_version": "s3v4", **options.pop("config_kwargs", {})}
        # A cached listing, or another one's file system, would hide what another process did.
        self._fs = s3fs.S3FileSystem(
            **options,
            config_kwargs=config,
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        self._probe()

    @property
    def capabilities(self) -> Capabilities:
        """What it can do beyond what all must."""
        return Capabilities(exclusive_create=False, presign=True)

    def sign(self, key: str, *, seconds: int, response: Mapping[str, str]) -> str:
        """Sign a URL that gets an object, whether or not it is there."""
        given = {_RESPONSE[name]: value for name, value in response.items()}
        return cast("str", self._ask(self._fs.url, self._path(key), expires=seconds, **given))

    def stage(self, key: str) -> BlobWriter:
        """Begin a new object: nothing is there before ``finish``."""
        path = self._path(key)
        if self.stat(key) is not None:
            raise FileExistsError(key)
        # Committed by hand: s3fs publishes what it has when a writer is closed or forgotten.
        opened = self._ask(self._fs.open, path, "xb", autocommit=False, block_size=PART)
        return _S3Writer(self, key, cast("_RemoteFile", opened))

    def publish(self, staged: str, key: str) -> bool:
        """Copy an object within the storage unless *key* is there; same key, same bytes."""
        if self.stat(key) is not None:
            return False
        self.replace(staged, key)
        return True

    def replace(self, staged: str, key: str) -> None:
        """Copy an object within the storage."""
        self._ask(self._fs.cp_file, self._path(staged), self._path(key))

    def read(self, key: str, start: int, stop: int) -> ByteSource:
        """Open a part of an object."""
        opened = self._ask(
            self._fs.open, self._path(key), "rb", block_size=READ_AHEAD, cache_type="readahead"
        )
        file = cast("_RemoteFile", opened)
        file.seek(start)
        return _S3Span(file, stop - start)

    def stat(self, key: str) -> BlobStat | None:
        """Describe an object, ``None`` if there is none."""
        path = self._path(key)
        try:
            found = self._ask(self._fs.info, path, refresh=True)
        except FileNotFoundError:
            return None
        return _described(key, found) if found["type"] == "file" else None

    def delete(self, key: str) -> None:
        """Remove an object, and what was begun of a staged one."""
        path = self._path(key)
        if key.startswith(f"{STAGING}/"):
            for upload in list(self._pending(key)):
                with suppress(FileNotFoundError):  # another sweep was faster
                    self._ask(self._fs.abort_mpu, self._bucket, upload["Key"], upload["UploadId"])
        with suppress(FileNotFoundError):
            self._ask(self._fs.rm_file, path)

    def list(self, folder: str) -> Iterator[BlobStat]:
        """Describe every object below *folder*, and in ``staging/`` what was only begun."""
        path = self._path(folder)
        found = self._ask(self._fs.find, path, detail=True)
        for name, one in found.items():
            key = name[len(self._root) :]
            if is_key(key) and key.startswith(f"{folder}/"):
                yield _described(key, one)
        if folder == STAGING:
            for upload in list(self._pending(f"{folder}/")):
                key = f"{self._bucket}/{upload['Key']}"[len(self._root) :]
                if is_key(key):
                    yield BlobStat(key, 0, upload["UploadId"], _moment(upload["Initiated"]))

    def signs(self, now: datetime) -> Sequence[str]:
        """Warn of a bucket that everybody reads, and of clocks that differ."""
        head = self._ask(self._fs.call_s3, "head_bucket", Bucket=self._bucket)
        told = head["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        found = of_clock(now, parsedate_to_datetime(told)) if told else []
        with suppress(OSError):  # many credentials may not read this, and need not
            acl = self._ask(self._fs.call_s3, "get_bucket_acl", Bucket=self._bucket)
            grantees = [grant["Grantee"].get("URI", "") for grant in acl["Grants"]]
            if any(uri.endswith(_EVERYBODY) for uri in grantees):
                found.append(
                    f"everybody may read the bucket {self._bucket}: make it private, as links are"
                    " worth nothing otherwise"
                )
        return found

    def abort(self, file: _RemoteFile) -> None:
        """Give up a writer, so that nothing of it is published or kept."""
        with suppress(FileNotFoundError):
            self._ask(file.discard)
        file.closed = True  # or its finaliser would write what it still holds

    def _ask(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401
        with storage_errors():
            return call(*args, **kwargs)

    @property
    def _root(self) -> str:
        return f"{self._bucket}/{self._prefix}/" if self._prefix else f"{self._bucket}/"

    def _path(self, key: str) -> str:
        return f"{self._root}{checked_key(key)}"

    def _pending(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Return the multipart uploads under keys that begin with *prefix*."""
        below = f"{self._root}{prefix}"[len(self._bucket) + 1 :]
        more: Mapping[str, str] = {}
        while True:
            found = self._ask(
                self._fs.call_s3,
                "list_multipart_uploads",
                Bucket=self._bucket,
                Prefix=below,
                **more,
            )
            yield from found.get("Uploads", ())
            if not found.get("IsTruncated"):
                return
            more = {
                "KeyMarker": found["NextKeyMarker"],
                "UploadIdMarker": found["NextUploadIdMarker"],
            }

    def _probe(self) -> None:
        """Write and remove an object, and look how URLs are signed.

        Raises:
            ConfigError: as it says.
        """
        key = f"{STAGING}/{uuid4()}"
        try:
            writer = self.stage(key)
            writer.write(b"digistore")
            writer.finish()
            url = self.sign(key, seconds=60, response={})
            writer.discard()
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(
                f"files cannot be kept in the bucket {self._bucket} ({reason}); check its name,"
                " its endpoint and the credentials, which must read, write, list and delete"
            ) from error
        if "X-Amz-Signature=" not in url:
            raise ConfigError(
                "URLs of files would be signed by version 2, which S3 has given up: leave"
                " signature_version away, or set it to s3v4"
            )


class _S3Writer:
    """An object of ``staging/`` that is uploaded part by part."""

    def __init__(self, backend: S3Backend, key: str, file: _RemoteFile) -> None:
        self._backend = backend
        self._key = key
        self._file = file
        self._finished = False

    def write(self, data: bytes, /) -> None:
        with storage_errors():
            self._file.write(data)

    def finish(self) -> None:
        with storage_errors():
            self._file.close()
            self._file.commit()
        self._finished = True

    def discard(self) -> None:
        if not self._finished:
            self._backend.abort(self._file)
        self._backend.delete(self._key)


class _S3Span:
    """The next *length* bytes of an object."""

    def __init__(self, file: _RemoteFile, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, n: int, /) -> bytes:
        with storage_errors():
            part = self._file.read(min(n, self._left))
        self._left -= len(part)
        return part

    def close(self) -> None:
        self._file.close()


@contextmanager
def storage_errors() -> Iterator[None]:
    """Say of a storage that gives no answer that it is down.

    Raises:
        StorageDown: no connection, no credentials, no answer in time.
    """
    try:
        yield
    except BotoCoreError as error:
        message = f"the object store cannot be reached: {type(error).__name__}"
        raise StorageDown(message) from error


def _described(key: str, found: Mapping[str, Any]) -> BlobStat:
    etag = str(found.get("ETag", "")).strip('"')
    return BlobStat(key, found["size"], f"{found['size']}-{etag}", _moment(found["LastModified"]))


def _moment(given: datetime) -> datetime:
    return given.astimezone(UTC)
