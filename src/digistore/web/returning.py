"""Where buyers come back to: what became of their payment, and nothing about who they are."""

from __future__ import annotations

from digistore.payments.models import ConfirmState
from digistore.users import SYSTEM
from digistore.web.messages import After, Problem, Request, Response
from digistore.web.pages import layout as html
from digistore.web.routing import Route
from digistore.web.site import Site

ROUND = 100  # what one visit does for others at most


def look_after(site: Site) -> After | None:
    """Return what follows an answer: one round of what is due, where the host wants that."""
    if not site.settings.run_due:
        return None

    async def after(sent: int) -> None:
        await site.services.run_due(ROUND)

    return after


async def come_back(site: Site, request: Request) -> Response:
    """Ask what became of a checkout by its own reference, and say it."""
    texts, reference = site.settings.texts, request.params["reference"]
    # The reference of a checkout, and no order's id: who pays sees it, and nobody else has it.
    if not reference.startswith("att_"):
        raise Problem(404, "not_found", texts.unknown)
    if request.method == "HEAD":
        return html.page(texts, texts.on_its_way_title, ())
    confirmed = await site.services.payments.confirm(SYSTEM, reference, params=request.query)
    title, text = {
        ConfirmState.PAID: (texts.paid_title, texts.paid),
        ConfirmState.ON_ITS_WAY: (texts.on_its_way_title, texts.on_its_way),
        ConfirmState.TRY_AGAIN: (texts.try_again_title, texts.try_again),
    }[confirmed.state]
    parts = [html.paragraph(text)]
    if confirmed.state is not ConfirmState.PAID:
        parts.append(html.link(texts.look_again, f"{request.mount}/return/{reference}"))
    parts.append(html.link(texts.go_on, site.settings.next_url))
    made = html.page(texts, title, parts)
    return Response(made.status, made.headers, made.body, look_after(site))


def refused(site: Site, problem: Problem) -> Response:
    """Say on a page what is wrong."""
    texts = site.settings.texts
    unknown = problem.status == 404  # noqa: PLR2004  of HTTP
    title = texts.unknown_title if unknown else texts.problem_title
    text = texts.unknown if unknown else problem.message
    parts = [html.paragraph(text), html.link(texts.go_on, site.settings.next_url)]
    made = html.page(texts, title, parts, problem.status)
    return Response(made.status, {**made.headers, **problem.headers}, made.body)


ROUTES = (Route("GET", "/return/{reference}", "return_page", come_back, refused, open_to_all=True),)
