"""Short links: where they lead, and that they were followed."""

from __future__ import annotations

from digistore.short_urls import Visit
from digistore.web.messages import Problem, Request, Response, problem_as_text
from digistore.web.routing import Route
from digistore.web.site import Site


async def follow(site: Site, request: Request) -> Response:
    """Send a visitor on."""
    visit = Visit(request.method, request.headers, request.client)
    found = await site.services.short_urls.resolve(request.params["code"], visit)
    return Response(found.status, found.headers)


def refused(site: Site, problem: Problem) -> Response:
    """Answer with one line; whatever a link that leads nowhere once was, the answer is the same."""
    if problem.status == 404:  # noqa: PLR2004  of HTTP
        problem = Problem(404, "not_found", "there is nothing here")
    return problem_as_text(problem)


ROUTES = (Route("GET", "/s/{code}", "short_link", follow, refused, open_to_all=True),)
