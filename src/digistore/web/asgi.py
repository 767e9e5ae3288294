"""Any ASGI host, with nothing but the standard library; and how every ASGI host sends."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote

from digistore.store import AsyncStore
from digistore.users import UserRef
from digistore.web.answering import answer, end, with_length
from digistore.web.links import refused
from digistore.web.messages import Problem, Request, Response, mount_of, query_of, too_large
from digistore.web.routes import routes_of
from digistore.web.routing import Matcher, Route
from digistore.web.sending import Pieces
from digistore.web.site import (
    Site,
    WebSettings,
    async_site,
    checked_callable,
    checked_user,
)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_ENDING: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly


def app(
    store: AsyncStore,
    *,
    user: Callable[[Scope], object],
    settings: WebSettings | None = None,
) -> Application:
    """Return an application to be mounted below a path of yours.

    Args:
        store: an ``AsyncStore``.
        user: called with the scope, once per request that asks who is there, async or not; returns
            a digistore user id, a ``HostUser`` or ``None``.
        settings: what you decide about the routes.

    Raises:
        ConfigError: a ``Store``, or a *user* that cannot be called.
    """
    site = async_site(store, settings)
    asked, matcher = checked_callable(user), Matcher(routes_of(site))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        response = await _respond(site, matcher, asked, scope, receive)
        await send_response(response, receive, send)

    return application


async def _respond(
    site: Site,
    matcher: Matcher,
    user: Callable[..., object],
    scope: Scope,
    receive: Receive,
) -> Response:
    try:
        route, params = matcher.find(scope["method"], _path(scope))
    except Problem as problem:
        return with_length(refused(site, problem))
    who = None
    if not route.open_to_all:
        told = user(scope)
        who = checked_user(await told if inspect.isawaitable(told) else told)
    request = request_of(route, scope, receive, params=params, user=who, url=url_of(scope))
    return await answer(site, route, request)


def request_of(
    route: Route,
    scope: Scope,
    receive: Receive,
    *,
    params: Mapping[str, str],
    user: UserRef | None,
    url: str,
) -> Request:
    """Translate a request; *url* is its absolute address."""

    async def read(limit: int) -> bytes:
        return await read_body(receive, limit)

    client, text = scope.get("client"), scope.get("query_string", b"").decode("latin-1")
    return Request(
        method=scope["method"],
        mount=mount_of(url.rstrip("/"), route.path),
        headers=headers_of(scope["headers"]),
        query=query_of(text),
        query_string=text,
        params=params,
        read=read,
        user=user,
        client=client[0] if client else None,
    )


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name; a name that comes twice is joined, as RFC 9110, section 5.3, says."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the raw body of a request.

    Raises:
        Problem: more than *limit* bytes, 413; or the client left, 400.
    """
    parts: list[bytes] = []
    left, more = limit, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "incomplete", "the body ended early")
        more = message.get("more_body", False)
        parts.append(message.get("body", b""))
        left -= len(parts[-1])
        if left < 0:
            raise too_large(limit)
    return b"".join(parts)


async def send_response(response: Response, receive: Receive, send: Send) -> None:
    """Send a response, close its body and do what follows, however it ends."""
    pieces = Pieces(response)
    try:
        if isinstance(response.body, bytes):
            await _send_at_once(response, pieces, send)
        else:
            await _until_gone(_stream(response, pieces, send), receive)
    finally:
        # A task of its own: whoever cancels us, the file is closed and what follows is done.
        ending = asyncio.create_task(_end(response, pieces))
        _ENDING.add(ending)
        ending.add_done_callback(_ENDING.discard)
        await asyncio.shield(ending)


async def _end(response: Response, pieces: Pieces) -> None:
    if await asyncio.to_thread(pieces.close):
        await end(response, pieces.sent)


async def _send_at_once(response: Response, pieces: Pieces, send: Send) -> None:
    body = pieces.next()
    await send(_start(response))
    await send({"type": "http.response.body", "body": body})
    pieces.next()


async def _stream(response: Response, pieces: Pieces, send: Send) -> None:
    await send(_start(response))
    while piece := await asyncio.to_thread(pieces.next):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _start(response: Response) -> Message:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers.items()
    ]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _until_gone(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Run *work*, but stop it when the client leaves: some servers swallow what is sent then."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _path(scope: Scope) -> str:
    """Return the path below the mount: Starlette leaves the root in it, Litestar does not."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    return path.rstrip("/")


def url_of(scope: Scope) -> str:
    """Return the absolute address of a request, without its query."""
    host = headers_of(scope["headers"]).get("host")
    if not host:
        server = scope.get("server") or ("localhost", None)
        host = server[0] if server[1] is None else f"{server[0]}:{server[1]}"
    return f"{scope.get('scheme', 'http')}://{host}{_whole_path(scope)}"


def _whole_path(scope: Scope) -> str:
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    raw = scope.get("raw_path")
    if raw:  # untouched by mounts, of which Litestar's does not say where it is
        sent: str = raw.partition(b"?")[0].decode("latin-1")
        return sent if not root or sent.startswith(root) else root + sent
    whole = path if not root or path.startswith(root) else root + path
    return quote(whole, safe="/:@")
