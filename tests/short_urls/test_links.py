"""Making, changing, disabling and listing links, and who may."""

import asyncio
import inspect
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from digistore import short_urls
from digistore.audit import Change, digest_of
from digistore.blocking import in_thread
from digistore.errors import Forbidden, Invalid, NotFound
from digistore.paging import encode_cursor
from digistore.settings import Settings
from digistore.short_urls import KEEP, AsyncShortUrls, ShortURL, ShortUrls
from digistore.users import SYSTEM, Actor, AsyncUsers, HostUser, Role
from tests.short_urls.shop import CLICKS, FALLBACK, GET, SETTINGS, SIGNER, TARGET, Shop

DAY = timedelta(days=1)
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Product:
    """A noun of another slice."""

    id: str


def refused(call: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        call()
    return dict(caught.value.fields)


def test_the_public_names_are_complete_and_sorted() -> None:
    public = [name for name in short_urls.__all__ if not hasattr(short_urls, name)]
    assert public == []
    assert short_urls.__all__ == sorted(
        short_urls.__all__, key=lambda name: (not name.isupper(), name)
    )


def test_every_operation_has_a_blocking_twin() -> None:
    operations = {
        name
        for name, member in inspect.getmembers(AsyncShortUrls, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    within = {"flush_clicks", "roll_up_due"}  # what run_due and close ask for
    assert operations - within == {
        *("shorten", "resolve", "update", "disable", "mine"),
        *("stats", "roll_up", "qr", "import_links", "export_links"),
    }
    assert operations - within <= vars(ShortUrls).keys()


def test_the_operations_run_on_a_loop_as_well(shop: Shop) -> None:
    service = AsyncShortUrls(shop.database, AsyncUsers(shop.database, SIGNER), SETTINGS, CLICKS)

    async def both(pool: ThreadPoolExecutor) -> list[str | None]:
        threaded = in_thread(service, pool)
        direct = await service.shorten(shop.seller, TARGET)
        other = await threaded.shorten(shop.seller, FALLBACK)
        found = [await threaded.resolve(direct.code, GET), await service.resolve(other.code, GET)]
        return [answer.url for answer in found]

    with ThreadPoolExecutor(1) as pool:
        assert asyncio.run(both(pool)) == [TARGET, FALLBACK]
    assert [link.clicks for link in shop.links.mine(shop.seller)] == [1, 1]


# Making.


def test_a_link_is_returned_as_it_is_stored(shop: Shop) -> None:
    link = shop.links.shorten(
        shop.seller,
        TARGET,
        code="Spring",
        domain="Go.Example",
        product=Product("prd_1"),
        title="  Spring sale ",
        tags=("News", "news", " Fr\xfchling "),
        starts_at=NOON.astimezone(timezone(timedelta(hours=2))),
        expires_at=NOON + DAY,
        max_visits=3,
        fallback=FALLBACK,
    )
    assert link == ShortURL(
        id=link.id,
        domain="go.example",
        code="spring",
        target=TARGET,
        owner_id=shop.seller.id,
        product_id="prd_1",
        title="Spring sale",
        tags=("news", "fr\xfchling"),
        starts_at=NOON,
        expires_at=NOON + DAY,
        max_visits=3,
        fallback=FALLBACK,
        created_at=shop.clock.now,
    )
    assert link.id.startswith("url_")
    assert list(shop.links.mine(shop.seller)) == [link]


def test_a_link_cannot_be_changed_in_place(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    with pytest.raises(ValidationError):
        link.target = FALLBACK


def test_each_call_makes_a_new_link(shop: Shop) -> None:
    first, second = (shop.links.shorten(shop.seller, TARGET) for _ in range(2))
    assert first.id != second.id
    assert first.code != second.code


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"title": ""}, {"title": "too_short"}),
        ({"title": "x" * 201}, {"title": "too_long"}),
        ({"title": "a\0b"}, {"title": "characters"}),
        ({"title": 5}, {"title": "wrong_type"}),
        ({"tags": ["a"] * 21}, {"tags": "too_long"}),
        ({"tags": "news"}, {"tags": "wrong_type"}),
        ({"tags": 5}, {"tags": "wrong_type"}),
        ({"tags": ["ok", ""]}, {"tags": "length"}),
        ({"tags": ["x" * 41]}, {"tags": "too_long"}),
        ({"tags": ["\N{LATIN SMALL LIGATURE FFI}" * 14]}, {"tags": "length"}),
        ({"tags": ['a"b']}, {"tags": "characters"}),
        ({"tags": ["a,b"]}, {"tags": "characters"}),
        ({"tags": ["a\\b"]}, {"tags": "characters"}),
        ({"tags": ["a\nb"]}, {"tags": "characters"}),
        ({"tags": [5]}, {"tags": "wrong_type"}),
        ({"product": ""}, {"product": "too_short"}),
        ({"product": 5}, {"product": "wrong_type"}),
        ({"product": Product("a\0")}, {"product": "characters"}),
        ({"starts_at": datetime(2027, 1, 1)}, {"starts_at": "naive"}),  # noqa: DTZ001
        ({"expires_at": "2027-01-01"}, {"expires_at": "wrong_type"}),
        ({"max_visits": 0}, {"max_visits": "too_small"}),
        ({"max_visits": -1}, {"max_visits": "too_small"}),
        ({"max_visits": 2**53}, {"max_visits": "too_large"}),
        ({"max_visits": True}, {"max_visits": "wrong_type"}),
        ({"max_visits": 1.0}, {"max_visits": "wrong_type"}),
        ({"permanent": 1}, {"permanent": "wrong_type"}),
        ({"permanent": None}, {"permanent": "wrong_type"}),
        (
            {"title": "", "max_visits": 0},
            {"title": "too_short", "max_visits": "too_small"},
        ),
        ({"starts_at": NOON, "expires_at": NOON}, {"expires_at": "before_start"}),
        ({"starts_at": NOON, "expires_at": NOON - DAY}, {"expires_at": "before_start"}),
        ({"permanent": True, "starts_at": NOON}, {"starts_at": "permanent"}),
        ({"permanent": True, "expires_at": NOON}, {"expires_at": "permanent"}),
        ({"permanent": True, "max_visits": 1}, {"max_visits": "permanent"}),
        (
            {"permanent": True, "starts_at": NOON, "expires_at": NOON + DAY, "max_visits": 1},
            {"starts_at": "permanent", "expires_at": "permanent", "max_visits": "permanent"},
        ),
    ],
)
def test_bad_input_is_refused_per_field(
    shop: Shop, given: dict[str, Any], fields: dict[str, str]
) -> None:
    assert refused(lambda: shop.links.shorten(shop.seller, TARGET, **given)) == fields
    link = shop.links.shorten(shop.seller, TARGET)
    assert refused(lambda: shop.links.update(shop.seller, link, **given)) == fields
    assert list(shop.links.mine(shop.seller)) == [link]


