"""Passwords of links: who may try, how often, and whether it is the one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from digistore.blocking import offload
from digistore.errors import PasswordRequired
from digistore.short_urls.models import Visit
from digistore.short_urls.passwords import is_password
from digistore.short_urls.rules.given import LONGEST_PASSWORD
from digistore.short_urls.rules.redirects import Found
from digistore.short_urls.rules.visitors import network_of
from digistore.tokens import Signer
from digistore.users.tries import Limit, forget_tries, refuse_too_many, spend_try

if TYPE_CHECKING:
    from digistore.database import Database

# A few for each visitor, many for all of them: one who guesses locks out nobody else at once,
# and many who guess together come to an end too.
EACH: Final = Limit("link_password", 10, timedelta(minutes=15))
ALL: Final = Limit("link_passwords", 200, timedelta(minutes=15))


class Guard:
    """Asks for the password of a link."""

    def __init__(self, database: Database, signer: Signer) -> None:
        """Count tries in *database*; *signer* makes digests that stand for visitors."""
        self._database = database
        self._signer = signer

    async def ask(self, link: Found, visit: Visit | None, password: str | None) -> None:
        """Let in who knows the password of *link*.

        Raises:
            PasswordRequired: none was given, or a wrong one.
            TooManyAttempts: too many wrong ones; with the time of the next.
        """
        if password is None or link.password_hash is None:
            raise PasswordRequired
        visitor = self._visitor(link, visit)
        await refuse_too_many(self._database, EACH, visitor)
        await refuse_too_many(self._database, ALL, link.id)
        fits = isinstance(password, str) and 0 < len(password) <= LONGEST_PASSWORD
        # A try is counted before it is judged: many at once are many tries.
        await spend_try(self._database, EACH, visitor)
        if not fits or not await offload(is_password, password, link.password_hash):
            await spend_try(self._database, ALL, link.id)
            raise PasswordRequired(wrong=True)
        await self._database.transact(lambda tx: forget_tries(tx, EACH, visitor))

    def _visitor(self, link: Found, visit: Visit | None) -> str:
        """Return what stands for a visitor of one link; no address is stored."""
        network = network_of(visit.client) if visit is not None else None
        return self._signer.digests(f"{link.id} {network}")[0]
