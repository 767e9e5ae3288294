"""Files in a bucket, over HTTP: nothing torn, nothing left behind, and signed URLs."""

from __future__ import annotations

import gc
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from digistore.blocking import run
from digistore.database import Database
from digistore.errors import Busy, ConfigError, DamagedFile, Invalid
from digistore.files import BlobRef, open_backend
from digistore.files.models import StoredBlob
from tests.files.shelf import MIB, Shelf, TurnableClock, megabytes, sha256
from tests.s3 import CREDENTIALS, S3


@pytest.fixture
def bucket(s3: S3) -> str:
    return s3.bucket()


@pytest.fixture
def shelf(database: Database, s3: S3, bucket: str, clock: TurnableClock) -> Shelf:
    return Shelf(database, s3.backend(bucket), clock)


def key_of(blob: BlobRef) -> str:
    return f"blobs/sha256/{blob.sha256[:2]}/{blob.sha256[2:4]}/{blob.sha256}"


def row_of(shelf: Shelf, blob: BlobRef) -> StoredBlob:
    return run(shelf.files.stored(blob.sha256))


def test_a_large_file_goes_up_in_parts_and_comes_back_whole(
    shelf: Shelf, s3: S3, bucket: str
) -> None:
    blob = shelf.put(megabytes(20))
    assert s3.keys(bucket) == [key_of(blob)]
    assert s3.pending(bucket) == []
    content = shelf.content(blob)
    assert (len(content), sha256(content)) == (20 * MIB, blob.sha256)
    assert shelf.content(blob, 9 * MIB - 1, 9 * MIB + 1) == content[9 * MIB - 1 : 9 * MIB + 1]


def test_an_upload_that_breaks_off_leaves_no_object_and_no_parts(
    shelf: Shelf, s3: S3, bucket: str
) -> None:
    for broken_at, count in ((2, 12), (11, 12)):
        with pytest.raises(ConnectionResetError):
            shelf.put(megabytes(count, broken_at=broken_at))
        gc.collect()  # a writer that is forgotten must publish nothing
        assert (s3.keys(bucket), s3.pending(bucket)) == ([], [])
    assert [state for state, _ in shelf.uploads()] == ["failed", "failed"]


def test_another_hash_than_announced_leaves_nothing(shelf: Shelf, s3: S3, bucket: str) -> None:
    with pytest.raises(Invalid) as caught:
        shelf.put(megabytes(10), expected_sha256="0" * 64)
    assert caught.value.fields == {"file": "hash_mismatch"}
    assert (s3.keys(bucket), s3.pending(bucket), shelf.states()) == ([], [], {})


def test_what_a_crash_left_is_swept_when_it_is_old_and_nothing_else(
    shelf: Shelf, s3: S3, bucket: str
) -> None:
    kept = shelf.put(b"kept")
    s3.client.put_object(Bucket=bucket, Key=f"staging/{uuid4()}", Body=b"left")
    assert run(shelf.files.sweep()) == 0
    # This server says of every upload that it was begun in 2010.
    s3.client.create_multipart_upload(Bucket=bucket, Key=f"staging/{uuid4()}")
    foreign = s3.client.create_multipart_upload(Bucket=bucket, Key="other/upload")
    shelf.clock.ahead = timedelta(hours=25)
    assert run(shelf.files.sweep()) == 2
    assert s3.keys(bucket) == [key_of(kept)]
    assert s3.pending(bucket) == [foreign["Key"]]


def test_many_who_store_the_same_bytes_at_once_store_them_once(
    shelf: Shelf, s3: S3, bucket: str
) -> None:
    together = Barrier(4)

    def put(_: int) -> BlobRef:
        together.wait()
        return shelf.put(b"the same" * 1000)

    with ThreadPoolExecutor(4) as pool:
        refs = set(pool.map(put, range(4)))
    (blob,) = refs
    assert s3.keys(bucket) == [key_of(blob)]
    assert shelf.states() == {blob.sha256: "live"}
    assert shelf.content(blob) == b"the same" * 1000


def test_who_loses_the_race_for_a_staged_key_is_told_so_at_its_end(s3: S3, bucket: str) -> None:
    key = f"staging/{uuid4()}"
    first, second = s3.backend(bucket).stage(key), s3.backend(bucket).stage(key)
    first.write(b"first")
    second.write(b"second")
    first.finish()
    with pytest.raises(FileExistsError):
        second.finish()
    assert s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"first"


