"""Answering a request for a link: checked, planned, prepared, counted, in this order."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from digistore.blocking import offload
from digistore.downloads.models import (
    Accel,
    DownloadBody,
    DownloadPlan,
    DownloadReader,
    DownloadRequest,
    LinkVerdict,
    Redirect,
    Refused,
    Stream,
)
from digistore.downloads.rules.answers import (
    EVERY_ANSWER,
    RETRY_SECONDS,
    STATUS_OF,
    Client,
    agent_of,
    body_headers,
    network_of,
    retry_after,
)
from digistore.downloads.rules.http import METHODS, Planned, plan_response
from digistore.downloads.service.content import Content, OneFile, content_of
from digistore.downloads.service.counting import Policy, Visit, count
from digistore.downloads.service.dropped import Dropped
from digistore.downloads.service.opening import Opened, Opener
from digistore.downloads.service.personalising import Personalising
from digistore.errors import Busy, DamagedFile, NotFound

if TYPE_CHECKING:
    from digistore.database import Database
    from digistore.files import AsyncFiles
    from digistore.settings import Settings
    from digistore.tokens import Signer
    from digistore.users import AsyncUsers

_ABOUT_PARTS: Final = frozenset({"range", "if-range"})

CODES: Final = {
    405: "method_not_allowed",
    412: "precondition_failed",
    416: "range_not_satisfiable",
}
logger = logging.getLogger("digistore.downloads")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An answer with its bytes at hand, but not counted yet."""

    transport: str
    status: int
    headers: dict[str, str]
    body: DownloadBody
    length: int
    sent: int


