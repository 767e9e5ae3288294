"""A document as a web page; jinja2 is loaded by whoever prints one."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from digistore.errors import ConfigError
from digistore.orders.receipts.layout import page_of
from digistore.orders.receipts.models import ReceiptDocument
from digistore.orders.receipts.texts import ReceiptTexts

if TYPE_CHECKING:
    from jinja2 import Template


def to_html(document: ReceiptDocument, texts: ReceiptTexts) -> str:
    """Return *document* as a whole page; what stands in it is escaped."""
    return _template().render(page=page_of(document, texts), texts=texts)


@cache
def _template() -> Template:
    try:
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  only who prints pays
    except ImportError:
        message = "HTML receipts need jinja2: pip install digistore[receipts]"
        raise ConfigError(message) from None
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    source = files("digistore.orders.receipts").joinpath("receipt.html").read_text("utf-8")
    return environment.from_string(source)
