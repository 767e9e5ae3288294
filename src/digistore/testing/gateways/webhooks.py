"""Points 26 to 30: who speaks, and what is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import pytest

from digistore.blocking import run
from digistore.errors import ConfigError, InvalidSignature, MalformedEvent
from digistore.gateways import Cap, GatewayEvent, PaymentGateway, Whose
from digistore.testing.gateways.words import needs, opened, paid
from digistore.testing.gateways.world import SignedEvent, Strange, Variant, World

TOLERANCE = 60
BLANK: tuple[str | tuple[str, ...], ...] = ("", " ", (), ("",), "\t\n")
JUNK = (
    b"null",
    b"[]",
    b"{}",
    b"0",
    b'"event"',
    b"{",
    b"\xff\xfe",
    b"not json",
    b"[" * 100_000,
    b'{"a":NaN}',
    b'{"id":"\\ud800","object":"event","type":"x","created":0,"livemode":false,"data":{}}',
    b'{"object":"event"}',
    b'{"object":"event","id":1,"type":2,"data":{"object":{}}}',
)
WRONG: tuple[Any, ...] = (None, [], {}, 1e300, -1, 10**30, True, "", "\x00", "\ud800", "x" * 5000)


class WebhookContract:
    """Who speaks, and what is said."""

    @pytest.mark.parametrize("blank", BLANK, ids=repr)
    def test_26_a_blank_secret_is_refused_at_once(
        self, world: World, blank: str | tuple[str, ...]
    ) -> None:
        needs(world, Cap.LOCAL_VERIFY)
        secrets = [blank]
        if isinstance(blank, str):
            secrets.append((world.webhook_secret, blank))
        for secret in secrets:
            with pytest.raises(ConfigError):
                world.another(Variant(webhook_secrets=secret))

    def test_26_a_tolerance_that_lets_all_in_is_refused_at_once(self, world: World) -> None:
        needs(world, Cap.LOCAL_VERIFY)
        for tolerance in (0, -1, world.longest_tolerance + 1, 10**9):
            with pytest.raises(ConfigError):
                world.another(Variant(tolerance=tolerance))

    def test_27_what_the_provider_says_is_heard(self, world: World) -> None:
        checkout = paid(world)
        heard = [hears(world.gateway, event) for event in world.events(checkout.checkout_id)]
        known = [event for event in heard if event.known]
        assert known
        assert len({event.id for event in heard}) == len(heard)
        assert any(event.hint.reference == "att_1" for event in known)
        for event in known:
            assert (event.livemode, event.account) == (checkout.livemode, checkout.account)
            assert {event.hint.checkout_id, event.hint.payment_id} <= {
                checkout.checkout_id,
                checkout.payment_id,
                None,
            }
            assert event.hint.whose is not Whose.FOREIGN

    def test_27_no_other_body_has_that_signature(self, world: World) -> None:
        body, headers = an_event(world)
        for other in (body + b" ", body[:-1], b" " + body, b"", b"\xff", body.swapcase()):
            refuses(world.gateway, (other, headers))

    def test_27_no_other_header_will_do(self, world: World) -> None:
        body, headers = an_event(world)
        refuses(world.gateway, (body, {}))
        refuses(world.gateway, (body, {"Content-Type": "application/json"}))
        for garbage in ("", "garbage", "é", "t=,v1=", "\x00", "," * 1000, "t=1,v1=" + "0" * 64):
            refuses(world.gateway, (body, dict.fromkeys(headers, garbage)))

    def test_27_the_name_of_a_header_has_any_case(self, world: World) -> None:
        body, headers = an_event(world)
        event = hears(world.gateway, (body, headers))
        for change in (str.lower, str.upper):
            named = {change(name): value for name, value in headers.items()}
            assert hears(world.gateway, (body, named)) == event

    @pytest.mark.parametrize("seconds", [-TOLERANCE, 0, TOLERANCE])
    def test_27_a_message_within_the_tolerance_is_heard(self, world: World, seconds: int) -> None:
        needs(world, Cap.LOCAL_VERIFY)
        strict, (body, _) = world.another(Variant(tolerance=TOLERANCE)), an_event(world)
        at = world.clock() + timedelta(seconds=seconds)
        assert hears(strict, (body, world.sign(body, at))).digest

    @pytest.mark.parametrize("seconds", [-TOLERANCE - 1, TOLERANCE + 1, -(10**8), 10**8])
    def test_27_an_old_or_early_message_is_refused(self, world: World, seconds: int) -> None:
        needs(world, Cap.LOCAL_VERIFY)
        strict, (body, _) = world.another(Variant(tolerance=TOLERANCE)), an_event(world)
        at = world.clock() + timedelta(seconds=seconds)
        refuses(strict, (body, world.sign(body, at)))

    def test_27_another_secret_signs_nothing(self, world: World) -> None:
        needs(world, Cap.LOCAL_VERIFY)
        other = world.another(Variant(webhook_secrets=world.spare_secret))
        refuses(other, an_event(world))

    @pytest.mark.parametrize("place", [0, 1])
    def test_28_while_secrets_are_rotated_both_are_good(self, world: World, place: int) -> None:
        needs(world, Cap.LOCAL_VERIFY)
        secrets = [world.spare_secret]
        secrets.insert(place, world.webhook_secret)
        both = world.another(Variant(webhook_secrets=tuple(secrets)))
        assert hears(both, an_event(world)).digest

    def test_29_signed_junk_is_malformed(self, world: World) -> None:
        for junk in (*JUNK, b""):
            with pytest.raises(MalformedEvent):
                hears(world.gateway, (junk, world.sign(junk)))

    def test_29_an_event_with_anything_wrong_is_malformed_or_read(self, world: World) -> None:
        for body, _ in world.events(paid(world).checkout_id):
            for other in _spoilt(json.loads(body)):
                sent = json.dumps(other).encode()
                try:
                    event = hears(world.gateway, (sent, world.sign(sent)))
                except MalformedEvent:
                    continue
                assert type(event) is GatewayEvent
                for text in (event.id, event.type, event.hint.reference or "-"):
                    assert text.isprintable()

    @pytest.mark.parametrize("what", get_args(Strange))
    def test_30_what_is_not_for_this_shop_is_read_without_error(
        self, world: World, what: Strange
    ) -> None:
        opened(world)
        event, profile = hears(world.gateway, world.strange(what)), world.gateway.profile
        if what == "namespace":
            assert event.hint.whose is not Whose.OURS
        if what == "mode":
            assert event.livemode is not profile.livemode
        if what == "account":
            assert event.account != profile.account
        if what == "type":
            assert not event.known


def an_event(world: World) -> SignedEvent:
    """Return a message about a paid checkout."""
    return world.events(paid(world).checkout_id)[0]


def hears(gateway: PaymentGateway, signed: SignedEvent) -> GatewayEvent:
    """Have *gateway* read a message."""
    return run(gateway.parse_event(*signed))


def refuses(gateway: PaymentGateway, signed: SignedEvent) -> None:
    """Make sure that *gateway* does not believe a message."""
    with pytest.raises(InvalidSignature):
        hears(gateway, signed)


def _spoilt(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in event.items():
        yield {key: one for key, one in event.items() if key != name}
        for wrong in WRONG:
            yield event | {name: wrong}
        if isinstance(value, dict):
            for inner in _spoilt(value):
                yield event | {name: inner}
