"""Visitors are told apart within a day, and by nothing that outlives it."""

from __future__ import annotations

import hashlib
import hmac
import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

KEPT: Final = 16  # bytes of the hash
KEY: Final = 32  # bytes of a day's key
LONGEST_CLIENT: Final = 64
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_V4 = re.compile(rf"({_BYTE}\.{_BYTE}\.{_BYTE})\.{_BYTE}")
_V6_HOST_BITS: Final = 80  # all but the /48, which one household or office has


def visitor_hash(key: bytes, client: str | None, agent: str) -> str | None:
    """Return what tells visitors of one day apart: 16 bytes of a keyed hash, in hex.

    The address is cut to its /24 or /48 first, and the *key* is gone within 48 hours: nobody can
    be followed to the next day. Without an address there is no visitor.
    """
    network = network_of(client)
    if network is None:
        return None
    told = f"{network}\n{agent}".encode(errors="replace")
    return hmac.digest(key, told, hashlib.sha256)[:KEPT].hex()


def network_of(client: str | None) -> str | None:
    """Return the network of an address: /24 of IPv4, /48 of IPv6; ``None`` if it is none."""
    if not isinstance(client, str) or len(client) > LONGEST_CLIENT:
        return None
    plain = _V4.fullmatch(client)
    if plain is not None:
        return plain[1]
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return None
    inside = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = inside or address
    if isinstance(address, IPv4Address):
        return str(address).rpartition(".")[0]
    return str(IPv6Address(int(address) >> _V6_HOST_BITS << _V6_HOST_BITS))
