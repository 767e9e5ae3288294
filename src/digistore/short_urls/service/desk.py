"""What all operations on short links share: where they are kept, and where they may lead."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from digistore.errors import Invalid
from digistore.short_urls.attribution import ClickTokens
from digistore.short_urls.models import Redirect
from digistore.short_urls.rules.codes import Draw, drawing
from digistore.short_urls.rules.redirects import Found, redirect
from digistore.short_urls.rules.targets import (
    KNOWN_SHORTENERS,
    TargetPolicy,
    read_hosts,
    read_own_addresses,
    read_target,
)
from digistore.short_urls.service.clicks import Clicks
from digistore.tokens import Signer
from digistore.users import AsyncUsers

if TYPE_CHECKING:
    from digistore.database import Database
    from digistore.settings import Settings

Allowed = Callable[[str], str | None]
MOST_TARGETS = 4096  # that are remembered as allowed; as many answers as well


class Desk:
    """Short links, the policies for their targets, and the clicks on their way."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        settings: Settings,
        signer: Signer,
        draw: Draw | None = None,
    ) -> None:
        """Keep links in *database*.

        Args:
            database: where links and clicks are.
            users: who acts.
            settings: hosts that links may lead to and lie under; alphabet and length of codes.
            signer: signs clicks, and stands for visitors who guess passwords.
            draw: takes a length and returns a code of a-z and 0-9; drawn at random if not given.

        Raises:
            ConfigError: a host or the alphabet cannot be used.
        """
        self._database = database
        self._users = users
        self._settings = settings
        self._signer = signer
        self._length = settings.code_length
        self._draw = draw or drawing(settings)
        self._own = own = read_own_addresses(settings.own_link_hosts)
        shorteners = KNOWN_SHORTENERS if settings.refuse_link_chains else frozenset()
        hosts = read_hosts(settings.link_hosts)
        with_ip = settings.allow_ip_targets
        self._anywhere = TargetPolicy(own, None, shorteners, with_ip)
        self._link_hosts = TargetPolicy(own, hosts, shorteners, with_ip)
        self._allows = (_remembered(self._link_hosts), _remembered(self._anywhere))
        self._plainly = lru_cache(MOST_TARGETS)(partial(_plainly, self._allows))
        self._clicks = Clicks(database, settings)
        self._tokens = ClickTokens(signer, settings.click_window)

    @property
    def tokens(self) -> ClickTokens:
        """What orders read a click by."""
        return self._tokens

    @property
    def clicks_dropped(self) -> int:
        """How many clicks could not be written since this object was made."""
        return self._clicks.dropped

    def _policy(self, anywhere: bool) -> TargetPolicy:  # noqa: FBT001  one question, one answer
        return self._anywhere if anywhere else self._link_hosts


def allowed_by(policy: TargetPolicy, url: str) -> str | None:
    """Return *url* if *policy* allows to lead there."""
    try:
        return read_target(url, policy)
    except Invalid:
        return None


def _remembered(policy: TargetPolicy) -> Allowed:
    """Return what says where *policy* allows to lead; the same target is judged once."""
    return lru_cache(MOST_TARGETS)(partial(allowed_by, policy))


def _plainly(allows: tuple[Allowed, Allowed], row: tuple[Any, ...]) -> Redirect | None:
    """Return what a link answers whoever comes whenever, ``None`` where that is to be decided.

    It hangs on the row alone, so what is remembered is right as long as the row is as it was.
    """
    link = Found._make(row)
    url = allows[link.anywhere](link.target) if link.is_plain else None
    return None if url is None else redirect(link, url, None, to_target=True)
