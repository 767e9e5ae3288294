"""Files on their way to who bought them: the plan is the store's, here it becomes a response."""

from __future__ import annotations

from digistore.downloads.models import (
    Accel,
    DownloadPlan,
    DownloadRequest,
    Redirect,
    Stream,
)
from digistore.web.messages import After, Problem, Request, Response, problem_as_text
from digistore.web.routing import Route
from digistore.web.site import Site


async def fetch(site: Site, request: Request) -> Response:
    """Send a file, part of it, or where it is; or say in a line why not."""
    plan = await site.services.downloads.plan(
        request.params["token"],
        DownloadRequest(request.method, request.headers, request.user, request.client),
    )
    headers = dict(plan.headers)
    match plan.body:
        case Redirect(url):
            return Response(plan.status, {**headers, "Location": url})
        case Accel(header, path):
            return Response(plan.status, {**headers, header: path})
        case Stream(reader):
            return Response(plan.status, headers, reader, _finish(site, plan))
    text = site.settings.texts.downloads.get(plan.code or "")
    if text is None:
        return Response(plan.status, headers)
    headers |= {"Content-Type": "text/plain; charset=utf-8"}
    headers.pop("Content-Length", None)
    return Response(plan.status, headers, f"{text} [{plan.code}]\n".encode())


def _finish(site: Site, plan: DownloadPlan) -> After:
    async def after(sent: int) -> None:
        await site.services.downloads.finish(plan, sent)

    return after


def refused(site: Site, problem: Problem) -> Response:
    """Answer with one line."""
    return problem_as_text(problem)


def routes(*, require_login: bool) -> tuple[Route, ...]:
    """Return the route; who asks is asked only where the token alone does not do.

    Download managers have no cookie.
    """
    return (Route("GET", "/d/{token}", "download", fetch, refused, open_to_all=not require_login),)
