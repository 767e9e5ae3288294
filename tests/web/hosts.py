"""One small app per host, each with the shop below ``/shop`` and the user in a header."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import django
import flask
from a2wsgi import WSGIMiddleware
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.urls import clear_url_caches, include, path
from fastapi import Depends, FastAPI, Request
from flask_wtf.csrf import CSRFProtect, generate_csrf
from litestar import Litestar
from litestar import Request as LitestarRequest
from litestar import asgi as litestar_asgi
from litestar.types import Receive, Scope, Send
from starlette.applications import Starlette
from starlette.routing import Mount
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import digistore.web.asgi
import digistore.web.fastapi
import digistore.web.flask
import digistore.web.litestar
import digistore.web.starlette
import digistore.web.wsgi
from digistore.web import WebSettings

HEADER = "X-User"  # stands in for a session
MOUNT = "/shop"


@dataclass(frozen=True)
class Host:
    """How a host is made, whether it has a loop, and where it gives out CSRF tokens."""

    make: Callable[[Any, WebSettings | None], Any]
    is_async: bool = False
    tokens: str | None = None


def flask_app(store: Any, settings: WebSettings | None) -> flask.Flask:
    app = flask.Flask("host")
    app.secret_key = "not a secret, but long enough"
    digistore.web.flask.Digistore(
        app, store, user=lambda: flask.request.headers.get(HEADER), settings=settings
    )
    CSRFProtect(app)  # after us: the order plays no part
    app.add_url_rule("/token", "token", generate_csrf)
    return app


def fastapi_app(store: Any, settings: WebSettings | None) -> FastAPI:
    def session(request: Request) -> str | None:
        return request.headers.get(HEADER)

    async def user(found: str | None = Depends(session)) -> str | None:
        return found

    app = FastAPI()
    router = digistore.web.fastapi.digistore_router(store, user=user, settings=settings)
    app.include_router(router, prefix=MOUNT)
    return app


def starlette_app(store: Any, settings: WebSettings | None) -> Starlette:
    routes = digistore.web.starlette.digistore_routes(
        store, user=lambda request: request.headers.get(HEADER), settings=settings
    )
    return Starlette(routes=[Mount(MOUNT, routes=routes, name="digistore")])


def litestar_app(store: Any, settings: WebSettings | None) -> Litestar:
    def user(request: LitestarRequest[Any, Any, Any]) -> str | None:
        return request.headers.get(HEADER)

    router = digistore.web.litestar.digistore_router(store, user=user, settings=settings)
    return Litestar([router], openapi_config=None)


def _django(store: Any, settings: WebSettings | None) -> None:
    if not django_settings.configured:
        django_settings.configure(
            SECRET_KEY="not a secret",
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF="django_host_urls",
            INSTALLED_APPS=["digistore.web.django"],
            DATABASES={},
            MIDDLEWARE=[
                "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware",
            ],
        )
        django.setup()
    given = {"store": store, "user": lambda request: request.headers.get(HEADER)}
    django_settings.DIGISTORE = given if settings is None else {**given, "settings": settings}
    from digistore.web.django import configured  # noqa: PLC0415  settings come first

    configured.site_of_settings.cache_clear()
    sys.modules.pop("digistore.web.django.urls", None)
    host = ModuleType("django_host_urls")
    host.urlpatterns = [  # type: ignore[attr-defined]
        path("shop/", include(importlib.import_module("digistore.web.django.urls").__name__)),
        path("token", lambda request: HttpResponse(get_token(request))),
    ]
    sys.modules["django_host_urls"] = host
    clear_url_caches()


def django_app(store: Any, settings: WebSettings | None) -> Any:
    _django(store, settings)
    return get_wsgi_application()


def django_asgi_app(store: Any, settings: WebSettings | None) -> Any:
    _django(store, settings)
    return get_asgi_application()


def wsgi_app(store: Any, settings: WebSettings | None) -> Any:
    user = lambda environ: environ.get("HTTP_X_USER")  # noqa: E731
    shop = digistore.web.wsgi.app(store, user=user, settings=settings)
    return DispatcherMiddleware(NotFound(), {MOUNT: shop})


def _asgi(store: Any, settings: WebSettings | None) -> Any:
    def user(scope: Any) -> str | None:
        found = {name: value for name, value in scope["headers"] if name == b"x-user"}
        return found[b"x-user"].decode() if found else None

    return digistore.web.asgi.app(store, user=user, settings=settings)


def asgi_app(store: Any, settings: WebSettings | None) -> Starlette:
    return Starlette(routes=[Mount(MOUNT, _asgi(store, settings))])


def wsgi_in_asgi_app(store: Any, settings: WebSettings | None) -> Starlette:
    user = lambda environ: environ.get("HTTP_X_USER")  # noqa: E731
    shop = digistore.web.wsgi.app(store, user=user, settings=settings)
    return Starlette(routes=[Mount(MOUNT, cast("Any", WSGIMiddleware)(shop))])


def litestar_mount_app(store: Any, settings: WebSettings | None) -> Litestar:
    shop = _asgi(store, settings)

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await shop(scope, receive, send)

    # Litestar reads the annotations at run time, so they must be objects.
    handler.__annotations__ = {"scope": Scope, "receive": Receive, "send": Send, "return": None}
    mounted = litestar_asgi(MOUNT, is_mount=True, copy_scope=True)(handler)
    return Litestar([mounted], openapi_config=None)


HOSTS: Mapping[str, Host] = {
    "wsgi": Host(wsgi_app),
    "flask": Host(flask_app, tokens="/token"),
    "django": Host(django_app, tokens="/token"),
    "asgi": Host(asgi_app, is_async=True),
    "fastapi": Host(fastapi_app, is_async=True),
    "starlette": Host(starlette_app, is_async=True),
    "litestar": Host(litestar_app, is_async=True),
    "litestar-mount": Host(litestar_mount_app, is_async=True),
    "wsgi-in-asgi": Host(wsgi_in_asgi_app),
    "django-asgi": Host(django_asgi_app, tokens="/token"),
}
SPEAKS_ASGI = {name for name, host in HOSTS.items() if host.is_async} | {
    "wsgi-in-asgi",
    "django-asgi",
}
