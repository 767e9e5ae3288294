"""One line of the route table, and how hosts without a router find it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import BaseModel

from digistore.web.messages import Problem, Request, Response
from digistore.web.site import Site

Handler: TypeAlias = Callable[[Site, Request], Awaitable[Response]]
Answer: TypeAlias = Callable[[Site, Problem], Response]

PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says of a route.

    Args:
        summary: one line.
        given: the JSON object of a POST, or the query of a GET.
        told: the JSON object of the answer, ``None`` for another kind of answer.
        media_type: of the answer.
        problems: the statuses of what can be wrong, besides those of every request.
    """

    summary: str
    given: type[BaseModel] | None = None
    told: type[BaseModel] | None = None
    media_type: str = "application/json"
    problems: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the route table; HEAD comes with GET.

    Args:
        method: ``GET`` or ``POST``.
        path: below the mount, with ``{name}`` for one segment.
        name: what a host calls it: ``url_for("digistore.<name>")``.
        handler: does it.
        refused: answers a problem in the manner of this route.
        open_to_all: nobody is asked who they are, and no CSRF token is expected.
        operation: what is documented; ``None`` for what is no part of the API.
    """

    method: str
    path: str
    name: str
    handler: Handler
    refused: Answer
    open_to_all: bool = False
    operation: Operation | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it answers."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names that stand in its path."""
        return tuple(PARAMETER.findall(self.path))

    def path_for(self, pattern: str) -> str:
        r"""Return the path as a host writes parameters, such as ``<\1>``."""
        return PARAMETER.sub(pattern, self.path)


class Matcher:
    """Finds routes for hosts that have no router."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Look among *routes*."""
        self._table = [(route, _pattern(route.path)) for route in routes]

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """Return the route and its parameters.

        Raises:
            Problem: no such path, 404, or not by this method, 405.
        """
        hits = [
            (route, match.groupdict())
            for route, pattern in self._table
            if (match := pattern.fullmatch(path))
        ]
        for route, params in hits:
            if method in route.methods:
                return route, params
        if not hits:
            raise Problem(404, "not_found", "there is nothing here")
        allowed = ", ".join(sorted({method for route, _ in hits for method in route.methods}))
        raise Problem(405, "method_not_allowed", f"use {allowed}", headers={"Allow": allowed})


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(PARAMETER.sub(r"(?P<\1>[^/]+)", path))
