"""An event loop of one's own: for stores that are awaited, in tests that are not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


class Loop:
    """Runs what is awaited, one thing after the other or all at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def wait(self, result: Awaitable[T]) -> T:
        """Await *result*."""

        async def whole() -> T:
            return await result

        return self._loop.run_until_complete(whole())

    def wait_for_all(self, results: Iterable[Awaitable[T]]) -> list[T]:
        """Await *results* as tasks that run at once."""

        async def whole() -> list[T]:
            return list(await asyncio.gather(*results))

        return self._loop.run_until_complete(whole())

    def close(self) -> None:
        """End it."""
        self._loop.close()
