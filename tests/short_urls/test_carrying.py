"""Links as rows: brought in by every rule that holds for links, taken out as they came in."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digistore.errors import Forbidden, Invalid, NotFound
from digistore.short_urls import ImportOutcome, ImportReport, LinkRule, ShortURL
from digistore.short_urls.rules.carrying import COLUMNS, MOST_ROWS, given_of, read_rows, written
from digistore.users import SYSTEM
from tests.short_urls.shop import FALLBACK, GET, TARGET, Shop

FORMATS = ("csv", "jsonl")


def full(shop: Shop) -> list[ShortURL]:
    """Links with everything that a link can have, but a password."""
    links = [
        shop.links.shorten(shop.seller, TARGET, code="plain"),
        shop.links.shorten(
            shop.seller,
            f"{TARGET}?a=%2Cb",
            domain="go.example",
            title="=HYPERLINK(1)",
            tags=["spring", "a b"],
            starts_at=shop.clock.now,
            expires_at=shop.clock.now.replace(year=2030),
            max_visits=7,
            fallback=FALLBACK,
            rules=[LinkRule(target=FALLBACK, device="phone", query={"a": ""}, name="-2")],
            forward_query=True,
            track=True,
        ),
        shop.links.shorten(shop.seller, TARGET, title='\'=quoted, "twice"\u2028', permanent=True),
    ]
    shop.links.resolve("plain", GET)
    shop.links.disable(shop.seller, links[2])
    return list(shop.links.mine(shop.seller))


def outcomes(report: ImportReport) -> list[str]:
    return [row.outcome.value for row in report.rows]


def told(link: ShortURL) -> dict[str, Any]:
    """What of a link is the same after a journey."""
    own = {"id", "owner_id", "created_at", "clicks", "imported_clicks", "visits", "disabled_at"}
    found = link.model_dump(exclude=own)
    return {
        **found,
        "clicks": link.clicks + link.imported_clicks,
        "disabled": link.disabled_at is not None,
    }


@pytest.mark.parametrize("format_", FORMATS)
def test_export_and_import_are_the_identity(shop: Shop, fresh_shop: Any, format_: Any) -> None:
    links = full(shop)
    text = shop.links.export_links(shop.seller, format=format_)
    other: Shop = fresh_shop()
    dry = other.links.import_links(other.seller, text)
    assert (dry.dry_run, outcomes(dry)) == (True, ["added"] * 3)
    assert not other.links.mine(other.seller)
    assert outcomes(other.links.import_links(other.seller, text, dry_run=False)) == ["added"] * 3
    brought = {(one.domain, one.code): told(one) for one in other.links.mine(other.seller)}
    assert brought == {(one.domain, one.code): told(one) for one in links}
    again = other.links.export_links(other.seller, format=format_)
    assert sorted(again.splitlines()) == sorted(text.splitlines())


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_rows_again_add_nothing(shop: Shop, format_: Any) -> None:
    full(shop)
    text = shop.links.export_links(shop.seller, format=format_)
    before = shop.sql("SELECT * FROM digistore_short_urls ORDER BY id")
    for dry_run in (True, False):
        report = shop.links.import_links(shop.seller, text, dry_run=dry_run)
        assert outcomes(report) == ["same"] * 3
    assert shop.sql("SELECT * FROM digistore_short_urls ORDER BY id") == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_another_target_is_a_conflict_and_never_an_overwrite(shop: Shop, *, dry_run: bool) -> None:
    link = shop.links.shorten(shop.rival, TARGET, code="spring")
    rows = [
        {"code": "spring", "target": FALLBACK},
        {"code": "SPRING", "target": TARGET, "domain": "go.example"},
        {"code": "summer", "target": TARGET},
    ]
    report = shop.links.import_links(shop.seller, rows, dry_run=dry_run)
    assert outcomes(report) == ["conflict", "added", "added"]
    assert report.count(ImportOutcome.ADDED) == 2
    assert list(shop.links.mine(shop.rival)) == [link]
    assert len(shop.links.mine(shop.seller)) == (0 if dry_run else 2)


def test_each_row_stands_or_falls_by_itself(shop: Shop) -> None:
    rows: list[dict[str, Any]] = [
        {"code": "fine", "target": TARGET, "clicks": "12"},
        {"code": "admin", "target": TARGET},
        {"code": "x", "target": TARGET},
        {"code": "script", "target": "javascript:alert(1)"},
        {"code": "abroad", "target": "https://elsewhere.example/"},
        {"code": "late", "target": TARGET, "expires_at": "tomorrow"},
        {"code": "naive", "target": TARGET, "expires_at": "2030-01-01T00:00:00"},
        {"code": "many", "target": TARGET, "clicks": -1},
        {"code": "much", "target": TARGET, "clicks": "9" * 400},
        {"code": "tags", "target": TARGET, "tags": "[[["},
        {"code": "flag", "target": TARGET, "track": "perhaps"},
        {"code": "lock", "target": TARGET, "has_password": "true"},
        {"code": "kept", "target": TARGET, "permanent": True, "track": True},
        {"code": "rule", "target": TARGET, "rules": [{"target": TARGET}]},
        {"code": "twice", "target": TARGET},
        {"code": "TWICE", "target": FALLBACK},
        {"target": TARGET},
        {"code": 7, "target": TARGET},
        {"code": "naught"},
    ]
    report = shop.links.import_links(shop.seller, rows, dry_run=False)
    assert {row.number: dict(row.faults) for row in report.rows if row.faults} == {
        2: {"code": "code_reserved"},
        3: {"code": "code_characters"},
        4: {"target": "scheme_not_allowed"},
        5: {"target": "host_not_allowed"},
        6: {"expires_at": "unreadable"},
        7: {"expires_at": "naive"},
        8: {"clicks": "unreadable"},
        9: {"clicks": "unreadable"},
        10: {"tags": "unreadable"},
        11: {"track": "unreadable"},
        12: {"has_password": "unknown"},
        13: {"track": "permanent"},
        14: {"rules": "unconditional"},
        16: {"code": "repeated"},
        17: {"code": "code_characters"},
        18: {"code": "unreadable"},
        19: {"target": "scheme_not_allowed"},
    }
    assert [row.outcome for row in report.rows if row.faults] == [ImportOutcome.REFUSED] * 17
    assert {link.code: link.imported_clicks for link in shop.links.mine(shop.seller)} == {
        "fine": 12,
        "twice": 0,
    }


def test_what_is_brought_in_is_audited_as_that_and_counted_apart(shop: Shop) -> None:
    row = {"code": "spring", "target": TARGET, "clicks": 1000}
    shop.links.import_links(shop.seller, [row], dry_run=False)
    shop.links.resolve("spring", GET)
    [link] = shop.links.mine(shop.seller)
    assert (link.clicks, link.imported_clicks) == (1, 1000)
    assert shop.audited(link.id) == [(1, shop.seller.id, "import")]


def test_a_disabled_link_is_brought_in_disabled(shop: Shop) -> None:
    row = {"code": "spring", "target": TARGET, "disabled": "true"}
    shop.links.import_links(shop.seller, [row], dry_run=False)
    with pytest.raises(NotFound):
        shop.links.resolve("spring", GET)


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ("code,target\r\nx", "unreadable"),
        ("code,target\r\na,b,c", "unreadable"),
        ('code,target\r\n"a', "unreadable"),
        ('{"code": "a"', "unreadable"),
        ('{"code": "a"}\n[]', "unreadable"),
        ("{" * 100_000, "unreadable"),
        ("code,colour\r\na,b", "unknown_column"),
        ([{"colour": "red"}], "unknown_column"),
        (["text"], "unreadable"),
        ([{}] * (MOST_ROWS + 1), "too_many"),
        ("x" * (16 * 2**20 + 1), "too_long"),
    ],
)
def test_rows_that_cannot_be_read_at_all_are_refused_whole(
    shop: Shop, rows: Any, word: str
) -> None:
    with pytest.raises(Invalid) as caught:
        shop.links.import_links(shop.seller, rows, dry_run=False)
    assert caught.value.fields == {"rows": word}


def test_who_may_not_shorten_brings_nothing_in(shop: Shop) -> None:
    with pytest.raises(Forbidden):
        shop.links.import_links(shop.customer, [{"code": "spring", "target": TARGET}])
    assert shop.links.export_links(shop.customer) == f"{','.join(COLUMNS)}\r\n"


def test_an_export_is_of_ones_own_links_however_many(shop: Shop) -> None:
    rows = [{"code": f"code-{number}", "target": TARGET} for number in range(450)]
    shop.links.import_links(SYSTEM, rows, dry_run=False)
    shop.links.shorten(shop.seller, TARGET)
    found = read_rows(shop.links.export_links(SYSTEM))
    assert {row["code"] for row in found} == {row["code"] for row in rows}
    with pytest.raises(Invalid) as caught:
        shop.links.export_links(SYSTEM, format="xlsx")  # type: ignore[arg-type]
    assert caught.value.fields == {"format": "unknown"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1", "'", "''x"])
def test_GHSA_xf4v_w5x5_pv79_no_cell_is_a_formula_and_each_comes_back_as_it_was(text: str) -> None:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"title": text, "code": "spring"}
    exported = written([row], "csv")
    [cells] = list(csv.DictReader(io.StringIO(exported, newline="")))
    assert cells["title"][0] == "'"
    assert read_rows(exported)[0]["title"] == text


def test_a_password_is_never_exported_and_its_link_never_brought_in_open(
    shop: Shop, fresh_shop: Any
) -> None:
    shop.links.shorten(shop.seller, TARGET, password="hidden words")
    for format_ in ("csv", "jsonl"):
        text = shop.links.export_links(shop.seller, format=format_)
        assert "hidden" not in text
        assert "scrypt" not in text
        report = fresh_shop().links.import_links(SYSTEM, text, dry_run=False)
        assert [dict(row.faults) for row in report.rows] == [{"has_password": "unknown"}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.dictionaries(st.sampled_from(COLUMNS), JSON), max_size=4))
def test_any_rows_are_refused_with_a_word_or_brought_in(
    shop: Shop, rows: list[dict[str, Any]]
) -> None:
    report = shop.links.import_links(shop.operator, rows, dry_run=True)
    assert [row.number for row in report.rows] == list(range(1, len(rows) + 1))
    assert all(bool(row.faults) == (row.outcome == "refused") for row in report.rows)


def test_columns_come_back_as_what_they_are() -> None:
    row = json.loads('{"max_visits": 3, "track": true, "tags": ["a"], "title": null}')
    assert given_of(row) == {"max_visits": 3, "track": True, "tags": ["a"]}
