"""The planner of responses, row by row of its table, and beside libraries where they are right."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import FileResponse
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

from digistore.downloads.rules.http import (
    LONGEST_CONDITION,
    LONGEST_RANGE,
    Planned,
    plan_response,
)

ETAG = '"abc"'
SIZE = 1000


def plan(method: str = "GET", size: int = SIZE, etag: str = ETAG, **headers: str) -> Planned:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return plan_response(method, named, size=size, etag=etag)


def ranged(value: str, size: int = SIZE) -> tuple[int, int, int]:
    planned = plan(Range=value, size=size)
    return planned.status, planned.start, planned.end


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", "", "GET "])
def test_P1_other_methods_are_refused_and_told_which_there_are(method: str) -> None:
    told = {"Allow": "GET, HEAD", "Content-Length": "0"}
    assert plan(method) == Planned(405, 0, 0, told, has_body=False)


@pytest.mark.parametrize(
    "header", ["If-Modified-Since", "If-Unmodified-Since", "if-modified-since"]
)
def test_P2_dates_are_no_conditions_here(header: str) -> None:
    for date in ("Sat, 29 Oct 1994 19:43:31 GMT", "Sat, 29 Oct 2094 19:43:31 GMT", "x"):
        assert plan_response("GET", {header: date}, size=SIZE, etag=ETAG).status == 200
    date = "Sat, 29 Oct 2094 19:43:31 GMT"
    assert plan(Range="bytes=0-9", If_Range=date).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": ETAG}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": f'"x", {ETAG}'}, 200),
        ({"If-Match": f'"x,y",{ETAG} ,"z"'}, 200),
        ({"If-Match": f", ,{ETAG}"}, 200),
        ({"If-Match": '"zz"'}, 412),
        ({"If-Match": "abc"}, 412),
        ({"If-Match": ""}, 412),
        ({"If-Match": f"W/{ETAG}"}, 412),  # strong comparison
        ({"If-Match": f'"x" {ETAG}'}, 412),
        ({"If-None-Match": ETAG}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": f"W/{ETAG}"}, 304),  # weak comparison
        ({"If-None-Match": f'"x", W/{ETAG}'}, 304),
        ({"If-None-Match": '"zz"'}, 200),
        ({"If-None-Match": "abc"}, 200),
        ({"If-None-Match": ""}, 200),
        ({"If-Match": '"zz"', "If-None-Match": ETAG}, 412),
        ({"If-Match": ETAG, "If-None-Match": ETAG}, 304),
        ({"If-None-Match": ETAG, "Range": "bytes=0-9"}, 304),
        ({"If-Match": '"zz"', "Range": "bytes=2000-"}, 412),
        ({"IF-NONE-MATCH": ETAG}, 304),
    ],
)
def test_P3_conditions_come_in_their_order(headers: dict[str, str], status: int) -> None:
    for method in ("GET", "HEAD"):
        assert plan_response(method, headers, size=SIZE, etag=ETAG).status == status


EVERY = {"Accept-Ranges": "bytes", "ETag": ETAG}
WITHOUT_BODY = {**EVERY, "Content-Length": "0"}


@pytest.mark.parametrize(
    ("headers", "planned"),
    [
        ({"If-Match": '"zz"'}, Planned(412, 0, 0, WITHOUT_BODY)),
        ({"If-None-Match": ETAG}, Planned(304, 0, 0, EVERY)),
        (
            {"Range": "bytes=1000-"},
            Planned(416, 0, 0, {**WITHOUT_BODY, "Content-Range": "bytes */1000"}),
        ),
    ],
    ids=["412", "304", "416"],
)
def test_P3_an_answer_without_bytes_says_so(headers: dict[str, str], planned: Planned) -> None:
    assert plan_response("GET", headers, size=SIZE, etag=ETAG) == planned


def test_P4_a_range_is_for_get_alone() -> None:
    planned = plan("HEAD", Range="bytes=0-9")
    assert (planned.status, planned.headers["Content-Length"]) == (200, "1000")
    assert not planned.has_body
    assert plan("HEAD", Range="bytes=2000-").status == 200


@pytest.mark.parametrize(
    ("value", "status"),
    [(ETAG, 206), (f" {ETAG}", 206), (f"W/{ETAG}", 200), ('"x"', 200), ("abc", 200), ("", 200)],
)
def test_P5_a_part_of_another_file_is_never_sent(value: str, status: int) -> None:
    assert plan(Range="bytes=0-9", If_Range=value).status == status


@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-0,-1",
        "bytes=0-9, 20-29",
        "bytes=5-2",
        "bytes=1_0-2_0",
        "bytes=+1-2",
        "bytes=1--2",
        "bytes=--5",
        "bytes=-",
        "bytes=",
        "bytes",
        "",
        "lines=0-9",
        "bytes 0-9",
        "bytes=0-9x",
        "bytes=x-9",
        "bytes=0x0-0x9",
        "bytes=\u0661-\u0669",  # digits of another script
        "byte\u017f=0-9",  # a long s
        "bytes=0-9\n",
        "bytes=" + "1" * 20 + "-",
        "bytes=0-" + "9" * 20,
        "bytes=" + "0" * 19 + "-" + "9" * 39,
        "bytes=0-9" + "," * 100_000,
        "bytes=0-9".ljust(LONGEST_RANGE + 1),
    ],
)
def test_P6_what_is_no_single_range_is_ignored(value: str) -> None:
    assert ranged(value) == (200, 0, SIZE)


@pytest.mark.parametrize(
    "value",
    ["bytes=0-9", "BYTES=0-9", "Bytes=0-9", " bytes=0-9\t", "bytes=0-9".ljust(LONGEST_RANGE)],
)
def test_P6_the_unit_is_read_in_any_case(value: str) -> None:
    assert ranged(value) == (206, 0, 10)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-9", (206, 0, 10)),
        ("bytes=0-0", (206, 0, 1)),
        ("bytes=999-", (206, 999, 1000)),
        ("bytes=990-5000", (206, 990, 1000)),
        ("bytes=-1", (206, 999, 1000)),
        ("bytes=-5000", (206, 0, 1000)),
        ("bytes=0-", (206, 0, 1000)),
        ("bytes=1000-", (416, 0, 0)),
        ("bytes=1000-1000", (416, 0, 0)),
        ("bytes=-0", (416, 0, 0)),
        ("bytes=" + "9" * 19 + "-", (416, 0, 0)),
        ("bytes=2000-5", (200, 0, 1000)),
    ],
)
def test_P7_a_range_lies_within_the_file_or_is_refused(
    value: str, expected: tuple[int, int, int]
) -> None:
    assert ranged(value) == expected


def test_P7_a_refused_range_is_told_the_size() -> None:
    assert plan(Range="bytes=1000-").headers["Content-Range"] == "bytes */1000"


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=-0", "bytes=-5", "bytes=5-9"])
def test_P7_an_empty_file_ignores_ranges(value: str) -> None:
    assert ranged(value, size=0) == (200, 0, 0)


def test_P8_a_part_says_what_it_is_and_how_long() -> None:
    part, whole = plan(Range="bytes=10-19"), plan()
    assert part.headers["Content-Range"] == "bytes 10-19/1000"
    assert (part.headers["Content-Length"], part.length) == ("10", 10)
    assert (whole.headers["Content-Length"], whole.length) == ("1000", 1000)
    assert "Content-Range" not in whole.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"If-None-Match": "*"}, 304), ({"If-Match": '"x"'}, 412), ({"Range": "bytes=1000-"}, 416)],
)
def test_P9_without_a_body_nothing_is_sent_and_the_tag_still_said(
    headers: dict[str, str], status: int
) -> None:
    planned = plan_response("GET", headers, size=SIZE, etag=ETAG)
    assert (planned.status, planned.has_body, planned.length) == (status, False, 0)
    assert planned.headers["ETag"] == ETAG
    assert planned.headers["Accept-Ranges"] == "bytes"


def test_P10_conditions_are_read_up_to_their_limit() -> None:
    filler = '"x",' * (LONGEST_CONDITION // 4)
    assert plan(If_None_Match=filler[:-8] + ETAG).status == 304
    assert plan(If_None_Match=filler + ETAG).status == 200
    assert plan(If_Match=filler + ETAG).status == 412
    for hostile in ('"' * 10**6, "W/" * 10**6, "," * 10**6, ' "' * 10**6):
        assert plan(If_None_Match=hostile).status == 200


TEXTS = st.text() | st.sampled_from([ETAG, "*", "bytes=0-9", "bytes=-1", f"W/{ETAG}"])
NAMES = ("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since")


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD"]),
    headers=st.dictionaries(st.sampled_from(NAMES), TEXTS),
    size=st.integers(0, 5000),
)
def test_any_text_in_headers_is_answered_with_a_body_of_exactly_its_length(
    method: str, headers: dict[str, str], size: int
) -> None:
    planned = plan_response(method, headers, size=size, etag=ETAG)
    assert planned.status in {200, 206, 304, 412, 416}
    assert 0 <= planned.start <= planned.end <= size
    if planned.has_body:
        assert planned.headers["Content-Length"] == str(planned.length)
        assert (planned.status == 200) == (
            planned.length == size and "Content-Range" not in planned.headers
        )
    for value in planned.headers.values():
        assert re.fullmatch(r"[ -~]*", value)


# Libraries, where they agree with the RFC: well-formed single ranges within the file.


@st.composite
def well_formed(draw: st.DrawFn) -> tuple[str, int]:
    size = draw(st.integers(1, 3000))
    first = draw(st.integers(0, size - 1))
    kind = draw(st.sampled_from(["both", "open", "suffix"]))
    if kind == "suffix":
        return f"bytes=-{draw(st.integers(1, size))}", size
    if kind == "open":
        return f"bytes={first}-", size
    return f"bytes={first}-{draw(st.integers(first, size + 10))}", size


@settings(max_examples=300, deadline=None)
@given(asked=well_formed())
def test_werkzeug_answers_well_formed_ranges_alike(asked: tuple[str, int]) -> None:
    value, size = asked
    response = Response(b"x" * size)
    response.set_etag("abc")
    environ = create_environ(method="GET", headers={"Range": value})
    response.make_conditional(environ, accept_ranges=True, complete_length=size)
    planned = plan(Range=value, size=size)
    assert planned.status == response.status_code == 206
    assert planned.headers["Content-Range"] == response.headers["Content-Range"]
    assert planned.headers["Content-Length"] == str(len(response.get_data()))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("starlette") / "file.bin"
    path.write_bytes(bytes(range(250)) * 4)
    return path


def of_starlette(path: Path, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()  # the client stays

    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "headers": encoded, "extensions": {}}
    asyncio.run(FileResponse(path, headers={"etag": ETAG})(scope, receive, send))
    named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], named, b"".join(one.get("body", b"") for one in sent[1:])


@settings(max_examples=60, deadline=None)
@given(value=well_formed().filter(lambda asked: asked[1] <= SIZE).map(lambda asked: asked[0]))
def test_starlette_answers_well_formed_ranges_alike(stored: Path, value: str) -> None:
    status, headers, body = of_starlette(stored, {"Range": value, "If-Range": ETAG})
    planned = plan(Range=value, If_Range=ETAG)
    assert planned.status == status == 206
    assert planned.headers["Content-Range"] == headers["content-range"]
    assert stored.read_bytes()[planned.start : planned.end] == body