def test_bytes_that_somebody_else_changed_are_never_served(
    shelf: Shelf, s3: S3, bucket: str
) -> None:
    blob = shelf.put(b"the first edition")
    s3.client.put_object(Bucket=bucket, Key=key_of(blob), Body=b"the worse edition")
    with pytest.raises(DamagedFile):
        shelf.content(blob, 0, 4)  # a part: hashed before its first byte
    assert shelf.verify() == ((blob.sha256,), ())


# Signed URLs.


def url(shelf: Shelf, blob: BlobRef, seconds: int = 60) -> str:
    return shelf.files.presign(
        row_of(shelf, blob),
        ttl=timedelta(seconds=seconds),
        disposition="attachment; filename=\"a b.pdf\"; filename*=UTF-8''%E2%82%AC.pdf",
        media_type="application/pdf",
    )


def fetched(address: str, **headers: str) -> Any:
    assert address.startswith("http://127.0.0.1:")
    return urllib.request.urlopen(urllib.request.Request(address, headers=headers))  # noqa: S310


def test_a_signed_url_gives_the_bytes_with_name_and_type(shelf: Shelf) -> None:
    blob = shelf.put(b"%PDF-1.7 a book")
    signed = url(shelf, blob)
    assert parse_qs(urlsplit(signed).query)["X-Amz-Expires"] == ["60"]
    assert "X-Amz-Signature" in signed
    with fetched(signed) as answer:
        assert answer.read() == b"%PDF-1.7 a book"
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Content-Disposition"] == (
            "attachment; filename=\"a b.pdf\"; filename*=UTF-8''%E2%82%AC.pdf"
        )
    with fetched(signed, Range="bytes=5-7") as part:
        assert (part.status, part.read()) == (206, b"1.7")


@pytest.mark.parametrize("seconds", [0, -5, 864_000])
def test_a_url_is_signed_for_a_second_to_seven_days(shelf: Shelf, seconds: int) -> None:
    blob = shelf.put(b"book")
    with pytest.raises(Invalid) as caught:
        url(shelf, blob, seconds)
    assert caught.value.fields == {"ttl": "out_of_range"}


def test_signing_by_version_two_is_refused_at_the_start(s3: S3, bucket: str) -> None:
    with pytest.raises(ConfigError, match="version 2"):
        s3.backend(bucket, config_kwargs={"signature_version": "s3"})


# Places that cannot be used.


def test_a_bucket_that_is_not_there_is_refused_at_the_start(s3: S3) -> None:
    with pytest.raises(ConfigError, match="no-such-bucket"):
        s3.backend("no-such-bucket")
    with pytest.raises(ConfigError, match="no bucket"):
        s3.backend("")


def test_a_storage_that_does_not_answer_is_busy_and_nothing_is_lost(
    shelf: Shelf, s3: S3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = shelf.put(b"book")
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)

    def unreachable(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    from botocore.exceptions import EndpointConnectionError  # noqa: PLC0415

    with monkeypatch.context() as down:
        down.setattr("aiobotocore.client.AioBaseClient._make_api_call", unreachable)
        for call in (
            lambda: shelf.content(blob),
            lambda: shelf.put(b"other"),
            lambda: run(shelf.files.sweep()),
        ):
            with pytest.raises(Busy):
                call()
    assert shelf.content(blob) == b"book"
    assert s3.pending(bucket) == []


def test_a_cached_listing_is_refused_at_the_start(s3: S3, bucket: str) -> None:
    with pytest.raises(ConfigError, match="use_listings_cache"):
        s3.backend(bucket, use_listings_cache=True)


# What the doctor says of a bucket.


def test_a_private_bucket_in_time_is_fine(shelf: Shelf) -> None:
    shelf.put(b"book")
    assert run(shelf.files.signs()) == ()


def test_a_bucket_that_everybody_reads_is_told(shelf: Shelf, s3: S3, bucket: str) -> None:
    s3.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    (sign,) = run(shelf.files.signs())
    assert "everybody may read the bucket" in sign


def test_a_clock_that_is_wrong_is_told(shelf: Shelf) -> None:
    shelf.clock.ahead = timedelta(minutes=6)
    (sign,) = run(shelf.files.signs())
    assert "clock of the object store" in sign


def test_options_are_for_buckets_alone() -> None:
    with pytest.raises(ConfigError, match="bucket"):
        open_backend("memory://", **CREDENTIALS)
