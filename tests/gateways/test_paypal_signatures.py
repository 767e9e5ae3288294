"""Only PayPal is believed: by its certificate, from its own host, for this webhook, in time."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from digistore.blocking import run
from digistore.errors import GatewayUnavailable, InvalidSignature, MalformedEvent
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.paypal.transport import NoReply, Reply
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.gateways.paypal_kit import WEBHOOK, a_gateway, a_world, heard, opened, over

World = tuple[PayPalDouble, PayPalGateway, FrozenClock]
NAME = "messageverificationcerts.sandbox.paypal.com"
URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1-2"
BODY = json.dumps(
    {
        "id": "WH-1",
        "event_type": "X",
        "create_time": "2026-01-01T12:00:00Z",
        "resource": {"a": 1},
    }
).encode()


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def signed(world: World) -> tuple[bytes, dict[str, str]]:
    double, gateway, clock = world
    return double.pay(opened(gateway, clock))


def test_what_paypal_signs_is_believed(world: World, signed: tuple[bytes, dict[str, str]]) -> None:
    assert heard(world[1], signed).type == "CHECKOUT.ORDER.APPROVED"


def test_names_of_headers_are_read_in_any_case(
    world: World, signed: tuple[bytes, dict[str, str]]
) -> None:
    body, headers = signed
    lower = {name.lower(): value for name, value in headers.items()}
    assert heard(world[1], (body, lower)) == heard(world[1], signed)


CHANGES: dict[str, Callable[[str], str]] = {
    "PAYPAL-AUTH-ALGO": lambda _: "SHA1withRSA",
    "PAYPAL-CERT-URL": lambda url: url.replace("CERT-", "OTHER-"),
    "PAYPAL-TRANSMISSION-ID": lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
    "PAYPAL-TRANSMISSION-SIG": lambda text: ("A" if text[0] != "A" else "B") + text[1:],
    "PAYPAL-TRANSMISSION-TIME": lambda text: text.replace("12:00:00", "12:00:01"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("how", ["changed", "missing", "empty", "twice", "huge", "not_text"])
def test_every_header_is_needed_as_it_was_sent(
    world: World, signed: tuple[bytes, dict[str, str]], name: str, how: str
) -> None:
    body, headers = signed
    broken: dict[str, object] = dict(headers)
    value = headers[name]
    if how == "changed":
        broken[name] = CHANGES[name](value)
    elif how == "missing":
        del broken[name]
    elif how == "twice":
        broken[name.lower()] = value
    else:
        broken[name] = {"empty": "", "huge": value * 1000, "not_text": 7}[how]
    with pytest.raises(InvalidSignature):
        run(world[1].parse_event(body, broken))  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b" "])
def test_another_body_does_not_fit(
    world: World, signed: tuple[bytes, dict[str, str]], body: bytes
) -> None:
    with pytest.raises(InvalidSignature):
        run(world[1].parse_event(signed[0] + body if body == b" " else body, signed[1]))


@pytest.mark.parametrize("signature", ["!", "AAAA", "é", "A" * 344, " "])
def test_garbage_is_no_signature(
    world: World, signed: tuple[bytes, dict[str, str]], signature: str
) -> None:
    headers = signed[1] | {"PAYPAL-TRANSMISSION-SIG": signature}
    with pytest.raises(InvalidSignature):
        run(world[1].parse_event(signed[0], headers))


def test_a_message_to_another_webhook_is_not_for_this_one(world: World) -> None:
    double, gateway, clock = world
    event = double.pay(opened(gateway, clock))
    with pytest.raises(InvalidSignature):
        heard(over(double, clock, webhook_id=WEBHOOK), event)
    both = over(double, clock, webhook_id=[WEBHOOK, double.webhook_id])
    assert heard(both, event).known


def test_paypal_may_sign_with_another_certificate_at_any_time(world: World) -> None:
    double, gateway, clock = world
    before = double.pay(opened(gateway, clock))
    double.roll_certificate()
    after = double.events()[0]
    assert before[1]["PAYPAL-CERT-URL"] != after[1]["PAYPAL-CERT-URL"]
    assert heard(gateway, before) == heard(gateway, after)


@pytest.mark.parametrize(
    ("seconds", "fits"), [(-300, True), (-301, False), (345_600, True), (345_601, False)]
)
def test_a_message_may_be_days_old_but_not_from_the_future(
    world: World, seconds: int, fits: bool
) -> None:
    double, gateway, clock = world
    double.pay(opened(gateway, clock))
    [(body, _)] = double.events()
    headers = double.sign(body, at=clock() - timedelta(seconds=seconds))
    if fits:
        assert run(gateway.parse_event(body, headers)).known
    else:
        with pytest.raises(InvalidSignature):
            run(gateway.parse_event(body, headers))


NEVER_IN_UTC = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-01-01T12:00:00", "1767268800", "2026|01", *NEVER_IN_UTC]
)
def test_a_time_without_a_zone_is_none(
    world: World, signed: tuple[bytes, dict[str, str]], time: str
) -> None:
    with pytest.raises(InvalidSignature):
        run(world[1].parse_event(signed[0], signed[1] | {"PAYPAL-TRANSMISSION-TIME": time}))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{}",
        b"not json",
        b"\xff\xfe",
        b'{"id": "a", "id": "b"}',
        b'{"id": "a", "event_type": "X", "create_time": "2026-01-01T12:00:00Z"}',
        BODY.replace(b'"WH-1"', b"7"),
        BODY.replace(b'"WH-1"', b'"a\\u0000b"'),
        BODY.replace(b'"X"', b'""'),
        BODY.replace(b"12:00:00Z", b"12:00:00"),
        BODY.replace(b"2026", b"soon"),
        BODY.replace(b"2026-01-01T12:00:00Z", NEVER_IN_UTC[0].encode()),
        BODY.replace(b"2026-01-01T12:00:00Z", NEVER_IN_UTC[1].encode()),
        BODY.replace(b'{"a": 1}', b"[]"),
    ],
)
def test_signed_junk_is_malformed(world: World, body: bytes) -> None:
    double, gateway, _ = world
    with pytest.raises(MalformedEvent):
        run(gateway.parse_event(body, double.sign(body)))


def test_a_body_without_end_is_refused_unread(world: World) -> None:
    with pytest.raises(MalformedEvent):
        run(world[1].parse_event(b" " * (1024 * 1024 + 1), {}))


class Certificates:
    """A transport that shows one chain at every address, and remembers what it was asked for."""

    def __init__(self, pem: bytes = b"", status: int = 200) -> None:
        self.pem = pem
        self.status = status
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
    ) -> Reply:
        self.asked.append((method, url, headers))
        if self.status == 0:
            raise NoReply("TimeoutError")
        return Reply(self.status, {}, self.pem)


def a_certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    name: str = NAME,
    begin: datetime = datetime(2025, 1, 1, tzinfo=UTC),
    end: datetime = datetime(2027, 1, 1, tzinfo=UTC),
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed_by(key: rsa.RSAPrivateKey, url: str = URL) -> dict[str, str]:
    """Headers as PayPal's documentation makes them, by hand."""
    text = f"69cd13f0|2026-01-01T12:00:00Z|{WEBHOOK}|{zlib.crc32(BODY)}"
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-CERT-URL": url,
        "PAYPAL-TRANSMISSION-ID": "69cd13f0",
        "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
        "PAYPAL-TRANSMISSION-TIME": "2026-01-01T12:00:00Z",
    }


