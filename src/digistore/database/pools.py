"""An engine's pool, thrown away when its server may have died, while others still use it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from sqlalchemy import Engine, Pool


class Pools:
    """The pool of an engine, and those before it whose connections somebody may still have.

    Nothing listens to a pool for this: a listener that is added while another thread gives a
    connection back is an error in that thread ("deque mutated during iteration").
    """

    def __init__(self, engine: Engine) -> None:
        """Look after the pool of *engine*."""
        self._engine = engine
        self._lock = threading.Lock()
        self._before: tuple[ref[Pool], ...] = ()

    def replace(self) -> list[Pool]:
        """Give the engine an empty pool, and return what is to be disposed of, as :meth:`old`."""
        with self._lock:  # of two at once, one would lose the pool that the other has made
            last = self._engine.pool
            self._engine.dispose(close=False)
            self._before = (*map(ref, self.old()), ref(last))
        return self.old()

    def old(self) -> list[Pool]:
        """Return the pools whose connections nobody takes any more.

        Whoever gives a connection back disposes of them: his may have gone there.
        """
        return [pool for one in self._before if (pool := one()) is not None]
