"""Links as rows of text: what is written, and what is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from digistore.errors import Invalid
from digistore.ids import ShortURLId
from digistore.short_urls import LinkRule, ShortURL
from digistore.short_urls.rules.carrying import (
    COLUMNS,
    LONGEST_TEXT,
    MOST_ROWS,
    Unreadable,
    given_of,
    read_rows,
    row_of,
    written,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAIN = ShortURL(
    id=ShortURLId("url_1"),
    domain="",
    code="plain",
    target="https://shop.example/",
    created_at=NOON,
)
PLAIN_ROW: dict[str, Any] = {
    "domain": "",
    "code": "plain",
    "target": "https://shop.example/",
    "title": None,
    "tags": [],
    "starts_at": None,
    "expires_at": None,
    "max_visits": None,
    "fallback": None,
    "rules": [],
    "forward_query": False,
    "track": False,
    "permanent": False,
    "has_password": False,
    "disabled": False,
    "clicks": 0,
}
FULL = PLAIN.model_copy(
    update={
        "domain": "go.example",
        "title": "Fr\xfchling",
        "tags": ("\xfc", "b"),
        "starts_at": NOON,
        "expires_at": NOON.replace(year=2027),
        "max_visits": 7,
        "visits": 3,
        "clicks": 20,
        "imported_clicks": 100,
        "fallback": "https://shop.example/over",
        "has_password": True,
        "rules": (LinkRule(target="https://shop.example/\xe4", device="phone"),),
        "forward_query": True,
        "track": True,
        "permanent": True,
        "disabled_at": NOON,
    }
)
FULL_ROW: dict[str, Any] = {
    "domain": "go.example",
    "code": "plain",
    "target": "https://shop.example/",
    "title": "Fr\xfchling",
    "tags": ["\xfc", "b"],
    "starts_at": "2026-01-01T12:00:00+00:00",
    "expires_at": "2027-01-01T12:00:00+00:00",
    "max_visits": 7,
    "fallback": "https://shop.example/over",
    "rules": [{"target": "https://shop.example/\xe4", "device": "phone"}],
    "forward_query": True,
    "track": True,
    "permanent": True,
    "has_password": True,
    "disabled": True,
    "clicks": 120,
}


# Written


@pytest.mark.parametrize(("link", "row"), [(PLAIN, PLAIN_ROW), (FULL, FULL_ROW)])
def test_a_link_is_one_row(link: ShortURL, row: dict[str, Any]) -> None:
    assert row_of(link) == row


def test_rows_are_lines_of_json() -> None:
    assert written([{"title": "\xfc", "tags": ["a", "b"]}, {"title": None}], "jsonl") == (
        '{"title":"\xfc","tags":["a","b"]}\n{"title":null}\n'
    )


def test_rows_are_csv_with_a_header() -> None:
    assert written([PLAIN_ROW, FULL_ROW], "csv") == (
        "domain,code,target,title,tags,starts_at,expires_at,max_visits,fallback,rules,"
        "forward_query,track,permanent,has_password,disabled,clicks\r\n"
        ",plain,https://shop.example/,,,,,,,,false,false,false,false,false,0\r\n"
        'go.example,plain,https://shop.example/,Fr\xfchling,"[""\xfc"",""b""]",'
        "2026-01-01T12:00:00+00:00,2027-01-01T12:00:00+00:00,7,https://shop.example/over,"
        '"[{""target"":""https://shop.example/\xe4"",""device"":""phone""}]",'
        "true,true,true,true,true,120\r\n"
    )


# Read


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "title", ["a\u2028b", "a\u2029b", "\ufeff", "'", "''=", '"', ",", "{", "[]", "\xa0x"]
)
def test_any_title_comes_back_as_it_was(title: str, format_: Any) -> None:
    rows = [PLAIN_ROW | {"title": title, "code": code} for code in ("one", "two")]
    found = read_rows(written(rows, format_))
    assert [(row["code"], row["title"]) for row in found] == [("one", title), ("two", title)]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("code,title\n", []),
        ("\ufeffcode,title\na,b\n", [{"code": "a", "title": "b"}]),
        ("code,title\r\na,\r\n", [{"code": "a", "title": None}]),
        ("code,title\ra,b\r", [{"code": "a", "title": "b"}]),
        ('code,title\r\na,"b\r\nc"\r\n', [{"code": "a", "title": "b\r\nc"}]),
        ("code,title\na,'b", [{"code": "a", "title": "'b"}]),
        ("code,title\na,'=b", [{"code": "a", "title": "=b"}]),
        ("code,title\na,''b", [{"code": "a", "title": "'b"}]),
        ("code,title\na,b=", [{"code": "a", "title": "b="}]),
        ("code,title\na,x=", [{"code": "a", "title": "x="}]),
        ("code,title\nb,x=1", [{"code": "b", "title": "x=1"}]),
        ("code,title\nb,-=1", [{"code": "b", "title": "-=1"}]),
        ('{"code":"a"}', [{"code": "a"}]),
        ('\ufeff{"code":"a"}', [{"code": "a"}]),
        ('\n \n{"code":"a"}\n \r\n{"code":"b"}\r\n', [{"code": "a"}, {"code": "b"}]),
        ('{"code":"a"}\r{"code":"b"}', [{"code": "a"}, {"code": "b"}]),
    ],
)
def test_text_is_read_as_csv_with_a_header_or_as_lines_of_json(
    text: str, rows: list[dict[str, Any]]
) -> None:
    assert read_rows(text) == rows


def test_rows_are_read_as_they_are_given() -> None:
    assert read_rows(iter([FULL_ROW, {}])) == [FULL_ROW, {}]


def test_as_many_rows_and_characters_as_allowed_are_read() -> None:
    assert len(read_rows([{}] * MOST_ROWS)) == MOST_ROWS
    head = '{"code":"a"}'
    assert read_rows(head + " " * (LONGEST_TEXT - len(head))) == [{"code": "a"}]


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ("code,title\r\na", "unreadable"),
        ("code,title\r\na,b,c", "unreadable"),
        ('code\r\n"a"b', "unreadable"),
        ('code\r\n"a', "unreadable"),
        ('{"code": "a"', "unreadable"),
        ('{"code": "a"}\n[]', "unreadable"),
        ("{" * 100_000, "unreadable"),
        ('{"code":' + "[" * 100_000, "unreadable"),
        (["text"], "unreadable"),
        ([{}, None], "unreadable"),
        ("code,colour\r\na,b", "unknown_column"),
        ([{"code": "a"}, {"colour": "red"}], "unknown_column"),
        ([{7: "red"}], "unknown_column"),
        ([{}] * (MOST_ROWS + 1), "too_many"),
        (" " * (LONGEST_TEXT + 1), "too_long"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_word(rows: Any, word: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_rows(rows)
    assert caught.value.fields == {"rows": word}


def test_who_names_an_unknown_column_is_told_which_there_are() -> None:
    with pytest.raises(Invalid) as caught:
        read_rows([{"colour": "red"}])
    assert str(caught.value).endswith(", ".join(COLUMNS))


# Cells


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("starts_at", "2026-01-01T12:00:00+00:00", NOON),
        ("expires_at", "2026-01-01T12:00:00Z", NOON),
        ("expires_at", "2026-01-01T12:00:00", NOON.replace(tzinfo=None)),
        ("max_visits", "7", 7),
        ("max_visits", 7, 7),
        ("clicks", "9" * 16, 10**16 - 1),
        ("clicks", 0, 0),
        ("track", "true", True),
        ("track", "FALSE", False),
        ("permanent", "1", True),
        ("forward_query", 0, False),
        ("has_password", True, True),
        ("disabled", False, False),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("tags", ("a",), ["a"]),
        ("tags", [], []),
        ("rules", '[{"target": "x"}]', [{"target": "x"}]),
        ("code", "7", "7"),
        ("title", "true", "true"),
    ],
)
def test_a_cell_is_what_its_column_holds(column: str, cell: object, value: object) -> None:
    given = given_of({column: cell})
    assert given == {column: value}
    assert type(given[column]) is type(value)


def test_a_time_that_is_one_is_taken_as_it_is() -> None:
    assert given_of({"starts_at": NOON})["starts_at"] is NOON


def test_empty_cells_are_left_out() -> None:
    row = {"code": "a", "title": "", "tags": None, "track": "", "clicks": None, "max_visits": ""}
    assert given_of(row) == {"code": "a"}


SOMETHING_ELSE: dict[str, list[object]] = {
    "starts_at": ["tomorrow", 7, True],
    "clicks": ["-1", "1.0", 1.0, "9" * 17, True, "many", []],
    "track": ["perhaps", "yes", 2, []],
    "tags": ["a", "[[[", "3", "null", 3, {"a": 1}, "[" * 100_000],
    "title": [7, True, ["a"]],
}


@pytest.mark.parametrize(
    ("column", "cell"),
    [(column, cell) for column, cells in SOMETHING_ELSE.items() for cell in cells],
)
def test_a_cell_that_is_something_else_names_its_column(column: str, cell: object) -> None:
    with pytest.raises(Unreadable) as caught:
        given_of({"domain": "go.example", column: cell})
    assert (caught.value.column, str(caught.value)) == (column, column)
