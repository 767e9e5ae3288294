"""Middleware of a host that compresses, buffers or wraps: files come through byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from digistore import AsyncStore
from tests.web import hosts
from tests.web.conftest import Web
from tests.web.test_downloads import CONTENT, ETAG, SIZE, link_to, sold

ACCEPT = {"Accept-Encoding": "gzip"}


class Wrapping(BaseHTTPMiddleware):
    """What many hosts have: a middleware that awaits the rest of the application."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["X-Wrapped"] = "yes"
        return response


def compressing(name: str, opened: Callable[..., Any]) -> Any:
    make = {"fastapi": hosts.fastapi_app, "litestar": hosts.litestar_app}[name]
    app: Any = make(opened(AsyncStore), None)
    return Wrapping(GZipMiddleware(app, minimum_size=1))


def test_djangos_own_compression_leaves_files_alone(open_web: Callable[..., Web]) -> None:
    web = open_web("django")
    path = link_to(web, sold(web))
    for number in range(5):  # Django adds up to 100 random bytes, and keeps what gets no shorter
        web.shop.product(f"Book {number}")
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415  settings come first
    from django.test import override_settings  # noqa: PLC0415

    with override_settings(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"]):
        transport = httpx2.WSGITransport(WSGIHandler())
        with httpx2.Client(transport=transport, base_url="http://testserver") as client:
            whole = client.get(f"/shop{path}", headers=ACCEPT)
            assert (whole.content, whole.headers["etag"]) == (CONTENT, ETAG)
            part = client.get(f"/shop{path}", headers={**ACCEPT, "Range": "bytes=5-14"})
            assert (part.status_code, part.content) == (206, CONTENT[5:15])
            assert part.headers["content-length"] == "10"
            listed = client.get("/shop/api/products", headers=ACCEPT)
            assert listed.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("name", ["fastapi", "litestar"])
def test_files_are_not_compressed_and_pages_may_be(
    open_web: Callable[..., Web], opened: Callable[..., Any], name: str
) -> None:
    web = open_web("wsgi")
    path = f"/shop{link_to(web, sold(web))}"
    with TestClient(compressing(name, opened)) as client:
        whole = client.get(path, headers=ACCEPT)
        assert (whole.content, whole.headers["etag"]) == (CONTENT, ETAG)
        assert whole.headers["content-length"] == str(SIZE)
        assert whole.headers["x-wrapped"] == "yes"
        part = client.get(path, headers={**ACCEPT, "Range": "bytes=5-14"})
        assert (part.status_code, part.content) == (206, CONTENT[5:15])
        listed = client.get("/shop/api/products", headers=ACCEPT)
        assert listed.headers["content-encoding"] == "gzip"
        assert listed.json()["items"]
