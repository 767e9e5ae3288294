from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.errors import Invalid
from digistore.files.rules import (
    blob_key,
    checked_display_name,
    checked_part,
    checked_seconds,
    is_due_for_hashing,
    media_type_of,
    sha256_of_key,
)
from digistore.files.signatures import sniff

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = "application/octet-stream"

EXECUTABLE = b"MZ" + bytes(58) + (128).to_bytes(4, "little") + bytes(64) + b"PE\0\0"

HEADS = [
    (b"%PDF-1.7", "application/pdf"),
    (b"PK\x03\x04....", "application/zip"),
    (b"PK\x05\x06....", "application/zip"),
    (b"\x1f\x8b\x08\x00", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/vnd.rar"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff\xe0", "image/jpeg"),
    (b"GIF89a", "image/gif"),
    (b"ID3\x04", "audio/mpeg"),
    (b"\xff\xfb\x90\x00", "audio/mpeg"),
    (b"\x00\x00\x00\x18ftypisom", "video/mp4"),
    (b"\x7fELF\x02", "application/x-elf"),
    (EXECUTABLE, "application/vnd.microsoft.portable-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe\x00\x00\x00\x02", "application/x-mach-binary"),
    (b"<!DOCTYPE html><p>", "text/html"),
    (b"\xef\xbb\xbf\n  <HTML>", "text/html"),
    (b"<!-- a note --><html>", "text/html"),
    (b"<svg xmlns=", "image/svg+xml"),
    (b'<?xml version="1.0"?>\n<svg', "image/svg+xml"),
]
PLAIN = [
    b"",
    b"any bytes will do",
    b"book 1.0",
    b"MZ is how this text begins" + b"." * 100,
    b"\xff\xfe\x00\x00",  # UTF-16's byte order mark is no MP3
    b"\xff\xfb",
    b"\xca\xfe\xba\xbe\x00\x00\x00\x34",  # a Java class
    b'<?xml version="1.0"?><book/>',
    b"P",
    bytes(512),
]


@pytest.mark.parametrize(("head", "media_type"), HEADS)
def test_a_signature_is_known(head: bytes, media_type: str) -> None:
    assert sniff(head) == media_type


@pytest.mark.parametrize("head", PLAIN)
def test_what_has_no_signature_looks_like_nothing(head: bytes) -> None:
    assert sniff(head) == UNKNOWN


@given(st.binary(max_size=512))
def test_any_bytes_look_like_something_or_nothing(head: bytes) -> None:
    assert sniff(head) in {UNKNOWN, *(media_type for _, media_type in HEADS)}


