"""Following a link: where it leads now, and that it was followed."""

from __future__ import annotations

from datetime import datetime

from digistore.clock import from_micros
from digistore.errors import NotFound
from digistore.short_urls.models import Redirect, Visit
from digistore.short_urls.rules.agents import said_by, told_by
from digistore.short_urls.rules.choosing import chosen_rule
from digistore.short_urls.rules.queries import forwarded, with_click
from digistore.short_urls.rules.redirects import (
    NO_RULES,
    Found,
    counts,
    is_live,
    not_allowed,
    redirect,
    was_live,
)
from digistore.short_urls.service import links, visits
from digistore.short_urls.service.clicks import Click, now_of
from digistore.short_urls.service.desk import Desk, allowed_by
from digistore.short_urls.service.guard import Guard


class Following(Desk):
    """Says where links lead, and counts who follows them."""

    async def resolve(
        self,
        code: str,
        visit: Visit | None = None,
        *,
        domain: str = "",
        password: str | None = None,
    ) -> Redirect:
        """Say where a short link leads.  The code is the authority: there is no actor.

        A GET is counted: one click and, on a link with a limit, one of its visits. A HEAD counts
        nothing. Without a visit this only looks up, with nothing written and nothing hidden but
        what a password protects. Dates, limit, rules and targets are checked now; T10 goes by the
        roles that the owner has now.

        Args:
            code: as it stands in the address, in any case.
            visit: the request to answer.
            domain: the host of the request, ``""`` for the shop's own.
            password: what a visitor has entered and sent by POST; never part of an address.

        Raises:
            NotFound: unknown, disabled, not yet started, expired, used up, or a target that is no
                longer allowed: all the same, unless the link was live once and has a fallback.
            PasswordRequired: the link has a password, and this is none or a wrong one.
            TooManyAttempts: too many wrong ones.
            Invalid: a method other than GET and HEAD, or POST on a link without a password.
            Busy: the link has a limit and the visit cannot be counted now.
        """
        counted = counts(visit)
        row = await visits.find(self._database, code, domain)
        answer = self._plainly(row)
        if answer is None or (visit is not None and visit.method == "POST"):
            return await self._decided(Found._make(row), visit, password, counted=counted)
        if visit is not None and counted:
            click = Click(row[0], now_of(self._database), said_by(visit), None)
            if self._clicks.is_due(click):
                await self._write(click)
        return answer

    async def _decided(
        self, link: Found, visit: Visit | None, password: str | None, *, counted: bool
    ) -> Redirect:
        """Say where a link leads now, by its dates, limit, rules and password."""
        now = now_of(self._database)
        target, rule = self._target(link, visit, now)
        fallback = self._fallback(link, now) if link.fallback else None
        if target is None and fallback is None:
            raise NotFound(links.NOUN)
        if visit is not None and visit.method == "POST" and link.password_hash is None:
            raise not_allowed()
        if target is not None and link.password_hash is not None:
            await Guard(self._database, self._signer).ask(link, visit, password)
        if target is not None and counted and link.max_visits is not None:
            taken = await visits.take_visit(self._database, link.id)
            target, rule = (target, rule) if taken else (None, None)
        url = target or fallback
        if url is None:
            raise NotFound(links.NOUN)
        if target is not None and visit is not None:
            url = self._completed(link, url, visit, now, counted=counted)
        if visit is not None and counted:
            click = Click(link.id, now, said_by(visit), rule)
            if self._clicks.is_due(click):
                await self._write(click)
        return redirect(link, url, visit, to_target=target is not None)

    async def _write(self, click: Click) -> None:
        if self._clicks.buffered:
            await self._clicks.flush(click.at)
        else:
            await self._clicks.write(click)

    async def flush_clicks(self) -> None:
        """Write all clicks that wait; what cannot be written now waits on.  Host-only."""
        await self._clicks.flush(now_of(self._database), everything=True)

    def _target(self, link: Found, visit: Visit | None, now: int) -> tuple[str | None, str | None]:
        """Return the target that a live link has for *visit*, and the rule that says so."""
        if not is_live(link, now):
            return None, None
        if link.rules == NO_RULES:
            return self._allowed(link, link.target), None
        told = told_by(visit) if visit is not None else None
        found = chosen_rule(visits.rules_of(link.rules), visit, told, _time(now))
        if found is None:
            return self._allowed(link, link.target), None
        rule, name = found
        return self._allowed(link, rule.target), name

    def _fallback(self, link: Found, now: int) -> str | None:
        """Return where a link leads that was live once."""
        return self._allowed(link, link.fallback) if link.fallback and was_live(link, now) else None

    def _completed(self, link: Found, url: str, visit: Visit, now: int, *, counted: bool) -> str:
        """Return *url* with what the visit brings along, as far as that makes a good target."""
        if link.forward_query and visit.query:
            url = self._judged(link, forwarded(url, visit.query)) or url
        if link.track and counted:
            token = self._tokens.make(link.id, _time(now))
            url = self._judged(link, with_click(url, token)) or url
        return url

    def _allowed(self, link: Found, url: str) -> str | None:
        """Return *url* if the policy of today allows it."""
        return self._allows[link.anywhere](url)

    def _judged(self, link: Found, url: str) -> str | None:
        """Do the same for an address that will hardly come again: it is not remembered."""
        return allowed_by(self._policy(bool(link.anywhere)), url)


def _time(now: int) -> datetime:
    return from_micros(now)
