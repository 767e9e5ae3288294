"""Releases: added, published and yanked; what is latest; who sees what of them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digistore import SYSTEM, HostUser, Money, Product, Release, Store
from digistore.database.types import metadata
from digistore.errors import (
    AlreadyExists,
    DigistoreError,
    Forbidden,
    Invalid,
    InvalidTransition,
    NotForSale,
    NotFound,
)
from tests.conftest import SECRET, Shop

Subtests = pytest.Subtests
FILE = {"book.pdf": b"a book"}
CARD = "4111-1111-1111-1111"


def draft(shop: Shop) -> Product:
    return shop.store.catalog.add_product(shop.seller, title="Draft", price=Money("5.00", "USD"))


def release(shop: Shop, product: Product, version: str, **kwargs: Any) -> Release:
    """Add a release, a minute after all before it."""
    shop.clock.go(minutes=1)
    return shop.store.catalog.release(
        shop.seller, product, version=version, files={"book.pdf": version.encode()}, **kwargs
    )


def latest(shop: Shop, product: Product) -> str | None:
    found = shop.store.catalog.latest(None, product)
    return found.version if found else None


# Adding


def test_a_release_holds_its_files_in_their_order(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "on-disk.bin").write_bytes(b"from a path")
    contents = {
        "book.pdf": b"%PDF-1.7 bytes",
        "on disk.bin": b"from a path",
        "stream.txt": b"from a file",
        "chunks.md": b"in chunks",
    }
    made = shop.store.catalog.release(
        shop.seller,
        draft(shop),
        version=" 1.0 ",
        notes="First.\n\n**Bold**",
        files={
            "book.pdf": contents["book.pdf"],
            "on disk.bin": tmp_path / "on-disk.bin",
            "stream.txt": io.BytesIO(contents["stream.txt"]),
            "chunks.md": [b"in ", b"chunks"],
        },
    )
    assert made.id.startswith("rel_")
    assert (made.version, made.notes, made.channel) == ("1.0", "First.\n\n**Bold**", "stable")
    assert (made.status, made.is_latest) == ("published", True)
    assert made.published_at == shop.clock()
    assert [file.name for file in made.files] == list(contents)
    for file in made.files:
        assert file.sha256 == hashlib.sha256(contents[file.name]).hexdigest()
        assert file.size == len(contents[file.name])
        assert file.release_id == made.id
    assert made.files[0].media_type == "application/pdf"
    assert shop.store.catalog.releases(shop.seller, made.product_id) == (made,)


def test_bad_releases_are_refused_before_anything_is_written(
    shop: Shop, subtests: Subtests
) -> None:
    product = draft(shop)
    add: Any = shop.store.catalog.release
    tables = ("releases", "release_files", "audit", "events")
    before = [shop.count(table) for table in tables]
    bad: list[tuple[dict[str, Any], str]] = [
        ({"version": ""}, "version"),
        ({"version": " "}, "version"),
        ({"version": "1\n0"}, "version"),
        ({"version": "x" * 201}, "version"),
        ({"version": 1.0}, "version"),
        ({"version": None}, "version"),
        ({"notes": f"{CARD}\0"}, "notes"),
        ({"notes": "x" * 50_001}, "notes"),
        ({"channel": "nightly"}, "channel"),
        ({"channel": ""}, "channel"),
        ({"channel": None}, "channel"),
        ({"files": {}}, "files"),
        ({"files": {f"{n}.txt": b"a" for n in range(201)}}, "files"),
        ({"files": {"": b"a"}}, "file"),
        ({"files": {" ": b"a"}}, "file"),
        ({"files": {"..": b"a"}}, "file"),
        ({"files": {"a/b.txt": b"a"}}, "file"),
        ({"files": {"../b.txt": b"a"}}, "file"),
        ({"files": {"/etc/passwd": b"a"}}, "file"),
        ({"files": {"a\\b.txt": b"a"}}, "file"),
        ({"files": {"a\0.txt": b"a"}}, "file"),
        ({"files": {"a\n.txt": b"a"}}, "file"),
        ({"files": {"x" * 256: b"a"}}, "file"),
        ({"files": {"empty.txt": b""}}, "file"),
        ({"files": {"good.txt": b"a", "empty.txt": b""}}, "file"),
        ({"files": {"book.pdf": b"PK\x03\x04" + b"\0" * 30}}, "file"),
        ({"files": {"a.txt": Path("/no/such/file")}}, "file"),
    ]
    for values, field in bad:
        with subtests.test(values=ascii(values)[:60]):
            with pytest.raises(Invalid) as caught:
                add(shop.seller, product, **{"version": "1.0", "files": FILE, **values})
            assert set(caught.value.fields) == {field}
            assert CARD not in f"{caught.value}"
    assert [shop.count(table) for table in tables] == before
    assert shop.store.catalog.releases(shop.seller, product) == ()
    assert shop.store.catalog.latest(shop.seller, product) is None


def test_a_release_is_bounded_by_the_settings(
    shop_with: Callable[..., Shop], subtests: Subtests
) -> None:
    shop = shop_with(max_file_bytes=10, max_release_bytes=25, max_release_files=3)
    product = draft(shop)
    bad: dict[str, dict[str, Any]] = {
        "a file": {"a.txt": b"x" * 11},
        "a file in chunks": {"a.txt": iter([b"x" * 6, b"x" * 6])},
        "the whole": {"a.txt": b"x" * 10, "b.txt": b"y" * 10, "c.txt": b"z" * 6},
        "how many": {f"{n}.txt": b"x" for n in range(4)},
    }
    for number, (name, files) in enumerate(bad.items()):
        with subtests.test(too_large=name), pytest.raises(Invalid):
            shop.store.catalog.release(shop.seller, product, version=f"{number}", files=files)
    full = {"a.txt": b"x" * 10, "b.txt": b"y" * 10, "c.txt": b"z" * 5}
    made = shop.store.catalog.release(shop.seller, product, version="1.0", files=full)
    assert sum(file.size for file in made.files) == 25
    assert shop.count("releases") == 1


def test_a_version_exists_once(shop: Shop) -> None:
    one, other = draft(shop), draft(shop)
    release(shop, one, "1.0", publish=False)
    for again in ("1.0", " 1.0 "):
        with pytest.raises(AlreadyExists) as caught:
            release(shop, one, again)
        assert caught.value.field == "version"
    assert release(shop, other, "1.0").version == "1.0"
    assert release(shop, one, "1.0.0").version == "1.0.0"  # another text, whatever it means
    assert shop.count("releases", f"product_id = '{one.id}'") == 2


def test_of_two_releases_of_one_version_at_once_one_exists(shop: Shop) -> None:
    """The rival comes while the files are read: after the look, before the write."""
    product = draft(shop)
    target = getattr(shop.store, "_target", shop.store)
    url = target._shop.database.url.render_as_string()
    with Store.open(url, files="memory://", gateways=[], secret=SECRET, clock=shop.clock) as rival:

        def chunks() -> Iterator[bytes]:
            yield b"mine "
            rival.catalog.release(SYSTEM, product, version="1.0", files={"b.txt": b"theirs"})
            yield b"too"

        with pytest.raises(AlreadyExists):
            shop.store.catalog.release(
                shop.seller, product, version="1.0", files={"a.txt": chunks()}
            )
    (made,) = shop.store.catalog.releases(shop.seller, product)
    assert [file.name for file in made.files] == ["b.txt"]


def test_equal_files_are_kept_once(shop: Shop) -> None:
    one, other = draft(shop), draft(shop)
    shop.store.catalog.release(shop.seller, one, version="1", files={"a.txt": b"same"})
    shop.store.catalog.release(shop.seller, other, version="1", files={"b.txt": b"same"})
    assert shop.count("blobs", "size = 4") == 1
    assert shop.count("release_files", "size = 4") == 2


# Publishing and yanking


def test_a_draft_is_published_later(shop: Shop) -> None:
    product = shop.product()
    made = release(shop, product, "2.0", publish=False)
    assert (made.status, made.published_at, made.is_latest) == ("draft", None, False)
    assert latest(shop, product) == "1.0"
    shop.clock.go(days=1)
    published = shop.store.catalog.publish(shop.seller, made)
    assert (published.status, published.published_at) == ("published", shop.clock())
    assert published.is_latest
    assert latest(shop, product) == "2.0"
    shop.clock.go(days=1)
    assert shop.store.catalog.publish(shop.seller, made.id) == published  # stays as it is
    assert shop.count("events", f"subject = '{made.id}'") == 1


def test_yanking_moves_latest_back_and_publishing_forward(shop: Shop) -> None:
    catalog = shop.store.catalog
    product = shop.product()  # 1.0
    found = {version: release(shop, product, version) for version in ("1.10", "1.9", "1.11rc1")}
    assert latest(shop, product) == "1.11rc1"
    yanked = catalog.yank(shop.seller, found["1.11rc1"], reason=" It breaks. ")
    assert (yanked.status, yanked.yank_reason, yanked.is_latest) == ("yanked", "It breaks.", False)
    assert latest(shop, product) == "1.10"
    assert catalog.yank(shop.seller, yanked, reason="again").yank_reason == "It breaks."
    catalog.yank(shop.seller, found["1.9"], reason="old")
    assert latest(shop, product) == "1.10"
    catalog.yank(shop.seller, found["1.10"], reason="bad")
    assert latest(shop, product) == "1.0"
    release(shop, product, "0.1")
    assert latest(shop, product) == "1.0"
    release(shop, product, "third edition")
    assert latest(shop, product) == "third edition"  # no common order: the last one


def test_a_beta_is_never_latest(shop: Shop) -> None:
    product = shop.product()
    made = release(shop, product, "2.0", channel="beta")
    assert (made.channel, made.is_latest) == ("beta", False)
    assert latest(shop, product) == "1.0"
    assert [found.version for found in shop.store.catalog.releases(None, product)] == ["2.0", "1.0"]


def test_without_a_latest_release_nothing_is_sold_and_nothing_lost(shop: Shop) -> None:
    product = shop.product()
    shop.buy(product)
    only = shop.store.catalog.latest(shop.seller, product)
    assert only is not None
    shop.store.catalog.yank(shop.seller, only, reason="It breaks.")
    other = shop.store.users.register("other@example.com")
    offer = shop.store.catalog.offer(other, product)
    assert (offer.action, offer.reason) == ("unavailable", "nothing_to_deliver")
    with pytest.raises(NotForSale):
        shop.checkout(product, other)
    assert shop.store.entitlements.check(shop.buyer, product)
    files = shop.store.downloads.files(shop.buyer, product, release=only)
    assert [file.name for file in files] == ["book.pdf"]  # D16: still there by its name


def test_releases_move_one_way(shop: Shop) -> None:
    catalog = shop.store.catalog
    product = shop.product()
    made = release(shop, product, "2.0", publish=False)
    with pytest.raises(InvalidTransition):
        catalog.yank(shop.seller, made, reason="nobody saw it")
    catalog.publish(shop.seller, made)
    catalog.yank(shop.seller, made, reason="bad")
    with pytest.raises(InvalidTransition):
        catalog.publish(shop.seller, made)
    versions = shop.rows(f"SELECT version FROM digistore_releases WHERE id = '{made.id}'")
    assert versions == [(3,)]  # what was refused is no change


def test_a_yank_has_a_reason(shop: Shop, subtests: Subtests) -> None:
    yank: Any = shop.store.catalog.yank
    found = shop.store.catalog.latest(shop.seller, shop.product())
    for reason in ("", " \n ", "a\0b", "x" * 2001, None, 7):
        with subtests.test(reason=str(reason)[:10]):
            with pytest.raises(Invalid) as caught:
                yank(shop.seller, found, reason=reason)
            assert set(caught.value.fields) == {"reason"}
    assert found is not None
    assert found.is_latest


# D6


def test_D6_a_release_reaches_every_holder_with_no_write_per_buyer(shop: Shop) -> None:
    """The same rows are written, however many have bought it."""
    free = Money.zero("USD")
    lonely, loved = shop.product("Lonely", free), shop.product("Loved", free)
    buyers = [shop.store.users.guest(f"buyer{number}@example.com") for number in range(4)]
    for buyer in buyers:
        shop.buy(loved, buyer)
    assert shop.store.downloads.files(buyers[0], loved)[0].name == "book.pdf"
    written = []
    for product in (lonely, loved):
        before = rows_by_table(shop)
        shop.store.catalog.release(
            shop.seller, product, version="2.0", files={"new.pdf": product.title.encode()}
        )
        after = rows_by_table(shop)
        written.append({table: after[table] - before[table] for table in after})
    assert written[0] == written[1]
    assert written[0]["digistore_releases"] == 1
    for buyer in buyers:  # at once, and at no cost
        assert [file.name for file in shop.store.downloads.files(buyer, loved)] == ["new.pdf"]
        (owned,) = shop.store.entitlements.my_products(buyer)
        assert owned.latest is not None
        assert owned.latest.version == "2.0"
    assert shop.count("payments", "captured > 0") == 0


def rows_by_table(shop: Shop) -> dict[str, int]:
    return {name: int(shop.rows(f"SELECT count(*) FROM {name}")[0][0]) for name in metadata.tables}


# Who sees what


def test_strangers_see_published_notes_and_no_files(shop: Shop) -> None:
    catalog = shop.store.catalog
    product = shop.product()
    beta = release(shop, product, "2.0b1", channel="beta", notes="Try it.")
    hidden = release(shop, product, "3.0", publish=False)
    yanked = release(shop, product, "1.5")
    catalog.yank(shop.seller, yanked, reason="bad")
    shop.buy(product)
    nobody: Any = None
    for visitor in (nobody, shop.buyer, shop.new_seller("rival@example.com")):
        shown = catalog.releases(visitor, product)
        assert {found.version for found in shown} == {"2.0b1", "1.0"}
        assert all(found.files == () for found in shown)
        assert next(found.notes for found in shown if found.id == beta.id) == "Try it."
    for visitor in (shop.seller, shop.operator, SYSTEM):
        shown = catalog.releases(visitor, product)
        assert {found.id for found in shown} >= {hidden.id, yanked.id, beta.id}
        assert len(shown) == 4
        assert all(found.files for found in shown)
        assert shown[0].id == hidden.id  # what is not published yet stands first


def test_E1_a_hidden_release_and_none_at_all_look_the_same(shop: Shop, subtests: Subtests) -> None:
    product, unseen = shop.product(), draft(shop)
    hidden = [
        release(shop, product, "2.0", publish=False),
        release(shop, unseen, "1.0"),
        release(shop, unseen, "2.0", publish=False),
    ]
    catalog: Any = shop.store.catalog
    calls: dict[str, Callable[[Any, Any], object]] = {
        "publish": catalog.publish,
        "yank": lambda who, ref: catalog.yank(who, ref, reason="mine"),
    }

    def answer(call: Callable[[Any, Any], object], who: Any, ref: Any) -> tuple[object, ...]:
        with pytest.raises(DigistoreError) as caught:
            call(who, ref)
        return type(caught.value), str(caught.value), getattr(caught.value, "ref", ref) == ref

    nobody: Any = None
    for who in (shop.buyer, shop.new_seller("rival@example.com"), HostUser("host-7"), nobody):
        for name, call in calls.items():
            absent = answer(call, who, "rel_none")
            assert absent[0] is (Forbidden if who is None else NotFound)
            for ref in [found.id for found in hidden]:
                with subtests.test(who=str(who)[:20], call=name, ref=ref):
                    assert answer(call, who, ref) == absent
    for none in ("", "\0", None, 7, ["x"]):
        with subtests.test(ref=str(none)), pytest.raises(NotFound):
            catalog.publish(SYSTEM, none)


def test_what_is_published_is_known_and_not_theirs_to_change(shop: Shop) -> None:
    product = shop.product()
    found = shop.store.catalog.latest(None, product)
    assert found is not None
    for who in (shop.buyer, shop.new_seller("rival@example.com")):
        with pytest.raises(Forbidden):
            shop.store.catalog.yank(who, found, reason="mine")
        with pytest.raises(Forbidden):
            shop.store.catalog.publish(who, found)
    for actor in (shop.operator, SYSTEM, shop.seller):
        assert shop.store.catalog.publish(actor, found).id == found.id
