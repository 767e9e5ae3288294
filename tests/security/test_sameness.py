"""E1: what is another's and what is not there at all are the same: one error, equal work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from digistore import HostUser
from digistore.errors import Invalid, NotFound
from digistore.orders.kinds import Kind
from tests.acceptance.test_who_may import ACTORS, TABLE
from tests.conftest import RETURN, STORES
from tests.payments.asking import usd
from tests.security.telling import outcome
from tests.security.twins import Twins


@pytest.fixture(scope="module", params=STORES)
def twins(request: pytest.FixtureRequest) -> Iterator[Twins]:
    with Twins.of_kind(request.param) as made:
        yield made


class Named:
    """A world in which all is asked for by a name: a slug or an id, and one of them is nobody's."""

    def __init__(self, world: Twins, absent: str | None = None) -> None:
        self._world = world
        self._absent = absent
        self.asked: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._world, name)
        ref = getattr(found, "slug", None) or getattr(found, "id", found)
        if not isinstance(ref, str):
            return found
        self.asked[name] = unknown(ref) if name == self._absent else ref
        return self.asked[name]

    def hidden(self) -> list[str]:
        """What was asked for, but for products that everybody may see."""
        things = {name: getattr(self._world, name) for name in self.asked}
        return [name for name, one in things.items() if getattr(one, "status", "") != "on_sale"]


def unknown(ref: str) -> str:
    """A name of the same kind and length, which nothing has."""
    return f"{ref[:-4]}{ref[-5:-1]}"


def refused() -> Iterator[Any]:
    """Every cell of the table that says: there is no such thing."""
    for operation, (answers, act) in TABLE.items():
        for who, answer in zip(ACTORS, answers.split(), strict=True):
            if answer == "N":
                yield pytest.param(who, act, id=f"{operation} by {who}")


@pytest.mark.on_postgresql(one_in=8)
@pytest.mark.parametrize(("who", "act"), list(refused()))
def test_E1_what_is_anothers_is_not_there(twins: Twins, who: str, act: Any) -> None:
    """One error, and as many statements; nothing in it is more than what was asked for."""
    twins.restore()
    actor, foreign = twins.actor(who), Named(twins)
    *told, ref = outcome(twins, lambda: act(foreign, actor))
    assert told[0] is NotFound
    if foreign.asked:
        assert ref in {None, *foreign.asked.values()}
    for name in foreign.hidden():
        nothing = Named(twins, name)
        *same, _ = outcome(twins, lambda w=nothing: act(w, actor))  # type: ignore[misc]
        assert same == told


# What a stranger may guess and type: addresses, codes, slugs.

KNOWN, GUEST, UNKNOWN = "buyer@example.com", "guest@example.com", "nobody@example.com"
HOUSE_CODES = ("USED-UP", "RETIRED", "TOO-EARLY", "FOR-HELP", "TENTH", "NO-SUCH")


@pytest.fixture
def typed(twins: Twins) -> Twins:
    """A shop with a guest, and with discounts and links each of which is of no use any more."""
    twins.restore()
    shop, add = twins, twins.store.orders.add_discount
    shop.store.users.guest(GUEST)
    used = shop.product("Used", price=usd("3.00"), seller=shop.operator)
    add(shop.operator, "USED-UP", percent=10, max_uses=1)
    shop.buy(used, shop.rival, discount="USED-UP")
    shop.store.orders.retire_discount(
        shop.operator, add(shop.operator, "RETIRED", percent=10, kind=Kind.SUPPORT)
    )
    add(shop.operator, "TOO-EARLY", percent=10, starts_at=shop.clock() + timedelta(days=1))
    add(shop.operator, "FOR-HELP", percent=10, kind=Kind.SUPPORT)
    shorten = shop.store.short_urls.shorten
    shop.store.short_urls.disable(
        shop.operator, shorten(shop.operator, "https://example.com/", code="disabled")
    )
    soon = shop.clock() + timedelta(days=1)
    shorten(shop.operator, "https://example.com/", code="too-early", starts_at=soon)
    return twins


def alike(shop: Twins, *calls: Callable[[], Any]) -> tuple[Any, ...]:
    """What calls have in common that must not be told apart."""
    found = []
    for call in calls:
        saved = shop.save()
        *told, _ = outcome(shop, call)
        found.append(tuple(told))
        shop.load(saved)
    assert found == [found[0]] * len(found)
    return found[0]


