"""Flask: a blueprint with native endpoints, such as ``url_for("digistore.short_link", code=...)``.

Pages and API keep the host's CSRF protection (Flask-WTF or another that has an ``exempt``);
webhooks and short links are exempt from it by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode
from wsgiref.util import request_uri

import flask
from werkzeug.exceptions import RequestEntityTooLarge

from digistore.blocking import run
from digistore.store import Store
from digistore.web.answering import answer, end
from digistore.web.messages import Request, Response, mount_of, query_of, too_large
from digistore.web.routes import routes_of
from digistore.web.routing import Route
from digistore.web.sending import Sending
from digistore.web.site import Site, WebSettings, blocking_site, checked_callable, checked_user

NAME = "digistore"


class Digistore:
    """The store, mounted in a Flask application; it is ``app.extensions["digistore"]`` there.

    Args:
        app: yours.
        store: a ``Store``.
        user: called without arguments, once per request that asks who is there; returns a
            digistore user id, a ``HostUser`` or ``None``.
        url_prefix: what the routes hang below.
        settings: what you decide about the routes.

    Raises:
        ConfigError: an ``AsyncStore``, or a *user* that cannot be called.
    """

    def __init__(
        self,
        app: flask.Flask,
        store: Store,
        *,
        user: Callable[[], object],
        url_prefix: str = "/shop",
        settings: WebSettings | None = None,
    ) -> None:
        self.store = store
        site = blocking_site(store, settings)
        asked = checked_callable(user)
        blueprint = flask.Blueprint(NAME, __name__)
        open_views = []
        for route in routes_of(site):
            view = _view(site, route, asked)
            blueprint.add_url_rule(
                route.path_for(r"<\1>"), route.name, view, methods=[route.method]
            )
            if route.open_to_all:
                open_views.append(view)
        app.register_blueprint(blueprint, url_prefix=url_prefix)
        app.extensions[NAME] = self
        # At each request, as the host may protect the application after this.
        app.url_value_preprocessor(_exempter(app, open_views))


def _exempter(
    app: flask.Flask, views: list[Callable[..., flask.Response]]
) -> Callable[[str | None, dict[str, object] | None], None]:
    """Return what exempts *views* from the host's CSRF protection, whenever that was set up."""
    left = list(views)

    def exempt(endpoint: str | None, values: dict[str, object] | None) -> None:
        protection = app.extensions.get("csrf")
        if protection is not None and hasattr(protection, "exempt"):
            while left:
                protection.exempt(left.pop())

    return exempt


def _view(site: Site, route: Route, user: Callable[..., object]) -> Callable[..., flask.Response]:
    def view(**params: str) -> flask.Response:
        native = flask.request
        who = None if route.open_to_all else checked_user(user())
        request = Request(
            method=native.method,
            mount=mount_of(request_uri(native.environ, include_query=False), route.path),
            headers={name.lower(): value for name, value in native.headers.items()},
            query=query_of(native.query_string.decode("latin-1")),
            query_string=native.query_string.decode("latin-1"),
            params=params,
            read=_read,
            user=who,
            client=native.remote_addr,
            form_fields=_form_fields,
        )
        return _native(run(answer(site, route, request)), head=native.method == "HEAD")

    view.__name__ = f"{NAME}_{route.name}"  # extensions tell views apart by it
    return view


async def _read(limit: int) -> bytes:
    native = flask.request
    if (native.content_length or 0) > limit:
        raise too_large(limit)
    native.max_content_length = min(limit, native.max_content_length or limit)
    try:
        body = native.get_data()
    except RequestEntityTooLarge:
        raise too_large(limit) from None
    if not body and native.form:  # somebody before us has read the form
        return urlencode(list(native.form.items(multi=True))).encode()
    return body


def _form_fields() -> Mapping[str, str]:
    app = flask.current_app
    token = app.jinja_env.globals.get("csrf_token")
    if not callable(token):
        return {}
    return {app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"): token()}


def _native(response: Response, *, head: bool) -> flask.Response:
    headers = dict(response.headers)
    if not isinstance(response.body, bytes):
        return flask.Response(Sending(response), response.status, headers, direct_passthrough=True)
    # An empty body would reset the length that HEAD tells; an empty iterator does not.
    body: bytes | Iterator[bytes] = iter(()) if head else response.body
    made = flask.Response(body, response.status, headers)
    if response.after is not None:
        made.call_on_close(lambda: run(end(response, 0)))
    return made
