"""``store.short_urls``: making links, changing them, listing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from digistore.blocking import Blocking, blocking, offload
from digistore.database.keyset import place_of
from digistore.errors import CodeSpaceExhausted, CodeTaken, Invalid
from digistore.fields import checked
from digistore.paging import Page, checked_limit, page_of
from digistore.short_urls.models import (
    KEEP,
    Keep,
    LinkRule,
    ProductRef,
    ShortURL,
    ShortURLRef,
)
from digistore.short_urls.passwords import hashed
from digistore.short_urls.qr import address_of, svg_of
from digistore.short_urls.rules.codes import chosen_code, draws
from digistore.short_urls.rules.given import Sought, fitted, read_domain, read_given
from digistore.short_urls.rules.targets import REASONS
from digistore.short_urls.service import links
from digistore.short_urls.service.carrying import Carrying
from digistore.users import Acting, Actor


class AsyncShortUrls(Carrying):
    """Short links and the clicks on them: ``store.short_urls``."""

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
        password: str | None = None,
        rules: Iterable[LinkRule] = (),
        forward_query: bool = False,
        track: bool = False,
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
            password: what a visitor must know, up to 200 characters; kept as scrypt.
            rules: up to 20, tried in order: where some visitors are led instead.
            forward_query: add what the query of a visit has and the target's has not.
            track: tell the target of the click by ``cid=``, for ``orders.checkout(click=)`` and
                ``support.request(click=)``.
            permanent: answer 301: browsers keep that for ever and their later clicks are lost. It
                goes with no date, limit, rule, password or tracking.

        Raises:
            Forbidden: a customer, unless ``Settings.customers_shorten``.
            Invalid: per field; of a target or code the word of the rule that refuses it.
            CodeTaken: the code is taken, be it by a disabled link.
            CodeSpaceExhausted: eight draws in a row were taken.
        """
        acting = await self._users.acting(actor)
        links.require_maker(acting, customers=self._settings.customers_shorten)
        given: dict[str, object] = {"target": target, "product": product, "title": title}
        given |= {"tags": tags, "starts_at": starts_at, "expires_at": expires_at}
        given |= {"max_visits": max_visits, "fallback": fallback, "password": password}
        given |= {"rules": rules, "forward_query": forward_query, "track": track}
        read = read_given({**given, "permanent": permanent})
        values = fitted(read, self._policy(acting.is_operator), links.NEW)
        chosen = None if code is None else chosen_code(code)
        place = {"domain": read_domain(domain), "owner_id": acting.id}
        await self._screen(values)
        return await self._add(acting, await _hashed(values) | place, chosen)

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
        password: str | Keep | None = KEEP,
        rules: Iterable[LinkRule] | Keep = KEEP,
        forward_query: bool | Keep = KEEP,
        track: bool | Keep = KEEP,
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
                "password": password,
                "rules": rules,
                "forward_query": forward_query,
                "track": track,
                "permanent": permanent,
            }
        )
        await self._screen(values)
        values = await _hashed(values)
        customers = self._settings.customers_shorten
        return await self._database.transact(
            lambda tx: links.change(
                tx, acting, short_url, values, self._policy, customers=customers
            )
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

    async def qr(self, short_url: ShortURLRef, *, base: str | None = None) -> str:
        """Draw the address of a link as an SVG image; there is no actor, as it only draws.

        Args:
            short_url: the link.
            base: scheme, host and prefix under which it is served, such as
                ``https://shop.example/s``; needed where ``Settings.own_link_hosts`` does not say.

        Raises:
            NotFound: no such link.
            Invalid: the address is not known.
            ConfigError: the extra ``qr`` is not installed.
        """
        link = short_url
        if not isinstance(link, ShortURL):
            link = await self._database.read(lambda reader: links.by_id(reader, short_url))
        return await offload(svg_of, address_of(link, self._own, base))

    async def _add(self, acting: Acting, values: Mapping[str, Any], chosen: str | None) -> ShortURL:
        def codes() -> Iterable[str]:
            acceptable = self._settings.acceptable_code
            return [chosen] if chosen else draws(self._draw, self._length, acceptable)

        link = await self._database.transact(
            lambda tx: links.add(tx, acting.label, values, codes())
        )
        if link is not None:
            return link
        if chosen is not None:
            raise CodeTaken(links.NOUN, "code")
        raise CodeSpaceExhausted("eight codes in a row were taken; raise Settings.code_length")

    async def _screen(self, values: Mapping[str, Any]) -> None:
        """Let the host's own check see the addresses, outside of any transaction.

        Raises:
            Invalid: ``target_screened``: it refuses one of them.
        """
        screen = self._settings.screen_target
        if screen is None:
            return
        given = {name: values.get(name) for name in ("target", "fallback")}
        given |= {
            f"rules[{at}].target": rule["target"] for at, rule in enumerate(values.get("rules", ()))
        }
        for field, url in given.items():
            if isinstance(url, str) and not await offload(screen, url):
                raise Invalid(REASONS["target_screened"], fields={field: "target_screened"})


async def _hashed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put the hash in place of a password; it is slow on purpose, and holds no lock."""
    password = values.get("password")
    return links.with_password(values, await offload(hashed, password) if password else None)


class ShortUrls(Blocking[AsyncShortUrls]):
    """The same without an event loop."""

    shorten = blocking(AsyncShortUrls.shorten)
    resolve = blocking(AsyncShortUrls.resolve)
    update = blocking(AsyncShortUrls.update)
    disable = blocking(AsyncShortUrls.disable)
    mine = blocking(AsyncShortUrls.mine)
    stats = blocking(AsyncShortUrls.stats)
    roll_up = blocking(AsyncShortUrls.roll_up)
    qr = blocking(AsyncShortUrls.qr)
    import_links = blocking(AsyncShortUrls.import_links)
    export_links = blocking(AsyncShortUrls.export_links)

    @property
    def clicks_dropped(self) -> int:
        """How many clicks could not be written since the service was made."""
        return self._service.clicks_dropped
