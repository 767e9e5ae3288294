"""Clients that leave, bodies that end early, and what is told of them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished

from digistore import AsyncStore, Settings, Store
from digistore.errors import DamagedFile
from digistore.web.messages import Response
from digistore.web.sending import CHUNK, Sending
from tests.held import LONGEST, HeldStorage
from tests.web import hosts
from tests.web.conftest import Web
from tests.web.test_downloads import CONTENT, SIZE, link_to, logged, sold

ASGI_APPS = {
    "asgi": hosts.asgi_app,
    "fastapi": hosts.fastapi_app,
    "starlette": hosts.starlette_app,
    "litestar": hosts.litestar_app,
    "django-asgi": hosts.django_asgi_app,
}


def open_files(folder: Path) -> list[str]:
    """The files of a shop that this process holds open."""
    here = Path("/proc/self/fd")
    held = [str(one.readlink()) for one in here.iterdir() if one.is_symlink()]
    return [path for path in held if path.startswith(str(folder / "files"))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux for open files")
@pytest.mark.parametrize("pieces", [0, 1, 2])
@pytest.mark.parametrize("name", ASGI_APPS)
def test_a_client_that_leaves_stops_the_reading(
    open_web: Callable[..., Web],
    opened: Callable[..., Any],
    tmp_path: Path,
    name: str,
    pieces: int,
) -> None:
    """The server swallows what is sent to a client that has left, and says so only if asked."""
    web = open_web("wsgi")
    path = link_to(web, sold(web))
    app = ASGI_APPS[name](opened(Store if "django" in name else AsyncStore), None)

    async def story() -> int:
        left = asyncio.Event()
        bodies = 0
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            nonlocal bodies
            if message["type"] == "http.response.body":
                bodies += 1
            if bodies >= pieces:
                left.set()
                await asyncio.Event().wait()  # the connection takes no more

        await asyncio.wait_for(app(scope_of(path), receive, send), 30)
        return bodies

    assert asyncio.run(story()) <= pieces + 1
    assert open_files(tmp_path) == []
    ((sent,),) = web.shop.rows("SELECT sent_bytes FROM digistore_download_sessions")
    assert sent <= pieces * CHUNK  # what was in hand is not held against the buyer


def test_a_client_that_leaves_before_the_body_begins_is_charged_nothing(
    open_web: Callable[..., Web], tmp_path: Path
) -> None:
    """Django cancels the task that waits for a view; the view goes on, and its answer is lost."""
    held = HeldStorage(f"{tmp_path}/files")
    web = open_web("django-asgi", files=held, settings=Settings(download_limit=1))
    path = link_to(web, sold(web))
    app = hosts.django_asgi_app(web.mounted, None)

    async def left_early() -> None:
        coming = iter((b"", None))

        async def receive() -> dict[str, Any]:
            if next(coming) is not None:
                return {"type": "http.request", "body": b"", "more_body": False}
            assert await asyncio.to_thread(held.asked.wait, LONGEST)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            raise AssertionError(message)  # nothing is sent to a client that has left

        await asyncio.wait_for(app(scope_of(path), receive, send), LONGEST)

    async def let_go(**_: object) -> None:  # async: Django's own thread waits for the storage
        held.let_go()  # the task was cancelled; only now does the view come to its end

    request_finished.connect(let_go)
    try:
        for _ in range(3):
            held.hold()
            asyncio.run(left_early())
    finally:
        request_finished.disconnect(let_go)
    assert logged(web) == [(3, SIZE, 0)]  # each gives back what the one before it held
    assert web.get(path).content == CONTENT
    assert logged(web) == [(4, SIZE, SIZE)]


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/shop{path}",
        "raw_path": f"/shop{path}".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "state": {},
    }


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux for open files")
@pytest.mark.parametrize("host", ["wsgi", "flask", "django"])
@pytest.mark.parametrize("pieces", [0, 1, 2])
def test_a_server_that_closes_the_body_closes_the_file(
    open_web: Callable[..., Web],
    tmp_path: Path,
    host: str,
    pieces: int,
) -> None:
    web = open_web(host)
    path = link_to(web, sold(web))
    app = hosts.HOSTS[host].make(web.mounted, None)
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": f"/shop{path}",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": None,
    }
    statuses: list[str] = []
    body = app(environ, lambda status, _headers, *_: statuses.append(status))
    taken = iter(body)
    for _ in range(pieces):
        next(taken)
    assert len(open_files(tmp_path)) == 1
    body.close()
    assert statuses == ["200 OK"]
    assert open_files(tmp_path) == []
    ((sent,),) = web.shop.rows("SELECT sent_bytes FROM digistore_download_sessions")
    assert sent == max(pieces - 1, 0) * CHUNK  # the last piece was in hand


class Short:
    """A body with less than was promised."""

    def __init__(self) -> None:
        self.left = [b"x" * 10]
        self.closed = 0

    def read(self, _: int, /) -> bytes:
        return self.left.pop() if self.left else b""

    def close(self) -> None:
        self.closed += 1


def test_a_body_that_ends_early_cuts_the_connection() -> None:
    told: list[int] = []

    async def after(sent: int) -> None:
        told.append(sent)

    short = Short()
    with Sending(Response(200, {"Content-Length": "11"}, short, after)) as body:
        assert next(body) == b"x" * 10
        with pytest.raises(DamagedFile):
            next(body)
        body.close()
    assert (short.closed, told) == (1, [10])


@pytest.mark.parametrize("host", ["flask", "fastapi", "django", "litestar"])
def test_the_whole_body_is_told_as_sent(open_web: Callable[..., Web], host: str) -> None:
    web = open_web(host)
    assert web.get(link_to(web, sold(web))).content == CONTENT
    ((sent,),) = web.shop.rows("SELECT sent_bytes FROM digistore_download_sessions")
    assert sent == SIZE