def test_CVE_2026_39851_an_address_is_not_told_to_be_known(typed: Twins) -> None:
    """Starting a claim, failing at one, and giving a present are the same for every address."""
    users, orders = typed.store.users, typed.store.orders
    addresses = (KNOWN, GUEST, UNKNOWN)
    alike(typed, *(lambda a=a: users.start_claim(a) for a in addresses))
    for code in ("0000-0000-0000", ""):
        told = alike(typed, *(lambda a=a, c=code: users.claim(None, a, c) for a in addresses))
        assert told[0] is Invalid
    house, buyer = [typed.house], typed.buyer
    alike(typed, *(lambda a=a: orders.quote(buyer, house, gift_to=a) for a in addresses))


def test_E1_why_a_discount_is_of_no_use_is_not_told(typed: Twins) -> None:
    orders, house, buyer = typed.store.orders, [typed.house], typed.buyer
    kinds = [orders.quote, lambda *a, **b: orders.checkout(*a, return_url=RETURN, **b)]
    for ask in kinds:
        errors = []
        for code in HOUSE_CODES:
            saved = typed.save()
            kind, said, fields, *_ = outcome(
                typed,
                lambda c=code, a=ask: a(buyer, house, discount=c),  # type: ignore[misc]
            )
            errors.append((kind, said, fields))
            typed.load(saved)
        assert errors == [errors[0]] * len(HOUSE_CODES)
        assert errors[0][0] is Invalid


def test_E1_why_a_short_link_leads_nowhere_is_not_told(typed: Twins) -> None:
    resolve = typed.store.short_urls.resolve
    told = alike(
        typed,
        *(lambda c=code: resolve(c) for code in ("disabled", "too-early", "no-such-one")),
    )
    assert told[0] is NotFound


@pytest.mark.on_postgresql(one_in=4)
@pytest.mark.parametrize("who", ["nobody", "passer", "rival", "other"])
def test_E1_a_slug_that_is_guessed_tells_nothing_of_a_draft(twins: Twins, who: str) -> None:
    """Wherever a product is named: with a draft's slug all is as with none."""
    twins.restore()
    store, actor = twins.store, twins.actor(who)
    calls: list[Callable[[str], Any]] = [
        lambda ref: store.catalog.product(actor, ref),
        lambda ref: store.catalog.offer(actor, ref),
        lambda ref: store.catalog.releases(actor, ref),
        lambda ref: store.catalog.latest(actor, ref),
        lambda ref: store.support.offers(actor, ref),
        lambda ref: store.catalog.update_product(actor, ref, title="Mine"),
        lambda ref: store.orders.quote(actor, [ref]),
        lambda ref: store.orders.checkout(actor, [ref], return_url=RETURN),
        lambda ref: store.downloads.files(actor, ref),
        lambda ref: store.downloads.link(actor, ref),
        lambda ref: store.downloads.open(actor, ref),
        lambda ref: store.downloads.log(actor, product=ref),
        lambda ref: store.entitlements.explain(actor, twins.buyer, ref),
        lambda ref: store.entitlements.check(actor, ref),
        lambda ref: store.short_urls.shorten(actor, "https://example.com/", product=ref),
        lambda ref: store.orders.add_discount(actor, "SOME", percent=10, products=[ref]),
        lambda ref: store.support.request(
            actor, ref, kind="setup", subject="Hm?", body="Help.", return_url=RETURN
        ),
    ]
    for call in calls:
        alike(twins, *(lambda r=ref, c=call: c(r) for ref in ("draft", "no-such-draft")))


def test_E1_who_may_not_assign_learns_nothing_of_users(twins: Twins) -> None:
    """A regression: the one to assign was looked up before it was asked who assigns."""
    twins.restore()
    wrote = twins.changes
    people = (twins.buyer.id, "usr_nobody", HostUser("new"), HostUser("host-1", "new@example.com"))
    for actor in (twins.passer, twins.other):
        told = alike(
            twins,
            *(
                lambda p=one, a=actor: twins.store.support.assign(a, twins.request, assignee=p)
                for one in people
            ),
        )
        assert told[0] is NotFound
    assert twins.changes == wrote
