"""A body on its way out under ASGI: a blocking iterator Django would read whole into memory."""

from __future__ import annotations

import asyncio
from typing import Self

from digistore.blocking import run
from digistore.web.answering import end
from digistore.web.messages import Response
from digistore.web.sending import Pieces


class Streaming:
    """An async iterator that Django closes."""

    def __init__(self, response: Response) -> None:
        """Send the body of *response*, then do what follows."""
        self._response = response
        self._pieces = Pieces(response)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await asyncio.to_thread(self._pieces.next)
        if not piece:
            raise StopAsyncIteration
        return piece

    def close(self) -> None:
        """Let go of the body, then do what follows; Django calls it in a thread."""
        if self._pieces.close():
            run(end(self._response, self._pieces.sent))
