"""The store, with one book on its shelf."""

from functools import cache

from digistore import SYSTEM, Money, Store
from digistore.gateways.sandbox import SandboxGateway


@cache
def store() -> Store:
    """Open the store, once per process."""
    opened = Store.open(
        "sqlite:///shop.db",
        files="file://./shop-files",
        gateways=[SandboxGateway("sandbox.json")],
        secret="replace me by 32 random characters or more",
    )
    opened.migrate()
    if not opened.catalog.find(None).items:
        book = opened.catalog.add_product(SYSTEM, title="Async Python", price=Money("29.00", "USD"))
        files = {"book.txt": b"First edition.\n"}
        opened.catalog.release(SYSTEM, book, version="1.0", files=files)
        opened.catalog.put_on_sale(SYSTEM, book)
    return opened
