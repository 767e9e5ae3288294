"""T1 to T6, A4, A5: what may be guessed, what opens something, and what is only a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from digistore import Settings
from digistore.downloads import DownloadRequest
from digistore.errors import DigistoreError, Invalid, NotFound
from digistore.ids import new_id
from digistore.short_urls import Visit
from digistore.short_urls.rules.codes import drawing
from digistore.testing import FrozenClock
from digistore.tokens import TYPED_LENGTH, Secrets, typed_code
from tests.conftest import SECRET, Shop
from tests.downloads.fetching import fetched
from tests.security.mounted import MOUNTED, Mounted, mounted

MANY = 2000
SIGNER = Secrets(SECRET).signer("download")

DRAWN: dict[str, tuple[Callable[[], str], int, int]] = {
    # how it is drawn, which of its signs are drawn, and of how many there are
    "a public id": (lambda: new_id("ord", FrozenClock()())[-13:], 12, 57),
    "a link": (lambda: SIGNER.sign("d1", ["pur_1", "fil_1", "1", "1"]).split(".")[-2][:21], 21, 64),
    "a typed code": (lambda: typed_code().replace("-", ""), TYPED_LENGTH, 32),
    "a short code": (lambda: drawing(Settings())(7), 7, 32),
}


@pytest.mark.parametrize(
    ("draw", "length", "signs"),
    [pytest.param(*one, id=f"CVE-2019-7855 {name}") for name, one in DRAWN.items()],
)
def test_T1_what_is_drawn_is_drawn_whole(draw: Callable[[], str], length: int, signs: int) -> None:
    """No sign of it is always the same, and none follows from the one before."""
    drawn = [draw() for _ in range(MANY)]
    assert len(set(drawn)) == MANY
    for place in range(1, length):
        seen = {one[-place] for one in drawn}
        assert len(seen) > min(signs, 30) * 0.4
    alike = [sum(a == b for a, b in zip(one, two, strict=False)) for one, two in pairwise(drawn)]
    assert sum(alike) / len(alike) < length / 3


@pytest.fixture(scope="module", params=MOUNTED)
def web(request: pytest.FixtureRequest) -> Iterator[Mounted]:
    with mounted(request.param) as made:
        yield made


def ids(web: Mounted) -> list[str]:
    """Whatever is shown of the first shop in addresses and answers."""
    shop = web.twins
    things = (shop.paid, shop.purchase, shop.book, shop.request, shop.link, shop.buyer)
    return [*(str(one.id) for one in things), shop.paid.lines[0].id, web.reference]


def test_GHSA_4825_p4xm_pcf2_an_id_opens_nothing(web: Mounted) -> None:
    """A4: ids are names; where a token or code is asked for, none of them is one."""
    shop = web.twins
    shop.restore()
    for name in ids(web):
        assert web.ask("GET", f"/d/{name}", "rival").status_code == 404
        assert web.ask("GET", f"/s/{name}", "rival").status_code == 404
        if not name.startswith("att_"):
            assert web.ask("GET", f"/return/{name}", "rival").status_code == 404
        with pytest.raises(Invalid):
            shop.store.users.claim(shop.rival, "buyer@example.com", name)
        assert shop.store.downloads.plan(name, DownloadRequest("GET", {})).status == 404
        shop.put_back()


def test_GHSA_4825_p4xm_pcf2_the_neighbours_of_an_id_are_nothing(web: Mounted) -> None:
    shop = web.twins
    shop.restore()
    for step in "0123456789ABCDEFabcdef":
        for one in (shop.paid, shop.request):
            name = one.id[:-1] + step
            if name == one.id:
                continue
            for actor in (shop.buyer, shop.rival, shop.operator):
                with pytest.raises(NotFound):
                    shop.store.orders.get(actor, name)
                with pytest.raises(NotFound):
                    shop.store.support.get(actor, name)


def test_aescreens_com_blog_gumroad_hack_a_name_that_is_used_again_opens_nothing(
    shop: Shop,
) -> None:
    """A5: what one bought is a product and no title, slug or version, whoever sells the like."""
    other = shop.new_seller("other@example.com")
    mine = shop.product("Async Python")
    shop.buy(mine)
    theirs = shop.product("Async Python", seller=other)
    assert (mine.title, mine.slug != theirs.slug) == (theirs.title, True)
    store = shop.store
    assert store.entitlements.check(shop.buyer, mine)
    assert not store.entitlements.check(shop.buyer, theirs)
    token = store.downloads.link(shop.buyer, mine).token
    store.catalog.update_product(other, theirs, title="Async Python 1.0")
    store.catalog.release(other, theirs, version="9.0", files={"book.pdf": b"theirs"})
    with pytest.raises(DigistoreError):
        store.downloads.link(shop.buyer, theirs)
    with pytest.raises(NotFound):
        store.downloads.link(shop.buyer, mine, release=store.catalog.releases(other, theirs)[0])
    assert fetched(shop, token) == (200, b"Async Python 1.0")
    assert store.entitlements.check_many(shop.buyer, [theirs, mine])[mine.id]
    assert [one.product.id for one in store.entitlements.my_products(shop.buyer)] == [mine.id]


def test_T6_a_link_is_judged_when_it_is_used(shop: Shop) -> None:
    """T4, A6: whatever has ended the right meanwhile ends the link, and nothing brings it back."""
    book = shop.product()
    shop.buy(book)
    store = shop.store
    purchase = store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    token = store.downloads.link(shop.buyer, book, expires_in=timedelta(days=7)).token

    def status() -> int:
        plan = store.downloads.plan(token, DownloadRequest("HEAD", {}))
        return plan.status

    assert status() == 200
    store.entitlements.revoke(shop.operator, purchase, reason="x")
    assert status() != 200
    store.entitlements.restore(shop.operator, purchase, reason="x")
    assert status() != 200  # the epoch has gone on
    fresh = store.downloads.link(shop.buyer, book).token
    assert store.downloads.plan(fresh, DownloadRequest("HEAD", {})).status == 200


def test_T5_looking_uses_nothing_up(shop: Shop) -> None:
    """A link's only visit is not spent by HEAD, nor by whoever only looks it up."""
    links = shop.store.short_urls
    links.shorten(shop.operator, "https://example.com/", code="once", max_visits=1)
    for _ in range(3):
        assert links.resolve("once").status
        assert links.resolve("once", Visit("HEAD", {}, None)).status
    assert links.resolve("once", Visit("GET", {}, None)).status
    with pytest.raises(NotFound):
        links.resolve("once", Visit("GET", {}, None))
