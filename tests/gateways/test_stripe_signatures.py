from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from digistore.blocking import run
from digistore.errors import InvalidSignature, MalformedEvent
from digistore.testing import FrozenClock
from tests.gateways.stripe_kit import (
    OTHER_SECRET,
    SECRET,
    a_gateway,
    an_event,
    body_of,
    signature,
    signed,
)

HEADER = "Stripe-Signature"
BODY = body_of(an_event())
CLOCK = FrozenClock()
NOW = CLOCK()
T = int(NOW.timestamp())
GOOD = signature(BODY, NOW)


def hear(headers: Any, body: bytes = BODY, **changed: Any) -> str:
    return run(a_gateway(clock=CLOCK, **changed).parse_event(body, headers)).id


def test_what_stripe_signed_is_heard() -> None:
    assert hear(signed(BODY, NOW)) == "evt_1"


@pytest.mark.parametrize("name", [HEADER.lower(), HEADER.upper()])
def test_the_name_of_the_header_may_be_written_in_any_case(name: str) -> None:
    assert hear({"Accept": "*/*", name: f"t={T},v1={GOOD}"}) == "evt_1"


@pytest.mark.parametrize(
    "value",
    [
        f"t={T},v1={GOOD},v0={'0' * 64}",
        f"t={T},v0={'0' * 64},v1={GOOD}",
        f"t={T},v1={'0' * 64},v1={GOOD}",
        f"t={T},v2=Ed25519+/=,v1={GOOD}",
    ],
)
def test_other_signatures_may_stand_beside_a_good_one(value: str) -> None:
    assert hear({HEADER: value}) == "evt_1"


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "garbage",
        f"t={T}",
        f"v1={GOOD}",
        f"t=,v1={GOOD}",
        f"t={T},v1=",
        f"t={T},v0={GOOD}",
        f"t={T},v2={GOOD}",
        f"t={T},v1={GOOD[:-1]}",
        f"t={T},v1={GOOD}0",
        f"t={T},v1={GOOD.upper()}",
        f"t={T},v1={'0' * 64}",
        f"t={T}, v1={GOOD}",
        f" t={T},v1={GOOD}",
        f"t={T},v1={GOOD}\n",
        f"t={T + 1},v1={GOOD}",
        f"t={T},t={T},v1={GOOD}",
        f"t=-{T},v1={GOOD}",
        f"t={T}.0,v1={GOOD}",
        f"t=+{T},v1={GOOD}",
        f"t={T},v1={'é' * 64}",
        f"t={chr(0x661) * 10},v1={GOOD}",
        "t=" + "9" * 5000 + f",v1={GOOD}",
        f"t={T},v1={GOOD}" + f",v1={'0' * 64}" * 200,
    ],
)
def test_a_header_that_proves_nothing_is_refused(value: str) -> None:
    with pytest.raises(InvalidSignature):
        hear({HEADER: value})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Stripe-Signature": f"t={T},v1={GOOD}"},
        {HEADER: f"t={T},v1={GOOD}", HEADER.lower(): f"t={T},v1={GOOD}"},
        {HEADER: f"t={T},v1={GOOD}".encode()},
        {HEADER: None},
    ],
)
def test_exactly_one_header_speaks(headers: Any) -> None:
    with pytest.raises(InvalidSignature):
        hear(headers)


@pytest.mark.parametrize(
    "body", [b"", b"{}", BODY + b" ", BODY[:-1], BODY.replace(b"false", b"true ")]
)
def test_a_changed_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        hear(signed(BODY, NOW), body)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_message_is_believed_for_the_tolerance_on_both_sides(seconds: int) -> None:
    assert hear(signed(BODY, NOW + timedelta(seconds=seconds))) == "evt_1"


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400 * 365])
def test_old_and_future_messages_are_refused(seconds: int) -> None:
    with pytest.raises(InvalidSignature, match="future"):
        hear(signed(BODY, NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(("tolerance", "seconds"), [(1, 1), (3600, 3600)])
def test_the_tolerance_is_the_hosts(tolerance: int, seconds: int) -> None:
    fits, past = (signed(BODY, NOW - timedelta(seconds=s)) for s in (seconds, seconds + 1))

    assert hear(fits, tolerance=tolerance) == "evt_1"
    with pytest.raises(InvalidSignature):
        hear(past, tolerance=tolerance)


def test_every_secret_of_a_rotation_is_believed_and_no_other() -> None:
    both = [OTHER_SECRET, SECRET]

    assert hear(signed(BODY, NOW, SECRET), webhook_secrets=both) == "evt_1"
    assert hear(signed(BODY, NOW, OTHER_SECRET), webhook_secrets=both) == "evt_1"
    for only, given_secret in ((SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET)):
        with pytest.raises(InvalidSignature):
            hear(signed(BODY, NOW, given_secret), webhook_secrets=[only])


def test_a_body_of_ten_megabytes_is_refused_whoever_sent_it() -> None:
    body = body_of(an_event(more="x" * 10 * 1024 * 1024))

    for headers in (signed(body, NOW), {}):
        with pytest.raises(MalformedEvent):
            hear(headers, body)


@given(value=st.text() | st.from_regex(r"t=[0-9]{1,12}(,v1=[0-9a-f]{64}){1,3}", fullmatch=True))
def test_whatever_the_header_says_it_proves_nothing(value: str) -> None:
    with pytest.raises(InvalidSignature):
        hear({HEADER: value})


@given(body=st.binary(max_size=300))
def test_the_sdk_believes_what_we_believe_of_now(body: bytes) -> None:
    headers = signed(body, NOW)
    text = body.decode("latin-1")
    theirs = signed(text.encode(), NOW)[HEADER]

    assert stripe.WebhookSignature.verify_header(text, theirs, SECRET, tolerance=None)
    with pytest.raises((InvalidSignature, MalformedEvent)) as refusal:
        hear(headers, body)
    assert refusal.type is MalformedEvent  # the signature held, and nothing else did


def test_hearing_an_event_imports_no_sdk() -> None:
    script = f"""
import sys
from digistore.blocking import run
from digistore.gateways.stripe import StripeGateway
from digistore.errors import InvalidSignature
gateway = StripeGateway("sk_test_51ForTestsAlone", {SECRET!r}, namespace="shop")
try:
    run(gateway.parse_event(b"{{}}", {{}}))
except InvalidSignature:
    print("stripe" in sys.modules, "requests" in sys.modules)
"""
    done = subprocess.run(  # noqa: S603 - our own script, by the Python that runs this
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == "False False"
