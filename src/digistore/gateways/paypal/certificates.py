"""Who speaks: PayPal signs with a certificate, and says in the message where to find it.

So the place is pinned, or anybody could sign.  The signature is over the id and the time of the
transmission, the id of the webhook and the CRC32 of the raw body, joined by bars.
https://developer.paypal.com/api/rest/webhooks/rest/#self-verification-method
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digistore.errors import GatewayUnavailable, InvalidSignature
from digistore.gateways.paypal.snapshots import moment
from digistore.gateways.paypal.transport import Reply

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate

ID = "PAYPAL-TRANSMISSION-ID"
TIME = "PAYPAL-TRANSMISSION-TIME"
SIGNATURE = "PAYPAL-TRANSMISSION-SIG"
CERTIFICATE = "PAYPAL-CERT-URL"
ALGORITHM = "PAYPAL-AUTH-ALGO"

EARLY = timedelta(minutes=5)  # how far a clock of PayPal's may be ahead, at most

_ONLY_ALGORITHM = "SHA256withRSA"
_PATH = re.compile(r"/v1/notifications/certs/[A-Za-z0-9._-]{1,100}")
_WORD = re.compile(r"[!-{}~]{1,200}")  # no bar: it separates what is signed
_SUBJECT = re.compile(r"messageverificationcerts(?:\.[a-z0-9-]+)*\.paypal\.com")
_SHORTEST_KEY = 2048  # bits
_LONGEST_HEADER = 1024
_MOST_KEPT = 16  # certificates
_GONE = frozenset({404, 410})
_OK = 200


@dataclass(frozen=True, slots=True)
class Signed:
    """What a message says of its signature."""

    id: str
    time: str
    signature: bytes
    url: str

    def text(self, webhook_id: str, body: bytes) -> bytes:
        """Return what was signed, if it was sent to that webhook."""
        return f"{self.id}|{self.time}|{webhook_id}|{zlib.crc32(body)}".encode()


class Verifier:
    """Believes what was signed with a certificate from the one place where PayPal keeps them.

    Args:
        webhook_ids: the ids of the shop's webhooks; a message to another one is not for it.
        host: scheme and host of the certificates.
        tolerance: how old a message may be.
        fetch: gets a certificate.
    """

    def __init__(
        self,
        webhook_ids: Sequence[str],
        host: str,
        tolerance: timedelta,
        fetch: Callable[[str], Awaitable[Reply]],
    ) -> None:
        self._webhook_ids = tuple(webhook_ids)
        self._host = host
        self._tolerance = tolerance
        self._fetch = fetch
        self._lock = threading.Lock()
        self._known: dict[str, Certificate] = {}

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Make sure that *body* was signed by PayPal for one of the webhooks, not too long ago.

        Raises:
            InvalidSignature: it was not, or nobody can tell.
            GatewayUnavailable: the certificate cannot be had now.
        """
        signed = self._read(headers)
        sent = moment(signed.time)
        if sent is None:
            raise InvalidSignature(f"{TIME} is malformed")
        if not now - self._tolerance <= sent <= now + min(self._tolerance, EARLY):
            raise InvalidSignature("the message is too old, or comes from the future")
        key = _key_of(await self._certificate(signed.url), now)
        texts = [signed.text(webhook_id, body) for webhook_id in self._webhook_ids]
        if not any([_fits(key, signed.signature, text) for text in texts]):  # noqa: C419 - all of them: the time says nothing
            raise InvalidSignature("the signature does not fit this body and these webhooks")

    def _read(self, headers: Mapping[str, str]) -> Signed:
        if _only(headers, ALGORITHM) != _ONLY_ALGORITHM:
            raise InvalidSignature(f"{ALGORITHM} must be {_ONLY_ALGORITHM}")
        words = {name: _only(headers, name) for name in (ID, TIME)}
        for name, word in words.items():
            if not _WORD.fullmatch(word):
                raise InvalidSignature(f"{name} is malformed")
        url = _only(headers, CERTIFICATE)
        # Compared as text, before any parser could read another host out of it than a client does.
        if not url.startswith(self._host + "/") or not _PATH.fullmatch(url[len(self._host) :]):
            raise InvalidSignature(f"{CERTIFICATE} must lead to {self._host}")
        try:
            signature = base64.b64decode(_only(headers, SIGNATURE), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidSignature(f"{SIGNATURE} is malformed") from None
        return Signed(words[ID], words[TIME], signature, url)

    async def _certificate(self, url: str) -> Certificate:
        with self._lock:
            known = self._known.get(url)
        if known is not None:
            return known
        reply = await self._fetch(url)
        if reply.status in _GONE:
            raise InvalidSignature("there is no such certificate")
        if reply.status != _OK:
            message = f"PayPal does not show its certificate now: status {reply.status}"
            raise GatewayUnavailable(message)
        certificate = _load(reply.body)
        with self._lock:
            while len(self._known) >= _MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[url] = certificate
        return certificate


def _only(headers: Mapping[str, str], wanted: str) -> str:
    found: list[object] = [
        value for name, value in headers.items() if name.lower() == wanted.lower()
    ]
    if len(found) != 1:
        raise InvalidSignature(f"exactly one header {wanted} is needed")
    if not isinstance(found[0], str) or not 0 < len(found[0]) <= _LONGEST_HEADER:
        raise InvalidSignature(f"{wanted} is malformed")
    return found[0]


def _load(pem: bytes) -> Certificate:
    """Read the first certificate of a chain.

    Raises:
        InvalidSignature: there is none.
    """
    from cryptography import x509  # noqa: PLC0415  only who hears messages pays for it

    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except (ValueError, IndexError):
        raise InvalidSignature("what is there is no certificate") from None


def _key_of(certificate: Certificate, now: datetime) -> RSAPublicKey:
    """Return the key of a certificate that is PayPal's, for messages, and valid now.

    Its chain is not followed: it came over TLS from the one host that may have it.

    Raises:
        InvalidSignature: it is not.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise InvalidSignature("the certificate is not valid now")
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1 or not _SUBJECT.fullmatch(str(names[0].value)):
        raise InvalidSignature("the certificate is not for messages of PayPal")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _SHORTEST_KEY:
        raise InvalidSignature(f"the certificate's key is no RSA key of {_SHORTEST_KEY} bits")
    return key


def _fits(key: RSAPublicKey, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature as Misfit  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    try:
        key.verify(signature, text, PKCS1v15(), SHA256())
    except Misfit:
        return False
    return True
