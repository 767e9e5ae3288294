"""What the first bytes of a file look like."""

from __future__ import annotations

from typing import Final

SNIFFED = 512  # bytes

UNKNOWN: Final = "application/octet-stream"
PDF: Final = "application/pdf"
ZIP: Final = "application/zip"
GZIP: Final = "application/gzip"
SEVEN_ZIP: Final = "application/x-7z-compressed"
RAR: Final = "application/vnd.rar"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
GIF: Final = "image/gif"
MP3: Final = "audio/mpeg"
MP4: Final = "video/mp4"
ELF: Final = "application/x-elf"
PE: Final = "application/vnd.microsoft.portable-executable"
MACH_O: Final = "application/x-mach-binary"
HTML: Final = "text/html"
SVG: Final = "image/svg+xml"

_SIGNATURES = (
    (0, b"%PDF-", PDF),
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", ZIP),  # an empty one
    (0, b"PK\x07\x08", ZIP),  # one of several volumes
    (0, b"\x1f\x8b\x08", GZIP),
    (0, b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (0, b"Rar!\x1a\x07", RAR),
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (0, b"ID3", MP3),
    (4, b"ftyp", MP4),
    (0, b"\x7fELF", ELF),
    (0, b"\xfe\xed\xfa\xce", MACH_O),
    (0, b"\xfe\xed\xfa\xcf", MACH_O),
    (0, b"\xce\xfa\xed\xfe", MACH_O),
    (0, b"\xcf\xfa\xed\xfe", MACH_O),
)
_HTML_BEGINS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<iframe")
_MARKUP_BEGINS = (b"<?xml", b"<!--", b"<!doctype svg", b"<svg")
_MOST_ARCHITECTURES = 43  # a Java class has its version there, which starts at 45


def sniff(head: bytes) -> str:
    """Return the media type that *head*, the first 512 bytes of a file, has the signature of.

    ``application/octet-stream`` says that there is none, as for plain text.
    """
    for offset, magic, media_type in _SIGNATURES:
        if head.startswith(magic, offset):
            return media_type
    if _is_mpeg_frame(head):
        return MP3
    if _is_portable_executable(head):
        return PE
    if _is_universal_binary(head):
        return MACH_O
    return _sniff_markup(head)


def _is_mpeg_frame(head: bytes) -> bool:
    # Two bytes prove little: the third must name a bit rate and a sample rate that there are.
    third = int.from_bytes(head[2:3])
    bit_rate, sample_rate = third >> 4, third >> 2 & 0b11
    begins = head.startswith((b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"))
    return begins and bit_rate not in {0, 0b1111} and sample_rate in {0, 1, 2}


def _is_portable_executable(head: bytes) -> bool:
    # Two letters prove nothing: text may begin so. The offset at 60 leads to the real signature.
    header = int.from_bytes(head[60:64], "little")
    return head.startswith(b"MZ") and head.startswith(b"PE\0\0", header)


def _is_universal_binary(head: bytes) -> bool:
    architectures = int.from_bytes(head[4:8])
    return head.startswith(b"\xca\xfe\xba\xbe") and 0 < architectures < _MOST_ARCHITECTURES


def _sniff_markup(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_HTML_BEGINS):
        return HTML
    if text.startswith(_MARKUP_BEGINS):
        if any(begin in text for begin in _HTML_BEGINS[:2]):
            return HTML
        if b"<svg" in text:
            return SVG
    return UNKNOWN
