"""Visitors are told apart within a day, and by nothing that outlives it."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from digistore.short_urls.rules.visitors import network_of, visitor_hash


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("203.0.113.7", "203.0.113"),
        ("::ffff:203.0.113.7", "203.0.113"),
        ("203.0.113.7%eth0", "203.0.113"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:DB8:FFFF:ffff::", "2001:db8:ffff::"),
        ("fe80::1%eth0", "fe80::"),
        (f"2001:db8:1::%{'x' * 51}", "2001:db8:1::"),
        (f"2001:db8:1::%{'x' * 52}", None),
        ("fe80::1%a%b", "fe80::"),
        ("0.9.99.199", "0.9.99"),
        ("249.250.255.0", "249.250.255"),
        ("256.0.113.7", None),
        ("203.999.113.7", None),
        ("203.0.300.7", None),
        ("203.0.113.256", None),
        ("203.0.113.07", None),
        ("", None),
        ("localhost", None),
        ("203.0.113.7:8080", None),
        (None, None),
        (b"203.0.113.7", None),
        (3405803783, None),
    ],
)
def test_an_address_is_cut_to_its_network(client: str | None, network: str | None) -> None:
    assert network_of(client) == network


@pytest.mark.parametrize(
    ("client", "agent", "told"),
    [
        ("203.0.113.7", "Firefox", b"203.0.113\nFirefox"),
        ("2001:db8:1:2::3", "", b"2001:db8:1::\n"),
        ("203.0.113.7", "\ud800\xfc", b"203.0.113\n?\xc3\xbc"),
    ],
)
def test_a_visitor_is_half_a_hash_of_network_and_agent_by_the_key_of_the_day(
    client: str, agent: str, told: bytes
) -> None:
    expected = hmac.new(b"a day's key", told, hashlib.sha256).hexdigest()[:32]
    assert visitor_hash(b"a day's key", client, agent) == expected


def test_without_an_address_there_is_no_visitor() -> None:
    assert visitor_hash(b"a day's key", None, "Firefox") is None
