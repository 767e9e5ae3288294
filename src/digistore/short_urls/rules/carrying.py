"""Links as rows of text: CSV or JSON lines, the same columns both ways."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from digistore.errors import Invalid
from digistore.short_urls.models import LinkRule, ShortURL
from digistore.short_urls.rules.given import stored_rule

Format: TypeAlias = Literal["csv", "jsonl"]
Row: TypeAlias = Mapping[str, Any]

COLUMNS: Final = (
    *("domain", "code", "target", "title", "tags", "starts_at", "expires_at", "max_visits"),
    *("fallback", "rules", "forward_query", "track", "permanent"),
    *("has_password", "disabled", "clicks"),
)
MOST_ROWS: Final = 10_000
LONGEST_TEXT: Final = 16 * 2**20
LONGEST_NUMBER: Final = 16
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")
_LISTS: Final = frozenset({"tags", "rules"})
_FLAGS: Final = frozenset({"forward_query", "track", "permanent", "has_password", "disabled"})
_NUMBERS: Final = frozenset({"max_visits", "clicks"})
_TIMES: Final = frozenset({"starts_at", "expires_at"})
_WORDS: Final[Mapping[str, bool]] = {"true": True, "false": False, "1": True, "0": False}
_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Unreadable(Exception):
    """A cell is not what its column holds; ``column`` names it."""

    def __init__(self, column: str) -> None:
        """Name the column."""
        super().__init__(column)
        self.column = column


def row_of(link: ShortURL) -> dict[str, Any]:
    """Return a link as a row; its password is not among the columns, only that it has one."""
    return {
        "domain": link.domain,
        "code": link.code,
        "target": link.target,
        "title": link.title,
        "tags": list(link.tags),
        "starts_at": link.starts_at.isoformat() if link.starts_at else None,
        "expires_at": link.expires_at.isoformat() if link.expires_at else None,
        "max_visits": link.max_visits,
        "fallback": link.fallback,
        "rules": [stored_rule(LinkRule.model_validate(rule)) for rule in link.rules],
        "forward_query": link.forward_query,
        "track": link.track,
        "permanent": link.permanent,
        "has_password": link.has_password,
        "disabled": link.disabled_at is not None,
        "clicks": link.clicks + link.imported_clicks,
    }


def written(rows: Iterable[Row], format: Format) -> str:  # noqa: A002  what it is called
    """Write rows as text; in CSV no cell can be taken for a formula."""
    if format == "jsonl":
        return "".join(f"{_json(row)}\n" for row in rows)
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)
    return stream.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return _json(value) if value else ""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def read_rows(rows: str | Iterable[Row]) -> Sequence[Row]:
    """Return the rows of an import: of CSV with a header, of JSON lines, or as they are given.

    Raises:
        Invalid: ``rows`` is ``unreadable``, ``too_long`` or ``too_many``, or has an unknown column.
    """
    found = _parsed(rows) if isinstance(rows, str) else list(rows)
    if len(found) > MOST_ROWS:
        raise _unusable("too_many", f"an import has at most {MOST_ROWS} rows; bring it in parts")
    if not all(isinstance(row, Mapping) for row in found):
        raise _unusable("unreadable", "a row maps columns to values")
    if any(column not in COLUMNS for row in found for column in row):
        message = f"unknown columns; there are: {', '.join(COLUMNS)}"
        raise _unusable("unknown_column", message)
    return found


def _unusable(word: str, message: str) -> Invalid:
    return Invalid(message, fields={"rows": word})


def _parsed(text: str) -> list[Row]:
    if len(text) > LONGEST_TEXT:
        raise _unusable("too_long", f"an import has at most {LONGEST_TEXT} characters")
    text = text.removeprefix("\ufeff")
    lines = io.StringIO(text, newline="")  # str.splitlines would break a title at U+2028 as well
    try:
        if text.lstrip().startswith("{"):
            return [json.loads(line) for line in lines if line.strip()]
        return [_unquoted(row) for row in csv.DictReader(lines, strict=True)]
    except (ValueError, RecursionError, csv.Error):
        raise _unusable("unreadable", "neither CSV with a header nor JSON lines") from None


def _unquoted(row: Mapping[str | None, Any]) -> Row:
    """Undo what ``written`` did to cells; an empty one is none."""
    if None in row or None in row.values():
        raise ValueError
    return {str(column): _plain(cell) for column, cell in row.items()}


def _plain(cell: str) -> str | None:
    if cell.startswith("'") and cell[1:].startswith(_FORMULA):
        return cell[1:]
    return cell or None


def given_of(row: Row) -> dict[str, Any]:
    """Return what ``shorten`` would be given for a row; empty cells are left out.

    Raises:
        Unreadable: a cell is not what its column holds.
    """
    return {
        column: _read(column, value)
        for column, value in row.items()
        if value is not None and value != ""
    }


def _read(column: str, value: object) -> object:
    try:
        if column in _TIMES:
            return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        if column in _NUMBERS:
            return _number(value)
        if column in _FLAGS:
            return _WORDS[str(value).lower()]
        if column in _LISTS:
            found = json.loads(value) if isinstance(value, str) else value
            if not isinstance(found, list | tuple):
                raise Unreadable(column)
            return list(found)
    except (ValueError, KeyError, RecursionError):
        raise Unreadable(column) from None
    if not isinstance(value, str):
        raise Unreadable(column)
    return value


def _number(value: object) -> int:
    text = str(value)
    if len(text) > LONGEST_NUMBER or not text.isdecimal():
        raise ValueError
    return int(text)
