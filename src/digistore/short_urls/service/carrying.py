"""Bringing links in from elsewhere, and taking them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from digistore.database.keyset import place_of
from digistore.database.sets import are_of
from digistore.errors import Invalid
from digistore.paging import LARGEST_PAGE, page_of
from digistore.short_urls.models import ImportedRow, ImportOutcome, ImportReport
from digistore.short_urls.rules.carrying import (
    Format,
    Row,
    Unreadable,
    given_of,
    read_rows,
    row_of,
    written,
)
from digistore.short_urls.rules.codes import chosen_code
from digistore.short_urls.rules.given import MOST_VISITS, fitted, read_domain, read_given
from digistore.short_urls.service import links
from digistore.short_urls.service.counting import Counting
from digistore.short_urls.tables import short_urls
from digistore.users import Acting, Actor

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

TOGETHER = 200  # rows in one transaction; each of them stands or falls by itself


@dataclass(slots=True)
class _Candidate:
    """A row on its way: what it says, or why it cannot be used."""

    number: int
    code: str
    values: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    outcome: ImportOutcome = ImportOutcome.REFUSED

    @property
    def place(self) -> tuple[str, str]:
        return self.values["domain"], self.values["code"]


class Carrying(Counting):
    """Links as rows: what comes in follows every rule that ``shorten`` follows."""

    async def import_links(
        self, actor: Actor, rows: str | Iterable[Row], *, dry_run: bool = True
    ) -> ImportReport:
        """Bring links in, with the codes that they have elsewhere; they become one's own.

        A row whose code leads to its target already is skipped; one whose code leads elsewhere is
        a conflict, never an overwrite. The same rows again add nothing. A row stands or falls by
        itself.

        Args:
            actor: whose links they become; who may ``shorten``.
            rows: CSV with a header, JSON lines, or mappings, at most 10,000. Columns: ``domain``,
                ``code``, ``target``, ``title``, ``tags`` (a JSON list), ``starts_at`` and
                ``expires_at`` (ISO 8601 with a zone), ``max_visits``, ``fallback``, ``rules``
                (JSON), ``forward_query``, ``track``, ``permanent``, ``has_password``,
                ``disabled``, and ``clicks`` so far, which are kept apart from those counted here.
            dry_run: only say what would be done.

        Raises:
            Forbidden: who may not shorten.
            Invalid: rows that cannot be read at all, too many, or an unknown column.
        """
        acting = await self._users.acting(actor)
        links.require_maker(acting, customers=self._settings.customers_shorten)
        found = [self._candidate(acting, *one) for one in enumerate(read_rows(rows), 1)]
        _refuse_repeated(found)
        usable = [one for one in found if not one.faults]
        for at in range(0, len(usable), TOGETHER):
            await self._bring(acting, usable[at : at + TOGETHER], dry_run=dry_run)
        return ImportReport(
            dry_run=dry_run,
            rows=tuple(
                ImportedRow(
                    number=one.number, code=one.code, outcome=one.outcome, faults=one.faults
                )
                for one in found
            ),
        )

    async def export_links(self, actor: Actor, *, format: Format = "csv") -> str:  # noqa: A002
        """Return all of one's own links as text that ``import_links`` reads, newest first.

        Clicks are those counted here and those imported, together. A password is not told: a link
        that has one says so, and is not brought in again.

        Args:
            actor: whose links; for ``SYSTEM`` those that have no owner.
            format: ``csv``, in which no cell can be taken for a formula, or ``jsonl``.

        Raises:
            Invalid: another format.
        """
        if format not in {"csv", "jsonl"}:
            raise Invalid("links are exported as csv or jsonl", fields={"format": "unknown"})
        acting = await self._users.acting(actor)
        rows: list[Row] = []
        after: str | None = None
        while True:
            read = partial(
                links.listed, owner_id=acting.id, tag=None, after=after, limit=LARGEST_PAGE
            )
            found = await self._database.read(read)
            page = page_of(found, LARGEST_PAGE, lambda one: place_of(one.created_at, one.id))
            rows += [row_of(link) for link in page]
            after = page.next
            if after is None:
                return written(rows, format)

    def _candidate(self, acting: Acting, number: int, row: Row) -> _Candidate:
        """Read one row by the rules for links; nothing is written and nobody is asked."""
        one = _Candidate(number, str(row.get("code") or "")[:64])
        try:
            given = given_of(row)
            if given.pop("has_password", False):
                one.faults |= {"has_password": "unknown"}
            disabled = bool(given.pop("disabled", False))
            clicked = given.pop("clicks", 0)
            if not 0 <= clicked <= MOST_VISITS:
                one.faults["clicks"] = "out_of_range"
            code, domain = chosen_code(given.pop("code", "")), given.pop("domain", "")
            values = fitted(
                read_given({**links.PLAIN, "target": "", **given}),
                self._policy(acting.is_operator),
                links.NEW,
            )
            domain = read_domain(domain)
        except Unreadable as unreadable:
            one.faults[unreadable.column] = "unreadable"
        except Invalid as invalid:
            one.faults.update(invalid.fields)
        else:
            one.values = {
                **links.with_password(values, None),
                "code": code,
                "domain": domain,
                "owner_id": acting.id,
                "imported_clicks": clicked,
                "disabled_at": self._database.clock() if disabled else None,
            }
        return one

    async def _bring(self, acting: Acting, some: Sequence[_Candidate], *, dry_run: bool) -> None:
        async def work(tx: Transaction) -> None:
            for one in some:
                one.outcome = ImportOutcome.REFUSED
                values = {name: one.values[name] for name in one.values if name != "code"}
                made = await links.add(tx, acting.label, values, [one.values["code"]], "import")
                if made is not None:
                    one.outcome = ImportOutcome.ADDED
            await _compare(tx, some)

        if not dry_run:
            await self._database.transact(work)
            return
        await _compare(self._database, some)
        for one in some:
            if one.outcome is ImportOutcome.REFUSED:
                one.outcome = ImportOutcome.ADDED


async def _compare(reader: Database | Transaction, some: Sequence[_Candidate]) -> None:
    """Say of those that are not added whether their code leads to the same target."""
    rest = {one.place: one for one in some if one.outcome is not ImportOutcome.ADDED}
    place = (short_urls.c.domain, short_urls.c.code)
    rows = await reader.rows(
        select(short_urls.c.domain, short_urls.c.code, short_urls.c.target).where(
            are_of(place, rest)
        )
    )
    for row in rows:
        one = rest[row.domain, row.code]
        same = one.values["target"] == row.target
        one.outcome = ImportOutcome.SAME if same else ImportOutcome.CONFLICT


def _refuse_repeated(found: Sequence[_Candidate]) -> None:
    """Refuse a code that stands in two rows: which one is meant is not ours to say."""
    seen: set[tuple[str, str]] = set()
    for one in found:
        if one.faults:
            continue
        if one.place in seen:
            one.faults["code"] = "repeated"
        seen.add(one.place)
