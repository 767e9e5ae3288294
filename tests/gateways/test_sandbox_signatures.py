from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.blocking import run
from digistore.errors import ConfigError, InvalidSignature
from digistore.gateways import Whose
from digistore.gateways.sandbox import SandboxGateway
from tests.gateways.sandbox_kit import NOON, FrozenClock, heard, opened

HEADER = "Sandbox-Signature"
OLD, NEW = "an older secret, long enough", "a newer secret, long enough"


def test_an_event_of_ours_is_understood(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)
    body, headers = sandbox.pay(checkout)

    event = run(sandbox.parse_event(body, headers))

    assert event.id.startswith("evt_")
    assert event.known is True
    assert event.created == NOON
    assert event.livemode is False
    assert event.account == ""
    assert event.digest == hashlib.sha256(body).hexdigest()
    assert event.hint.whose is Whose.OURS
    assert event.hint.reference == "att_1"
    assert event.hint.checkout_id == checkout.checkout_id


def test_the_name_of_the_header_may_be_written_in_any_case(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))

    for name in (HEADER.lower(), HEADER.upper()):
        assert run(sandbox.parse_event(body, {"Accept": "*/*", name: headers[HEADER]})).known


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "garbage",
        "t=1772366400",
        "v1=" + "0" * 64,
        "t=,v1=" + "0" * 64,
        "t=1772366400,v1=",
        "t=1772366400,v1=" + "0" * 64,
        "t=1772366400,v1=" + "é" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=١٧٧٢٣٦٦٤٠٠,v1=" + "0" * 64,
        "t=" + "9" * 5000 + ",v1=" + "0" * 64,
        "t=1772366400," + ",".join(["v1=" + "0" * 64] * 200),
    ],
)
def test_a_header_that_proves_nothing_is_refused(sandbox: SandboxGateway, value: str) -> None:
    body, _ = sandbox.pay(opened(sandbox))

    with pytest.raises(InvalidSignature):
        run(sandbox.parse_event(body, {HEADER: value}))


def test_without_the_header_nobody_speaks(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))

    for given_headers in ({}, {"X-Signature": headers[HEADER]}):
        with pytest.raises(InvalidSignature):
            run(sandbox.parse_event(body, given_headers))


def test_two_headers_are_one_too_many(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))

    with pytest.raises(InvalidSignature):
        run(sandbox.parse_event(body, {**headers, HEADER.lower(): headers[HEADER]}))
    with pytest.raises(InvalidSignature):
        run(sandbox.parse_event(body, {HEADER: f"{headers[HEADER]}, {headers[HEADER]}"}))


def test_a_header_that_is_no_text_is_refused(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))

    with pytest.raises(InvalidSignature):
        run(sandbox.parse_event(body, {HEADER: headers[HEADER].encode()}))  # type: ignore[dict-item]


def test_a_changed_body_is_refused(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))

    for changed in (body + b" ", body[:-1], b"", body.replace(b"false", b"true ")):
        with pytest.raises(InvalidSignature):
            run(sandbox.parse_event(changed, headers))


def test_a_changed_time_is_refused(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))
    sent = str(int(NOON.timestamp()))

    later = headers[HEADER].replace(sent, str(int(sent) + 1))
    with pytest.raises(InvalidSignature):
        run(sandbox.parse_event(body, {HEADER: later}))


def test_another_secret_is_refused(clock: FrozenClock, sandbox: SandboxGateway) -> None:
    stranger = SandboxGateway(webhook_secret=OLD, clock=clock)

    with pytest.raises(InvalidSignature):
        heard(sandbox, stranger.pay(opened(stranger)))


def test_another_version_proves_nothing_but_does_no_harm(sandbox: SandboxGateway) -> None:
    body, headers = sandbox.pay(opened(sandbox))
    sent, signature = headers[HEADER].split(",")

    with pytest.raises(InvalidSignature):
        run(sandbox.parse_event(body, {HEADER: f"{sent},{signature.replace('v1', 'v0')}"}))
    mixed = f"{sent},v0={'0' * 64},{signature},v2=00"
    assert run(sandbox.parse_event(body, {HEADER: mixed})).known


def test_secrets_rotate_without_a_gap(clock: FrozenClock) -> None:
    before, after = (
        SandboxGateway(webhook_secret=secrets, clock=clock) for secrets in (OLD, [NEW, OLD])
    )
    only_new = SandboxGateway(webhook_secret=[NEW], clock=clock)
    old_event, new_event = before.pay(opened(before)), after.pay(opened(after))

    assert heard(after, old_event).id == heard(after, new_event).id
    assert heard(only_new, new_event).known
    with pytest.raises(InvalidSignature):
        heard(only_new, old_event)
    with pytest.raises(InvalidSignature):
        heard(before, new_event)


def test_the_signature_is_the_one_that_is_documented() -> None:
    sandbox = SandboxGateway(webhook_secret=NEW)

    headers = sandbox.sign(b"{}", at=NOON)

    wanted = hmac.new(NEW.encode(), b"1772366400.{}", hashlib.sha256).hexdigest()
    assert headers == {HEADER: f"t=1772366400,v1={wanted}"}


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_message_is_believed_for_five_minutes(sandbox: SandboxGateway, seconds: int) -> None:
    body, _ = sandbox.pay(opened(sandbox))

    at = NOON + timedelta(seconds=seconds)
    assert run(sandbox.parse_event(body, sandbox.sign(body, at=at))).known


@pytest.mark.parametrize("seconds", [-301, 301])
def test_old_and_future_messages_are_refused(sandbox: SandboxGateway, seconds: int) -> None:
    body, _ = sandbox.pay(opened(sandbox))

    headers = sandbox.sign(body, at=NOON + timedelta(seconds=seconds))
    with pytest.raises(InvalidSignature, match="too old"):
        run(sandbox.parse_event(body, headers))


@given(value=st.text() | st.from_regex(r"t=[0-9]{1,12}(,v1=[0-9a-f]{64}){1,3}", fullmatch=True))
def test_whatever_the_header_says_it_proves_nothing(value: str) -> None:
    with pytest.raises(InvalidSignature):
        run(SandboxGateway().parse_event(b"{}", {HEADER: value}))


@pytest.mark.parametrize(
    "secret",
    ["", " ", " " * 40, "fifteen letters", [], [""], [NEW, ""], [NEW, None], None, b"x" * 40],
)
def test_a_secret_that_is_none_is_refused(secret: Any) -> None:
    with pytest.raises(ConfigError):
        SandboxGateway(webhook_secret=secret)


@pytest.mark.parametrize("tolerance", [0, -1, 3601, None, True, 1.5, float("inf")])
def test_a_tolerance_without_bounds_is_refused(tolerance: Any) -> None:
    with pytest.raises(ConfigError):
        SandboxGateway(tolerance=tolerance)


def test_no_secret_shows(clock: FrozenClock) -> None:
    sandbox = SandboxGateway(webhook_secret=[NEW, OLD], clock=clock)

    with pytest.raises(InvalidSignature) as refusal:
        run(sandbox.parse_event(b"{}", {HEADER: "t=1772366400,v1=" + "0" * 64}))

    for text in (repr(sandbox), str(sandbox), repr(sandbox.profile), str(refusal.value)):
        assert NEW not in text
        assert OLD not in text
