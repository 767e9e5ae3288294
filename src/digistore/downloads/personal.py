"""A file of each buyer's own: the port that a stamp for PDF files or a licence text fills."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from digistore.entitlements import PurchasedProduct
from digistore.files import BlobReader


@runtime_checkable
class Personaliser(Protocol):
    """Makes one buyer's file of the published one.

    It blocks, and runs outside every transaction. The store knows it by the name of its recipe;
    give another name where it would make other files, such as ``stamp-2``.
    """

    def build(self, source: BlobReader, purchase: PurchasedProduct, /) -> bytes:
        """Return the file for one *purchase*, made of *source*.

        What it raises is told to an operator, and the buyer gets nothing: never the original.
        """
        ...
