"""The example apps behind real servers, used by a real client as a customer would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]+)">')
DJANGO = {"DJANGO_SETTINGS_MODULE": "books.settings"}
APPS = {
    "flask": ("waitress", "flask_app:create_app", EXAMPLES),
    "fastapi": ("uvicorn", "fastapi_app:create_app", EXAMPLES),
    "django": (
        "waitress",
        "django.core.wsgi:get_wsgi_application",
        EXAMPLES / "django_app",
    ),
}

Open = Callable[[str], httpx2.Client]


def python(folder: Path, path: Path, *words: str, **more: str) -> None:
    """Run a program of the example, in an empty folder."""
    environment = {**os.environ, **DJANGO, "PYTHONPATH": str(path), **more}
    subprocess.run([sys.executable, *words], check=True, cwd=folder, env=environment)  # noqa: S603 - our own command


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Open]:
    """Serve an example in an empty folder."""
    ends: list[Callable[[], Any]] = []

    def serve(name: str) -> httpx2.Client:
        server, factory, path = APPS[name]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-W", "error", str(HERE / "serve.py"), server, factory],
            cwd=tmp_path,
            env={**os.environ, **DJANGO, "PYTHONPATH": str(path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        ends.extend([process.wait, process.terminate])
        assert process.stdout is not None
        ends.append(process.stdout.close)
        address = process.stdout.readline().strip()
        client = httpx2.Client(base_url=address, timeout=30, follow_redirects=True)
        ends.append(client.close)
        return client

    yield serve
    while ends:
        ends.pop()()


def press(client: httpx2.Client, url: str, outcome: str = "paid") -> httpx2.Response:
    """Press a button on the sandbox's page, as a browser does."""
    page = client.get(url)
    fields = dict(HIDDEN.findall(page.text))
    return client.post(page.url, data={**fields, "outcome": outcome})


def test_flask(served: Open) -> None:
    client = served("flask")
    assert "Sign in" in client.get("/").text
    home = client.post("/login", data={"name": "ann"})
    assert "<button>Buy</button>" in home.text
    page = client.post("/buy/async-python")
    assert "<h1>Test payment</h1>" in page.text
    assert "<h1>Payment received</h1>" in press(client, str(page.url)).text
    assert "Download" in client.get("/").text
    assert client.get("/shop/api/orders").json()["items"][0]["state"] == "paid"
    assert client.get("/fetch/async-python").text == "First edition.\n"


def test_fastapi(served: Open) -> None:
    client = served("fastapi")
    (product,) = client.get("/").json()
    assert product["action"] == "sign_in"
    assert client.get("/shop/api/orders").status_code == 401
    client.auth = httpx2.BasicAuth("ann", "wrong")
    assert client.get("/shop/api/orders").status_code == 401
    client.auth = httpx2.BasicAuth("ann", "correct horse")
    made = client.post("/shop/api/checkout", json={"items": [product["id"]]}).json()
    assert "<h1>Payment received</h1>" in press(client, made["url"]).text
    (owned,) = client.get("/shop/api/my/products").json()["items"]
    assert owned["product"]["title"] == "Async Python"
    link = client.post(f"/shop/api/products/{product['id']}/link", json={}).json()
    assert client.get(link["url"], auth=None).text == "First edition.\n"
    listed = client.get("/openapi.json").json()["paths"]
    assert listed["/shop/api/checkout"]["post"]["operationId"] == "digistore_checkout"


def test_django(served: Open, tmp_path: Path) -> None:
    project = EXAMPLES / "django_app"
    manage = str(project / "manage.py")
    python(tmp_path, project, manage, "migrate", "-v0")
    given = {"DJANGO_SUPERUSER_PASSWORD": "correct horse"}
    words = ("createsuperuser", "--noinput", "--username", "ann", "--email", "ann@example.com")
    python(tmp_path, project, manage, *words, "-v0", **given)
    python(tmp_path, project, manage, "check", "--fail-level", "WARNING")
    python(tmp_path, project, manage, "digistore", "doctor", "--json")
    client = served("django")
    token = client.get("/sign-in").text
    client.post(
        "/sign-in",
        data={
            "username": "ann",
            "password": given["DJANGO_SUPERUSER_PASSWORD"],
            "csrfmiddlewaretoken": token,
        },
    )
    headers = {"X-CSRFToken": client.get("/sign-in").text}
    (product,) = client.get("/shop/api/products").json()["items"]
    items = {"items": [product["id"]]}
    assert client.post("/shop/api/checkout", json=items).status_code == 403  # no CSRF token
    made = client.post("/shop/api/checkout", json=items, headers=headers).json()
    assert "<h1>Payment received</h1>" in press(client, made["url"]).text
    (order,) = client.get("/shop/api/orders").json()["items"]
    assert order["state"] == "paid"
    path = f"/shop/api/products/{product['id']}/link"
    link = client.post(path, json={}, headers=headers).json()
    assert client.get(link["url"]).text == "First edition.\n"


@pytest.mark.parametrize(
    "files",
    [
        ["flask_app.py"],
        ["fastapi_app.py"],
        [
            "django_app/manage.py",
            *(f"django_app/books/{name}.py" for name in ("settings", "wiring", "urls")),
        ],
    ],
    ids=["flask", "fastapi", "django"],
)
def test_the_app_is_short(files: list[str]) -> None:
    lines = [(EXAMPLES / name).read_text(encoding="utf-8").splitlines() for name in files]
    assert sum(len(text) for text in lines) < 80
