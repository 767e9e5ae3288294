"""Links to files, and what becomes of one that is followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digistore.catalog import ReleaseFile
from digistore.fields import Model
from digistore.ids import ReleaseId


class DownloadLink(Model):
    """A short-lived token for exactly these files; make a fresh one whenever a page is shown."""

    token: str
    expires_at: datetime
    release_id: ReleaseId
    files: tuple[ReleaseFile, ...]


class LinkVerdict(StrEnum):
    """What a token is worth now; anything but ``ok`` gives nothing."""

    OK = "ok"
    NOT_FOUND = "not_found"  # not ours, or changed by a single character
    EXPIRED = "link_expired"
    REVOKED = "link_revoked"


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """What a token opens: files, and the purchase that is downloaded by (``None``: a preview)."""

    verdict: LinkVerdict
    files: tuple[ReleaseFile, ...] = ()
    purchase_id: str | None = None
    user_id: str | None = None
