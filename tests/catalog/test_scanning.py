"""What a scanner has not found clean is neither published, nor sold, nor delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from digistore import Money, Store
from digistore.errors import ConfigError, Invalid, InvalidTransition, NothingToDeliver
from digistore.files import ScannedBlob, ScanResult
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.downloads.fetching import fetched, refusal, token


class Reader:
    """A scanner that reads every byte, as a real one does, and knows one bad word."""

    def __init__(self) -> None:
        self.answer: ScanResult | None = None
        self.seen: list[str] = []

    def scan(self, blob: ScannedBlob) -> ScanResult:
        with blob.open() as stream:
            content = stream.read()
        assert len(content) == blob.ref.size
        self.seen.append(blob.ref.sha256)
        if self.answer is not None:
            return self.answer
        return ScanResult.INFECTED if b"EICAR" in content else ScanResult.CLEAN


class Broken:
    def scan(self, blob: ScannedBlob) -> ScanResult:
        raise ConnectionRefusedError


@pytest.fixture
def scanner() -> Reader:
    return Reader()


@pytest.fixture
def shop(
    open_store: Callable[..., Store], sandbox: SandboxGateway, clock: FrozenClock, scanner: Reader
) -> Shop:
    return Shop(open_store(scanner=scanner), sandbox, clock)


def add(shop: Shop, version: str, content: bytes = b"words", **kwargs: Any) -> Any:
    return shop.store.catalog.release(
        shop.seller, "async-python", version=version, files={"a.txt": content}, **kwargs
    )


def test_clean_files_are_sold_as_ever(shop: Shop, scanner: Reader) -> None:
    book = shop.product()
    shop.buy(book)
    assert fetched(shop, token(shop, book))[0] == 200
    assert len(scanner.seen) == 1


def test_an_infected_file_makes_no_release(shop: Shop) -> None:
    book = shop.product()
    with pytest.raises(Invalid) as caught:
        add(shop, "2.0", b"EICAR")
    assert caught.value.fields == {"file": "infected"}
    assert [one.version for one in shop.store.catalog.releases(shop.seller, book)] == ["1.0"]


def test_what_is_still_looked_at_stays_a_draft(shop: Shop, scanner: Reader) -> None:
    book = shop.product()
    scanner.answer = ScanResult.PENDING
    draft = add(shop, "2.0")
    assert (draft.status, draft.files[0].scan) == ("draft", "pending")
    with pytest.raises(InvalidTransition):
        shop.store.catalog.publish(shop.seller, draft)
    preview = token(shop, book, shop.seller, release=draft)
    assert refusal(shop, preview) == (410, "file_blocked")
    assert shop.store.run_due().scanned_files == 1
    with pytest.raises(InvalidTransition):
        shop.store.catalog.publish(shop.seller, draft)
    scanner.answer = ScanResult.CLEAN
    shop.store.run_due()
    assert shop.store.catalog.publish(shop.seller, draft).is_latest
    assert shop.store.run_due().scanned_files == 0
    assert fetched(shop, preview) == (200, b"words")


def test_what_turns_out_infected_never_comes_out(shop: Shop, scanner: Reader) -> None:
    shop.product()
    scanner.answer = ScanResult.PENDING
    draft = add(shop, "2.0")
    scanner.answer = ScanResult.INFECTED
    shop.store.run_due()
    for _ in range(2):
        with pytest.raises(InvalidTransition):
            shop.store.catalog.publish(shop.seller, draft)
    assert shop.store.run_due().scanned_files == 0


def test_a_product_without_a_clean_file_does_not_go_on_sale(shop: Shop, scanner: Reader) -> None:
    scanner.answer = ScanResult.PENDING
    product = shop.store.catalog.add_product(shop.seller, title="Async Python", price=free())
    add(shop, "1.0")
    with pytest.raises(NothingToDeliver):
        shop.store.catalog.put_on_sale(shop.seller, product)


def free() -> Money:
    return Money("0", "USD")


def test_a_scanner_that_fails_lets_nothing_through(
    open_store: Callable[..., Store], sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    shop = Shop(open_store(scanner=Broken()), sandbox, clock)
    shop.store.catalog.add_product(shop.seller, title="Async Python", price=free())
    assert add(shop, "1.0").files[0].scan == "pending"


def test_what_is_no_scanner_is_refused_when_the_store_is_made() -> None:
    class Coroutine:
        async def scan(self, blob: ScannedBlob) -> ScanResult:
            return ScanResult.CLEAN

    for wrong in (object(), Coroutine()):
        with pytest.raises(ConfigError, match="scanner"):
            Store.open("sqlite://", files="memory://", gateways=[], secret=SECRET, scanner=wrong)  # type: ignore[arg-type]
