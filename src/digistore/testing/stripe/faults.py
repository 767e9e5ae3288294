"""A bad network and a bad day at Stripe, on demand: which of the next requests fail, and how."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from threading import Event, Lock
from typing import Literal, TypeAlias, get_args

from digistore.errors import Invalid

FaultName: TypeAlias = Literal[
    "drop_before", "drop_after", "error_500", "rate_limit", "slow", "malformed"
]

PATIENCE = 60.0  # seconds that a slow request is held, if nobody lets it go


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls one request, and on which it falls."""

    name: FaultName
    method: str | None
    path: re.Pattern[str] | None

    def falls_on(self, method: str, path: str) -> bool:
        """Say whether that request is meant."""
        here = self.path is None or self.path.fullmatch(path) is not None
        return here and self.method in {None, method}


class Faults:
    """The faults to come, in order; safe to use from threads."""

    def __init__(self) -> None:
        self._planned: deque[Fault] = deque()
        self._lock = Lock()
        self._held = Event()
        self._released = Event()

    def plan(
        self, fault: FaultName, times: int, method: str | None = None, path: str | None = None
    ) -> None:
        """Let *fault* befall the next requests, of that method and path only if they are given.

        Raises:
            Invalid: there is no such fault, or *times* is below 1.
        """
        if fault not in get_args(FaultName):
            message = f"a fault is one of {', '.join(get_args(FaultName))}"
            raise Invalid(message, fields={"fault": "unknown"})
        if times < 1:
            raise Invalid("a fault happens once or more often", fields={"times": "too_small"})
        planned = Fault(fault, method and method.upper(), None if path is None else _pattern(path))
        with self._lock:
            self._planned.extend([planned] * times)

    def take(self, method: str, path: str) -> FaultName | None:
        """Return the fault of this request, which is then over."""
        with self._lock:
            for planned in self._planned:
                if planned.falls_on(method, path):
                    self._planned.remove(planned)
                    return planned.name
        return None

    def hold(self) -> None:
        """Hold a slow request until `release`."""
        self._held.set()
        self._released.wait(PATIENCE)
        self._released.clear()

    def wait_until_held(self, patience: float) -> bool:
        """Wait until a slow request is at work, at most *patience* seconds, and say if one is."""
        return self._held.wait(patience)

    def release(self) -> None:
        """Let a slow request go on."""
        self._held.clear()
        self._released.set()


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[a-z]+\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
