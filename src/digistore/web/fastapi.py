"""FastAPI: a router with native path operations, named and listed in OpenAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Depends
from fastapi import Request as NativeRequest

from digistore.store import AsyncStore
from digistore.web.openapi import operation_of
from digistore.web.routes import routes_of
from digistore.web.routing import Route
from digistore.web.site import Site, WebSettings, async_site, checked_callable
from digistore.web.starlette import NativeResponse, respond

Endpoint = Callable[..., Awaitable[NativeResponse]]


def digistore_router(
    store: AsyncStore,
    *,
    user: Callable[..., Any],
    settings: WebSettings | None = None,
) -> APIRouter:
    """Return a router: ``app.include_router(digistore_router(store, user=...), prefix="/shop")``.

    Args:
        store: an ``AsyncStore``.
        user: a dependency of yours, sync or async, used through ``Depends`` where it matters who
            asks; returns a digistore user id, a ``HostUser`` or ``None``.
        settings: what you decide about the routes.

    Raises:
        ConfigError: a ``Store``, or a *user* that cannot be called.
    """
    site = async_site(store, settings)
    checked_callable(user)
    router = APIRouter()
    for route in routes_of(site):
        endpoint = _open(site, route) if route.open_to_all else _asking(site, route, user)
        listed = route.operation is not None
        router.add_api_route(
            route.path,
            endpoint,
            methods=[route.method],
            name=f"digistore:{route.name}",
            operation_id=f"digistore_{route.name}",
            response_class=NativeResponse,
            status_code=200,
            response_model=None,
            include_in_schema=listed,
            tags=["digistore"],
            openapi_extra=operation_of(route) if listed else None,
        )
        if route.method == "GET":  # apart, or FastAPI warns of a duplicate operation id
            router.add_api_route(
                route.path,
                endpoint,
                methods=["HEAD"],
                response_model=None,
                include_in_schema=False,
            )
    return router


def _open(site: Site, route: Route) -> Endpoint:
    async def endpoint(native: NativeRequest) -> NativeResponse:
        return await respond(site, route, native, None)

    return endpoint


def _asking(site: Site, route: Route, user: Callable[..., Any]) -> Endpoint:
    async def endpoint(native: NativeRequest, who: Any = Depends(user)) -> NativeResponse:  # noqa: ANN401, B008  FastAPI's own way; anything may come
        return await respond(site, route, native, who)

    return endpoint
