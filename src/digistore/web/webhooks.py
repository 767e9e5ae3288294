"""Where providers tell of money: the raw body goes in, a status and nothing else comes out."""

from __future__ import annotations

from digistore.payments.service.webhooks import LONGEST_BODY
from digistore.web.messages import Problem, Request, Response, problem_as_nothing
from digistore.web.returning import look_after
from digistore.web.routing import Route
from digistore.web.site import Site


async def take(site: Site, request: Request) -> Response:
    """Take a provider's message in; it is signed, so it needs neither a user nor a CSRF token."""
    body = await request.read(LONGEST_BODY)
    outcome = await site.services.payments.handle_webhook(
        request.params["gateway"], body, request.headers
    )
    made = problem_as_nothing(Problem(outcome.status, outcome.result, ""))
    return Response(made.status, made.headers, after=look_after(site))


def refused(site: Site, problem: Problem) -> Response:
    """Answer with the status alone."""
    return problem_as_nothing(problem)


ROUTES = (Route("POST", "/webhooks/{gateway}", "webhook", take, refused, open_to_all=True),)
