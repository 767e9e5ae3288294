"""What every answer to a download says, whatever it is."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from digistore.downloads.rules.names import content_disposition

# A CDN must keep nothing, a browser must render nothing, and no page may learn the link.
EVERY_ANSWER: Final[Mapping[str, str]] = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}
RETRY_SECONDS: Final = 30
MOST_SESSION_SIZES: Final = 3
LONGEST_AGENT: Final = 300

STATUS_OF: Final[Mapping[str, int]] = {
    "not_found": 404,
    "link_expired": 410,
    "link_revoked": 410,
    "file_blocked": 410,
    "download_limit": 429,
    "storage_unavailable": 503,
    "busy": 503,
    "preparing": 503,
    "personalisation_failed": 503,
}


def body_headers(name: str, media_type: str) -> dict[str, str]:
    """Return what an answer with bytes says of them.

    ``identity`` is no coding that RFC 9110 would see here, but without it a host's compressing
    middleware changes the bytes of a 206 and keeps its ``Content-Range``: a corrupt resume.
    """
    return {
        "Content-Type": media_type,
        "Content-Disposition": content_disposition(name),
        "Content-Encoding": "identity",
    }


def retry_after(now: datetime, then: datetime | None) -> str | None:
    """Return whole seconds from *now* to *then*, at least one."""
    if then is None:
        return None
    return str(max(1, -(-(then - now) // timedelta(seconds=1))))


def byte_cap(limit: int | None, size: int) -> int | None:
    """Return how many bytes one session may fetch of a file; without a limit, any."""
    return None if limit is None else MOST_SESSION_SIZES * size


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, as far as the log may know: keyed digests, and what the program calls itself."""

    network: str | None = None
    key: str | None = None
    agent: str | None = None


def network_of(address: str | None) -> str | None:
    """Return the network of an address, /24 or /48, ``None`` for what is no address.

    Networks, not addresses: mobile ones change theirs within one download.
    """
    try:
        found = ipaddress.ip_address((address or "").strip())
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = 24 if found.version == 4 else 48  # noqa: PLR2004
    return str(ipaddress.ip_network((found, bits), strict=False))


def agent_of(headers: Mapping[str, str]) -> str | None:
    """Return what the client calls itself, without controls and not without end."""
    agent = next((value for name, value in headers.items() if name.lower() == "user-agent"), "")
    return "".join(sign for sign in agent[:LONGEST_AGENT] if sign.isprintable()) or None
