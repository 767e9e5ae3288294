"""Where a link may lead: what stands at the edge of a rule."""

from __future__ import annotations

import pytest

from digistore.errors import ConfigError, Invalid
from digistore.short_urls.rules.targets import (
    LONGEST_TARGET,
    TargetPolicy,
    read_hosts,
    read_own_addresses,
    read_target,
)

ADDRESSES = TargetPolicy(allow_ip=True)


@pytest.mark.parametrize(
    ("target", "rebuilt"),
    [
        ("http://a.example:1/", "http://a.example:1/"),
        ("http://a.example:65535/", "http://a.example:65535/"),
        ("http://[2606:4700::1111]:80/", "http://[2606:4700::1111]/"),
        ("https://a.example/%2e./x", "https://a.example/%2e./x"),
        ("https://a.example?b?c#d?e#f", "https://a.example/?b?c#d?e%23f"),
        ("https://a.example:443//b//", "https://a.example//b//"),
        ("https://a.example/" + "a" * (LONGEST_TARGET - 18), None),
        ("https://a.example" + "?" + "a" * (LONGEST_TARGET - 19), "https://a.example/?"),
    ],
)
def test_what_is_just_allowed(target: str, rebuilt: str | None) -> None:
    found = read_target(target, ADDRESSES)
    assert found == (rebuilt or target) or (len(found), found[:19]) == (LONGEST_TARGET, rebuilt)
    assert read_target(found, ADDRESSES) == found


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://a.example:0/", "port_invalid"),
        ("http://a.example:65536/", "port_invalid"),
        ("http://a.example:x80/", "port_invalid"),
        ("http://[2606:4700::1111]]/", "host_invalid"),
        ("http://[2606:4700::1111]80/", "host_invalid"),
        ("http://[2606:4700::1111]:/", "port_invalid"),
        ("http://[2606:4700::1111/", "host_invalid"),
        ("http://a.local/", "host_not_public"),
        ("https://a.example/" + "a" * (LONGEST_TARGET - 17), "target_too_long"),
        ("https://a.example?" + "a" * (LONGEST_TARGET - 18), "target_too_long"),  # with its slash
    ],
)
def test_what_is_just_refused(target: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_target(target, ADDRESSES, field="fallback")
    assert caught.value.fields == {"fallback": code}


@pytest.mark.parametrize(
    ("target", "loops"),
    [
        ("https://sho.rt/", True),
        ("https://shop.example/s", True),
        ("https://shop.example/s/x", True),
        ("https://shop.example//s/x", True),
        ("https://shop.example/%2fs/x", True),
        ("https://shop.example/a/../s/x", True),
        ("https://shop.example/", False),
        ("https://shop.example/sx", False),
        ("https://shop.example/a/s", False),
        ("https://shop.example/X/s", False),
        ("https://shop.example/s/../a", False),
    ],
)
def test_only_what_is_served_as_a_short_link_is_a_loop(target: str, *, loops: bool) -> None:
    policy = TargetPolicy(own=read_own_addresses({"sho.rt", "shop.example/s/"}))
    if loops:
        with pytest.raises(Invalid) as caught:
            read_target(target, policy)
        assert caught.value.fields == {"target": "link_loop"}
    else:
        assert read_target(target, policy) == target


def test_settings_are_read_in_any_spelling() -> None:
    assert read_hosts(["Shop.Example.", "shop.example"]) == frozenset({"shop.example"})
    assert read_own_addresses(["Sho.RT", "shop.example/%73//x/../"]) == (
        ("sho.rt", ""),
        ("shop.example", "/s"),
    )


def test_a_setting_that_names_no_host_is_quoted() -> None:
    with pytest.raises(ConfigError, match=r"^Settings\.link_hosts has 'a:80', "):
        read_hosts(["a:80"])
    with pytest.raises(ConfigError, match=r"^Settings\.own_link_hosts has 'a b/s', "):
        read_own_addresses(["a b/s"])