@pytest.mark.parametrize(
    ("name", "head", "media_type"),
    [
        ("book.pdf", b"%PDF-1.7", "application/pdf"),
        ("book-1.0.pdf", b"any bytes will do", "application/pdf"),
        ("BOOK.PDF", b"", "application/pdf"),
        ("book.epub", b"PK\x03\x04", "application/epub+zip"),
        ("letter.odt", b"PK\x03\x04", "application/vnd.oasis.opendocument.text"),
        ("source.tar.gz", b"\x1f\x8b\x08", "application/gzip"),
        ("source.tgz", b"\x1f\x8b\x08", "application/gzip"),
        ("song.m4a", b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        ("film.mov", b"\x00\x00\x00\x18ftypqt  ", "video/quicktime"),
        ("notes.md", b"<html>", "text/markdown"),
        ("page.xhtml", b"<html>", "application/xhtml+xml"),
        ("logo.svg", b"<svg", "image/svg+xml"),
        ("art.ai", b"%PDF-1.5", "application/postscript"),
        ("setup.exe", EXECUTABLE, "application/vnd.microsoft.portable-executable"),
        ("model.unheard-of", b"PK\x03\x04", "application/zip"),
        ("model.unheard-of", b"plain", UNKNOWN),
        ("README", b"%PDF-1.7", "application/pdf"),
        (".pdf", b"plain", UNKNOWN),
        ("data:text/html,x", b"plain", UNKNOWN),
    ],
)  # fmt: skip
def test_the_name_declares_what_the_bytes_do_not_contradict(
    name: str, head: bytes, media_type: str
) -> None:
    assert media_type_of(name, sniff(head)) == media_type


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("book.pdf", b"\x7fELF"),
        ("book.pdf", b"<!doctype html>"),
        ("book.pdf", EXECUTABLE),
        ("book.pdf", b"PK\x03\x04"),
        ("book.epub", b"%PDF-1.7"),
        ("cover.png", b"\xff\xd8\xff"),
        ("cover.png", b"<svg"),
        ("logo.svg", b"<html>"),
        ("notes.txt", b"\x7fELF"),
        ("source.zip", b"\x1f\x8b\x08"),
        ("film.mp4", b"%PDF-1.7"),
    ],
)
def test_bytes_of_another_type_are_refused(name: str, head: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        media_type_of(name, sniff(head))
    assert caught.value.fields == {"file": "media_type_mismatch"}
    assert " " in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["book.pdf", "a", "a" * 255, "naïve €.zip", ".profile", "...", "book (second).pdf", "X"],
)
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert checked_display_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "a" * 256,
        "../../etc/passwd",
        "C:\\x",
        "file:///etc/passwd",
        "a/b",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\ud800b",
        None,
        7,
    ],
)
def test_OSVDB_73751_a_path_or_control_character_is_no_name(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_display_name(name)
    assert caught.value.fields == {"file": "name_invalid"}
    assert " " in str(caught.value)


@given(st.text())
def test_a_name_that_passes_is_never_a_path(name: str) -> None:
    try:
        checked = checked_display_name(name)
    except Invalid:
        return
    assert checked == name
    assert not set(checked) & set("/\\\0\r\n")
    assert 0 < len(checked) <= 255


@pytest.mark.parametrize("key", ["", "x", "blobs/sha256/ab/12/", "blobs/sha256/ab/12/ab12"])
def test_what_is_no_key_of_a_blob_has_no_hash(key: str) -> None:
    digest = "ab12" + "0" * 60
    for wrong in (key, f"{key}/{digest}", f"{key}{digest.upper()}"):
        assert sha256_of_key(wrong) is None
    assert sha256_of_key(blob_key(digest)) == digest


def test_a_part_lies_within_its_file() -> None:
    for start, end in product(range(-1, 5), [None, *range(-1, 5)]):
        stop = 3 if end is None else end
        if 0 <= start <= stop <= 3:
            assert checked_part(start, end, 3) == (start, stop)
            continue
        with pytest.raises(Invalid) as caught:
            checked_part(start, end, 3)
        assert caught.value.fields == {"range": "outside"}
        assert " " in str(caught.value)


@pytest.mark.parametrize("seconds", [1, 90, 7 * 24 * 3600])
def test_a_signed_url_works_for_a_second_to_a_week(seconds: int) -> None:
    assert checked_seconds(timedelta(seconds=seconds)) == seconds


@pytest.mark.parametrize(
    "ttl", [timedelta(seconds=0.999), timedelta(days=7, microseconds=1), timedelta(-1), 60, None]
)
def test_a_signed_url_works_for_no_other_time(ttl: Any) -> None:
    with pytest.raises(Invalid) as caught:
        checked_seconds(ttl)
    assert caught.value.fields == {"ttl": "out_of_range"}
    assert " " in str(caught.value)


def test_a_key_is_made_of_the_hash_alone() -> None:
    digest = "ab12" + "0" * 60
    assert blob_key(digest) == f"blobs/sha256/ab/12/{digest}"
    for wrong in ("", "ab", digest.upper(), digest + "\n", "../" + digest, digest + "/x"):
        with pytest.raises(ValueError, match="sha256"):
            blob_key(wrong)


@pytest.mark.parametrize(
    ("stamp", "known", "days", "due"),
    [("s", "s", 0, False), ("s", "s", 29, False), ("s", "s", 30, True), ("t", "s", 0, True),
     ("s", None, 0, True), (None, None, 0, False)],
)  # fmt: skip
def test_bytes_are_trusted_for_thirty_days_if_they_did_not_change(
    *, stamp: str | None, known: str | None, days: int, due: bool
) -> None:
    verified_at = NOW - timedelta(days=days)
    answer = is_due_for_hashing(stamp=stamp, known_stamp=known, verified_at=verified_at, now=NOW)
    assert answer is due


def test_bytes_that_were_never_hashed_are_due() -> None:
    assert is_due_for_hashing(stamp="s", known_stamp="s", verified_at=None, now=NOW)
