"""The document of the JSON API: the same for every host, and true."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from digistore import AsyncStore, Money, Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from digistore.web.fastapi import digistore_router
from digistore.web.openapi import document, operation_of
from digistore.web.routes import API
from digistore.web.routing import Route
from tests.conftest import RETURN, SECRET, Shop
from tests.extent import extent
from tests.web import hosts

Opened = Callable[..., Any]


def test_every_operation_is_described() -> None:
    paths = document()["paths"]
    listed = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert listed == {f"{route.method} /shop{route.path}" for route in API}
    for methods in paths.values():
        for operation in methods.values():
            assert operation["summary"]
            assert {"200", "431", "503"} <= operation["responses"].keys()


def test_fastapi_lists_the_same(opened: Opened) -> None:
    app = hosts.fastapi_app(opened(AsyncStore), None)
    assert app.openapi()["paths"] == document()["paths"]


def test_no_schema_points_out_of_the_document() -> None:
    assert "$ref" not in str(document())


class World:
    """A shop with something in every corner, in a host that documents it."""

    def __init__(self, folder: Path, template: Path) -> None:
        shutil.copy(template, folder / "shop.db")
        clock = FrozenClock()
        sandbox = SandboxGateway(clock=clock)
        given: dict[str, Any] = {
            "files": f"file://{folder}/files",
            "gateways": [sandbox],
            "secret": SECRET,
            "clock": clock,
        }
        self.store = Store.open(f"sqlite:///{folder}/shop.db", **given)
        self.mounted = AsyncStore.open(f"sqlite:///{folder}/shop.db", **given)
        shop = Shop(self.store, sandbox, clock)
        book = shop.product("Book")
        self.store.support.offer(
            shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="An hour."
        )
        order = shop.buy(book).order
        made = self.store.support.request(
            shop.buyer, book, kind="setup", subject="How?", body="?", return_url=RETURN
        )
        shop.deliver(sandbox.pay(made))
        self.store.run_due()
        self.known = {"product": book.id, "order": order.id, "support": made.request.id}
        self.app = FastAPI()
        router = digistore_router(self.mounted, user=lambda: shop.buyer.id)
        self.app.include_router(router, prefix="/shop")


@pytest.fixture(scope="module")
def world(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), template)
    yield made
    made.store.close()
    asyncio.run(made.mounted.close())


@pytest.fixture(scope="module")
def api(world: World) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", world.app)


TRUE_ANSWERS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def can_be_wrong(route: Route) -> bool:
    """Whether anything of a request is given by the client."""
    operation = operation_of(route)
    return bool(operation["parameters"]) or "requestBody" in operation


TRIED = [
    pytest.param(route, mode, id=f"{route.name}-{mode.value}")
    for route in API
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or can_be_wrong(route)
]


@pytest.mark.parametrize(("route", "mode"), TRIED)
def test_answers_are_those_that_the_document_names(
    api: Any, world: World, route: Route, mode: GenerationMode
) -> None:
    operation = api[f"/shop{route.path}"][route.method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=extent(5, 25),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: Any) -> None:
        case.call_and_validate(checks=TRUE_ANSWERS)
        known = case.path_parameters.keys() & world.known.keys()
        for parameter in known:  # what exists lets more of an operation be seen
            case.path_parameters[parameter] = world.known[parameter]
        if known:
            case.call_and_validate(checks=TRUE_ANSWERS)

    holds()
