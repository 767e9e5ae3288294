"""A purchase that is fetched from everywhere is told to an operator, and nothing is blocked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from digistore.downloads.rules.answers import network_of
from digistore.events import ActionNeeded
from tests.conftest import Shop
from tests.downloads.fetching import bought, fetched, token


def fetch_from(shop: Shop, link: str, *addresses: str) -> None:
    for address in addresses:
        assert fetched(shop, link, client=address)[0] == 200


def asked(shop: Shop) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in shop.store.payments.needing_action(shop.operator)]


def test_more_networks_in_a_day_than_the_host_allows_are_told_once(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(download_networks=3)
    told: list[str] = []
    shop.store.on(ActionNeeded, lambda event: told.append(event.kind), name="mail")
    book = bought(shop)
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    link = token(shop, book)
    fetch_from(shop, link, "192.0.2.1", "192.0.2.99", "198.51.100.1", "203.0.113.1")
    assert asked(shop) == []
    fetch_from(shop, link, "2001:db8::1")
    assert asked(shop) == [("download_sharing", purchase.id)]
    fetch_from(shop, link, "2001:db8:1::1", "192.0.2.1")
    assert len(asked(shop)) == 1
    shop.store.run_due()
    assert told == ["download_sharing"]
    (action,) = shop.store.payments.needing_action(shop.operator)
    shop.store.payments.resolve(shop.operator, action, choice="keep", reason="a family")
    fetch_from(shop, link, "2001:db8:2::1")
    assert asked(shop) == []


def test_networks_of_other_days_and_other_purchases_do_not_add_up(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(download_networks=2)
    book = bought(shop)
    friend = shop.store.users.register("friend@example.com")
    shop.buy(book, friend)
    fetch_from(shop, token(shop, book), "192.0.2.1", "198.51.100.1")
    fetch_from(shop, token(shop, book, friend), "203.0.113.1", "203.0.114.1")
    shop.clock.go(hours=24)
    fetch_from(shop, token(shop, book), "203.0.115.1", "203.0.116.1")
    assert asked(shop) == []
    assert shop.count("download_networks") == 4
    assert shop.count("download_networks", "network LIKE '%203%' AND length(network) <> 32") == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        (" 192.0.2.77 ", "192.0.2.0/24"),
        ("192.0.2.77, 198.51.100.1", None),
        ("no address", None),
        ("", None),
        (None, None),
    ],
)
def test_a_client_is_a_network(address: str | None, network: str | None) -> None:
    assert network_of(address) == network
