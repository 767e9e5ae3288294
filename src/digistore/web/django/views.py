"""Native views: CSRF protection stays, except where a route is open to all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from digistore.blocking import run
from digistore.web.answering import answer, end
from digistore.web.django.streaming import Streaming
from digistore.web.messages import Request, Response, length_of, mount_of, query_of, too_large
from digistore.web.routes import routes_of
from digistore.web.routing import Route
from digistore.web.sending import Sending
from digistore.web.site import Site, checked_user

View = Callable[..., HttpResponseBase]


def patterns_of(site: Site, user: Callable[..., object]) -> list[URLPattern]:
    """Return the URL patterns of a site; *user* is called with the request."""
    by_path: dict[str, list[Route]] = {}
    for route in routes_of(site):
        by_path.setdefault(route.path, []).append(route)
    return [
        path(route.path_for(r"<str:\1>")[1:], view, name=route.name)
        for together in by_path.values()
        for view in [_view(site, together, user)]
        for route in together
    ]


def _view(site: Site, together: Sequence[Route], user: Callable[..., object]) -> View:
    by_method = {method: route for route in together for method in route.methods}

    def view(native: HttpRequest, **params: str) -> HttpResponseBase:
        route = by_method.get(native.method or "")
        if route is None:
            return HttpResponseNotAllowed(sorted(by_method))
        who = None if route.open_to_all else checked_user(user(native))
        response = run(answer(site, route, _request(native, route, params, who)))
        return _native(response, in_loop=isinstance(native, ASGIRequest))

    # An operation that calls a provider must not wait in a transaction of the host's.
    whole: View = view
    for alias in connections:
        whole = transaction.non_atomic_requests(using=alias)(whole)
    return csrf_exempt(whole) if together[0].open_to_all else whole


def _request(native: HttpRequest, route: Route, params: Mapping[str, str], who: object) -> Request:
    async def read(limit: int) -> bytes:
        length_of(native.META.get("CONTENT_LENGTH") or "", limit)
        try:
            body = native.body
        except RequestDataTooBig:
            raise too_large(limit) from None
        if len(body) > limit:
            raise too_large(limit)
        return body

    # It refuses hosts that ALLOWED_HOSTS does not name.
    url = native.build_absolute_uri(native.path)
    return Request(
        method=native.method or "",
        mount=mount_of(url, route.path),
        headers={name.lower(): value for name, value in native.headers.items()},
        query=query_of(native.META.get("QUERY_STRING", "")),
        query_string=native.META.get("QUERY_STRING", ""),
        params=params,
        read=read,
        user=checked_user(who),
        client=native.META.get("REMOTE_ADDR"),
        form_fields=lambda: {"csrfmiddlewaretoken": get_token(native)},
    )


class _Answer(HttpResponse):
    """A response that is followed by something, once it has been sent."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.body, status=response.status, headers=dict(response.headers))
        self._response = response

    def close(self) -> None:
        super().close()
        run(end(self._response, 0))


def _native(response: Response, *, in_loop: bool) -> HttpResponseBase:
    if isinstance(response.body, bytes):
        return _Answer(response)
    body = Streaming(response) if in_loop else Sending(response)
    return StreamingHttpResponse(body, status=response.status, headers=dict(response.headers))