@pytest.mark.parametrize("domain", ["https://go.example", "go.example:80", "go example", ".", 5])
def test_a_domain_is_a_host_name(shop: Shop, domain: str) -> None:
    fields = refused(lambda: shop.links.shorten(shop.seller, TARGET, domain=domain))
    assert fields == {"domain": "host_invalid"}


def test_without_hosts_in_the_settings_a_seller_is_told_which_one_to_fill(shop: Shop) -> None:
    links = shop.short_urls(Settings())
    with pytest.raises(Invalid, match=r"Settings\.link_hosts") as caught:
        links.shorten(shop.seller, TARGET)
    assert caught.value.fields == {"target": "host_not_allowed"}
    assert links.shorten(shop.operator, TARGET).target == TARGET


# Who may.


def test_customers_and_nobody_make_no_links(shop: Shop) -> None:
    customers: list[Actor] = [shop.customer, shop.customer.id, HostUser("host-7")]
    for actor in customers:
        with pytest.raises(Forbidden) as caught:
            shop.links.shorten(actor, TARGET)
        assert caught.value.reason == "seller_needed"
    with pytest.raises(Forbidden) as caught:
        shop.links.shorten(None, TARGET)  # type: ignore[arg-type]
    assert caught.value.reason == "sign_in"
    assert shop.sql("SELECT * FROM digistore_short_urls") == []


@pytest.mark.parametrize("who", ["seller", "operator", "system"])
def test_sellers_operators_and_the_host_make_links_and_own_them(shop: Shop, who: str) -> None:
    actor: Actor = SYSTEM if who == "system" else getattr(shop, who)
    link = shop.links.shorten(actor, TARGET)
    assert link.owner_id == (None if actor is SYSTEM else getattr(shop, who).id)
    assert shop.audited(link.id) == [(1, link.owner_id or "system", "shorten")]