def test_a_certificate_is_fetched_once_and_without_any_secret(key: rsa.RSAPrivateKey) -> None:
    shown = Certificates(a_certificate(key))
    gateway = a_gateway(transport=shown, clock=FrozenClock())
    for _ in range(3):
        assert run(gateway.parse_event(BODY, signed_by(key))).id == "WH-1"
    [(method, url, headers)] = shown.asked
    assert (method, url) == ("GET", URL)
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    "url",
    [
        "http://api.sandbox.paypal.com/v1/notifications/certs/CERT-1-2",
        "https://api.paypal.com/v1/notifications/certs/CERT-1-2",
        "https://api.sandbox.paypal.com.evil.example/v1/notifications/certs/CERT-1-2",
        "https://api.sandbox.paypal.com@evil.example/v1/notifications/certs/CERT-1-2",
        "https://evil.example/v1/notifications/certs/CERT-1-2",
        "https://evil.example#https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1-2",
        "https://api.sandbox.paypal.com:8443/v1/notifications/certs/CERT-1-2",
        "https://API.SANDBOX.PAYPAL.COM/v1/notifications/certs/CERT-1-2",
        "https://api.sandbox.paypal.com/v1/notifications/certs/../../evil",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1-2?x=y",
        "https://api.sandbox.paypal.com/v1/notifications/certs/",
        "https://api.sandbox.paypal.com/webapps/redirect?to=evil.example",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT\n",
        "//api.sandbox.paypal.com/v1/notifications/certs/CERT-1-2",
        "file:///etc/passwd",
    ],
)
def test_no_other_place_is_ever_asked_for_a_certificate(key: rsa.RSAPrivateKey, url: str) -> None:
    shown = Certificates(a_certificate(key))
    gateway = a_gateway(transport=shown, clock=FrozenClock())
    with pytest.raises(InvalidSignature):
        run(gateway.parse_event(BODY, signed_by(key, url)))
    assert shown.asked == []


