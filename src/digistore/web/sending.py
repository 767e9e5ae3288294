"""A body on its way out: in pieces, counted, and closed however the response ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Self

from digistore.blocking import run
from digistore.errors import DamagedFile
from digistore.web.answering import end
from digistore.web.messages import Response

CHUNK = 1024 * 1024  # 64 KiB reads cost a server three times as much per byte


class Pieces:
    """Reads a body piece by piece; ``sent`` counts what was taken and asked for more after.

    A body that ends before its ``Content-Length`` raises: a connection that breaks is resumed, a
    short file that looks whole is not.
    """

    def __init__(self, response: Response) -> None:
        """Read the body of *response*."""
        self.sent = 0
        self._response = response
        self._in_hand = 0
        self._at = 0
        self._ended = False
        # A server may close while a thread still reads.
        self._lock = threading.Lock()

    def next(self) -> bytes:
        """Return the next piece, none at the end; it blocks.

        Raises:
            DamagedFile: the body is shorter than was promised.
        """
        with self._lock:
            self.sent += self._in_hand
            self._in_hand = 0
            piece = b"" if self._ended else self._read()
            self._in_hand = len(piece)
            return piece

    def close(self) -> bool:
        """Let go of the body; whether this was the first time.  It blocks."""
        with self._lock:
            first, self._ended = not self._ended, True
            body = self._response.body
            if first and not isinstance(body, bytes):
                body.close()
            return first

    def _read(self) -> bytes:
        body = self._response.body
        if isinstance(body, bytes):
            piece, self._at = body[self._at :], len(body)
            return piece
        piece = body.read(CHUNK)
        self._at += len(piece)
        if not piece and self._at < int(self._response.headers.get("Content-Length", self._at)):
            message = "a stored file ended early; the connection is cut"
            raise DamagedFile(message)
        return piece


class Sending:
    """A body as a WSGI server sends it: an iterator that it closes.

    A class and no generator: one that is closed before its first piece runs no ``finally``.
    """

    def __init__(self, response: Response) -> None:
        """Send the body of *response*, then do what follows."""
        self._response = response
        self._pieces = Pieces(response)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._pieces.next()
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Let go of the body, then do what follows; twice is fine."""
        if self._pieces.close():
            run(end(self._response, self._pieces.sent))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
