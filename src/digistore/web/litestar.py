"""Litestar: a router with native handlers, named ``digistore:<route>``."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, cast

import litestar
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from digistore.store import AsyncStore
from digistore.web import asgi
from digistore.web.answering import answer
from digistore.web.messages import Response
from digistore.web.routes import routes_of
from digistore.web.routing import Route
from digistore.web.site import Site, WebSettings, async_site, checked_callable, checked_user

_USER = "digistore_user"


def digistore_router(
    store: AsyncStore,
    *,
    user: Callable[..., Any],
    path: str = "/shop",
    settings: WebSettings | None = None,
) -> litestar.Router:
    """Return a router: ``Litestar([digistore_router(store, user=...)])``.

    Args:
        store: an ``AsyncStore``.
        user: a dependency of yours, async or not, provided where it matters who asks; returns a
            digistore user id, a ``HostUser`` or ``None``.
        path: what the routes hang below.
        settings: what you decide about the routes.

    Raises:
        ConfigError: a ``Store``, or a *user* that cannot be called.
    """
    site = async_site(store, settings)
    checked_callable(user)
    return litestar.Router(
        path=path, route_handlers=[_handler(site, route, user) for route in routes_of(site)]
    )


def _handler(site: Site, route: Route, user: Callable[..., Any]) -> HTTPRouteHandler:
    if route.open_to_all:

        async def handle(request: litestar.Request[Any, Any, Any]) -> ASGIApp:
            return await _respond(site, route, request, None)

        function: Callable[..., Any] = handle
        dependencies = None
    else:

        async def handle_for(
            request: litestar.Request[Any, Any, Any],
            digistore_user: NamedDependency[Any],
        ) -> ASGIApp:
            return await _respond(site, route, request, digistore_user)

        function = handle_for
        dependencies = {_USER: _provided(user)}
    return HTTPRouteHandler(
        path=route.path_for(r"{\1:str}"),
        http_method=[HttpMethod(method) for method in route.methods],
        name=f"digistore:{route.name}",
        include_in_schema=False,
        dependencies=dependencies,
        status_code=200,
        exclude_from_csrf=route.open_to_all,
    )(function)


def _provided(user: Callable[..., Any]) -> Provide:
    if isinstance(user, Provide):
        return user
    return Provide(user) if iscoroutinefunction(user) else Provide(user, sync_to_thread=False)


async def _respond(
    site: Site, route: Route, native: litestar.Request[Any, Any, Any], who: object
) -> ASGIApp:
    scope = cast("asgi.Scope", native.scope)
    request = asgi.request_of(
        route,
        scope,
        cast("asgi.Receive", native.receive),
        params={name: str(value) for name, value in native.path_params.items()},
        user=checked_user(who),
        url=asgi.url_of(scope),
    )
    return _application(await answer(site, route, request))


def _application(response: Response) -> ASGIApp:
    async def send_it(scope: Scope, receive: Receive, send: Send) -> None:
        # The same messages, of which Litestar knows more about the types.
        given = cast("asgi.Receive", receive), cast("asgi.Send", send)
        await asgi.send_response(response, *given)

    return send_it
