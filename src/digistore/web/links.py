"""Short links: where they lead, that they were followed, and the password that some ask for."""

from __future__ import annotations

from digistore.errors import Invalid, PasswordRequired
from digistore.short_urls import Redirect, Visit
from digistore.web.messages import Problem, Request, Response, problem_as_text
from digistore.web.pages import layout as html
from digistore.web.routing import Route
from digistore.web.site import Site


async def follow(site: Site, request: Request) -> Response:
    """Send a visitor on, or ask for the password first."""
    try:
        found = await _resolve(site, request, None)
    except PasswordRequired:
        return _ask(site, wrong=False)
    return Response(found.status, found.headers)


async def enter(site: Site, request: Request) -> Response:
    """Take a password, which never stands in an address."""
    try:
        found = await _resolve(site, request, (await request.form()).get("password", ""))
    except PasswordRequired:
        return _ask(site, wrong=True)
    except Invalid:
        headers = {"Allow": "GET, HEAD"}
        message = "this link asks for no password"
        raise Problem(405, "method_not_allowed", message, headers=headers) from None
    return Response(found.status, found.headers)


async def _resolve(site: Site, request: Request, password: str | None) -> Redirect:
    visit = Visit(request.method, request.headers, request.client, query=request.query_string)
    code = request.params["code"]
    domain = request.host if request.host in site.settings.link_domains else ""
    resolve = site.services.short_urls.resolve
    return await resolve(code, visit, domain=domain, password=password)


def _ask(site: Site, *, wrong: bool) -> Response:
    texts = site.settings.texts
    about = "wrong" if wrong else ""
    parts = [
        html.error(texts.password_wrong, about) if wrong else html.paragraph(texts.password_intro),
        html.form(
            {},
            [
                html.password_field(texts.password, "password", about),
                html.button(texts.password_open),
            ],
        ),
    ]
    return html.page(texts, texts.password_title, parts, 403)


def refused(site: Site, problem: Problem) -> Response:
    """Answer with one line; whatever a link that leads nowhere once was, the answer is the same."""
    if problem.status == 404:  # noqa: PLR2004  of HTTP
        problem = Problem(404, "not_found", "there is nothing here")
    return problem_as_text(problem)


ROUTES = (
    Route("GET", "/s/{code}", "short_link", follow, refused, open_to_all=True),
    Route("POST", "/s/{code}", "short_link_password", enter, refused, open_to_all=True),
)
