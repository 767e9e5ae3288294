"""What customers may do with what they own: open it, and have help with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from digistore.errors import NotFound
from digistore.web.api import outputs as told
from digistore.web.api.buyers import billing_of, consents_of
from digistore.web.api.inputs import (
    FilesQuery,
    LinkInput,
    NoQuery,
    Nothing,
    PageQuery,
    ReplyInput,
    SupportInput,
)
from digistore.web.api.operations import BY_USER, get, post
from digistore.web.messages import Request
from digistore.web.sandbox import payable
from digistore.web.site import Site

if TYPE_CHECKING:
    from digistore.support import SupportRequest


async def my_products(site: Site, request: Request, asked: PageQuery) -> object:
    """List what one can open."""
    return await site.services.entitlements.my_products(
        request.acting(), after=asked.after, limit=asked.limit
    )


async def files(site: Site, request: Request, asked: FilesQuery) -> object:
    """List the files that one may fetch."""
    found = await site.services.downloads.files(
        request.acting(), request.params["product"], release=asked.release
    )
    return {"items": found}


async def link(site: Site, request: Request, given: LinkInput) -> object:
    """Make a short-lived address of a file."""
    ttl = None if given.expires_in is None else timedelta(seconds=given.expires_in)
    made = await site.services.downloads.link(
        request.acting(),
        request.params["product"],
        file=given.file,
        release=given.release,
        expires_in=ttl,
    )
    return {
        "url": f"{request.mount}/d/{made.token}",
        "expires_at": made.expires_at,
        "release_id": made.release_id,
        "files": made.files,
    }


async def eligibility(site: Site, request: Request, asked: NoQuery) -> object:
    """Say for which purchases help can be asked for, and at what price."""
    return {"items": await site.services.support.eligibility(request.acting())}


async def request_support(site: Site, request: Request, given: SupportInput) -> object:
    """Ask for help, and say where to pay for it."""
    made = await site.services.support.request(
        request.acting(),
        request.params["product"],
        kind=given.kind,
        subject=given.subject,
        body=given.body,
        return_url=site.return_url(request.mount),
        cancel_url=site.settings.cancel_url,
        gateway=given.gateway,
        discount=given.discount,
        billing=await billing_of(site, request, given.billing),
        consents=consents_of(site, given.consents),
        click=given.click,
        idempotency_key=given.idempotency_key,
    )
    return {"request": made.request, "checkout": payable(site, request, made.checkout)}


async def my_supports(site: Site, request: Request, asked: PageQuery) -> object:
    """List one's own requests."""
    return await site.services.support.my_supports(
        request.acting(), after=asked.after, limit=asked.limit
    )


async def own_request(site: Site, request: Request) -> SupportRequest:
    """Return the request for help that the path names, if it is the user's own.

    Raises:
        NotFound: it is not, be they its seller, its assignee or an operator.
    """
    user = request.acting()
    found = await site.services.support.get(user, request.params["support"])
    if found.customer_id != await site.services.users.id_of(user):
        raise NotFound("support request", found.id)
    return found


async def support(site: Site, request: Request, asked: NoQuery) -> object:
    """Show one's own request with what was said in it."""
    return await own_request(site, request)


async def reply(site: Site, request: Request, given: ReplyInput) -> object:
    """Write in one's own request."""
    mine = await own_request(site, request)
    return await site.services.support.reply(request.acting(), mine.id, given.body)


async def reopen(site: Site, request: Request, given: Nothing) -> object:
    """Go on with a resolved request."""
    mine = await own_request(site, request)
    return await site.services.support.reopen(request.acting(), mine.id)


async def close(site: Site, request: Request, given: Nothing) -> object:
    """End a resolved request."""
    mine = await own_request(site, request)
    return await site.services.support.close(request.acting(), mine.id)


ROUTES = (
    get(
        "/my/products",
        "my_products",
        my_products,
        "List what one can open",
        asked=PageQuery,
        told=told.OwnedProductsTold,
        problems=BY_USER,
    ),
    get(
        "/products/{product}/files",
        "files",
        files,
        "List the files that one may fetch",
        asked=FilesQuery,
        told=told.FilesTold,
        problems=(*BY_USER, 409),
    ),
    post(
        "/products/{product}/link",
        "link",
        link,
        "Make a short-lived address of a file, or of all",
        given=LinkInput,
        told=told.LinkTold,
        problems=(*BY_USER, 409),
    ),
    get(
        "/support/eligibility",
        "eligibility",
        eligibility,
        "Say for which purchases help can be asked for, and its price",
        asked=NoQuery,
        told=told.EligibilitiesTold,
        problems=BY_USER,
    ),
    post(
        "/products/{product}/support",
        "request_support",
        request_support,
        "Ask for help, and say where to pay for it",
        given=SupportInput,
        told=told.SupportCheckoutTold,
        problems=(*BY_USER, 409, 429, 502),
    ),
    get(
        "/my/supports",
        "my_supports",
        my_supports,
        "List one's own requests for help",
        asked=PageQuery,
        told=told.SupportRequestsTold,
        problems=BY_USER,
    ),
    get(
        "/support/requests/{support}",
        "support",
        support,
        "Show a request for help with what was said in it",
        asked=NoQuery,
        told=told.SupportRequestTold,
        problems=BY_USER,
    ),
    post(
        "/support/requests/{support}/reply",
        "reply",
        reply,
        "Write in a request for help",
        given=ReplyInput,
        told=told.SupportRequestTold,
        problems=(*BY_USER, 409),
    ),
    post(
        "/support/requests/{support}/reopen",
        "reopen",
        reopen,
        "Go on with a resolved request, at no charge",
        given=Nothing,
        told=told.SupportRequestTold,
        problems=(*BY_USER, 409),
    ),
    post(
        "/support/requests/{support}/close",
        "close",
        close,
        "End a resolved request for good",
        given=Nothing,
        told=told.SupportRequestTold,
        problems=(*BY_USER, 409),
    ),
)
