"""HTTP as the client needs it: one request, one reply, and a deadline.

A host that must reach PayPal in another way (a proxy of its own, a pool of connections) gives a
:class:`Transport`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Protocol
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

_LARGEST_REPLY = 8 * 1024 * 1024  # bytes
_CHUNK = 64 * 1024


class NoReply(Exception):
    """Nothing that can be read came back in time; what was sent may have been done."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; names of *headers* are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Carries one request; it blocks, follows no redirect and never tries again by itself."""

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
    ) -> Reply:
        """Return the reply, whatever its status.

        Args:
            method: in upper case.
            url: absolute.
            headers: what to send along.
            body: ``None`` for none.
            timeout: seconds until it must give up.

        Raises:
            NoReply: there was none, or none in time.
        """


class _Stay(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Go nowhere else: the bearer's token is for one host alone."""


class UrllibTransport:
    """The standard library's client; proxies and certificates are those of the environment."""

    def __init__(self) -> None:
        self._opener = build_opener(_Stay)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
    ) -> Reply:
        """Return the reply, whatever its status."""
        request = Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - http(s) only: settings.check_wire
        deadline = time.monotonic() + timeout
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return _reply(answer.status, answer.headers, answer, deadline)
        except HTTPError as refusal:
            with refusal:
                return _reply(refusal.code, refusal.headers, refusal.fp, deadline)
        except (OSError, HTTPException) as error:
            # Its text may hold a url; what it was is enough.
            raise NoReply(type(error).__name__) from error


def _reply(
    status: int, headers: Message, answer: HTTPResponse | IO[bytes], deadline: float
) -> Reply:
    parts: list[bytes] = []
    size = 0
    try:
        while chunk := answer.read(_CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > _LARGEST_REPLY or time.monotonic() > deadline:
                raise NoReply("the reply has no end")
    except (OSError, HTTPException) as error:
        raise NoReply(type(error).__name__) from error
    return Reply(status, {name.lower(): value for name, value in headers.items()}, b"".join(parts))
