"""L1 to L3, E2, R3: nothing is without a bound, nobody guesses for ever, nothing is fetched."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import re._constants as signs  # type: ignore[import-not-found]
import re._parser as patterns  # type: ignore[import-not-found]
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import digistore
from digistore.errors import DigistoreError, Invalid
from digistore.web.api import buying, owning, public
from digistore.web.routing import Route
from tests.acceptance.test_who_may import HOST_ONLY, WITHIN, services
from tests.conftest import RETURN, STORES, Shop
from tests.payments.asking import usd
from tests.security.mounted import MOUNTED, Mounted, mounted
from tests.security.twins import Twins

API = (*public.ROUTES, *buying.ROUTES, *owning.ROUTES)


@pytest.fixture(scope="module", params=STORES)
def twins(request: pytest.FixtureRequest) -> Iterator[Twins]:
    with Twins.of_kind(request.param) as made:
        yield made


@pytest.fixture(scope="module", params=MOUNTED)
def web(request: pytest.FixtureRequest) -> Iterator[Mounted]:
    with mounted(request.param) as made:
        yield made


# L1: one above each limit.


def lists() -> Iterator[Any]:
    """Every operation that returns a list in pages."""
    for noun, service in services():
        for name, method in inspect.getmembers(type(service), inspect.iscoroutinefunction):
            given = inspect.signature(method).parameters
            shown = not name.startswith("_") and f"{noun}.{name}" not in HOST_ONLY | WITHIN
            if "limit" in given and shown:
                actor = "seller" if noun != "catalog" else "nobody"
                yield pytest.param(noun, name, actor, id=f"CVE-2026-33756 {noun}.{name}")


@pytest.mark.parametrize(("noun", "name", "who"), list(lists()))
def test_L1_a_page_has_at_most_a_hundred(twins: Twins, noun: str, name: str, who: str) -> None:
    operation = getattr(getattr(twins.store, noun), name)
    for limit in (0, -1, 101, 2**63, True, "10", 1.0, None):
        with pytest.raises(Invalid) as caught:
            operation(twins.actor(who), limit=limit)
        assert caught.value.fields == {"limit": "out_of_range"}
    for after in ("x" * 2001, "x", 7, "\x00"):
        with pytest.raises(Invalid) as caught:
            operation(twins.actor(who), after=after)
        assert caught.value.fields == {"after": "invalid"}


HTTPS = "https://example.com/"
TOO_MANY: dict[str, tuple[str, Callable[[Twins], object]]] = {
    "items of a quote": ("items", lambda w: w.store.orders.quote(w.buyer, [w.house] * 101)),
    "items of an order": (
        "items",
        lambda w: w.store.orders.checkout(w.buyer, [w.house] * 101, return_url=RETURN),
    ),
    "products checked": (
        "products",
        lambda w: w.store.entitlements.check_many(w.buyer, ["prd_x"] * 10_001),
    ),
    "products of a discount": (
        "products",
        lambda w: w.store.orders.add_discount(w.seller, "MINE", percent=1, products=["x"] * 101),
    ),
    "files of a release": (
        "files",
        lambda w: w.store.catalog.release(
            w.seller, w.book, version="9", files={f"{n}.txt": b"x" for n in range(1001)}
        ),
    ),
    "tags": ("tags", lambda w: w.store.short_urls.shorten(w.seller, HTTPS, tags=["x"] * 21)),
    "rules": ("rules", lambda w: w.store.short_urls.shorten(w.seller, HTTPS, rules=[None] * 21)),  # type: ignore[list-item]
    "rows brought in": (
        "rows",
        lambda w: w.store.short_urls.import_links(w.seller, [{"code": "x"}] * 10_001),
    ),
    "signs of a search": ("text", lambda w: w.store.catalog.find(None, "x" * 201)),
    "metadata": (
        "metadata",
        lambda w: w.store.catalog.add_product(
            w.seller, title="x", price=usd("1"), metadata={"x": "y" * 16_385}
        ),
    ),
}


@pytest.mark.parametrize(
    ("field", "call"), [pytest.param(*one, id=f"CVE-2026-33756 {n}") for n, one in TOO_MANY.items()]
)
def test_L1_one_above_a_limit_is_refused_before_anything_is_done(
    twins: Twins, field: str, call: Callable[[Twins], object]
) -> None:
    twins.restore()
    wrote = twins.changes
    with pytest.raises(Invalid) as caught:
        call(twins)
    assert caught.value.fields.keys() == {field}
    assert twins.changes == wrote


@pytest.mark.parametrize(
    "route",
    [route for route in API if route.operation and route.operation.given],
    ids=lambda route: f"CVE-2026-33756 {route.name}",
)
def test_L1_whatever_a_route_takes_has_a_bound(route: Route) -> None:
    assert route.operation is not None
    assert route.operation.given is not None
    assert list(unbounded(route.operation.given.model_json_schema())) == []


def unbounded(schema: Any, path: str = "") -> Iterator[str]:
    """The texts and lists of a schema that say no longest length."""
    if isinstance(schema, dict):
        kind = schema.get("type")
        chosen = {"enum", "const"} & schema.keys()
        # A pattern without a star or plus is a bound as well.
        endless = re.search(r"[*+]|,\}", schema.get("pattern", "*"))
        if kind == "string" and not chosen and "maxLength" not in schema and endless:
            yield path
        if kind == "array" and "maxItems" not in schema:
            yield path
        free = schema.get("additionalProperties", False) is not False
        if kind == "object" and free and "maxProperties" not in schema:
            yield path
        for name, part in schema.items():
            yield from unbounded(part, f"{path}/{name}")
    elif isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from unbounded(part, f"{path}/{number}")


# L2: no pattern takes more than linear time.


def compiled() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for info in pkgutil.walk_packages(digistore.__path__, "digistore."):
        if any(part in info.name for part in (".versions", ".env", "__main__", ".django")):
            continue
        for name, found in vars(importlib.import_module(info.name)).items():
            if isinstance(found, re.Pattern):
                yield f"{info.name}.{name}", found


def unending(parsed: Any, *, separator: int | None = None, within: bool = False) -> bool:
    """Whether a repetition without end holds another one: how a pattern becomes exponential.

    One whose every turn begins with a sign that nothing inside it takes can be read in one way
    only: ``(?:/[a-z]+)*``.
    """
    for kind, value in parsed:
        inside, of_it = within, separator
        if kind in {signs.MAX_REPEAT, signs.MIN_REPEAT} and value[1] is signs.MAXREPEAT:
            body = value[2]
            if within and (separator is None or any(takes(one, separator) for one in body)):
                return True
            inside, of_it = True, body[0][1] if body[0][0] is signs.LITERAL else None
        flat = [
            one for part in _parts(value) for one in (part if isinstance(part, list) else [part])
        ]
        if any(
            unending(one, separator=of_it, within=inside)
            for one in flat
            if isinstance(one, patterns.SubPattern)
        ):
            return True
    return False


def _parts(value: Any) -> Any:
    return value if isinstance(value, tuple | list) else ()


def takes(item: Any, sign: int) -> bool:
    """Whether one part of a pattern can match a sign; what is not known can."""
    kind, value = item
    if kind is signs.LITERAL:
        return bool(value == sign)
    if kind is signs.RANGE:
        return bool(value[0] <= sign <= value[1])
    if kind is signs.IN:
        negated = value[0][0] is signs.NEGATE
        return negated != any(takes(one, sign) for one in value[negated:])
    return True


def test_CVE_2021_43805_no_pattern_repeats_what_repeats() -> None:
    """L2: the one that did took minutes for an address of some thousand signs."""
    assert unending(patterns.parse(r"^((?:[-a-z0-9]+\.)+)x$"))  # the advisory's own kind
    assert unending(patterns.parse(r"(a|b*)+"))
    found = dict(compiled())
    assert len(found) > 20
    assert [name for name, one in found.items() if unending(patterns.parse(one.pattern))] == []


LONG = 10**5
ADDRESSES = (
    "a" * LONG,
    "@" * LONG,
    "a@" + "a." * LONG,
    "a@" + "a-" * LONG + "!",
    "." * LONG + "@a",
)


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda one: f"CVE-2021-43805 {one[:6]}...")
def test_L2_a_long_address_is_none(twins: Twins, address: str) -> None:
    twins.restore()
    store, wrote = twins.store, twins.changes
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.users.register(address),
        lambda: store.users.guest(address),
        lambda: store.users.start_claim(address),
        lambda: store.users.claim(None, address, "0000-0000-0000"),
        lambda: store.orders.checkout(
            twins.buyer, [twins.house], return_url=RETURN, gift_to=address
        ),
        lambda: store.short_urls.shorten(twins.operator, f"https://{address}/"),
    )
    for call in calls:
        with pytest.raises(Invalid):
            call()
    assert twins.changes == wrote


# E2: guessing ends, whatever a client says of itself.

PROXIES = ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "Client-IP")


def test_CVE_2023_44463_forged_proxy_headers_give_no_new_tries(web: Mounted) -> None:
    web.twins.restore()
    web.twins.store.short_urls.shorten(
        web.twins.operator, "https://example.com/vip", code="vip", password="open sesame"
    )
    statuses = []
    for number in range(12):
        address = f"{11 + number}.22.33.44"
        headers = {**dict.fromkeys(PROXIES, address), "Forwarded": f"for={address}"}
        answer = web.ask("POST", "/s/vip", data={"password": "no"}, headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [403] * 10 + [429] * 2


# R3: nothing that a user names is asked for.


def test_CVE_2026_50887_a_short_link_is_made_and_followed_without_a_socket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise AssertionError

    links, target = shop.store.short_urls, "https://example.com/page"
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, closed)
    monkeypatch.setattr(socket, "getaddrinfo", closed)
    made = links.shorten(shop.operator, target, code="my-page", fallback="https://example.com/")
    links.update(shop.operator, made, target="https://example.com/other")
    assert links.resolve("my-page").url == "https://example.com/other"
    links.import_links(shop.operator, [{"code": "new", "target": target}], dry_run=False)
    assert "svg" in links.qr(made, base="https://shop.example/s")
    for inside in ("http://127.0.0.1/", "http://169.254.169.254/", "http://[::1]/", "file:///etc"):
        with pytest.raises(DigistoreError):
            links.shorten(shop.operator, inside)
