"""Any WSGI host, with nothing but the standard library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from wsgiref.util import request_uri

from digistore.blocking import run
from digistore.store import Store
from digistore.web.answering import answer, with_length
from digistore.web.links import refused
from digistore.web.messages import (
    Problem,
    Request,
    Response,
    length_of,
    mount_of,
    query_of,
    too_large,
)
from digistore.web.routes import routes_of
from digistore.web.routing import Matcher
from digistore.web.sending import Sending
from digistore.web.site import Site, WebSettings, blocking_site, checked_callable, checked_user

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    User = Callable[[WSGIEnvironment], object]


def app(store: Store, *, user: User, settings: WebSettings | None = None) -> WSGIApplication:
    """Return an application to be mounted below a path of yours.

    Args:
        store: a ``Store``.
        user: called with the environment, once per request that asks who is there; returns a
            digistore user id, a ``HostUser`` or ``None``.
        settings: what you decide about the routes.

    Raises:
        ConfigError: an ``AsyncStore``, or a *user* that cannot be called.
    """
    site = blocking_site(store, settings)
    asked, matcher = checked_callable(user), Matcher(routes_of(site))

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        response = _respond(site, matcher, asked, environ)
        # Header names and values go as they are: a server's own checks refuse what splits them.
        start(f"{response.status} {response.reason}", list(response.headers.items()))
        return Sending(response)

    return application


def _respond(
    site: Site, matcher: Matcher, user: Callable[..., object], environ: WSGIEnvironment
) -> Response:
    path = _text(environ.get("PATH_INFO", ""))
    try:
        route, params = matcher.find(environ["REQUEST_METHOD"], path.rstrip("/"))
    except Problem as problem:
        return with_length(refused(site, problem))
    who = None if route.open_to_all else checked_user(user(environ))
    request = Request(
        method=environ["REQUEST_METHOD"],
        mount=mount_of(request_uri(environ, include_query=False).rstrip("/"), route.path),
        headers=headers_of(environ),
        query=query_of(environ.get("QUERY_STRING", "")),
        query_string=environ.get("QUERY_STRING", ""),
        params=params,
        read=_reader(environ),
        user=who,
        client=environ.get("REMOTE_ADDR"),
    )
    return run(answer(site, route, request))


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request, with names in lower case."""
    found = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            found[name.replace("_", "-").lower()] = environ[name]
    return found


def _reader(environ: WSGIEnvironment) -> Callable[[int], Any]:
    async def read(limit: int) -> bytes:
        length = length_of(environ.get("CONTENT_LENGTH") or "", limit)
        if length is not None:
            body: bytes = environ["wsgi.input"].read(length)
            return body
        if not environ.get("wsgi.input_terminated"):
            return b""  # without a length, reading on would wait for ever
        body = environ["wsgi.input"].read(limit + 1)
        if len(body) > limit:
            raise too_large(limit)
        return body

    return read


def _text(path: str) -> str:
    """Decode a path, which servers hand over as if its bytes were Latin-1 (PEP 3333)."""
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
