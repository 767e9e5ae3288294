"""Our pages: WCAG 2.2 AA as far as markup and colours say, no script, and the host's own words."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from digistore.web import PageTexts, WebSettings
from digistore.web.pages import layout
from tests.web.conftest import Web

VOID = {"meta", "input", "br", "link", "img"}
GERMAN = PageTexts(
    lang="de",
    paid_title="Bezahlt",
    paid="Danke <b>sehr</b>.",
    try_again_title="Noch nicht bezahlt",
    sandbox_title="Probezahlung",
    go_on="Zum Laden",
)


class Page(HTMLParser):
    """The elements of a page, in their order, each with its attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element: tuple[str, dict[str, str | None], list[str]] = (tag, dict(attrs), [])
        self.found.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for element in self._open[-1:]:
            element[2].append(data)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, "".join(text)) for name, attrs, text in self.found if name == tag]


def assert_accessible(answer: Any) -> Page:
    """What can be told of a page without looking at it, by success criterion."""
    page = Page(answer.text)
    (html,), (title,), (main,) = page.all("html"), page.all("title"), page.all("main")
    assert html[0]["lang"]  # 3.1.1
    assert html[0]["dir"] in {"ltr", "rtl"}
    assert title[1].strip()  # 2.4.2
    assert main is not None  # 2.4.1
    ((_, heading),) = page.all("h1")  # 1.3.1
    assert heading == title[1]
    viewport = next(m["content"] for m, _ in page.all("meta") if m.get("name") == "viewport")
    assert "user-scalable" not in str(viewport)  # 1.4.4
    assert "maximum-scale" not in str(viewport)
    assert not any(m.get("http-equiv") == "refresh" for m, _ in page.all("meta"))  # 2.2.1
    ids = [attrs["id"] for _, attrs, _ in page.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    labelled = {attrs["for"] for attrs, _ in page.all("label")}
    for attrs, _ in page.all("input"):
        assert attrs["type"] == "hidden" or attrs["id"] in labelled  # 3.3.2, 4.1.2
    for attrs, text in [*page.all("button"), *page.all("a")]:
        assert text.strip(), attrs  # 2.4.4, 4.1.2
    assert not page.all("script")
    assert not any(name.startswith("on") for _, attrs, _ in page.found for name in attrs)
    assert not any("src" in attrs for _, attrs, _ in page.found)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    return page


@pytest.fixture(params=["flask", "django", "fastapi"])
def german(request: pytest.FixtureRequest, open_web: Callable[..., Web]) -> Web:
    settings = WebSettings(texts=GERMAN, next_url="https://shop.example/laden?a=1&b=2")
    return open_web(request.param, web_settings=settings)


def checkout(web: Web) -> str:
    book = web.shop.product("A <script>alert(1)</script> & more")
    made = web.post("/checkout", {"items": [book.id]}, web.shop.buyer).json()
    return web.path_of(made["url"])


def test_every_page_is_accessible_and_in_the_hosts_words(german: Web) -> None:
    path = checkout(german)
    sandbox = assert_accessible(german.get(path))
    assert sandbox.all("h1")[0][1] == "Probezahlung"
    assert "A <script>alert(1)</script> & more" in [text for _, text in sandbox.all("dt")]
    back = german.shop.sandbox.look_up(path).success_url
    early = assert_accessible(german.get(german.path_of(back)))
    assert early.all("h1")[0][1] == "Noch nicht bezahlt"
    german.shop.deliver(german.shop.sandbox.pay(path))
    german.shop.clock.go(seconds=3)
    paid = assert_accessible(german.get(german.path_of(back)))
    assert "Danke <b>sehr</b>." in [text for _, text in paid.all("p")]
    assert ({"href": "https://shop.example/laden?a=1&b=2"}, "Zum Laden") in paid.all("a")
    assert_accessible(german.get(path))  # there is nothing more to choose
    for missing in ("/return/att_unknown", "/return/ord_x", "/sandbox/unknown"):
        answer = german.get(missing)
        assert answer.status_code == 404
        assert_accessible(answer)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    digits = colour if len(colour) == 6 else "".join(sign * 2 for sign in colour)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_have_contrast() -> None:
    style = layout.page(PageTexts(), "x", ()).body
    assert isinstance(style, bytes)
    colours = set(re.findall(r"(?<![-\w])color:#([0-9a-f]+)", style.decode()))
    assert colours == {"1a1a1a", "0b3d91", "fff", "a30000"}
    for text in colours - {"fff"}:
        assert contrast(text, "fff") >= 7  # 1.4.6, more than 1.4.3 asks for
    assert contrast("b35900", "fff") >= 3  # the outline of what has the focus: 1.4.11, 2.4.11
    assert "min-height:2.75rem" in style.decode()  # 44 pixels: 2.5.8 asks for 24


def test_a_password_is_asked_for_by_a_labelled_field() -> None:
    parts = [
        layout.error("Wrong.", "wrong"),
        layout.form({"a": '"><script>'}, [layout.password_field("Word", "password", "wrong")]),
    ]
    made = layout.page(PageTexts(), "Password needed", parts, 403)

    class Answer:
        text = bytes(made.body).decode() if isinstance(made.body, bytes) else ""
        headers = {name.lower(): value for name, value in made.headers.items()}  # noqa: RUF012

    page = assert_accessible(Answer())
    field = next(attrs for attrs, _ in page.all("input") if attrs["type"] == "password")
    assert (field["aria-describedby"], field["autocomplete"]) == ("wrong", "current-password")
    assert ("wrong", "alert") in [(a.get("id"), a.get("role")) for a, _ in page.all("p")]
