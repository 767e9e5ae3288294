"""A shop, and a client of it through one host."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from digistore import AsyncStore, Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock, check_invariants
from digistore.web import WebSettings
from tests.conftest import SECRET, Shop
from tests.extent import PART, WHOLE
from tests.web.hosts import HEADER, HOSTS, MOUNT, SPEAKS_ASGI
from tests.web.servers import SERVERS


class Web:
    """A client of a shop; who asks is named at each call."""

    def __init__(self, shop: Shop, mounted: Any, client: Any, tokens: str | None) -> None:
        self.shop = shop
        self.mounted = mounted
        self.client = client
        self._tokens = tokens

    def get(self, path: str, user: Any = None, **kwargs: Any) -> Any:
        return self.ask("GET", path, user, **kwargs)

    def post(self, path: str, json: Any = None, user: Any = None, **kwargs: Any) -> Any:
        """POST as a page of the host's own would: with JSON and a CSRF token."""
        headers = {**self.token(), **kwargs.pop("headers", {})}
        given = {} if json is None else json
        return self.ask("POST", f"/api{path}", user, json=given, headers=headers, **kwargs)

    def ask(self, method: str, path: str, user: Any = None, **kwargs: Any) -> Any:
        headers = dict(kwargs.pop("headers", {}))
        if user is not None:
            headers[HEADER] = getattr(user, "id", user)
        kwargs.setdefault("follow_redirects", False)
        return self.client.request(method, MOUNT + path, headers=headers, **kwargs)

    def token(self) -> dict[str, str]:
        if self._tokens is None:
            return {}
        return {"X-CSRFToken": self.client.get(self._tokens).text}

    def path_of(self, url: str) -> str:
        """The path below the mount of an address of ours."""
        return str(url).partition(MOUNT)[2]


def as_servers_do(app: Any) -> Any:
    """Hand paths over as PEP 3333 says, which the client's transport does not: as Latin-1."""

    def application(environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].encode().decode("latin-1")
        return app(environ, start_response)

    return application


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    shutil.copy(template, path)
    return path


@pytest.fixture
def opened(
    database: Path, tmp_path: Path, clock: FrozenClock, sandbox: SandboxGateway
) -> Iterator[Callable[..., Any]]:
    """Open stores on one database; what they leave behind must be sound."""
    common: dict[str, Any] = {
        "files": f"file://{tmp_path}/files",
        "gateways": [sandbox],
        "secret": SECRET,
        "clock": clock,
    }
    stores: list[Any] = []

    def make(kind: type[Store | AsyncStore], **kwargs: Any) -> Any:
        stores.append(kind.open(f"sqlite:///{database}", **{**common, **kwargs}))
        return stores[-1]

    yield make
    for store in stores:
        ended = store.close()
        if ended is not None:
            asyncio.run(ended)
    with Store.open(f"sqlite:///{database}", **common) as store:
        check_invariants(store)


@pytest.fixture
def open_web(
    opened: Callable[..., Any], sandbox: SandboxGateway, clock: FrozenClock
) -> Iterator[Callable[..., Web]]:
    """Mount a shop in a host by name, and be its client."""
    with ExitStack() as ended:

        def make(name: str, web_settings: WebSettings | None = None, **kwargs: Any) -> Web:
            kind, _, server = name.partition("@")
            host = HOSTS[kind]
            store = opened(Store, **kwargs)
            shop = Shop(store, sandbox, clock)
            mounted = opened(AsyncStore, **kwargs) if host.is_async else store
            app = host.make(mounted, web_settings)
            client: Any
            if server:
                address = ended.enter_context(SERVERS[server](app))
                client = httpx2.Client(base_url=address, timeout=30)
            elif kind in SPEAKS_ASGI:
                client = TestClient(app)
            else:
                transport = httpx2.WSGITransport(as_servers_do(app))
                client = httpx2.Client(transport=transport, base_url="http://testserver")
            ended.callback(client.close)
            return Web(shop, mounted, client, host.tokens)

        yield make


IN_PROCESS = tuple(HOSTS)
OVER_SOCKETS = (
    "wsgi@waitress",
    "flask@waitress",
    "django@waitress",
    "asgi@uvicorn",
    "fastapi@uvicorn",
    "litestar@uvicorn",
    "django-asgi@uvicorn",
)
A_PART = ("flask", "django", "fastapi@uvicorn", "wsgi@waitress")
SERVED = ("wsgi@waitress", "django@waitress", "litestar@uvicorn") if PART else OVER_SOCKETS


@pytest.fixture(params=IN_PROCESS if WHOLE else A_PART[:3])
def called(request: pytest.FixtureRequest, open_web: Callable[..., Web]) -> Web:
    """A shop in each host, called as a function: long tables need no sockets."""
    return open_web(request.param)


@pytest.fixture(params=[*IN_PROCESS, *OVER_SOCKETS] if WHOLE else A_PART)
def some(request: pytest.FixtureRequest, open_web: Callable[..., Web]) -> Web:
    """The same, for what has many cases: a part of the hosts, before a release all of them."""
    return open_web(request.param)


@pytest.fixture(params=[*IN_PROCESS, *OVER_SOCKETS] if WHOLE else SERVED)
def web(request: pytest.FixtureRequest, open_web: Callable[..., Web]) -> Web:
    """A shop in each host: by a real server over a socket, and called as a function."""
    return open_web(request.param)
