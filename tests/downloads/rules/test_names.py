"""Names as they are saved: the table of hostile ones, and what holds for any text."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from digistore.downloads.rules.names import LONGEST, ascii_name, content_disposition, saved_name

HEADER = re.compile(
    r"attachment; filename=\"([ !#-\[\]-~]+)\"; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+)"
)


@pytest.mark.parametrize(
    ("name", "saved", "fallback"),
    [
        ("plain.zip", "plain.zip", "plain.zip"),
        ('a"b.zip', "a_b.zip", "a_b.zip"),
        ("x;y.zip", "x_y.zip", "x_y.zip"),
        ("100%.zip", "100_.zip", "100_.zip"),
        ("a\\b.zip", "b.zip", "b.zip"),
        ("../../etc/passwd", "passwd", "passwd"),
        ("file:///etc/passwd", "passwd", "passwd"),
        ("C:\\x", "x", "x"),
        ("C:x.zip", "C_x.zip", "C_x.zip"),
        ("a\r\nSet-Cookie: x=1.zip", "aSet-Cookie_ x=1.zip", "aSet-Cookie_ x=1.zip"),
        ("€.zip", "€.zip", "download.zip"),
        ("naïve.zip", "naïve.zip", "naive.zip"),
        ("日本 2024.zip", "日本 2024.zip", "2024.zip"),
        ("a" * 300 + ".zip", "a" * 196 + ".zip", "a" * 196 + ".zip"),
        ("ü" * 300 + ".zip", "ü" * 98 + ".zip", "u" * 98 + ".zip"),
        ("", "download", "download"),
        ("/", "download", "download"),
        ("...", "download", "download"),
        (".zip", "download.zip", "download.zip"),
        (" . .zip", "download.zip", "download.zip"),
        ("book.pdf. ", "book.pdf", "book.pdf"),
        ("  a \t b .pdf", "a b .pdf", "a b .pdf"),
        ("a\xa0b.pdf", "a b.pdf", "a b.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe", "invoicefdp.exe"),  # shown as exe.pdf
        ("a\u200bb\ufeff\x00\x7f\ud800\u2028\u2029.pdf", "ab.pdf", "ab.pdf"),
        ("CON", "_CON", "_CON"),
        ("con.pdf", "_con.pdf", "_con.pdf"),
        ("Aux .tar.gz", "_Aux .tar.gz", "_Aux .tar.gz"),
        ("com1.txt", "_com1.txt", "_com1.txt"),
        ("LPT\u00b9.txt", "_LPT\u00b9.txt", "_LPT1.txt"),
        ("conin$.txt", "_conin$.txt", "_conin$.txt"),
        ("con2.pdf", "con2.pdf", "con2.pdf"),
        ("a\uff02\uff0fb.zip", "a\uff02\uff0fb.zip", "b.zip"),  # full-width quote and slash
        ("a\u037eb.zip", "a_b.zip", "a_b.zip"),  # NFC makes a semicolon of it
        ("e\u0301.pdf", "é.pdf", "e.pdf"),
        ("e\u200d\u0301.pdf", "é.pdf", "e.pdf"),  # what a control kept apart
        ("a\\b\\c.zip", "c.zip", "c.zip"),
        ("€" * 300 + ".zip", "€" * 65 + ".zip", "download.zip"),  # no sign is cut in two
        ("a." + "b" * 300 + ".zip", "a." + "b" * 194 + ".zip", "a." + "b" * 194 + ".zip"),
        ("a" * 300 + "." + "y" * 31, *["a" * 168 + "." + "y" * 31] * 2),
        ("a" * 300 + "." + "y" * 32, "a" * 200, "a" * 200),
        ("a" * 199 + "." + "y" * 40, "a" * 199, "a" * 199),
        ("x." + "y" * 300, "x." + "y" * 198, "x." + "y" * 198),
    ],
)
def test_a_name_is_saved_as(name: str, saved: str, fallback: str) -> None:
    assert saved_name(name) == saved
    assert ascii_name(saved) == fallback
    assert content_disposition(name) == content_disposition(saved)


def test_what_RFC_8187_leaves_as_it_is_stays_readable() -> None:
    name = "a!#$&+-^`~ü.txt"
    assert content_disposition(name) == (
        "attachment; filename=\"a!#$&+-^`~u.txt\"; filename*=UTF-8''a!#$&+-^`~%C3%BC.txt"
    )


@given(name=st.text())
@example(name="\x85 .\u200d\u0301")
@example(name="." * 300 + "a" * 300)
def test_whatever_the_name_the_header_is_one_value_and_the_name_no_trap(name: str) -> None:
    found = HEADER.fullmatch(content_disposition(name))
    assert found is not None
    plain, encoded = found.groups()
    saved = saved_name(name)
    assert unquote(encoded, errors="strict") == saved
    for one in (plain, saved):
        assert 1 <= len(one.encode()) <= LONGEST
        assert not set(one) & set('/\\<>:"|?*%;')
        assert not [s for s in one if unicodedata.category(s)[0] == "C"]
        assert one == one.strip(" .")
        assert saved_name(one) == one
    assert saved == unicodedata.normalize("NFC", saved)


@given(name=st.text())
def test_a_library_reads_the_same_name_from_the_header(name: str) -> None:
    kind, options = parse_options_header(content_disposition(name))
    assert (kind, options["filename"]) == ("attachment", saved_name(name))