def operations(shop: Shop, link: ShortURL) -> list[tuple[str, Callable[[Actor], ShortURL]]]:
    return [
        ("update", lambda actor: shop.links.update(actor, link, title="Mine")),
        ("update", lambda actor: shop.links.update(actor, link.id, target=FALLBACK)),
        ("update", lambda actor: shop.links.update(actor, link)),
        ("disable", lambda actor: shop.links.disable(actor, link)),
        ("disable", lambda actor: shop.links.disable(actor, link.id)),
    ]


def test_to_strangers_a_link_does_not_exist(shop: Shop) -> None:
    """D15: unknown, foreign and forbidden ids look the same to a stranger."""
    theirs = shop.links.shorten(shop.seller, TARGET)
    house = shop.links.shorten(SYSTEM, TARGET)
    unknown = theirs.model_copy(update={"id": "url_unknown"})
    answers = set()
    for actor in (shop.rival, shop.customer):
        for link in (theirs, house, unknown):
            for _, call in operations(shop, link):
                with pytest.raises(NotFound) as caught:
                    call(actor)
                answers.add(repr(caught.value))
        assert not shop.links.mine(actor)
    assert len(answers) == 1
    assert list(shop.links.mine(shop.seller)) == [theirs]
    assert list(shop.links.mine(SYSTEM)) == [house]


@pytest.mark.parametrize("ref", ["url_unknown", "", "a\0", "\ud800", "\xfc", 5, None, b"url"])
def test_what_can_be_no_id_is_not_found(shop: Shop, ref: str) -> None:
    for call in (shop.links.update, shop.links.disable):
        with pytest.raises(NotFound):
            call(SYSTEM, ref)


@pytest.mark.parametrize("who", ["seller", "operator", "system"])
def test_owner_operator_and_the_host_change_and_disable(shop: Shop, who: str) -> None:
    actor: Actor = SYSTEM if who == "system" else getattr(shop, who)
    link = shop.links.shorten(shop.seller, TARGET)
    assert shop.links.update(actor, link, title="New").title == "New"
    assert shop.links.disable(actor, link).disabled_at == shop.clock.now
    label = "system" if actor is SYSTEM else getattr(shop, who).id
    assert shop.audited(link.id)[1:] == [(2, label, "update"), (3, label, "disable")]


def test_a_former_seller_sees_and_stops_own_links_but_sends_nobody_elsewhere(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    assert list(shop.links.mine(shop.seller)) == [link]
    assert shop.links.resolve(link.code).url == TARGET
    with pytest.raises(Forbidden):
        shop.links.update(shop.seller, link, target=FALLBACK)
    assert shop.links.disable(shop.seller, link).disabled_at is not None


def test_a_target_is_one_that_the_owner_may_use_whoever_changes_it(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    fields = refused(lambda: shop.links.update(shop.operator, link, target="https://far.example/"))
    assert fields == {"target": "host_not_allowed"}  # the redirect would refuse it
    house = shop.links.shorten(SYSTEM, TARGET)
    changed = shop.links.update(shop.operator, house, target="https://far.example/")
    assert shop.links.resolve(changed.code).url == "https://far.example/"


# Changing.


def test_what_is_not_given_stays(shop: Shop) -> None:
    link = shop.links.shorten(
        shop.seller,
        TARGET,
        product="prd_1",
        title="Spring",
        tags=["news"],
        starts_at=NOON,
        expires_at=NOON + DAY,
        max_visits=3,
        fallback=FALLBACK,
    )
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"target": "https://DOCS.example"}, {"target": "https://docs.example/"}),
        ({"product": Product("prd_2")}, {"product_id": "prd_2"}),
        ({"product": None}, {"product_id": None}),
        ({"title": "Summer"}, {"title": "Summer"}),
        ({"title": None}, {"title": None}),
        ({"tags": {"Old"}}, {"tags": ("old",)}),
        ({"tags": ()}, {"tags": ()}),
        ({"expires_at": NOON + 2 * DAY}, {"expires_at": NOON + 2 * DAY}),
        ({"starts_at": None}, {"starts_at": None}),
        ({"expires_at": None}, {"expires_at": None}),
        ({"max_visits": 9}, {"max_visits": 9}),
        ({"max_visits": None, "permanent": True}, {"max_visits": None, "permanent": True}),
        ({"fallback": None, "permanent": False}, {"fallback": None, "permanent": False}),
    ]
    for version, (given, expected) in enumerate(changes, start=2):
        changed = shop.links.update(shop.seller, link, **given)
        assert changed == link.model_copy(update=expected)
        assert shop.audited(link.id)[-1] == (version, shop.seller.id, "update")
        link = changed
    assert list(shop.links.mine(shop.seller)) == [link]


