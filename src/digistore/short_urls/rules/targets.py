"""Where a link may lead: rules T1 to T11, decided from the text alone.

A target is read once and rebuilt from its parts; only the rebuilt text is stored and sent.  It is
never fetched, resolved or looked up.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from digistore.errors import ConfigError, Invalid
from digistore.short_urls.rules import hosts
from digistore.short_urls.rules.hosts import Refused, read_host

LONGEST_TARGET: Final = 2048
DEFAULT_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}

# Shorteners that anybody may use, as of 2026; a chain of links hides where it leads.
_SHORTENERS = """
    adf.ly bit.do bit.ly bitly.com buff.ly cutt.ly db.tt dub.sh fb.me g.co goo.gl goo.su is.gd
    j.mp kutt.it lnkd.in mcaf.ee ow.ly ouo.io qr.ae rb.gy rebrand.ly rotf.lol s.id s.coop
    shorte.st shorturl.at short.io short.gy shrtco.de soo.gd surl.li t.co t.ly t2m.io tiny.cc
    tiny.one tinyurl.com tr.im u.to urlz.fr v.gd vk.cc x.gd
"""
KNOWN_SHORTENERS: Final = frozenset(_SHORTENERS.split())

_PLAIN = re.compile(r"[!-\[\]-~]*")  # printable ASCII without blank and backslash
_NEVER = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_PORT = re.compile(r"[0-9]{1,5}")
_LAST_PORT = 65_535
_IN_PATH = "%/:@!$&'()*+,;=~"  # RFC 3986, section 3.3; quote leaves letters, digits and -._~ alone
_IN_QUERY = _IN_PATH + "?"

REASONS: Final[Mapping[str, str]] = {
    "target_too_long": f"a target has at most {LONGEST_TARGET} characters, also once encoded",
    "target_characters": "a target holds no blanks, control characters or backslashes; encode them",
    "scheme_not_allowed": "a target begins with http:// or https://",
    "userinfo_not_allowed": "a target names no user or password before its host",
    "host_missing": "a target names a host after http:// or https://",
    "port_invalid": "a port is a number from 1 to 65535",
    "host_invalid": "this is no host name; give one of another script in its xn-- form",
    "address_not_allowed": "a target names its host; addresses are refused",
    "host_not_public": "a target lies in the public net",
    "link_loop": "a target is no short link of this shop; give what that link leads to",
    "host_not_allowed": "a seller's link leads only to hosts in Settings.link_hosts",
    "target_screened": "this address was refused by the shop's own check of targets",
    "link_chain": "a target is no short link of a known shortener; give what that link leads to",
}


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """What T7, T9 and T10 depend on.

    Args:
        own: host and path prefix (``""``: all of the host) of the shop's own short links.
        hosts: the only hosts to lead to; ``None``: any.
        shorteners: hosts of known shorteners, refused.
        allow_ip: whether a host may be a public address.
    """

    own: tuple[tuple[str, str], ...] = ()
    hosts: frozenset[str] | None = None
    shorteners: frozenset[str] = frozenset()
    allow_ip: bool = False


def read_target(text: str, policy: TargetPolicy, *, field: str = "target") -> str:
    """Return *text* rebuilt from its parts: ASCII, and the same again when it is read again (T11).

    Raises:
        Invalid: a rule refuses it; ``fields[field]`` is the rule's code.
    """
    try:
        return _rebuilt(text, policy)
    except Refused as refused:
        raise Invalid(REASONS[refused.code], fields={field: refused.code}) from None


def _rebuilt(text: str, policy: TargetPolicy) -> str:
    _check_text(text)
    rest, has_fragment, fragment = text.partition("#")
    rest, has_query, query = rest.partition("?")
    scheme, colon, rest = rest.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in DEFAULT_PORTS:
        raise Refused("scheme_not_allowed")
    if not rest.startswith("//"):  # browsers read http:evil.com and http:/evil.com as a host
        raise Refused("host_missing")
    authority, _, path = rest[2:].partition("/")
    host, port = _read_authority(authority, policy)
    _check_destination(host, f"/{path}", policy)
    shown_port = "" if port in {None, DEFAULT_PORTS[scheme]} else f":{port}"
    rebuilt = (
        f"{scheme}://{host}{shown_port}/{quote(path, safe=_IN_PATH)}"
        f"{has_query}{quote(query, safe=_IN_QUERY)}"
        f"{has_fragment}{quote(fragment, safe=_IN_QUERY)}"
    )
    if len(rebuilt) > LONGEST_TARGET:  # else a second reading would refuse what the first allowed
        raise Refused("target_too_long")
    return rebuilt


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        raise Refused("target_characters")
    if len(text) > LONGEST_TARGET:  # T1
        raise Refused("target_too_long")
    if _PLAIN.fullmatch(text):
        return
    for sign in text:  # T2
        if sign == "\\" or sign.isspace() or unicodedata.category(sign) in _NEVER:
            raise Refused("target_characters")


def _read_authority(authority: str, policy: TargetPolicy) -> tuple[str, int | None]:
    if "@" in authority:  # T4
        raise Refused("userinfo_not_allowed")
    if authority.startswith("["):
        literal, closed, port = authority[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise Refused("host_invalid")
        literal = literal.lower()
        if not (policy.allow_ip and hosts.is_global_v6(literal)):  # T7
            raise Refused("address_not_allowed")
        return f"[{literal}]", _read_port(port)
    name, colon, port = authority.partition(":")
    if not name:  # T5
        raise Refused("host_missing")
    number = _read_port(colon + port)
    host = read_host(name)  # T6
    if hosts.is_address(host) and not (policy.allow_ip and hosts.is_global_v4(host)):
        raise Refused("address_not_allowed")
    return host, number


def _read_port(text: str) -> int | None:
    if not text:
        return None
    if not _PORT.fullmatch(text[1:]) or not 1 <= int(text[1:]) <= _LAST_PORT:
        raise Refused("port_invalid")
    return int(text[1:])


def _check_destination(host: str, path: str, policy: TargetPolicy) -> None:
    is_address = host.startswith("[") or hosts.is_address(host)
    if not (is_address or hosts.is_public(host)):  # T8
        raise Refused("host_not_public")
    place = f"{_plain_path(path)}/"
    if any(host == own and place.startswith(f"{prefix}/") for own, prefix in policy.own):  # T9
        raise Refused("link_loop")
    if policy.hosts is not None and host not in policy.hosts:  # T10
        raise Refused("host_not_allowed")
    if host in policy.shorteners:
        raise Refused("link_chain")


def _plain_path(path: str) -> str:
    """Return *path* as a server routes it: decoded, without dots and doubled slashes."""
    plain = posixpath.normpath("/" + unquote(path).lstrip("/"))
    return "" if plain == "/" else plain


def read_hosts(entries: Iterable[str]) -> frozenset[str]:
    """Read ``Settings.link_hosts``.

    Raises:
        ConfigError: an entry is no host name.
    """
    return frozenset(_setting(entry, entry, "link_hosts") for entry in entries)


def read_own_addresses(entries: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read ``Settings.own_link_hosts``, each ``host`` or ``host/path``, as host and prefix.

    Raises:
        ConfigError: an entry begins with no host name.
    """
    parts = [(entry, *entry.partition("/")) for entry in sorted(entries)]
    return tuple(
        (_setting(entry, host, "own_link_hosts"), _plain_path(f"/{path}"))
        for entry, host, _, path in parts
    )


def _setting(entry: str, host: str, name: str) -> str:
    try:
        return read_host(host)
    except Refused:
        raise ConfigError(
            f"Settings.{name} has {entry!r}, which is no host name; leave scheme and port off"
        ) from None
