"""Short links, visits to them and where those are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Protocol, TypeAlias

from digistore.fields import Model
from digistore.ids import ShortURLId


class ShortURL(Model):
    """A short link.

    Args:
        domain: the host it is served under, ``""`` for the shop's own.
        code: what stands behind that host's prefix; it never changes.
        owner_id: the user whose link it is, ``None`` for one that ``SYSTEM`` made.
        product_id: a plain id, kept as given; the product may be gone.
        visits: how many of *max_visits* are used; counted only on a link that has a limit.
        clicks: how many redirects were counted, those of bots too.
        fallback: where it leads once it was live and is so no more.
        permanent: whether browsers may keep the redirect for ever (301).
    """

    id: ShortURLId
    domain: str
    code: str
    target: str
    owner_id: str | None = None
    product_id: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    max_visits: int | None = None
    visits: int = 0
    clicks: int = 0
    fallback: str | None = None
    permanent: bool = False
    disabled_at: datetime | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a short link, as the host received it.

    Args:
        method: ``GET`` is counted, ``HEAD`` is not; there is no other.
        headers: by name, in any case; agent, referrer and prefetch marks are read, none is kept.
        client: the visitor's address; it is not stored.
        country: two letters (ISO 3166), if the host knows it.
    """

    method: str
    headers: Mapping[str, str]
    client: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """What to answer, with an empty body.

    Args:
        url: where it leads; ``None`` where a HEAD may not see it, as it has a limit.
        status: 302, or 301 for a permanent link.
        headers: all to send, ``Location`` among them unless *url* is ``None``.
    """

    url: str | None
    status: int
    headers: Mapping[str, str]


class Keep(Enum):
    """What ``update`` is to leave as it is; there is one, :data:`KEEP`."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


class HasId(Protocol):
    """A noun of any slice, such as a product."""

    @property
    def id(self) -> str:
        """Return its public id."""
        ...


ShortURLRef: TypeAlias = ShortURL | str
ProductRef: TypeAlias = HasId | str
