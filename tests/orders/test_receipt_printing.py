"""Receipts on paper: pages without script, files with every sign, words of the host's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from pypdf import PdfReader

from digistore import Billing, Consent
from digistore.errors import ConfigError, Invalid
from digistore.orders import ReceiptDocument, ReceiptTexts
from digistore.orders.receipts import html
from tests.conftest import Shop
from tests.payments.memory import MemoryShop

MARKUP = '<script>alert("1")</script> & {{7*7}} {% raw %}'
SIGNS = "Łódź Ελλάς Привет Straße 100 €"
SQUARE = ((0, 0), (0, 700), (700, 700))
VOID = {"meta", "br", "link", "img"}
GERMAN = ReceiptTexts(lang="de-DE", receipt="Rechnung", total="Gesamt", date="%d.%m.%Y")


class Page(HTMLParser):
    """Reads a page: its elements with what stands in them, and whether they are closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture
def shop() -> Iterator[MemoryShop]:
    """Printing knows no colour: one is enough."""
    shop = MemoryShop.open()
    yield shop
    shop.store.close()


@pytest.fixture
def document(shop: Shop) -> ReceiptDocument:
    return issued(shop, MARKUP)


def issued(shop: Shop, words: str, **billing: Any) -> ReceiptDocument:
    agreed = Consent(kind="terms", text=f"{words}\nand more", accepted_at=shop.clock(), locale="fr")
    payer = Billing(name=words, country="FR", address=f"{words}\nParis", **billing)
    book = shop.store.catalog.update_product(shop.seller, shop.product("Book"), title=words)
    checkout = shop.buy(book, billing=payer, consents=[agreed])
    shop.store.run_due()
    document = shop.store.orders.receipt(shop.buyer, checkout.order).document
    assert document is not None
    return document


def text_of(file: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(file)).pages)


# Pages


def test_a_page_says_its_language_and_its_title(document: ReceiptDocument) -> None:
    page = Page(document.html())
    assert page.named("html") == [{"lang": "en", "dir": "ltr"}]
    assert page.named("title")
    assert page.named("main")
    assert len(page.named("h1")) == 1
    assert page.text.count(document.number) >= 2


def test_a_page_needs_no_script_and_loads_nothing(document: ReceiptDocument) -> None:
    page = Page(document.html())
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "form", "object", "a"}
    assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on") or a == "src"]
    assert "url(" not in document.html()


def test_markup_in_text_is_text(document: ReceiptDocument) -> None:
    """N5, N6: also what looks like a template's own."""
    page = Page(document.html())
    assert page.text.count(MARKUP) == 4  # title, name, address, consent
    assert "49" not in page.text.replace(document.order_id, "")


def test_a_table_says_what_its_columns_and_rows_are(document: ReceiptDocument) -> None:
    page = Page(document.html())
    assert len(page.named("table")) == len(page.named("caption")) == 1
    assert [one["scope"] for one in page.named("th")] == ["col"] * 5 + ["row"]


def test_a_consent_keeps_its_language(document: ReceiptDocument) -> None:
    assert "fr" in {attrs.get("lang") for _, attrs in Page(document.html()).elements}


def test_words_are_the_hosts(document: ReceiptDocument) -> None:
    page = Page(document.html(GERMAN))
    assert page.named("html")[0]["lang"] == "de-DE"
    assert f"Rechnung {document.number}" in page.text
    assert "01.01.2026" in page.text
    assert "Gesamt" in page.text


def test_words_of_the_host_are_escaped_as_well(document: ReceiptDocument) -> None:
    page = Page(document.html(ReceiptTexts(total=MARKUP)))
    assert page.text.count(MARKUP) == 5


def test_test_money_is_called_so(document: ReceiptDocument) -> None:
    assert not document.livemode
    assert "no real money moved" in Page(document.html()).text
    live = document.model_copy(update={"livemode": True})
    assert "no real money moved" not in Page(live.html()).text


# Files


def test_a_file_has_the_text_of_the_document(shop: Shop) -> None:
    document = issued(shop, SIGNS)
    text = text_of(document.pdf())
    for words in (document.number, document.order_id, SIGNS, "29.00 USD", "and more"):
        assert words in text


def test_markup_is_text_in_a_file_too(document: ReceiptDocument) -> None:
    assert text_of(document.pdf()).replace("\n", " ").count("alert(") == 4


def test_a_file_says_its_language_and_its_title(document: ReceiptDocument) -> None:
    reader = PdfReader(BytesIO(document.pdf(GERMAN)))
    assert str(reader.root_object["/Lang"]) == "de-DE"
    assert reader.metadata is not None
    assert reader.metadata.title == f"Rechnung {document.number}"


def test_the_same_document_is_the_same_file(document: ReceiptDocument) -> None:
    assert document.pdf() == document.pdf()


def test_a_sign_that_no_font_has_is_refused_by_name(shop: Shop) -> None:
    document = issued(shop, "漢字")
    with pytest.raises(Invalid, match=r"U\+5B57, U\+6F22"):
        document.pdf()
    assert "漢字" in document.html()


def test_a_font_of_the_host_draws_what_the_bundled_one_lacks(shop: Shop, tmp_path: Path) -> None:
    document = issued(shop, "Book 漢")
    text = text_of(document.pdf(fonts=[a_font(tmp_path / "han.ttf", "漢")]))
    assert "Book 漢" in text


def a_font(path: Path, signs: str) -> Path:
    """Make a font in which all *signs* are squares."""
    pen = TTGlyphPen(None)
    for move, point in zip((pen.moveTo, pen.lineTo, pen.lineTo), SQUARE, strict=True):
        move(point)
    pen.closePath()
    names = [f"uni{ord(sign):04X}" for sign in signs]
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder([".notdef", *names])
    made.setupCharacterMap({ord(sign): name for sign, name in zip(signs, names, strict=True)})
    made.setupGlyf(dict.fromkeys([".notdef", *names], pen.glyph()))
    made.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (1000, 0)))
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    made.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    made.setupPost()
    made.save(path)
    return path


def test_what_is_no_font_is_refused(document: ReceiptDocument, tmp_path: Path) -> None:
    (tmp_path / "no.ttf").write_bytes(b"no font")
    for path in (tmp_path / "no.ttf", tmp_path / "missing.ttf"):
        with pytest.raises(ConfigError, match=path.name):
            document.pdf(fonts=[path])


def test_many_lines_go_over_several_pages(document: ReceiptDocument) -> None:
    long = document.model_copy(update={"lines": document.lines * 100})
    assert len(PdfReader(BytesIO(long.pdf())).pages) > 1


# Without the extra


@pytest.mark.parametrize(("module", "form"), [("jinja2", "html"), ("fpdf", "pdf")])
def test_without_the_extra_it_says_what_to_install(
    document: ReceiptDocument, monkeypatch: pytest.MonkeyPatch, module: str, form: str
) -> None:
    html._template.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install digistore\[receipts\]"):
        getattr(document, form)()
