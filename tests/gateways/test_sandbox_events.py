from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.blocking import run
from digistore.errors import MalformedEvent
from digistore.gateways import GatewayEvent, Whose
from digistore.gateways.sandbox import SandboxGateway
from tests.gateways.sandbox_kit import paid


def an_event(**changes: object) -> dict[str, Any]:
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.paid",
        "created": 1_772_366_400,
        "livemode": False,
        "data": {"object": {"checkout": "cs_1", "payment": "pi_1", "reference": "att_1"}},
    }
    return event | changes


def told(sandbox: SandboxGateway, body: bytes) -> GatewayEvent:
    return run(sandbox.parse_event(body, sandbox.sign(body)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b"1",
        b'"text"',
        b"[]",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"id": "evt_1"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"a": "' + b'\\"' * 200_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1e999}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": {"b": 1, "b": 2}}',
        b"'" * 10,
        b'{"a": "' + b"x" * 1024 * 1024 + b'"}',
    ],
)
def test_signed_junk_is_malformed_and_nothing_else(sandbox: SandboxGateway, body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        told(sandbox, body)


@pytest.mark.parametrize(
    "junk",
    [
        "NaN",
        "-Infinity",
        "9" * 5_000,
        '"\\ud800"',
        '{"b": 1, "b": 1}',
        "[" * 31 + "]" * 32,
        "[" * 250 + "]" * 250,
        '"' + "x" * 1024 * 1024 + '"',
        "1, ",
        "'1'",
        '1, "id": "evt_2"',
    ],
)
def test_an_event_with_two_meanings_has_none(sandbox: SandboxGateway, junk: str) -> None:
    event = json.dumps(an_event())
    assert told(sandbox, f'{event[:-1]}, "more": [1, "[", 1.5, {{"b": "é"}}]}}'.encode()).known

    with pytest.raises(MalformedEvent):
        told(sandbox, f'{event[:-1]}, "more": {junk}}}'.encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 7},
        {"id": ""},
        {"id": "x" * 201},
        {"id": "evt\x00"},
        {"type": None},
        {"type": ["checkout.paid"]},
        {"object": "checkout"},
        {"created": None},
        {"created": "1772366400"},
        {"created": 1.5},
        {"created": True},
        {"created": -1},
        {"created": 10**15},
        {"livemode": None},
        {"livemode": "false"},
        {"livemode": 0},
        {"account": 7},
        {"account": []},
        {"data": None},
        {"data": []},
        {"data": {}},
        {"data": {"object": None}},
        {"data": {"object": "cs_1"}},
        {"data": {"object": {"checkout": 7}}},
        {"data": {"object": {"payment": {}}}},
        {"data": {"object": {"reference": ["att_1"]}}},
        {"data": {"object": {"reference": False}}},
        {"data": {"object": {"reference": "a\nb"}}},
    ],
)
def test_an_event_with_a_wrong_field_is_malformed(
    sandbox: SandboxGateway, changes: dict[str, object]
) -> None:
    assert told(sandbox, json.dumps(an_event()).encode()).known  # right but for the change

    with pytest.raises(MalformedEvent):
        told(sandbox, json.dumps(an_event(**changes)).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KEYS = st.sampled_from(["id", "object", "type", "created", "livemode", "account", "data"])
BODIES = (
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(KEYS, JSON).map(lambda changes: json.dumps(an_event() | changes).encode())
)


@given(body=BODIES)
def test_whatever_is_signed_is_an_event_or_malformed(body: bytes) -> None:
    sandbox = SandboxGateway()
    try:
        event = told(sandbox, body)
    except MalformedEvent:
        return
    assert event.id
    assert event.id.isprintable()
    assert event.digest == hashlib.sha256(body).hexdigest()


def test_a_type_that_nobody_knows_does_not_matter(sandbox: SandboxGateway) -> None:
    event = told(sandbox, json.dumps(an_event(type="payout.paid")).encode())

    assert event.type == "payout.paid"
    assert event.known is False


def test_what_the_sandbox_never_made_is_of_unknown_origin(sandbox: SandboxGateway) -> None:
    for about in ({"checkout": "cs_1"}, {"payment": "pi_1"}, {}, {"reference": None}):
        body = json.dumps(an_event(data={"object": about})).encode()
        assert told(sandbox, body).hint.whose is Whose.UNKNOWN


def test_mode_and_account_are_told_as_the_message_says(sandbox: SandboxGateway) -> None:
    event = told(sandbox, json.dumps(an_event(livemode=True, account="acct_7")).encode())

    assert (event.livemode, event.account) == (True, "acct_7")
    unsaid = an_event()
    del unsaid["livemode"]
    assert told(sandbox, json.dumps(unsaid).encode()).livemode is False


def test_the_time_of_an_event_carries_a_zone(sandbox: SandboxGateway) -> None:
    event = told(sandbox, json.dumps(an_event(created=0)).encode())

    assert event.created == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_message_holds_no_amount_and_no_address(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    sandbox.dashboard_refund(checkout)

    for body, _ in sandbox.deliver():
        assert b"2900" not in body
        assert b"example.com" not in body
