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
from digistore.gateways import GatewayEvent, Hint, Whose
from digistore.gateways.stripe import StripeGateway
from digistore.testing import FrozenClock
from tests.gateways.stripe_kit import SHOP, a_gateway, an_event, body_of, signed

CLOCK = FrozenClock()
OURS = {"digistore_ns": SHOP, "digistore_ref": "att_1"}
FOREIGN = {"digistore_ns": "another_shop", "digistore_ref": "att_1"}
SESSIONS = [one for one in StripeGateway.EVENTS if one.startswith("checkout.")]
INTENTS = [one for one in StripeGateway.EVENTS if one.startswith("payment_intent.")]
REVERSALS = [one for one in StripeGateway.EVENTS if one not in {*SESSIONS, *INTENTS}]


def hear(event: object) -> GatewayEvent:
    body = event if isinstance(event, bytes) else body_of(event)
    return run(a_gateway(clock=CLOCK).parse_event(body, signed(body, CLOCK())))


def test_an_event_is_understood() -> None:
    body = body_of(an_event())

    assert hear(body) == GatewayEvent(
        id="evt_1",
        type="checkout.session.completed",
        created=datetime(2026, 3, 1, 12, tzinfo=UTC),
        livemode=False,
        account="",
        known=True,
        hint=Hint(Whose.OURS, checkout_id="cs_test_1", payment_id="pi_1", reference="att_1"),
        digest=hashlib.sha256(body).hexdigest(),
        api_version="2026-10-28.test",
    )


def test_mode_and_account_are_told_as_they_are() -> None:
    event = hear(an_event(livemode=True, account="acct_9"))

    assert (event.livemode, event.account) == (True, "acct_9")


def test_the_types_to_register_fit_into_one_question() -> None:
    assert len(StripeGateway.EVENTS) == len(set(StripeGateway.EVENTS)) == 18
    assert len(StripeGateway.EVENTS) <= 20  # of events.list


@pytest.mark.parametrize(
    "event_type", ["charge.succeeded", "payment_intent.created", "invoice.paid", "a.new.type"]
)
def test_other_types_do_not_matter(event_type: str) -> None:
    event = hear(an_event(event_type))

    assert event.known is False
    assert event.hint == Hint(Whose.UNKNOWN)


@pytest.mark.parametrize("event_type", SESSIONS)
@pytest.mark.parametrize(
    ("metadata", "whose", "reference"),
    [
        (OURS, Whose.OURS, "att_1"),
        (FOREIGN, Whose.FOREIGN, None),
        ({}, Whose.FOREIGN, None),
        (None, Whose.FOREIGN, None),
        ("junk", Whose.FOREIGN, None),
        ({"digistore_ns": None}, Whose.FOREIGN, None),
        ({"digistore_ns": SHOP.upper()}, Whose.FOREIGN, None),
        ({"digistore_ns": SHOP}, Whose.OURS, None),
    ],
)
def test_a_session_tells_whose_it_is(
    event_type: str, metadata: Any, whose: Whose, reference: str | None
) -> None:
    about = {"id": "cs_1", "payment_intent": None, "metadata": metadata}

    assert hear(an_event(event_type, about)).hint == Hint(
        whose, checkout_id="cs_1", reference=reference
    )


@pytest.mark.parametrize("event_type", INTENTS)
@pytest.mark.parametrize(
    ("metadata", "whose", "reference"),
    [(OURS, Whose.OURS, "att_1"), (FOREIGN, Whose.FOREIGN, None), ({}, Whose.FOREIGN, None)],
)
def test_a_payment_tells_whose_it_is(
    event_type: str, metadata: Any, whose: Whose, reference: str | None
) -> None:
    about = {"id": "pi_1", "metadata": metadata}

    assert hear(an_event(event_type, about)).hint == Hint(
        whose, payment_id="pi_1", reference=reference
    )


