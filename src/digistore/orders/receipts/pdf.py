"""A document as a PDF file; fpdf2 is loaded by whoever prints one."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from importlib.resources import as_file, files
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from digistore.errors import ConfigError, Invalid
from digistore.orders.receipts.layout import Grid, Page, page_of
from digistore.orders.receipts.models import ReceiptDocument
from digistore.orders.receipts.texts import ReceiptTexts

if TYPE_CHECKING:
    from fpdf import FPDF

_FONT = "DejaVu"
_MARGIN = 18.0
_LINE = 5.5
_SMALL, _TEXT, _HEAD, _TITLE = 8, 10, 12, 18
_FIRST_COLUMN = 3  # times the width of a column of amounts
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Mn"}  # signs that no font draws by themselves


def to_pdf(document: ReceiptDocument, texts: ReceiptTexts, fonts: Sequence[str | Path]) -> bytes:
    """Return *document* as a file, its text as text, in fonts that are part of it."""
    page = page_of(document, texts)
    pdf = _blank(document, texts, page)
    with as_file(files("digistore.orders.receipts").joinpath("fonts/DejaVuSans.ttf")) as bundled:
        try:
            _refuse_missing(page.words(), _add_fonts(pdf, bundled, fonts))
            _write_page(pdf, page, texts)
            return bytes(pdf.output())
        finally:
            for font in pdf.fonts.values():  # fpdf2 leaves their files open
                font.ttfont.close()  # type: ignore[union-attr]


def _write_page(pdf: FPDF, page: Page, texts: ReceiptTexts) -> None:
    _write_head(pdf, page)
    for table in page.tables:
        _write_table(pdf, table)
    _write_pairs(pdf, page.sums)
    _write_consents(pdf, page, texts)


def _blank(document: ReceiptDocument, texts: ReceiptTexts, page: Page) -> FPDF:
    try:
        from fpdf import FPDF  # noqa: PLC0415  only who prints pays
    except ImportError:
        message = "PDF receipts need fpdf2: pip install digistore[receipts]"
        raise ConfigError(message) from None
    pdf = FPDF(format="A4")
    pdf.set_title(page.title)
    pdf.set_lang(texts.lang)
    pdf.set_creation_date(document.issued_at)  # the same document, the same bytes
    pdf.set_margins(_MARGIN, _MARGIN)
    pdf.set_auto_page_break(auto=True, margin=_MARGIN)
    pdf.set_text_shaping(use_shaping_engine=find_spec("uharfbuzz") is not None)
    pdf.add_page()
    return pdf


def _add_fonts(pdf: FPDF, bundled: Path, given: Sequence[str | Path]) -> set[int]:
    """Add the fonts and return the signs that they have."""
    for path in given:
        _refuse_broken(Path(path))
    pdf.add_font(_FONT, fname=bundled)
    others = [f"Given{number}" for number, _ in enumerate(given)]
    for name, path in zip(others, given, strict=True):
        pdf.add_font(name, fname=Path(path))
    pdf.set_fallback_fonts(others, exact_match=False)
    pdf.set_font(_FONT, size=_TEXT)
    return {sign for font in pdf.fonts.values() for sign in font.cmap}  # type: ignore[union-attr]


def _refuse_broken(path: Path) -> None:
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415  comes with fpdf2

    try:
        TTFont(BytesIO(path.read_bytes())).close()
    except (OSError, TTLibError) as error:
        raise ConfigError(f"{path.name} cannot be read as one TrueType font") from error


def _refuse_missing(words: Iterable[str], known: Collection[int]) -> None:
    missing = {
        sign
        for word in words
        for sign in word
        if ord(sign) not in known and unicodedata.category(sign) not in _UNSEEN
    }
    if missing:
        listed = ", ".join(f"U+{ord(sign):04X}" for sign in sorted(missing)[:10])
        raise Invalid(
            f"no font at hand has {listed}: give one that does, pdf(fonts=[...])",
            fields={"fonts": "missing_signs"},
        )


def _write_head(pdf: FPDF, page: Page) -> None:
    _write(pdf, page.title, _TITLE)
    if page.test:
        _write(pdf, page.test, _HEAD)
    pdf.ln(_LINE)
    _write_pairs(pdf, page.facts)
    for word, lines in page.parties:
        _write(pdf, word, _HEAD)
        for line in lines:
            _write(pdf, line, _TEXT)
        pdf.ln(_LINE)


def _write_table(pdf: FPDF, table: Grid) -> None:
    _write(pdf, table.caption, _HEAD)
    pdf.set_font(_FONT, size=_SMALL)
    widths = (_FIRST_COLUMN, *(1 for _ in table.heads[1:]))
    align = ("LEFT", *("RIGHT" for _ in table.heads[1:]))
    from fpdf.fonts import FontFace  # noqa: PLC0415  only who prints pays

    with pdf.table(
        col_widths=widths,
        text_align=align,
        borders_layout="HORIZONTAL_LINES",
        headings_style=FontFace(emphasis=""),  # there is one weight of the font
        line_height=_LINE,
    ) as drawn:
        for row in (table.heads, *table.rows):
            drawn.row(row)
    pdf.ln(_LINE)


def _write_pairs(pdf: FPDF, pairs: Iterable[tuple[str, str]]) -> None:
    for word, value in pairs:
        _write(pdf, f"{word}: {value}", _TEXT)
    pdf.ln(_LINE)


def _write_consents(pdf: FPDF, page: Page, texts: ReceiptTexts) -> None:
    if page.consents:
        _write(pdf, texts.agreed, _HEAD)
    for word, when, consent in page.consents:
        _write(pdf, f"{word} ({when})", _TEXT)
        _write(pdf, consent.text, _SMALL)


def _write(pdf: FPDF, text: str, size: int) -> None:
    pdf.set_font(_FONT, size=size)
    pdf.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT", align="L")
