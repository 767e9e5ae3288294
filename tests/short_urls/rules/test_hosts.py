"""Host names in their normal form, and which of them are addresses or public."""

from __future__ import annotations

import pytest

from digistore.short_urls.rules.hosts import (
    Refused,
    is_address,
    is_global_v4,
    is_global_v6,
    is_public,
    read_host,
)

LONG = "a." * 126  # two characters less than a host may have, and the dot at its end


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Shop.EXAMPLE", "shop.example"),
        ("shop.example.", "shop.example"),
        ("shop\u3002example\uff0e", "shop.example"),
        ("shop\uff61example", "shop.example"),
        ("\uff33hop.example", "shop.example"),
        ("my_shop-1.example", "my_shop-1.example"),
        ("B\xdccher.example", "xn--bcher-kva.example"),
        ("\N{PILE OF POO}.example", "xn--ls8h.example"),
        ("a" * 63, "a" * 63),
        ("\uff41" * 63, "a" * 63),
        (f"{LONG}a", f"{LONG}a"),
        (f"{LONG}a.", f"{LONG}a"),
    ],
)
def test_a_host_has_one_normal_form(text: str, host: str) -> None:
    assert read_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", ".a", "a..", "a b", "a:80", "exa!mple", "a" * 64, f"{LONG}ab"),
        *("stra\xdfe.example", "STRA\u1e9eE.example", "\u03c2.example"),  # browsers keep these
        "a\u2100.example",  # folds to a/c
        "a\ufe0f.example",
        "\ue000.example",
        "xn--\xfc.example",
        "\xfc" * 64,
        "\xfc" * 63 + "a",
        "\u4e2d\u6587" * 31,
        "\u1806.example",  # taken away by the old mapping, kept by that of today
        "\U0002f868.example",  # another sign by the old mapping
        None,
        7,
        b"shop.example",
    ],
)
def test_what_is_no_host_is_refused_with_a_word(text: str) -> None:
    with pytest.raises(Refused) as caught:
        read_host(text)
    assert (caught.value.code, str(caught.value)) == ("host_invalid", "host_invalid")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        *((host, True) for host in ("127.0.0.1", "127.1", "2130706433", "0x7f", "a.0x", "a.1")),
        *((host, False) for host in ("a.example", "1.a", "a.1x", "a.0xg", "a.x1", "1-1", "")),
    ],
)
def test_a_number_at_its_end_makes_an_address(host: str, *, address: bool) -> None:
    assert is_address(host) is address


@pytest.mark.parametrize(
    ("host", "reachable"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("224.0.1.1", False),  # multicast
        ("08.8.8.8", False),
        ("8.8.8", False),
        ("a.example", False),
        ("", False),
    ],
)
def test_of_ipv4_only_what_the_whole_net_can_reach_is_global(host: str, *, reachable: bool) -> None:
    assert is_global_v4(host) is reachable


@pytest.mark.parametrize(
    ("literal", "reachable"),
    [
        ("2606:4700::1111", True),
        ("2606:4700:0::1111", False),  # another spelling
        ("2606:4700::1%1", False),
        ("2001:db8::1", False),
        ("::1", False),
        ("::7f00:1", False),
        ("::808:808", False),
        ("fe80::1", False),
        ("ff0e::1", False),
        ("::ffff:808:808", False),
        ("8.8.8.8", False),
        ("", False),
        # What stands inside of NAT64, 6to4 and Teredo decides.
        ("64:ff9b::808:808", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::e000:101", False),
        ("64:ff9b:1::808:808", False),
        ("2002:808:808::1", True),
        ("2002:7f00:1::1", False),
        ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", True),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("2001:0:7f00:1:8000:63bf:f7f7:f7f7", True),  # the visitor's address, not the server's
    ],
)
def test_of_ipv6_only_what_the_whole_net_can_reach_is_global(
    literal: str, *, reachable: bool
) -> None:
    assert is_global_v6(literal) is reachable


@pytest.mark.parametrize(
    ("host", "public"),
    [
        *((host, True) for host in ("a.example", "a.local.example", "xhome.arpa", "a.localhosts")),
        *((host, False) for host in ("intranet", "localhost", "a.localhost", "a.local", "")),
        *((host, False) for host in ("a.internal", "a.localdomain", "home.arpa", "a.home.arpa")),
    ],
)
def test_one_label_or_a_private_end_is_not_public(host: str, *, public: bool) -> None:
    assert is_public(host) is public
