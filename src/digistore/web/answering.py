"""From a request to an answer, in every host the same."""

from __future__ import annotations

import logging
from dataclasses import replace

from digistore.errors import DigistoreError
from digistore.web.messages import Problem, Request, Response
from digistore.web.problems import problem_of
from digistore.web.routing import Route
from digistore.web.site import Site

LONGEST_PARAMETER = 600  # of a path: a download token has 512 at most
LONGEST_HEADERS = 64 * 1024

NO_LENGTH = frozenset({204, 304})

_log = logging.getLogger("digistore.web")


async def answer(site: Site, route: Route, request: Request) -> Response:
    """Do what *request* asks for; whatever a client can send has an answer.

    Raises:
        DigistoreError: a mistake of the host's own, such as a missing extra.
    """
    try:
        _check(request)
        response = await route.handler(site, request)
    except Problem as problem:
        response = route.refused(site, problem)
    except DigistoreError as error:
        response = route.refused(site, problem_of(error, site.clock))
    return _as_head(response) if request.method == "HEAD" else with_length(response)


def with_length(response: Response) -> Response:
    """Say how long the body is; 204 and 304 have none, and say nothing."""
    if (
        not isinstance(response.body, bytes)
        or response.status in NO_LENGTH
        or "Content-Length" in response.headers
    ):
        return response
    length = {"Content-Length": str(len(response.body))}
    return replace(response, headers={**response.headers, **length})


async def end(response: Response, sent: int) -> None:
    """Do what follows a *response* that has ended, with *sent* bytes of its body gone out."""
    if response.after is None:
        return
    try:
        await response.after(sent)
    except DigistoreError:
        # Nobody is left to be told; what was not done now is done by the next round.
        _log.warning("what follows an answer could not be done", exc_info=True)


def _check(request: Request) -> None:
    if any(not _is_usable(value) for value in request.params.values()):
        raise Problem(404, "not_found", "there is nothing here")
    if sum(len(name) + len(value) for name, value in request.headers.items()) > LONGEST_HEADERS:
        raise Problem(431, "headers_too_large", f"send at most {LONGEST_HEADERS} of headers")


def _is_usable(value: str) -> bool:
    return 0 < len(value) <= LONGEST_PARAMETER and value.isprintable()


def _as_head(response: Response) -> Response:
    if not isinstance(response.body, bytes):
        response.body.close()
        return replace(response, body=b"")
    length = {"Content-Length": str(len(response.body))} if response.body else {}
    return replace(response, headers={**length, **response.headers}, body=b"")