def test_each_mode_has_its_own_host(key: rsa.RSAPrivateKey) -> None:
    shown = Certificates(a_certificate(key, "messageverificationcerts.paypal.com"))
    live = a_gateway(live=True, transport=shown, clock=FrozenClock())
    with pytest.raises(InvalidSignature):
        run(live.parse_event(BODY, signed_by(key)))
    event = run(live.parse_event(BODY, signed_by(key, URL.replace("sandbox.", ""))))
    assert event.livemode


@pytest.mark.parametrize(
    "name",
    [
        "api.paypal.com",
        "messageverificationcerts.paypal.com.evil.example",
        "messageverificationcerts.evil.example",
        "evil-messageverificationcerts.paypal.com",
    ],
)
def test_a_certificate_for_something_else_is_refused(key: rsa.RSAPrivateKey, name: str) -> None:
    shown = Certificates(a_certificate(key, name))
    with pytest.raises(InvalidSignature):
        run(a_gateway(transport=shown, clock=FrozenClock()).parse_event(BODY, signed_by(key)))


def test_a_certificate_is_asked_each_time_whether_it_is_still_valid(key: rsa.RSAPrivateKey) -> None:
    clock = FrozenClock()
    end = clock() + timedelta(hours=1)
    gateway = a_gateway(transport=Certificates(a_certificate(key, end=end)), clock=clock)
    run(gateway.parse_event(BODY, signed_by(key)))
    clock.go(hours=2)
    with pytest.raises(InvalidSignature, match="not valid now"):
        run(gateway.parse_event(BODY, signed_by(key)))


def test_a_certificate_that_is_not_valid_yet_is_refused(key: rsa.RSAPrivateKey) -> None:
    clock = FrozenClock()
    shown = Certificates(a_certificate(key, begin=clock() + timedelta(hours=1)))
    with pytest.raises(InvalidSignature, match="not valid now"):
        run(a_gateway(transport=shown, clock=clock).parse_event(BODY, signed_by(key)))


def test_a_key_of_another_kind_or_too_short_is_refused(key: rsa.RSAPrivateKey) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
    for weak in (short, ec.generate_private_key(ec.SECP256R1())):
        shown = Certificates(a_certificate(weak))
        with pytest.raises(InvalidSignature, match="no RSA key"):
            run(a_gateway(transport=shown, clock=FrozenClock()).parse_event(BODY, signed_by(key)))


@pytest.mark.parametrize("pem", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(key: rsa.RSAPrivateKey, pem: bytes) -> None:
    gateway = a_gateway(transport=Certificates(pem), clock=FrozenClock())
    with pytest.raises(InvalidSignature):
        run(gateway.parse_event(BODY, signed_by(key)))


@pytest.mark.parametrize("status", [0, 301, 403, 429, 500])
def test_a_certificate_that_cannot_be_had_now_is_asked_for_again(
    key: rsa.RSAPrivateKey, status: int
) -> None:
    shown = Certificates(a_certificate(key), status)
    gateway = a_gateway(transport=shown, clock=FrozenClock(), retries=0)
    with pytest.raises(GatewayUnavailable):
        run(gateway.parse_event(BODY, signed_by(key)))
    shown.status = 200
    assert run(gateway.parse_event(BODY, signed_by(key))).id == "WH-1"


def test_many_certificates_do_not_fill_the_memory(key: rsa.RSAPrivateKey) -> None:
    shown = Certificates(a_certificate(key))
    gateway = a_gateway(transport=shown, clock=FrozenClock())
    for number in [*range(20), 0]:
        run(gateway.parse_event(BODY, signed_by(key, f"{URL}{number}")))
    assert len(shown.asked) == 21  # the first one was let go of
