"""R4, A2, A3 over HTTP: every route of the table, by everybody, and what it tells and changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from digistore.web.api import buying, owning, public
from digistore.web.routes import API, PAGES
from digistore.web.routing import Route
from digistore.web.sandbox import ROUTES as SANDBOX
from tests.security.mounted import MOUNTED, Mounted, mounted

READS = [route for route in (*API, *PAGES, *SANDBOX) if route.method == "GET"]
WRITES = [route for route in (*API, *PAGES, *SANDBOX) if route.method == "POST"]
LEAVES = {
    "short_link": {"digistore_clicks", "digistore_visitor_keys"},  # a visit
    "return_page": {"digistore_payment_attempts"},  # when its gateway was asked, for the throttle
}
"""What a GET leaves behind, and nothing else."""


@pytest.fixture(scope="module", params=MOUNTED)
def web(request: pytest.FixtureRequest) -> Iterator[Mounted]:
    with mounted(request.param) as made:
        yield made


def test_every_route_is_tried(web: Mounted) -> None:
    names = {route.name for route in web.routes}
    assert names == {route.name for route in (*READS, *WRITES)} | {"download"}


@pytest.mark.parametrize("who", ["nobody", "buyer", "rival"])
@pytest.mark.parametrize("route", READS, ids=lambda route: f"CVE-2022-31000 {route.name}")
def test_R4_looking_changes_nothing(web: Mounted, route: Route, who: str) -> None:
    """HEAD nothing at all; GET nothing but what is listed."""
    web.twins.restore()
    before = web.twins.digest()
    answer = web.ask("HEAD", web.path(route), who)
    assert answer.status_code < 500
    assert web.twins.digest() == before
    web.ask("GET", web.path(route), who)
    after = web.twins.digest()
    for stored in (before[0], after[0]):
        for table in LEAVES.get(route.name, ()):
            stored.pop(table)
    assert after == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("route", WRITES, ids=lambda route: f"CVE-2021-43846 {route.name}")
def test_R4_what_changes_something_is_a_POST(web: Mounted, route: Route, method: str) -> None:
    web.twins.restore()
    before = web.twins.digest()
    answer = web.ask(method, web.path(route), "buyer")
    reads = {each.path for each in READS}
    assert answer.status_code == 405 or (method in {"GET", "HEAD"} and route.path in reads)
    if route.path not in reads:
        assert web.twins.digest() == before


FORM = "application/x-www-form-urlencoded"
FORGED = {
    "a form": (FORM, b"reason=mine&items=x"),
    "a form that looks like JSON": ("text/plain", b'{"reason":"mine"}'),
    "a form with a file": ("multipart/form-data; boundary=x", b'--x\r\n{"reason":"mine"}'),
    "no type": ("", b"{}"),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=list(FORGED))
@pytest.mark.parametrize(
    "route",
    [route for route in API if route.method == "POST"],
    ids=lambda route: f"CVE-2022-31000 {route.name}",
)
def test_R4_a_page_of_another_site_can_send_nothing_that_is_read(
    web: Mounted, route: Route, forged: tuple[str, bytes]
) -> None:
    """What a browser sends without asking first is no JSON, whatever cookies come along."""
    web.twins.restore()
    before = web.twins.digest()
    kind, body = forged
    headers = {"Content-Type": kind, "Origin": "https://evil.example"}
    answer = web.ask("POST", web.path(route), "buyer", content=body, headers=headers)
    assert answer.status_code == 415
    assert web.twins.digest() == before


@pytest.mark.parametrize("who", ["nobody", "passer", "rival", "other", "operator"])
@pytest.mark.parametrize("route", [*READS, *WRITES], ids=lambda route: route.name)
def test_A3_nobody_else_gets_anything_of_a_customer(web: Mounted, route: Route, who: str) -> None:
    """The routes are for customers: not even an operator reaches another's by them."""
    web.twins.restore()
    before = web.twins.rows_of("own")
    path = web.path(route)
    answer = web.ask(route.method, path, who, **({"json": {}} if route.method == "POST" else {}))
    by_token = route.name in {"return_page", "sandbox", "short_link"}  # who has it may look
    preview = who == "operator" and route.name in {"files", "link"}
    if not (by_token or preview):
        given = {one for one in web.twins.private["own"] if one in path}
        assert set(web.twins.leaked(answer.text, "own")) <= given
    if route in (*buying.ROUTES, *owning.ROUTES):
        mine = not route.parameters or "product" in route.parameters
        assert answer.status_code in ({200, 403, 422, 401} if mine else {404, 401, 422})
        if who == "nobody":
            assert answer.status_code == 401
    if route in public.ROUTES:
        assert answer.status_code == 200
    if route.name not in LEAVES:
        assert web.twins.rows_of("own") == before


WIDER = {
    **dict.fromkeys(("fields", "include", "expand", "view", "format", "_method", "debug"), "all"),
    **dict.fromkeys(("user", "user_id", "actor", "as", "role"), "operator"),
    **dict.fromkeys(("next", "url", "return_url", "redirect", "to"), "https://evil.example"),
}
SAID = {
    "X-HTTP-Method-Override": "DELETE",
    "X-Debug": "1",
    "X-Role": "operator",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "Accept": "*/*;q=0.1",
    "Origin": "https://evil.example",
}


@pytest.mark.parametrize("who", ["nobody", "buyer", "seller"])
def test_X1_R2_nothing_that_is_added_to_a_request_changes_its_answer(
    web: Mounted, who: str
) -> None:
    for route in web.routes:
        if route.method != "GET":
            continue
        answers = []
        for added in ({}, {"params": WIDER}, {"headers": SAID}):
            web.twins.restore()
            web.twins.clock.go(seconds=3)  # the throttle of the return page is over
            answer = web.ask("GET", web.path(route), who, **added)
            kept = {"content-type", "location", "cache-control", "content-disposition"}
            told = {name: value for name, value in answer.headers.items() if name in kept}
            answers.append((answer.status_code, answer.content, told))
        assert answers == [answers[0]] * len(answers), route.name


@pytest.mark.parametrize("who", ["nobody", "buyer", "rival"])
def test_A8_no_answer_is_kept_by_anything_between(web: Mounted, who: str) -> None:
    """What is personal and what is not: a cache that knows no users must not be asked to."""
    for route in web.routes:
        web.twins.restore()
        given: dict[str, Any] = {"json": {}} if route.method == "POST" else {}
        answer = web.ask(route.method, web.path(route), who, **given)
        assert answer.headers["Cache-Control"] == "private, no-store", route.name
        if answer.content:
            assert answer.headers["X-Content-Type-Options"] == "nosniff", route.name
            assert answer.headers["Referrer-Policy"] == "no-referrer", route.name
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Set-Cookie" not in answer.headers
