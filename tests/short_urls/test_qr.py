"""QR codes: which address is drawn, and how."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree as ET

import pytest
import segno

from digistore.errors import ConfigError, Invalid, NotFound
from digistore.settings import Settings
from tests.short_urls.shop import SETTINGS, TARGET, Shop

ROOT = SETTINGS.model_copy(update={"own_link_hosts": frozenset({"sho.rt"})})
UNDER = SETTINGS.model_copy(update={"own_link_hosts": frozenset({"shop.example/s"})})


def width(svg: str) -> int:
    """Return how many modules a side has, its margin included."""
    found = re.search(r'd="M4 4\.5|viewBox="0 0 (\d+)|width="(\d+)"', svg)
    assert found is not None
    return int(found[1] or found[2]) // 8


def drawn(address: str) -> int:
    return int(segno.make(address, micro=False, error="l").symbol_size(border=4)[0])


def test_a_code_is_an_svg_without_anything_active(shop: Shop) -> None:
    links = shop.short_urls(ROOT)
    svg = links.qr(links.shorten(shop.seller, TARGET))
    tree = ET.fromstring(svg)  # noqa: S314  our own text
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {one.tag.rpartition("}")[2] for one in tree.iter()}
    assert tags <= {"svg", "path", "title", "g"}


def test_at_the_root_of_a_host_capitals_make_a_coarser_code(shop: Shop) -> None:
    links = shop.short_urls(ROOT)
    link = links.shorten(shop.seller, TARGET, code="abcdefgh")
    assert width(links.qr(link)) == drawn("HTTPS://SHO.RT/ABCDEFGH")
    assert width(links.qr(link)) < drawn("https://sho.rt/abcdefgh")
    assert links.resolve("ABCDEFGH").url == TARGET  # what a reader of the code asks for


def test_under_a_prefix_the_address_is_drawn_as_it_is(shop: Shop) -> None:
    links = shop.short_urls(UNDER)
    link = links.shorten(shop.seller, TARGET, code="abcdefgh")
    assert width(links.qr(link)) == drawn("https://shop.example/s/abcdefgh")
    assert "https://shop.example/s/abcdefgh" in links.qr(link)


def test_a_link_of_another_domain_is_drawn_under_that(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, code="abcdefgh", domain="go.example")
    assert "https://go.example/abcdefgh" in shop.links.qr(link)
    assert shop.links.qr(link) == shop.links.qr(link.id)


def test_where_nobody_says_the_address_it_is_asked_for(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, code="abcdefgh")
    for settings in (SETTINGS, Settings(own_link_hosts=frozenset())):  # two addresses, and none
        with pytest.raises(Invalid) as caught:
            shop.short_urls(settings).qr(link)
        assert caught.value.fields == {"base": "missing"}
    assert "http://localhost.example/s/abcdefgh" in shop.links.qr(
        link, base="http://localhost.example/s/"
    )


@pytest.mark.parametrize(
    "base", ["", "javascript:alert(1)", "//sho.rt", "https://", "https://a b/", "https://x.y/?q", 7]
)
def test_a_base_is_an_address(shop: Shop, base: str) -> None:
    link = shop.links.shorten(shop.seller, TARGET)
    with pytest.raises(Invalid) as caught:
        shop.links.qr(link, base=base)
    assert caught.value.fields == {"base": "not_an_address"}


def test_an_unknown_link_is_not_drawn(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.links.qr("url_nobody")


def test_without_the_extra_one_is_told_how_to_get_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = shop.short_urls(ROOT)
    link = links.shorten(shop.seller, TARGET)
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(ConfigError, match=r"digistore\[qr\]"):
        links.qr(link)