class Serving:
    """Turns a token and a request into a plan."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        files: AsyncFiles,
        settings: Settings,
        signer: Signer,
        personal: Personalising,
        dropped: Dropped,
    ) -> None:
        """Serve *files*."""
        self._database = database
        self._users = users
        self._files = files
        self._settings = settings
        self._signer = signer
        self._personal = personal
        self._dropped = dropped
        self._opener = Opener(database, users, signer)

    async def plan(self, token: str, request: DownloadRequest) -> DownloadPlan:
        """Return what to answer; it raises for nothing that a client can send."""
        if request.method not in METHODS:
            return _without_body(plan_response(request.method, {}, size=0, etag=""))
        try:
            opened = await self._opener.open(token)
            await self._check_login(opened, request)
            opened.refuse_unfit()
            opened = await self._personal.own(opened)
            return await self._answer(opened, content_of(opened), request)
        except Refused as refusal:
            return self._refused(refusal)
        except Busy:
            return self._refused(Refused("busy"))

    async def _check_login(self, opened: Opened, request: DownloadRequest) -> None:
        if not self._settings.require_login:
            return
        try:
            user_id = None if request.user is None else await self._users.id_of(request.user)
        except NotFound:
            user_id = None
        if user_id != opened.user_id:
            raise Refused(LinkVerdict.NOT_FOUND)

    async def _answer(
        self, opened: Opened, content: Content, request: DownloadRequest
    ) -> DownloadPlan:
        transport = self._transport(content)
        headers = _headers_for(transport, request.headers)
        planned = plan_response(request.method, headers, size=content.size, etag=content.etag)
        if not planned.has_body:
            described = body_headers(content.name, content.media_type)
            return _without_body(planned, described if planned.status == 200 else {})  # noqa: PLR2004
        try:
            prepared = await offload(self._prepare, transport, content, planned)
        except (DamagedFile, NotFound, Busy) as error:
            raise Refused("storage_unavailable") from error
        try:
            session = await self._count(opened, content, request, prepared)
        except BaseException:
            if isinstance(prepared.body, Stream):
                await offload(prepared.body.reader.close)
            raise
        if session is not None and isinstance(prepared.body, Stream):
            self._dropped.watch(prepared.body.reader, session)
        return DownloadPlan(
            prepared.status, {**EVERY_ANSWER, **prepared.headers}, prepared.body, session=session
        )

    def _transport(self, content: Content) -> str:
        """Choose the first that store and content can do."""
        wanted, able = self._settings.transport, self._files.capabilities
        if not isinstance(content, OneFile):
            return "stream"
        if able.presign and wanted in {"auto", "redirect"}:
            return "redirect"
        accel = self._settings.accel_prefix is not None and able.local_path
        return "accel" if accel and wanted in {"auto", "accel"} else "stream"

    def _prepare(self, transport: str, content: Content, planned: Planned) -> _Prepared:
        """Get hold of the bytes; it blocks.  What is down here costs the buyer nothing."""
        described = body_headers(content.name, content.media_type)
        if transport == "stream" or not isinstance(content, OneFile):
            source = content.open(self._files, planned.start, planned.end)
            try:
                body = Stream(DownloadReader(source))
            except BaseException:
                source.close()
                raise
            headers = {**planned.headers, **described}
            return _Prepared("stream", planned.status, headers, body, planned.length, 0)
        blob = content.opened.blob
        self._files.glance(blob)
        if transport == "redirect":
            url = self._files.presign(
                blob,
                ttl=self._settings.redirect_ttl,
                disposition=described["Content-Disposition"],
                media_type=content.media_type,
            )
            # Of what is left to the bucket the whole file counts: nobody will tell how much it was.
            moved = {"Location": url, "Content-Length": "0"}
            return _Prepared("redirect", 302, moved, Redirect(url), content.size, content.size)
        path = f"{(self._settings.accel_prefix or '').rstrip('/')}/{blob.storage_key}"
        header = self._settings.accel_header
        told = {**described, header: path}
        return _Prepared("accel", 200, told, Accel(header, path), planned.length, planned.length)

    async def _count(
        self, opened: Opened, content: Content, request: DownloadRequest, prepared: _Prepared
    ) -> str | None:
        if opened.purchase_id is None:
            logger.info("preview of %s by %s", opened.item, opened.user_id)
            return None
        visit = Visit(
            purchase_id=opened.purchase_id,
            epoch=opened.epoch,
            item=opened.item,
            release_id=opened.release_id,
            file_id=opened.file_id,
            is_latest=opened.is_latest,
            size=content.size,
            length=prepared.length,
            sent=prepared.sent,
            transport=prepared.transport,
            client=self._client(request),
        )
        policy = Policy.of(self._settings)
        await self._dropped.give_back()
        try:
            return await self._database.transact(partial(count, visit=visit, policy=policy))
        except Busy:
            if policy.limit is not None:
                raise
            # The buyer has paid and nothing is scarce: a busy database does not stop the file.
            logger.warning("download_unlogged: %s of %s", opened.item, opened.purchase_id)
            return None

    def _client(self, request: DownloadRequest) -> Client:
        network, agent = network_of(request.client), agent_of(request.headers)
        if network is None:
            return Client(agent=agent)
        keyed = partial(self._keyed, "client")
        return Client(keyed(network), keyed(f"{network} {agent or ''}"), agent)

    def _keyed(self, what: str, text: str) -> str:
        return self._signer.digests(f"{what}:{text}")[0][:32]

    def _refused(self, refusal: Refused) -> DownloadPlan:
        status = STATUS_OF[refusal.word]
        headers = {**EVERY_ANSWER, "Content-Length": "0"}
        later = retry_after(self._database.clock(), refusal.retry_at)
        if status == 503:  # noqa: PLR2004
            later = str(RETRY_SECONDS)
        if later is not None:
            headers["Retry-After"] = later
        return DownloadPlan(status, headers, code=refusal.word)


def _without_body(planned: Planned, described: dict[str, str] | None = None) -> DownloadPlan:
    headers = {**EVERY_ANSWER, **planned.headers, **(described or {})}
    return DownloadPlan(planned.status, headers, code=CODES.get(planned.status))


def _headers_for(transport: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return what of a request we answer: whoever sends the bytes reads the rest.

    What is sent by another is counted whole, as nobody tells us which part of it was sent.
    """
    if transport == "stream":
        return headers
    if transport == "redirect":
        return {}
    return {name: value for name, value in headers.items() if name.lower() not in _ABOUT_PARTS}
