"""Host names as every later rule and every browser reads them, and which of them are public."""

from __future__ import annotations

import re
import unicodedata
from encodings.idna import ToASCII, nameprep
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

LONGEST_HOST = 253  # RFC 1035, section 2.3.4, as text
LONGEST_LABEL = 63

_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # RFC 3490, section 3.1; browsers split there too
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# IDNA2003 turns these into others, browsers keep them; joiners are format characters, see T2.
_DEVIATIONS = frozenset("\u00df\u1e9e\u03c2")
_PRIVATE = frozenset({"localhost", "local", "internal", "localdomain"})
_HOME = ".home.arpa"  # RFC 8375
_UNICAST = IPv6Network("2000::/3")  # RFC 4291, section 2.4
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052


class Refused(Exception):
    """A rule says no; ``code`` is its stable word."""

    def __init__(self, code: str) -> None:
        """Carry the word."""
        super().__init__(code)
        self.code = code


def read_host(text: str) -> str:
    """Return a host name in its normal form: lower case, IDNA, without its trailing dot (T6).

    Raises:
        Refused: ``host_invalid``.
    """
    if not isinstance(text, str):
        raise Refused("host_invalid")
    labels = _DOTS.sub(".", text).removesuffix(".").split(".")
    host = ".".join(_label(label) for label in labels)
    if len(host) > LONGEST_HOST:
        raise Refused("host_invalid")
    return host


def _label(label: str) -> str:
    encoded = label.lower() if label.isascii() else _encoded(label)
    if not _LABEL.fullmatch(encoded):
        raise Refused("host_invalid")
    return encoded


def _encoded(label: str) -> str:
    try:
        mapped = nameprep(label)
    except UnicodeError:
        raise Refused("host_invalid") from None
    # Python knows the mapping of Unicode 3.2, browsers that of today: where the two disagree, a
    # link would lead to one host for our rules and to another for the visitor.
    today = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    if mapped != today or _DEVIATIONS & set(label) or len(mapped) > LONGEST_LABEL:
        raise Refused("host_invalid")
    try:
        return ToASCII(mapped).decode()
    except UnicodeError:
        raise Refused("host_invalid") from None


def is_address(host: str) -> bool:
    """Say whether browsers read *host* as an IPv4 address: its last label is a number (T7)."""
    return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def is_global_v4(host: str) -> bool:
    """Say whether *host* is an IPv4 address in its one spelling that the whole net can reach."""
    try:
        return _is_global(IPv4Address(host))
    except AddressValueError:
        return False


def is_global_v6(literal: str) -> bool:
    """Say whether *literal* is an IPv6 address in its one spelling that the whole net can reach.

    Where an IPv4 address stands inside (6to4, Teredo, NAT64), that one decides.  A mapped one
    (``::ffff:``) is no canonical spelling of it.
    """
    try:
        address = IPv6Address(literal)
    except AddressValueError:
        return False
    if str(address) != literal or address.scope_id:
        return False
    # Outside of these is_global says yes to what must never be reached, such as ::7f00:1.
    return (address in _UNICAST or address in _NAT64) and _is_global(_inside(address))


def _inside(address: IPv6Address) -> IPv4Address | IPv6Address:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo:
        return address.teredo[1]
    return address.sixtofour or address


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast


def is_public(host: str) -> bool:
    """Say whether *host* can be a name of the public net: not one label, no private suffix (T8)."""
    _, dot, last = host.rpartition(".")
    return bool(dot) and last not in _PRIVATE and not f".{host}".endswith(_HOME)
