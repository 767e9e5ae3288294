"""``store.short_urls``: making links, following them, changing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from digistore.blocking import Blocking, blocking
from digistore.clock import to_micros
from digistore.database.keyset import place_of
from digistore.errors import AlreadyExists, CodeSpaceExhausted, Invalid, NotFound
from digistore.fields import checked
from digistore.paging import Page, checked_limit, page_of
from digistore.short_urls.models import (
    KEEP,
    Keep,
    ProductRef,
    Redirect,
    ShortURL,
    ShortURLRef,
    Visit,
)
from digistore.short_urls.rules.codes import Draw, chosen_code, drawing, draws
from digistore.short_urls.rules.given import Sought, fitted, read_domain, read_given
from digistore.short_urls.rules.redirects import (
    Found,
    counts,
    is_live,
    redirect,
    was_live,
)
from digistore.short_urls.rules.targets import (
    TargetPolicy,
    read_hosts,
    read_own_addresses,
    read_target,
)
from digistore.short_urls.service import links, visits
from digistore.users import Acting, Actor, AsyncUsers

if TYPE_CHECKING:
    from digistore.database import Database
    from digistore.settings import Settings


class AsyncShortUrls:
    """Short links and the clicks on them: ``store.short_urls``."""

    def __init__(
        self, database: Database, users: AsyncUsers, settings: Settings, draw: Draw | None = None
    ) -> None:
        """Keep links in *database*.

        Args:
            database: where links and clicks are.
            users: who acts.
            settings: hosts that links may lead to and lie under; alphabet and length of codes.
            draw: takes a length and returns a code of a-z and 0-9; drawn at random if not given.

        Raises:
            ConfigError: a host or the alphabet cannot be used.
        """
        self._database = database
        self._users = users
        self._length = settings.code_length
        self._draw = draw or drawing(settings)
        own = read_own_addresses(settings.own_link_hosts)
        self._anywhere = TargetPolicy(own)
        self._link_hosts = TargetPolicy(own, read_hosts(settings.link_hosts))
        self._clicks = visits.Clicks(database)

    @property
    def clicks_dropped(self) -> int:
        """How many clicks could not be written since this object was made."""
        return self._clicks.dropped

    async def shorten(
        self,
        actor: Actor,
        target: str,
        *,
        code: str | None = None,
        domain: str = "",
        product: ProductRef | None = None,
        title: str | None = None,
        tags: Iterable[str] = (),
        starts_at: datetime | None = None,
        expires_at: datetime | None = None,
        max_visits: int | None = None,
        fallback: str | None = None,
        permanent: bool = False,
    ) -> ShortURL:
        """Make a short link to *target*; each call makes a new one.  Sellers and operators.

        Args:
            actor: who makes it, and whose link it is; links of ``SYSTEM`` have no owner.
            target: where it leads; a seller's only to hosts in ``Settings.link_hosts``.
            code: 3 to 64 of a-z, 0-9 and inner hyphens, in any case; drawn if not given.
            domain: the host it is served under, ``""`` for the shop's own; each has its codes.
            product: kept as a plain id: neither looked up nor held on to (D12).
            title: for its owner, up to 200 characters.
            tags: up to 20 of up to 40 characters, kept in lower case.
            starts_at: it leads nowhere before.
            expires_at: it leads to its target until then.
            max_visits: how many GETs are answered with the target, those of bots too.
            fallback: where it leads once it was live and is so no more; a target like the other.
            permanent: answer 301: browsers keep that for ever and their later clicks are lost.

        Raises:
            Forbidden: a customer.
            Invalid: per field; of a target or code the word of the rule that refuses it.
            AlreadyExists: the code is taken, be it by a disabled link.
            CodeSpaceExhausted: eight draws in a row were taken.
        """
        acting = await self._users.acting(actor)
        links.require_seller(acting)
        given = {
            "target": target,
            "product": product,
            "title": title,
            "tags": tags,
            "starts_at": starts_at,
            "expires_at": expires_at,
            "max_visits": max_visits,
            "fallback": fallback,
            "permanent": permanent,
        }
        values = fitted(read_given(given), self._policy(acting.is_operator), {"visits": 0})
        values |= {"domain": read_domain(domain), "owner_id": acting.id}
        return await self._add(acting, values, None if code is None else chosen_code(code))

    async def resolve(self, code: str, visit: Visit | None = None, *, domain: str = "") -> Redirect:
        """Say where a short link leads.  The code is the authority: there is no actor.

        A GET is counted: one click and, on a link with a limit, one of its visits. A HEAD counts
        nothing. Without a visit this only looks up, with nothing written and nothing hidden.
        Dates, limit and target are checked now; T10 goes by the roles that the owner has now.

        Args:
            code: as it stands in the address, in any case.
            visit: the request to answer.
            domain: the host of the request, ``""`` for the shop's own.

        Raises:
            NotFound: unknown, disabled, not yet started, expired, used up, or a target that is no
                longer allowed: all the same, unless the link was live once and has a fallback.
            Invalid: a method other than GET and HEAD.
            Busy: the link has a limit and the visit cannot be counted now.
        """
        counted = counts(visit)
        link = await visits.find(self._database, code, domain)
        now = to_micros(self._database.clock())
        target = self._allowed(link, link.target) if is_live(link, now) else None
        if target is not None and counted and link.max_visits is not None:
            taken = await visits.take_visit(self._database, link.id)
            target = target if taken else None
        fallback = self._allowed(link, link.fallback) if was_live(link, now) else None
        url = target or fallback
        if url is None:
            raise NotFound(links.NOUN)
        if visit is not None and counted:
            await self._clicks.count(link.id, visit)
        return redirect(link, url, visit, to_target=target is not None)

    async def update(
        self,
        actor: Actor,
        short_url: ShortURLRef,
        *,
        target: str | Keep = KEEP,
        product: ProductRef | Keep | None = KEEP,
        title: str | Keep | None = KEEP,
        tags: Iterable[str] | Keep = KEEP,
        starts_at: datetime | Keep | None = KEEP,
        expires_at: datetime | Keep | None = KEEP,
        max_visits: int | Keep | None = KEEP,
        fallback: str | Keep | None = KEEP,
        permanent: bool | Keep = KEEP,
    ) -> ShortURL:
        """Change a link of one's own, or anybody's for operators; never its code.

        What is not given stays; ``None`` takes a value away. The same again changes nothing. A
        target must be one that the link's owner may use.

        Raises:
            NotFound: no such link, or not theirs.
            Forbidden: its owner, who is no seller any more.
            Invalid: as in ``shorten``, or a limit below the visits that were counted.
        """
        acting = await self._users.acting(actor)
        values = read_given(
            {
                "target": target,
                "product": product,
                "title": title,
                "tags": tags,
                "starts_at": starts_at,
                "expires_at": expires_at,
                "max_visits": max_visits,
                "fallback": fallback,
                "permanent": permanent,
            }
        )
        return await self._database.transact(
            lambda tx: links.change(tx, acting, short_url, values, self._policy)
        )

    async def disable(self, actor: Actor, short_url: ShortURLRef) -> ShortURL:
        """Stop a link of one's own, or anybody's for operators; its code is never free again.

        It leads to its fallback, if it has one. Done again it changes nothing.

        Raises:
            NotFound: no such link, or not theirs.
        """
        acting = await self._users.acting(actor)
        return await self._database.transact(lambda tx: links.disable(tx, acting, short_url))

    async def mine(
        self,
        actor: Actor,
        *,
        tag: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ShortURL]:
        """List one's own links, newest first; for ``SYSTEM`` those that have no owner.

        Args:
            actor: whose links.
            tag: only those that bear it, in any case.
            after: ``next`` of the page before.
            limit: how many a page has at most, 1 to 100.

        Raises:
            Invalid: a tag, cursor or limit that cannot be used.
        """
        acting = await self._users.acting(actor)
        bound = checked_limit(limit)
        sought = None if tag is None else checked(Sought, tag=tag).tag
        found = await self._database.read(
            lambda reader: links.listed(reader, acting.id, sought, after, bound)
        )
        return page_of(found, bound, lambda link: place_of(link.created_at, link.id))

    async def _add(self, acting: Acting, values: Mapping[str, Any], chosen: str | None) -> ShortURL:
        def codes() -> Iterable[str]:
            return draws(self._draw, self._length) if chosen is None else [chosen]

        link = await self._database.transact(
            lambda tx: links.add(tx, acting.label, values, codes())
        )
        if link is not None:
            return link
        if chosen is not None:
            raise AlreadyExists(links.NOUN, "code")
        raise CodeSpaceExhausted("eight codes in a row were taken; raise Settings.code_length")

    def _policy(self, anywhere: bool) -> TargetPolicy:  # noqa: FBT001  one question, one answer
        return self._anywhere if anywhere else self._link_hosts

    def _allowed(self, link: Found, url: str | None) -> str | None:
        """Return *url* if the policy of today allows it."""
        if url is None:
            return None
        try:
            return read_target(url, self._policy(bool(link.anywhere)))
        except Invalid:
            return None


class ShortUrls(Blocking[AsyncShortUrls]):
    """The same without an event loop."""

    shorten = blocking(AsyncShortUrls.shorten)
    resolve = blocking(AsyncShortUrls.resolve)
    update = blocking(AsyncShortUrls.update)
    disable = blocking(AsyncShortUrls.disable)
    mine = blocking(AsyncShortUrls.mine)

    @property
    def clicks_dropped(self) -> int:
        """How many clicks could not be written since the service was made."""
        return self._service.clicks_dropped
