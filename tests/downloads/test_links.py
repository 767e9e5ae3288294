"""Links to files: what a token is worth, to whom, and how long."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digistore import SYSTEM, Effect, Product, Role
from digistore.blocking import run
from digistore.downloads import DownloadFile, LinkCheck
from digistore.errors import Forbidden, Invalid, NotFound, NothingToDeliver
from digistore.tokens import Secrets
from tests.conftest import BLOCKING, SECRET, OpenStore, Shop
from tests.payments.asking import usd

pytestmark = BLOCKING
ALPHABET = string.ascii_letters + string.digits + "-_."


def check(shop: Shop, token: Any) -> LinkCheck:
    """What serving a link will ask."""
    target = getattr(shop.store, "_target", shop.store)
    found: LinkCheck = run(target._shop.downloads.check_link(token))
    return found


def verdict(shop: Shop, token: Any) -> str:
    found = check(shop, token)
    if found.verdict != "ok":  # whatever is wrong, nothing is given
        assert (found.files, found.purchase_id, found.user_id) == ((), None, None)
    return str(found.verdict)


def release(shop: Shop, product: Product, version: str, *names: str, **kwargs: Any) -> Any:
    files = {name: f"{name} {version}".encode() for name in names or ("book.pdf",)}
    return shop.store.catalog.release(shop.seller, product, version=version, files=files, **kwargs)


def told(release: Any) -> tuple[DownloadFile, ...]:
    return tuple(map(DownloadFile.of, release.files))


def purchase_of(shop: Shop, product: Product, user: Any = None) -> Any:
    return shop.store.entitlements.check(user or shop.buyer, product).purchase


def test_a_link_opens_exactly_what_was_latest(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    link = shop.store.downloads.link(shop.buyer, book)
    assert link.expires_at == shop.clock() + timedelta(hours=24)
    assert [file.name for file in link.files] == ["book.pdf"]
    found = check(shop, link.token)
    assert (found.verdict, found.files) == ("ok", link.files)
    assert (found.purchase_id, found.user_id) == (purchase_of(shop, book).id, shop.buyer.id)
    assert shop.store.downloads.files(shop.buyer, book) == link.files


def test_a_new_release_is_for_fresh_links_and_old_ones_stay_what_they_are(shop: Shop) -> None:
    """So a client that resumes cannot splice two releases."""
    book = shop.product()
    shop.buy(book)
    old = shop.store.downloads.link(shop.buyer, book)
    release(shop, book, "1.1")
    new = shop.store.downloads.link(shop.buyer, book)
    assert (check(shop, old.token).files, check(shop, new.token).files) == (old.files, new.files)
    assert old.files[0].sha256 != new.files[0].sha256
    assert shop.store.downloads.files(shop.buyer, book) == new.files


def test_a_link_is_to_one_file_or_to_all_of_a_release(shop: Shop) -> None:
    book = shop.product()
    made = release(shop, book, "2.0", "book.pdf", "code.zip.txt", "notes.txt")
    shop.buy(book)
    link = shop.store.downloads.link
    assert check(shop, link(shop.buyer, book).token).files == told(made)
    for file in told(made):
        for ref in (file.id, file.name):
            assert check(shop, link(shop.buyer, book, file=ref).token).files == (file,)
    with pytest.raises(NotFound):
        link(shop.buyer, book, file="no such file")
    (first,) = (r for r in shop.store.catalog.releases(shop.seller, book) if r.version == "1.0")
    with pytest.raises(NotFound):  # of another release
        link(shop.buyer, book, file=first.files[0].id)


# Any other text is worth nothing.


def test_any_character_changed_makes_it_worthless(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    token = shop.store.downloads.link(shop.buyer, book).token
    assert len(token) <= 512
    assert set(token) <= set(ALPHABET)
    for place, here in enumerate(token):
        others = set(ALPHABET) - {here}
        wrong = [token[:place] + other + token[place + 1 :] for other in others]
        wrong += [token[:place] + token[place + 1 :], token[:place] + "A" + token[place:]]
        assert {verdict(shop, one) for one in wrong} == {"not_found"}, place
    for tail in ("=", "\n", " ", ".", "\0", "A"):
        assert verdict(shop, token + tail) == "not_found"
    assert verdict(shop, token) == "ok"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(token=st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.text(ALPHABET)))
def test_whatever_a_client_sends_is_answered(shop: Shop, token: Any) -> None:
    assert verdict(shop, token) == "not_found"


def signed(fields: tuple[str, ...], purpose: str = "download", version: str = "d1") -> str:
    return Secrets(SECRET).signer(purpose).sign(version, fields)


def test_a_token_of_another_purpose_or_shape_is_worth_nothing(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    (file,) = shop.store.downloads.files(shop.buyer, book)
    expires = str(int(shop.clock().timestamp()) + 60)
    good = (purchase_of(shop, book).id, file.id, "1", expires)
    assert verdict(shop, signed(good)) == "ok"
    for token in (
        signed(good, purpose="upload"),
        signed(good, version="d2"),
        signed(good[:3]),
        signed((*good, "more")),
        signed((good[0], good[1], "-1", good[3])),
        signed((good[0], good[1], "1", "never")),
        signed(("pur_unknown", *good[1:])),
        signed((good[0], "fil_unknown", *good[2:])),
        signed((good[0], "rel_unknown", *good[2:])),
    ):
        assert verdict(shop, token) == "not_found"


def test_a_file_is_reached_only_through_a_purchase_of_its_product(shop: Shop) -> None:
    book, other = shop.product("A"), shop.product("B")
    shop.buy(book)
    (secret,) = shop.store.catalog.releases(shop.seller, other)
    expires = str(int(shop.clock().timestamp()) + 60)
    for item in (secret.id, secret.files[0].id):
        token = signed((purchase_of(shop, book).id, item, "1", expires))
        assert verdict(shop, token) == "not_found"


# Its time, its money, its owner's will.


def test_CVE_2020_15269_one_second_after_its_time_a_link_is_over(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    link = shop.store.downloads.link
    for lasts in (timedelta(minutes=1), timedelta(days=7)):
        token = link(shop.buyer, book, expires_in=lasts).token
        shop.clock.now += lasts - timedelta(seconds=1)
        assert verdict(shop, token) == "ok"
        shop.clock.go(seconds=1)
        assert verdict(shop, token) == "link_expired"
    wrong: tuple[Any, ...] = (timedelta(0), timedelta(seconds=59), timedelta(days=8), 60, -1)
    for lasts in wrong:
        with pytest.raises(Invalid) as caught:
            link(shop.buyer, book, expires_in=lasts)
        assert caught.value.fields == {"expires_in": "out_of_range"}


def test_the_host_decides_how_long_links_last(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(link_ttl=timedelta(minutes=5))
    book = shop.product()
    shop.buy(book)
    link = shop.store.downloads.link(shop.buyer, book)
    assert link.expires_at == shop.clock() + timedelta(minutes=5)


def test_money_that_goes_back_kills_the_link_at_once(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    link = shop.store.downloads.link
    old = link(shop.buyer, book).token
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("28.99"), reason="part")
    assert verdict(shop, old) == "ok"
    shop.store.payments.refund(shop.seller, checkout.order, reason="the rest")
    assert verdict(shop, old) == "link_revoked"
    with pytest.raises(Forbidden) as caught:
        link(shop.buyer, book)
    assert caught.value.reason == "revoked"
    shop.deliver(shop.sandbox.fail_refund(checkout))
    assert verdict(shop, old) == "link_revoked"  # restored, old links stay dead
    assert verdict(shop, link(shop.buyer, book).token) == "ok"


def test_suspended_means_closed_for_links_as_well(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    old = shop.store.downloads.link(shop.buyer, book).token
    shop.deliver(shop.sandbox.open_dispute(checkout))
    assert verdict(shop, old) == "link_revoked"
    with pytest.raises(Forbidden) as caught:
        shop.store.downloads.files(shop.buyer, book)
    assert caught.value.reason == "suspended"
    other = shop.product("Other")
    bought = shop.buy(other)
    partial = shop.store.downloads.link(shop.buyer, other).token
    shop.store.payments.refund(
        shop.seller, bought.order, amount=usd("1"), reason="x", access=Effect.REVOKE
    )
    assert verdict(shop, partial) == "link_revoked"


def test_revoked_and_restored_by_an_operator(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    purchase = purchase_of(shop, book)
    old = shop.store.downloads.link(shop.buyer, book).token
    shop.store.entitlements.revoke(shop.operator, purchase, reason="shared on a forum")
    assert verdict(shop, old) == "link_revoked"
    shop.store.entitlements.restore(shop.operator, purchase, reason="it was not")
    assert verdict(shop, old) == "link_revoked"
    assert verdict(shop, shop.store.downloads.link(shop.buyer, book).token) == "ok"


def test_the_links_of_one_purchase_can_be_ended_and_no_others(shop: Shop) -> None:
    book, other = shop.product("A"), shop.product("B")
    friend = shop.store.users.register("friend@example.com")
    for product, user in ((book, shop.buyer), (other, shop.buyer), (book, friend)):
        shop.buy(product, user)
    link = shop.store.downloads.link
    mine, elsewhere, theirs = (
        link(user, product).token
        for user, product in ((shop.buyer, book), (shop.buyer, other), (friend, book))
    )
    shop.store.downloads.revoke_links(shop.buyer, purchase_of(shop, book))
    assert verdict(shop, mine) == "link_revoked"
    assert verdict(shop, elsewhere) == verdict(shop, theirs) == "ok"
    assert shop.store.entitlements.check(shop.buyer, book)  # access stays
    assert verdict(shop, link(shop.buyer, book).token) == "ok"
    for actor in (shop.seller, shop.operator, SYSTEM):
        token = link(shop.buyer, book).token
        shop.store.downloads.revoke_links(actor, purchase_of(shop, book).id)
        assert verdict(shop, token) == "link_revoked"
    for nobody in (friend, shop.new_seller("other@example.com")):
        with pytest.raises(NotFound):
            shop.store.downloads.revoke_links(nobody, purchase_of(shop, book))
    with pytest.raises(NotFound):
        shop.store.downloads.revoke_links(SYSTEM, "pur_unknown")


def test_who_has_no_access_gets_no_link_and_hears_why(shop: Shop) -> None:
    book = shop.product()
    pending = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(pending, "delayed"))
    for user in (shop.buyer, shop.new_seller("other@example.com")):
        for act in (
            shop.store.downloads.link,
            shop.store.downloads.files,
            shop.store.downloads.open,
        ):
            with pytest.raises(Forbidden) as caught:
                act(user, book)
            assert caught.value.reason == "not_purchased"
    for wrong in ("prd_unknown", "no-such-slug"):
        with pytest.raises(NotFound):
            shop.store.downloads.link(shop.buyer, wrong)
    with pytest.raises(Forbidden):  # a link is somebody's
        shop.store.downloads.link(SYSTEM, book)  # type: ignore[arg-type]


def test_secrets_change_one_after_the_other(open_store: OpenStore, shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    old = shop.store.downloads.link(shop.buyer, book).token
    new_secret = "another secret of at least thirty-two characters"
    shop.store = open_store(secret=[new_secret, SECRET])
    assert verdict(shop, old) == "ok"
    new = shop.store.downloads.link(shop.buyer, book).token
    shop.store = open_store(secret=new_secret)
    assert (verdict(shop, old), verdict(shop, new)) == ("not_found", "ok")


# Who sells looks, and old releases stay.


def test_who_sells_the_product_gets_a_preview(shop: Shop) -> None:
    book = shop.product()
    for actor in (shop.seller, shop.operator):
        link = shop.store.downloads.link(actor, book)
        found = check(shop, link.token)
        assert (found.verdict, found.purchase_id, found.user_id) == ("ok", None, actor.id)
        assert found.files == link.files
    own = shop.store.downloads.link(shop.seller, book).token
    shop.store.users.revoke_role(shop.operator, shop.seller, Role.SELLER)
    assert verdict(shop, own) == "link_revoked"
    with pytest.raises(Forbidden):
        shop.store.downloads.link(shop.seller, book)


def test_a_yanked_release_is_fetched_by_name_also_when_it_was_the_last(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    downloads, catalog = shop.store.downloads, shop.store.catalog
    second = release(shop, book, "1.1")
    token = downloads.link(shop.buyer, book).token
    catalog.yank(shop.seller, second, reason="a typing error")
    assert verdict(shop, token) == "ok"
    assert downloads.files(shop.buyer, book) != told(second)
    assert downloads.files(shop.buyer, book, release=second) == told(second)
    (first,) = (one for one in catalog.releases(shop.seller, book) if one.is_latest)
    catalog.yank(shop.seller, first, reason="another one")
    for latest in (downloads.files, downloads.link, downloads.open):
        with pytest.raises(NothingToDeliver):
            latest(shop.buyer, book)
    named = downloads.link(shop.buyer, book, release=first.id)
    assert check(shop, named.token).files == told(first)


def test_a_draft_is_for_who_sells_it_and_a_release_belongs_to_its_product(shop: Shop) -> None:
    book, other = shop.product("A"), shop.product("B")
    shop.buy(book)
    draft = release(shop, book, "2.0", publish=False)
    beta = release(shop, book, "2.0b1", channel="beta")
    files = shop.store.downloads.files
    assert files(shop.buyer, book, release=beta) == told(beta)  # by name; never latest
    assert files(shop.buyer, book)[0].release_id not in {draft.id, beta.id}
    assert files(shop.seller, book, release=draft) == told(draft)
    (foreign,) = shop.store.catalog.releases(shop.seller, other)
    for wrong in (draft, foreign, "rel_unknown"):
        with pytest.raises(NotFound):
            files(shop.buyer, book, release=wrong)
