"""How an operation of the store becomes a route: JSON in, one call, JSON out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from digistore.fields import problem_words
from digistore.web.api.inputs import Asked, Given
from digistore.web.messages import (
    Problem,
    Request,
    Response,
    json_response,
    problem_as_json,
)
from digistore.web.routing import Operation, Route
from digistore.web.site import Site

LONGEST_JSON = 256 * 1024

G = TypeVar("G", bound=BaseModel)
Call: TypeAlias = Callable[[Site, Request, G], Awaitable[object]]

IN_PATH, IN_BODY, IN_QUERY = (404,), (400, 413, 415, 422), (422,)
BY_USER = (401, 403)
ALWAYS = (431, 503)


def get(
    path: str,
    name: str,
    call: Call[G],
    summary: str,
    *,
    asked: type[G],
    told: type[BaseModel],
    problems: tuple[int, ...] = (),
) -> Route:
    """Make the route of an operation that reads; *asked* is its query."""

    async def handler(site: Site, request: Request) -> Response:
        try:
            given = asked.model_validate(request.query)
        except ValidationError as error:
            raise _invalid(error) from None
        return _told(told, await call(site, request, given))

    query = IN_QUERY if asked.model_fields else ()
    operation = Operation(summary, asked, told, problems=(*query, *_of_path(path), *problems))
    return Route("GET", f"/api{path}", name, handler, _refused, operation=operation)


def post(
    path: str,
    name: str,
    call: Call[G],
    summary: str,
    *,
    given: type[G],
    told: type[BaseModel],
    problems: tuple[int, ...] = (),
) -> Route:
    """Make the route of an operation that changes something; *given* is its JSON object.

    Only ``application/json`` is read: no form of another site can send it, whatever its cookies.
    """

    async def handler(site: Site, request: Request) -> Response:
        if HTTPStatus.UNAUTHORIZED in problems:
            request.acting()  # a stranger's body is not worth reading
        return _told(told, await call(site, request, await _read(given, request)))

    operation = Operation(summary, given, told, problems=(*IN_BODY, *_of_path(path), *problems))
    return Route("POST", f"/api{path}", name, handler, _refused, operation=operation)


def document(
    path: str,
    name: str,
    call: Callable[[Site, Request], Awaitable[Response]],
    summary: str,
    media_type: str,
    *,
    problems: tuple[int, ...] = (),
) -> Route:
    """Make the route of an operation that answers with a document of its own."""
    found = Operation(
        summary, media_type=media_type, problems=(*BY_USER, *_of_path(path), *problems)
    )
    return Route("GET", f"/api{path}", name, call, _refused, operation=found)


def _of_path(path: str) -> tuple[int, ...]:
    return IN_PATH if "{" in path else ()


async def _read(given: type[G], request: Request) -> G:
    if request.content_type != "application/json":
        raise Problem(415, "unsupported_media_type", "send application/json")
    body = await request.read(LONGEST_JSON)
    try:
        return given.model_validate_json(body)
    except ValidationError as error:
        if any(found["type"] == "json_invalid" for found in error.errors(include_url=False)):
            raise Problem(400, "malformed_json", "the body is no JSON document") from None
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> Problem:
    fields: Mapping[str, Any] = problem_words(error)
    listed = ", ".join(f"{field} ({word})" for field, word in sorted(fields.items()))
    return Problem(422, "invalid", f"not usable: {listed}", details={"fields": fields})


def _told(told: type[BaseModel], found: object) -> Response:
    return json_response(told.model_validate(found).model_dump_json().encode())


def _refused(site: Site, problem: Problem) -> Response:
    return problem_as_json(problem)


__all__ = ["ALWAYS", "BY_USER", "Asked", "Given", "document", "get", "post"]
