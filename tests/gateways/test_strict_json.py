from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digistore.errors import MalformedEvent
from digistore.gateways.strict_json import LARGEST_BODY, read_object

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**39), 10**39) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(
    found=st.dictionaries(TEXT, VALUES, max_size=5),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 2]),
)
def test_what_has_one_meaning_is_read_as_python_reads_it(
    found: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    body = json.dumps(found, ensure_ascii=ascii_only, indent=indent).encode()

    assert read_object(body) == json.loads(body)


@given(
    found=st.dictionaries(TEXT, VALUES, min_size=1, max_size=5),
    data=st.data(),
    space=st.sampled_from(["", " ", "\n", "\t \r"]),
)
def test_a_key_that_is_there_twice_is_found_however_it_is_written(
    found: dict[str, Any], data: st.DataObject, space: str
) -> None:
    key = data.draw(st.sampled_from(sorted(found)))
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in key if ord(letter) < 0x10000)
    spellings = [json.dumps(key)]
    if len(escaped) == 6 * len(key):
        spellings.append(f'"{escaped}"')
    spelled = data.draw(st.sampled_from(spellings))
    body = f"{json.dumps(found)[:-1]}, {spelled}{space}: {json.dumps(found[key])}}}".encode()

    with pytest.raises(MalformedEvent):
        read_object(body)


@given(body=st.binary(max_size=60))
@example(b'{"a":"\\":"}')
@example(b'{"a":1,"b":"\\"","a":2}')
def test_it_is_an_object_or_malformed(body: bytes) -> None:
    try:
        found = read_object(body)
    except MalformedEvent:
        return
    assert found == json.loads(body, parse_float=Decimal)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "0.1", "1e400", "-0.30"])
def test_a_number_that_a_float_cannot_hold_stays_what_it_is(number: str) -> None:
    assert read_object(f'{{"a": {number}}}'.encode()) == {"a": Decimal(number)}


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "9" * 5000, "[" * 250 + "]" * 250]
)
def test_what_readers_disagree_about_is_refused(value: str) -> None:
    with pytest.raises(MalformedEvent):
        read_object(f'{{"a": {value}}}'.encode())


def test_the_largest_body_is_the_last_that_is_read() -> None:
    long = '{"a":"' + "x" * (LARGEST_BODY - 8) + '"}'

    assert read_object(long.encode())
    with pytest.raises(MalformedEvent):
        read_object(long.encode() + b" ")
