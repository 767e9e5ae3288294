"""Starlette: native routes, and how whatever stands on Starlette sends."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import starlette.requests
import starlette.responses
import starlette.routing
from starlette.types import Receive, Scope, Send

from digistore.store import AsyncStore
from digistore.web.answering import answer
from digistore.web.asgi import request_of, send_response, url_of
from digistore.web.messages import Response
from digistore.web.routes import routes_of
from digistore.web.routing import Route
from digistore.web.site import Site, WebSettings, async_site, checked_callable, checked_user


class NativeResponse(starlette.responses.Response):
    """A response that is streamed, stopped when its client leaves, and always closed."""

    def __init__(self, response: Response) -> None:
        """Send *response*."""
        body = response.body if isinstance(response.body, bytes) else b""
        super().__init__(body, response.status, dict(response.headers))
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as an ASGI application does."""
        await send_response(self._response, receive, send)


def digistore_routes(
    store: AsyncStore,
    *,
    user: Callable[[starlette.requests.Request], object],
    settings: WebSettings | None = None,
) -> list[starlette.routing.Route]:
    """Return routes for ``Mount("/shop", routes=..., name="digistore")``.

    Args:
        store: an ``AsyncStore``.
        user: called with the request, once per request that asks who is there, async or not;
            returns a digistore user id, a ``HostUser`` or ``None``.
        settings: what you decide about the routes.

    Raises:
        ConfigError: a ``Store``, or a *user* that cannot be called.
    """
    site = async_site(store, settings)
    asked = checked_callable(user)
    return [
        starlette.routing.Route(
            route.path, _endpoint(site, route, asked), methods=[route.method], name=route.name
        )
        for route in routes_of(site)
    ]


def _endpoint(site: Site, route: Route, user: Callable[..., object]) -> Callable[..., object]:
    async def endpoint(native: starlette.requests.Request) -> NativeResponse:
        who = None
        if not route.open_to_all:
            told = user(native)
            who = await told if inspect.isawaitable(told) else told
        return await respond(site, route, native, who)

    return endpoint


async def respond(
    site: Site, route: Route, native: starlette.requests.Request, who: object
) -> NativeResponse:
    """Answer a native request of *who*."""
    request = request_of(
        route,
        native.scope,
        native.receive,
        params=native.path_params,
        user=checked_user(who),
        url=url_of(native.scope),
    )
    return NativeResponse(await answer(site, route, request))
