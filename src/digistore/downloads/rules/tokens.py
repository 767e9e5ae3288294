"""What a token says, which file is meant, and how long a link works."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from digistore.catalog import ReleaseFile
from digistore.clock import to_micros
from digistore.errors import Invalid, NotFound

VERSION = "d1"
FIELDS = 4
SHORTEST_LINK = timedelta(minutes=1)
LONGEST_LINK = timedelta(days=7)


class TokenFields(NamedTuple):
    """What a token says.

    *holder* is a purchase, or the user of a preview; *item* a file or a release.
    """

    holder: str
    item: str
    epoch: int
    expires: int  # seconds since the epoch

    def as_text(self) -> tuple[str, str, str, str]:
        """Return the fields as they are signed."""
        return self.holder, self.item, str(self.epoch), str(self.expires)

    def has_expired(self, now: datetime) -> bool:
        """Say whether the token's time is over."""
        return to_micros(now) >= self.expires * 1_000_000


def token_fields(parts: Sequence[str] | None) -> TokenFields | None:
    """Read the fields of a genuine token, ``None`` if they are not those of a download."""
    if parts is None or len(parts) != FIELDS:
        return None
    holder, item, epoch, expires = parts
    if not (epoch.isdecimal() and expires.isdecimal()):
        return None
    return TokenFields(holder, item, int(epoch), int(expires))


def checked_ttl(expires_in: timedelta | None, default: timedelta) -> timedelta:
    """Return how long a link works.

    Raises:
        Invalid: not between 1 minute and 7 days.
    """
    wanted = default if expires_in is None else expires_in
    if not isinstance(wanted, timedelta) or not SHORTEST_LINK <= wanted <= LONGEST_LINK:
        raise Invalid(
            "expires_in is a timedelta of 1 minute to 7 days", fields={"expires_in": "out_of_range"}
        )
    return wanted


def chosen(files: Sequence[ReleaseFile], ref: str | None) -> tuple[ReleaseFile, ...]:
    """Return the file that *ref* names by id or name, all without one.

    Raises:
        NotFound: the release has no such file.
    """
    if ref is None:
        return tuple(files)
    found = tuple(file for file in files if ref in {file.id, file.name})
    if not found:
        raise NotFound("file", ref)
    return found


def only_one(files: Sequence[ReleaseFile]) -> ReleaseFile:
    """Return the one file there is.

    Raises:
        Invalid: there are several, and none was named.
    """
    if len(files) != 1:
        raise Invalid(
            "this release has several files; name one: file=...", fields={"file": "ambiguous"}
        )
    return files[0]