@pytest.mark.parametrize("event_type", REVERSALS)
@pytest.mark.parametrize(
    ("metadata", "whose"),
    [(OURS, Whose.OURS), (FOREIGN, Whose.FOREIGN), ({}, Whose.UNKNOWN), (None, Whose.UNKNOWN)],
)
@pytest.mark.parametrize("payment", ["pi_1", {"id": "pi_1", "object": "payment_intent"}])
def test_a_reversal_leads_to_its_payment_and_never_names_an_attempt(
    event_type: str, metadata: Any, whose: Whose, payment: Any
) -> None:
    about = {"id": "re_1", "payment_intent": payment, "metadata": metadata}

    assert hear(an_event(event_type, about)).hint == Hint(whose, payment_id="pi_1")


@pytest.mark.parametrize("event_type", REVERSALS)
def test_a_reversal_without_an_intent_is_of_no_checkout(event_type: str) -> None:
    about = {"id": "re_1", "payment_intent": None, "charge": "ch_1"}

    assert hear(an_event(event_type, about)).hint == Hint(Whose.FOREIGN)


def without(name: str) -> dict[str, Any]:
    event = an_event()
    del event[name]
    return event


BAD_TEXTS: list[Any] = [None, "", 1, True, [], {}, "x" * 256, "a\nb", "a\x00b", "\u2028"]


def changed(name: str, values: list[Any]) -> list[dict[str, Any]]:
    return [an_event() | {name: value} for value in values]


JUNK = [
    *(without(name) for name in ("id", "object", "type", "created", "livemode", "data")),
    *changed("id", BAD_TEXTS),
    *changed("type", BAD_TEXTS),
    *changed("object", ["session", None, []]),
    *changed("created", [None, "now", -1, 1.5, True, 10**15]),
    *changed("livemode", [None, "false", 0]),
    *changed("account", [1, [], "x" * 256, "a\nb"]),
    *changed("data", [None, [], "x", {}, {"object": None}, {"object": []}]),
    *(an_event(about={"id": text, "metadata": OURS}) for text in BAD_TEXTS),
    an_event(about={"id": "cs_1", "payment_intent": "x" * 256}),
    an_event(about={"id": "cs_1", "metadata": {"digistore_ns": SHOP, "digistore_ref": "\n"}}),
]


@pytest.mark.parametrize("event", JUNK)
def test_signed_junk_is_malformed_and_nothing_else(event: Any) -> None:
    with pytest.raises(MalformedEvent):
        hear(event)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"event"',
        b"\xff\xfe",
        b"\xef\xbb\xbf" + body_of(an_event()),
        body_of(an_event()).decode().encode("utf-16"),
        body_of(an_event()) + b"{}",
        body_of(an_event())[:-1] + b', "id": "evt_2"}',
        body_of(an_event())[:-1] + b', "id" : "evt_2"}',
        body_of(an_event())[:-1] + b', "\\u0069d": "evt_2"}',
        body_of(an_event()).replace(b'"id": "cs_test_1"', b'"id": "cs_1", "id": "cs_2"'),
        body_of(an_event())[:-1] + b', "more": NaN}',
        body_of(an_event())[:-1] + b', "more": "\\ud800"}',
        body_of(an_event())[:-1] + b', "more": ' + b"[" * 250 + b"]" * 250 + b"}",
        body_of(an_event())[:-1] + b', "more": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_with_no_meaning_or_two_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        hear(body)


def test_an_event_is_the_same_however_many_deliveries_are_left() -> None:
    """Stripe counts down in the body that it sends again: that is no other content."""
    first = hear(an_event(pending_webhooks=2))
    assert first.digest == hear(an_event(pending_webhooks=1)).digest
    assert first.digest != hear(an_event(pending_webhooks=2, created=1)).digest


def test_fields_that_nobody_knows_do_no_harm() -> None:
    assert hear(an_event(more={"a": [1, 2.5, None, "é"]}, pending_webhooks=1)).known


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(junk=JSON, place=st.sampled_from(["event", "data", "object", "id", "type", "metadata"]))
def test_whatever_is_signed_is_an_event_or_malformed(junk: Any, place: str) -> None:
    event = an_event()
    if place == "event":
        event = junk
    elif place == "object":
        event["data"]["object"] = junk
    elif place == "metadata":
        event["data"]["object"]["metadata"] = junk
    else:
        event[place] = junk
    try:
        heard = hear(event)
    except MalformedEvent:
        return
    assert heard.id
    assert json.loads(body_of(event))["object"] == "event"
