"""Short links, visits to them and where those are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum
from typing import Annotated, Final, Literal, Protocol, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from digistore.fields import Country, Line, Model, Time, Title
from digistore.ids import ShortURLId

LONGEST_NAME: Final = 40
MOST_QUERY: Final = 10

Language: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
QueryName: TypeAlias = Annotated[Line, Field(min_length=1, max_length=100)]


class LinkRule(Model):
    """Where some visitors are led instead; all conditions that it has must hold, one at least.

    Args:
        target: where to, by the rules for every target.
        name: what clicks by this rule are counted as; by default its place, from ``"1"`` on.
        device: what the visit says it comes from.
        language: the visitor's first choice, such as ``de``.
        country: two letters (ISO 3166), where the host knows a visitor's.
        query: names that the link's own query must have, and their values; ``""`` is any.
        since: from when on.
        until: until when, itself excluded.
    """

    target: str
    name: Annotated[Title, Field(max_length=LONGEST_NAME)] | None = None
    device: Literal["phone", "tablet", "desktop", "other"] | None = None
    language: Language | None = None
    country: Country | None = None
    query: Annotated[Mapping[QueryName, Line], Field(max_length=MOST_QUERY)] = Field(
        default_factory=dict
    )
    since: Time | None = None
    until: Time | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        one_of = (self.device, self.language, self.country, self.since, self.until)
        if not self.query and all(given is None for given in one_of):
            kind = "unconditional"
            raise PydanticCustomError(kind, "a rule needs a condition; else change the target")
        if self.since is not None and self.until is not None and self.until <= self.since:
            kind = "before_start"
            raise PydanticCustomError(kind, "a rule ends after it begins")
        return self


class ShortURL(Model):
    """A short link.

    Args:
        domain: the host it is served under, ``""`` for the shop's own.
        code: what stands behind that host's prefix; it never changes.
        owner_id: the user whose link it is, ``None`` for one that ``SYSTEM`` made.
        product_id: a plain id, kept as given; the product may be gone.
        visits: how many of *max_visits* are used; counted only on a link that has a limit.
        clicks: how many redirects were counted, those of bots too.
        imported_clicks: how many another shortener has counted before; apart from *clicks*.
        fallback: where it leads once it was live and is so no more.
        has_password: whether it asks for one before it leads to its target.
        rules: tried in order, the first that fits wins over *target*.
        forward_query: whether the query of a visit is added to the target's.
        track: whether the target is told of the click, by ``cid``, for attribution.
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
    imported_clicks: int = 0
    fallback: str | None = None
    has_password: bool = False
    rules: tuple[LinkRule, ...] = ()
    forward_query: bool = False
    track: bool = False
    permanent: bool = False
    disabled_at: datetime | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a short link, as the host received it.

    Args:
        method: ``GET`` is counted, ``HEAD`` is not; ``POST`` brings a password. There is no other.
        headers: by name, in any case; agent, referrer, language and marks of privacy and prefetch
            are read, none is kept.
        client: the visitor's address; it is not stored.
        country: two letters (ISO 3166), if the host knows it.
        query: what stands behind the ``?`` of the address, encoded as it came.
    """

    method: str
    headers: Mapping[str, str]
    client: str | None = None
    country: str | None = None
    query: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """What to answer, with an empty body.

    Args:
        url: where it leads; ``None`` where a HEAD may not see it, as it has a limit.
        status: 302, 301 for a permanent link, 303 after a password.
        headers: all to send, ``Location`` among them unless *url* is ``None``.
    """

    url: str | None
    status: int
    headers: Mapping[str, str]


class DayClicks(Model):
    """One day in UTC; visitors are told apart within a day, never from one day to the next."""

    day: date
    clicks: int
    visitors: int
    bot_clicks: int
    bot_visitors: int


class Share(Model):
    """How many clicks came from one place; ``name`` is ``""`` where nobody knows."""

    name: str
    clicks: int
    bot_clicks: int


class LinkStats(Model):
    """What a period brought to one link: ``clicks`` and ``visitors`` are those of humans.

    ``by_day`` is kept for ever. The shares are counted from single clicks, which are kept 90 days.
    """

    short_url_id: ShortURLId
    clicks: int
    visitors: int
    bot_clicks: int
    imported_clicks: int
    by_day: tuple[DayClicks, ...]
    referrers: tuple[Share, ...]
    devices: tuple[Share, ...]
    countries: tuple[Share, ...]
    rules: tuple[Share, ...]


class ImportOutcome(StrEnum):
    """What became of a row."""

    ADDED = "added"  # in a dry run: would be
    SAME = "same"  # this code leads to this target already
    CONFLICT = "conflict"  # this code leads elsewhere; it is left as it is
    REFUSED = "refused"


class ImportedRow(Model):
    """A row of an import: its number from 1 on, and what became of it.

    ``faults`` has a word for each column that cannot be used.
    """

    number: int
    code: str
    outcome: ImportOutcome
    faults: Mapping[str, str] = Field(default_factory=dict)


class ImportReport(Model):
    """What an import did, or in a dry run would do, row by row."""

    dry_run: bool
    rows: tuple[ImportedRow, ...]

    def count(self, outcome: ImportOutcome) -> int:
        """Return how many rows had this *outcome*."""
        return sum(row.outcome is outcome for row in self.rows)


class Days(Protocol):
    """A period of whole days in UTC, both ends included, such as ``analytics.Period``."""

    @property
    def first(self) -> date:
        """The first day."""
        ...

    @property
    def last(self) -> date:
        """The last day."""
        ...


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