def test_the_same_again_writes_nothing(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, title="Spring", tags=["a"], starts_at=NOON)
    same: list[dict[str, Any]] = [
        {},
        {"title": KEEP},
        {"target": "HTTPS://shop.example:443/products/1", "title": " Spring", "tags": ["A"]},
        {"starts_at": NOON, "permanent": False, "max_visits": None},
    ]
    for given in same:
        assert shop.links.update(shop.seller, link, **given) == link
    assert len(shop.audited(link.id)) == 1


def test_a_change_must_fit_what_is_stored(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, starts_at=NOON, max_visits=3)
    for _ in range(2):
        shop.links.resolve(link.code, GET)
    update = shop.links.update
    assert refused(lambda: update(shop.seller, link, expires_at=NOON)) == {
        "expires_at": "before_start"
    }
    assert refused(lambda: update(shop.seller, link, max_visits=1)) == {
        "max_visits": "below_visits"
    }
    assert refused(lambda: update(shop.seller, link, permanent=True)) == {
        "starts_at": "permanent",
        "max_visits": "permanent",
    }
    assert len(shop.audited(link.id)) == 1
    assert update(shop.seller, link, max_visits=2).visits == 2
    with pytest.raises(NotFound):
        shop.links.resolve(link.code, GET)


def test_a_new_target_is_followed_at_once_under_the_old_code(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.links.resolve(link.code, GET)
    changed = shop.links.update(shop.seller, link, target=FALLBACK)
    assert (changed.code, changed.clicks) == (link.code, 1)
    assert shop.links.resolve(link.code, GET).url == FALLBACK


def test_the_audit_names_hosts_times_and_numbers_but_no_text(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, f"{TARGET}?mail=a@example.com", code="spring")
    shop.links.update(
        shop.seller,
        link,
        target="https://docs.example/someone",
        fallback="https://docs.example/someone",
        title="Someone",
        tags=["someone"],
        product="prd_someone",
        starts_at=NOON,
        max_visits=3,
    )
    shop.links.update(shop.seller, link, fallback=None, starts_at=None, max_visits=None)
    shop.links.update(shop.seller, link, permanent=True)
    shop.links.disable(shop.seller, link)
    rows = shop.sql(
        "SELECT version, changes FROM digistore_audit WHERE entity_id = :id ORDER BY version",
        id=link.id,
    )
    assert [json.loads(row.changes) for row in rows] == [
        {"code": "spring", "target": "shop.example"},
        {
            "fallback": "docs.example",
            "max_visits": 3,
            "product_id": "changed",
            "starts_at": "2027-03-01T12:00:00+00:00",
            "tags": "changed",
            "target": "docs.example",
            "title": "changed",
        },
        {"fallback": None, "max_visits": None, "starts_at": None},
        {"permanent": True},
        {"disabled_at": "2027-03-01T12:00:00+00:00"},
    ]


def test_the_audit_is_one_chain_per_link(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, code="spring")
    shop.links.update(shop.seller, link, max_visits=3)
    first, second = shop.sql(
        "SELECT digest, previous FROM digistore_audit WHERE entity_id = :id ORDER BY version",
        id=link.id,
    )
    told = {"code": "spring", "target": "shop.example"}
    made = Change("short_url", link.id, 1, told)
    assert first.digest == digest_of(made, shop.clock.now, shop.seller.id, "shorten", None)
    assert second.previous == first.digest


def test_parallel_changes_are_all_kept(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    link = shop.links.shorten(shop.seller, TARGET)
    changes: list[dict[str, Any]] = [
        {"title": "New"}, {"tags": ["a"]}, {"max_visits": 9}, {"fallback": FALLBACK},
        {"product": "prd_1"}, {"expires_at": NOON + DAY}, {"target": FALLBACK}, {"starts_at": NOON},
    ]  # fmt: skip

    def update(given: dict[str, Any]) -> ShortURL:
        return shop.links.update(shop.seller, link, **given)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(update, changes))
    [found] = shop.links.mine(shop.seller)
    assert found == link.model_copy(
        update={
            "title": "New",
            "tags": ("a",),
            "max_visits": 9,
            "fallback": FALLBACK,
            "product_id": "prd_1",
            "expires_at": NOON + DAY,
            "target": FALLBACK,
            "starts_at": NOON,
        }
    )
    assert [version for version, _, _ in shop.audited(link.id)] == list(range(1, 10))


def test_disabling_twice_keeps_the_first_time(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    shop.links.resolve(link.code, GET)
    first = shop.links.disable(shop.seller, link)
    shop.clock.forward(days=1)
    assert shop.links.disable(shop.operator, link) == first
    assert (first.disabled_at, first.clicks) == (link.created_at, 1)
    assert len(shop.audited(link.id)) == 2


# Listing.


def test_pages_list_each_link_once_newest_first(shop: Shop) -> None:
    made = []
    for number in range(7):
        made.append(shop.links.shorten(shop.seller, f"{TARGET}?{number}"))
        if number % 3 == 0:
            shop.clock.forward(seconds=1)  # others share their moment, their id decides
    expected = sorted(made, key=lambda link: (link.created_at, link.id), reverse=True)
    found: list[ShortURL] = []
    after = None
    sizes = []
    while True:
        page = shop.links.mine(shop.seller, after=after, limit=3)
        found += page
        sizes.append(len(page))
        shop.links.shorten(shop.rival, TARGET)
        shop.clock.forward(seconds=1)
        shop.links.shorten(shop.seller, TARGET)  # newer than the cursor: no page moves
        after = page.next
        if after is None:
            break
    assert sizes == [3, 3, 1]
    assert found == expected


def test_a_full_last_page_has_no_next(shop: Shop) -> None:
    made = [shop.links.shorten(shop.seller, TARGET) for _ in range(2)]
    page = shop.links.mine(shop.seller, limit=2)
    assert {link.id for link in page} == {link.id for link in made}
    assert page.next is None
    assert shop.links.mine(shop.rival).items == ()


def test_a_tag_is_found_whole_and_in_any_case(shop: Shop) -> None:
    tags = [["news"], ["new"], ["news letter", "old"], ["%"], ["_ews"], ["a]b"], ["\xdcber"], []]
    made = {" ".join(one): shop.links.shorten(shop.seller, TARGET, tags=one) for one in tags}

    def found(tag: str) -> list[str]:
        return [link.id for link in shop.links.mine(shop.seller, tag=tag)]

    for name, link in made.items():
        if name and name != "news letter old":
            assert found(name.upper()) == [link.id]
    assert found("news letter") == found("OLD") == [made["news letter old"].id]
    assert found("ews") == found("%ews%") == found("absent") == found("[") == []


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"limit": 0}, {"limit": "out_of_range"}),
        ({"limit": 101}, {"limit": "out_of_range"}),
        ({"after": "x"}, {"after": "invalid"}),
        ({"after": ""}, {"after": "invalid"}),
        ({"after": encode_cursor("a", 1)}, {"after": "invalid"}),
        ({"after": encode_cursor(1)}, {"after": "invalid"}),
        ({"tag": ""}, {"tag": "length"}),
        ({"tag": "a,b"}, {"tag": "characters"}),
        ({"tag": 5}, {"tag": "wrong_type"}),
    ],
)
def test_a_list_refuses_what_it_cannot_use(
    shop: Shop, given: dict[str, Any], fields: dict[str, str]
) -> None:
    assert refused(lambda: shop.links.mine(shop.seller, **given)) == fields


@pytest.mark.parametrize("key", [(2**53 - 1, "zzz"), (-(2**53) + 1, ""), (0, "\U0001f4a9" * 300)])
def test_a_forged_cursor_only_skips(shop: Shop, key: tuple[int, str]) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    found = list(shop.links.mine(shop.seller, after=encode_cursor(*key)))
    assert found == ([link] if key[0] > 0 else [])


def test_a_page_costs_two_statements_however_many_links_it_has(shop: Shop) -> None:
    for number in range(20):
        link = shop.links.shorten(shop.seller, TARGET)
        for _ in range(number % 3):
            shop.links.resolve(link.code, GET)
        shop.clock.forward(seconds=1)
    statements: list[str] = []
    driver: Any = shop.database.engine.raw_connection().driver_connection
    driver.set_trace_callback(statements.append)
    page = shop.links.mine(shop.seller.id, limit=20)
    driver.set_trace_callback(None)
    assert [link.clicks for link in reversed(page.items)] == [n % 3 for n in range(20)]
    reads = [text for text in statements if "digistore_short_urls" in text or "clicks" in text]
    assert len(reads) == 2
    assert not any("OFFSET 1" in text for text in statements)
