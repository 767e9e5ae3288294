"""Signatures of webhooks, as PayPal makes them, with a certificate authority of the double's own.

https://developer.paypal.com/api/rest/webhooks/rest/#self-verification-method
"""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from digistore.testing.paypal.world import World, text_of

PATH = "/v1/notifications/certs/"
SUBJECT = "messageverificationcerts.sandbox.paypal.com"

_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_Key = rsa.RSAPrivateKey


class Signer:
    """Signs with one certificate, which it shows at an address of the double."""

    def __init__(self, world: World, webhook_id: str) -> None:
        self._world = world
        self.webhook_id = webhook_id
        self._certificates: dict[str, bytes] = {}
        self.roll()

    def roll(self) -> str:
        """Sign with another certificate from now on, at another address; return its path."""
        self._key, chain = _certified(len(self._certificates))
        self._path = f"{PATH}CERT-{self._world.ids.new(8)}-{self._world.ids.new(8)}"
        self._certificates[self._path] = chain
        return self._path

    def certificate(self, path: str) -> bytes | None:
        """Return the chain that is shown at *path*, in PEM."""
        return self._certificates.get(path)

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers that prove *body* to have been sent *at* that time."""
        sent, transmission = text_of(at), self._world.ids.new(32).lower()
        text = f"{transmission}|{sent}|{self.webhook_id}|{zlib.crc32(body)}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
            "PAYPAL-CERT-URL": self._world.base_url + self._path,
            "PAYPAL-TRANSMISSION-ID": transmission,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
            "PAYPAL-TRANSMISSION-TIME": sent,
        }


@cache
def _authority() -> tuple[_Key, x509.Certificate]:
    key = _new_key()
    return key, _certificate("The CA of the PayPal double", key, None)


@cache
def _certified(number: int) -> tuple[_Key, bytes]:
    """Return a key with its chain; making one takes a while, so doubles of one process share it."""
    key = _new_key()
    chain = (_certificate(SUBJECT, key, _authority(), number), _authority()[1])
    return key, b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _new_key() -> _Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(
    subject: str, key: _Key, by: tuple[_Key, x509.Certificate] | None, number: int = 0
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    issuer_key, issuer = (key, name) if by is None else (by[0], by[1].subject)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(number + 1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
