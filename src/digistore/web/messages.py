"""HTTP without a framework: a request, a response, a problem.  Adapters only translate."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, TypeAlias
from urllib.parse import parse_qsl

from digistore.users import UserRef

LONGEST_FORM = 64 * 1024
_LONGEST_LENGTH = 18  # digits; Python refuses to read thousands of them
_HOST = re.compile(r"https?://([^:/\[\]]+)(:[0-9]*)?(/|$)")

Detail: TypeAlias = "str | int | Mapping[str, Detail] | tuple[Detail, ...] | None"
After: TypeAlias = Callable[[int], Awaitable[None]]


class Body(Protocol):
    """Bytes that are too many to be held at once; reading and closing them blocks."""

    def read(self, n: int, /) -> bytes:
        """Return up to *n* bytes, none at the end."""

    def close(self) -> None:
        """Let go of what is read."""


class Problem(Exception):
    """Why a request was not done: raised anywhere, answered in the manner of its route."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, Detail] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer *status*; *code* is a stable word, *message* says what to do."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details: Mapping[str, Detail] = details or {}
        self.headers: Mapping[str, str] = headers or {}


def length_of(text: str, limit: int) -> int | None:
    """Return the length that a request says its body has; ``None`` if it says none.

    Raises:
        Problem: it is more than *limit*, 413, or no number, 400.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Problem(400, "malformed_length", "Content-Length is a number")
    if len(text) > _LONGEST_LENGTH or int(text) > limit:
        raise too_large(limit)
    return int(text)


def too_large(limit: int) -> Problem:
    """Make the problem of a body of more than *limit* bytes."""
    return Problem(413, "body_too_large", f"the body may have at most {limit} bytes")


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler may know of a request.

    Args:
        method: in upper case.
        mount: the absolute address that the routes hang below, without a slash at the end.
        headers: names in lower case.
        query: the first value of each name.
        params: what the path holds, decoded.
        read: returns the raw body; above so many bytes it raises ``too_large``.
        query_string: the query as it came.
        user: who asks, as the host says; ``None`` for nobody.
        client: the address of the connection; proxy headers are the host's business.
        form_fields: returns what the host wants to find in each form, such as a CSRF token.
    """

    method: str
    mount: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    params: Mapping[str, str]
    read: Callable[[int], Awaitable[bytes]]
    query_string: str = ""
    user: UserRef | None = None
    client: str | None = None
    form_fields: Callable[[], Mapping[str, str]] = dict

    @property
    def host(self) -> str:
        """The host name that was asked, without its port; ``""`` for an IPv6 address."""
        found = _HOST.match(self.mount)
        return "" if found is None else found[1]

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def acting(self) -> UserRef:
        """Return who asks.

        Raises:
            Problem: nobody does: 401.
        """
        if self.user is None:
            raise Problem(401, "login_required", "sign in first")
        return self.user

    async def form(self) -> Mapping[str, str]:
        """Return the fields of a form.

        Raises:
            Problem: another media type, 415, or too large, 413.
        """
        if self.content_type != "application/x-www-form-urlencoded":
            raise Problem(415, "unsupported_media_type", "send a form")
        text = (await self.read(LONGEST_FORM)).decode("utf-8", "replace")
        return first_of(parse_qsl(text, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer.

    Args:
        status: of HTTP.
        headers: all to send; ``Content-Length`` is there where *body* is no bytes.
        body: bytes, or what is streamed and then closed by the adapter.
        after: called once when the response has ended, however it did, with the number of
            bytes of the body that went out.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body = b""
    after: After | None = None

    @property
    def reason(self) -> str:
        """What stands behind the status on the wire."""
        return HTTPStatus(self.status).phrase


QUIET: Mapping[str, str] = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def json_response(body: bytes, status: int = 200) -> Response:
    """Answer with a JSON document."""
    return Response(status, {"Content-Type": "application/json", **QUIET}, body)


def problem_as_json(problem: Problem) -> Response:
    """Answer as the JSON API does: ``{"error": {"code": ..., "message": ..., ...}}``."""
    error = {"code": problem.code, "message": problem.message, **problem.details}
    body = json.dumps({"error": error}, ensure_ascii=False).encode()
    made = json_response(body, problem.status)
    return Response(made.status, {**made.headers, **problem.headers}, body)


def problem_as_nothing(problem: Problem) -> Response:
    """Answer with the status alone: who sends forged messages learns nothing."""
    return Response(problem.status, {**QUIET, **problem.headers})


def problem_as_text(problem: Problem) -> Response:
    """Answer with one line of text."""
    headers = {"Content-Type": "text/plain; charset=utf-8", **QUIET, **problem.headers}
    return Response(problem.status, headers, f"{problem.message}\n".encode())


def first_of(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the first value of each name: two values are never read as another one."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def query_of(text: str) -> dict[str, str]:
    """Read a query string; what is no UTF-8 is replaced, a list without end is cut."""
    pairs = parse_qsl(text[:8192], keep_blank_values=True, errors="replace")
    return first_of(pairs)


def mount_of(url: str, path: str) -> str:
    """Return the address that a route's *path* hangs below, from the *url* of a request to it."""
    return url.partition("?")[0].rsplit("/", path.count("/"))[0]
