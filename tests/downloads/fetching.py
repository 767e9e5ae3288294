"""Following links in tests, as a client does, without a web framework between."""

from __future__ import annotations

from typing import Any

from digistore import Product
from digistore.downloads import DownloadPlan, DownloadRequest, Stream
from tests.conftest import Shop

SECURITY = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


def ask(shop: Shop, token: str, method: str = "GET", **kwargs: Any) -> DownloadPlan:
    """Ask for a link: ``client``, ``user`` and, under their names, headers."""
    about = {name: kwargs.pop(name) for name in ("client", "user") if name in kwargs}
    headers = {name.replace("_", "-"): value for name, value in kwargs.items()}
    request = DownloadRequest(method, headers, **about)
    plan = shop.store.downloads.plan(token, request)
    for name, value in SECURITY.items():  # whatever is answered
        assert plan.headers[name] == value
    return plan


def body(shop: Shop, plan: DownloadPlan, *, only: int | None = None) -> bytes:
    """Read what a plan streams, to its end or to where the client leaves, and say so."""
    assert isinstance(plan.body, Stream)
    with plan.body.reader as reader:
        found = b"".join(reader) if only is None else reader.read(only)
    shop.store.downloads.finish(plan, len(found))
    return found


def fetched(shop: Shop, token: str, **kwargs: Any) -> tuple[int, bytes]:
    """Ask and read all: the status, and the bytes that came."""
    plan = ask(shop, token, **kwargs)
    content = body(shop, plan) if isinstance(plan.body, Stream) else b""
    if plan.status in {200, 206}:
        assert plan.headers["Content-Length"] == str(len(content))
    return plan.status, content


def refusal(shop: Shop, token: str, **kwargs: Any) -> tuple[int, str | None]:
    """Ask for what is refused: status and code; nothing is given."""
    plan = ask(shop, token, **kwargs)
    assert (plan.body, plan.session) == (None, None)
    assert plan.headers["Content-Length"] == "0"
    return plan.status, plan.code


def bought(shop: Shop, files: dict[str, bytes] | None = None, **kwargs: Any) -> Product:
    """A product that the buyer has, with these files in its latest release."""
    book = shop.product(**kwargs)
    if files is not None:
        shop.store.catalog.release(shop.seller, book, version="2.0", files=files)
    shop.buy(book)
    return book


def token(shop: Shop, product: Product, user: Any = None, **kwargs: Any) -> str:
    link = shop.store.downloads.link(user or shop.buyer, product, **kwargs)
    return str(link.token)


def sessions(shop: Shop) -> list[tuple[Any, ...]]:
    """Requests, reserved and sent bytes of each session."""
    return shop.rows(
        "SELECT requests, reserved_bytes, sent_bytes FROM digistore_download_sessions ORDER BY id"
    )


def used(shop: Shop) -> list[int]:
    return [row[0] for row in shop.rows("SELECT used FROM digistore_download_allowances")]
