"""QR codes of short links, as SVG."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

from digistore.errors import ConfigError, Invalid
from digistore.short_urls.models import ShortURL
from digistore.short_urls.rules.hosts import Refused, read_host

QUIET_ZONE: Final = 4  # modules of margin: ISO/IEC 18004, section 6.3.8
SCALE: Final = 8


def address_of(link: ShortURL, own: tuple[tuple[str, str], ...], base: str | None) -> str:
    """Return the address under which *link* is served.

    Args:
        link: of the shop's own domain (``""``) or of another.
        own: host and path prefix of every address under which short links are served.
        base: scheme, host and prefix, where the settings do not say; without it ``https``.

    Raises:
        Invalid: the settings name no address for it, or several.
    """
    if base is not None:
        return f"{_checked(base).rstrip('/')}/{link.code}"
    places = [(host, prefix) for host, prefix in own if not link.domain or host == link.domain]
    if link.domain and not places:
        places = [(link.domain, "")]
    if len(places) != 1:
        raise Invalid(
            "say under which address the link is served: base='https://shop.example/s'",
            fields={"base": "missing"},
        )
    host, prefix = places[0]
    return f"https://{host}{prefix}/{link.code}"


def _checked(base: str) -> str:
    try:
        parts = urlsplit(base)
        if parts.scheme in {"http", "https"} and not parts.query and not parts.fragment:
            read_host(parts.hostname or "")
            return base
    except (ValueError, Refused, TypeError, AttributeError):
        pass
    message = "base is scheme, host and path, such as https://shop.example/s"
    raise Invalid(message, fields={"base": "not_an_address"})


def svg_of(address: str) -> str:
    """Draw *address*.

    At the root of its host an address is drawn in capitals, which a QR code holds in fewer and
    larger squares; browsers fold the host and we the code. A path prefix is left as it is.

    Raises:
        ConfigError: the extra ``qr`` is not installed.
    """
    if find_spec("segno") is None:
        raise ConfigError("QR codes need segno: pip install 'digistore[qr]'")
    import segno  # noqa: PLC0415  only who draws pays

    at_the_root = address.count("/") == "https://host/code".count("/")
    drawn = segno.make(address.upper() if at_the_root else address, micro=False, error="l")
    stream = BytesIO()
    drawn.save(stream, kind="svg", border=QUIET_ZONE, scale=SCALE, xmldecl=False, title=address)
    return stream.getvalue().decode()
