"""A storage that can be made to answer late: a test decides when."""

from __future__ import annotations

import threading

from digistore.files.backend import ByteSource
from digistore.files.local import LocalBackend

LONGEST = 30  # seconds; a test that fails must not hang


class HeldStorage(LocalBackend):
    """A folder that says when it is read and, once ``hold`` was called, waits for ``let_go``."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.asked = threading.Event()
        self._free = threading.Event()
        self._free.set()

    def hold(self) -> None:
        self.asked.clear()
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    def read(self, key: str, start: int, stop: int) -> ByteSource:
        self.asked.set()
        assert self._free.wait(LONGEST)
        return super().read(key, start, stop)
