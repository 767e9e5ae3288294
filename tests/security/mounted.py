"""The two shops behind HTTP: every route with everything of the first shop in its path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from digistore.web import WebSettings
from digistore.web.routes import routes_of
from digistore.web.routing import Route
from digistore.web.site import blocking_site
from tests.security.twins import Twins
from tests.web.hosts import HEADER, MOUNT, wsgi_in_asgi_app


class Mounted:
    """A client of the twins' store; who asks is named at each call."""

    def __init__(self, twins: Twins, client: TestClient) -> None:
        self.twins = twins
        self.client = client
        self.token = twins.store.downloads.link(twins.buyer, twins.book).token
        ((self.reference, self.checkout),) = twins.rows(
            "SELECT id, checkout_id FROM digistore_payment_attempts"
            f" WHERE order_id = '{twins.unpaid.id}' AND live_key = 1"
        )

    @property
    def routes(self) -> tuple[Route, ...]:
        return routes_of(blocking_site(self.twins.store, None))

    def path(self, route: Route, **named: str) -> str:
        """A route's path, filled with what is the first shop's, or as *named*."""
        own = {
            "product": self.twins.book.slug,
            "order": self.twins.paid.id,
            "support": self.twins.request.id,
            "gateway": "sandbox",
            "code": "my-book",
            "checkout": self.checkout,
            "token": self.token,
            "reference": self.reference,
        }
        path = route.path
        for name in route.parameters:
            path = path.replace(f"{{{name}}}", named.get(name, own[name]))
        return path

    def ask(self, method: str, path: str, who: str = "nobody", **given: Any) -> Any:
        actor = getattr(self.twins, who)
        headers = {**given.pop("headers", {}), **({HEADER: actor.id} if actor else {})}
        return self.client.request(
            method, MOUNT + path, headers=headers, follow_redirects=False, **given
        )


MOUNTED = [
    "SQLite-Store",
    pytest.param("PostgreSQL-Store", marks=pytest.mark.on_postgresql(one_in=0)),
]
"""What is behind HTTP: what a route adds to its operation is no matter of the database."""


@contextmanager
def mounted(kind: str) -> Iterator[Mounted]:
    """Mount the twins' store; its buyer has a link, and a checkout on its way."""
    with Twins.of_kind(kind) as twins:
        app = wsgi_in_asgi_app(twins.store, WebSettings(run_due=False))
        with TestClient(app) as client:
            yield Mounted(twins, client)
