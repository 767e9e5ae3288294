"""A bad network and a provider's bad day, on demand: which of the next requests fail, and how."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from threading import Condition, Lock
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
        self._turn = Condition()
        self._held = 0
        self._releases = 0
        self._over = False

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

    def take(self, method: str, path: str, *, spared: bool = False) -> FaultName | None:
        """Return the fault of this request, which is then over.

        One that is *spared* meets only faults that were planned for its path.
        """
        with self._lock:
            for planned in self._planned:
                if planned.falls_on(method, path) and not (spared and planned.path is None):
                    self._planned.remove(planned)
                    return planned.name
        return None

    def hold(self) -> None:
        """Hold a slow request until `release`, at most a minute."""
        with self._turn:
            before = self._releases
            self._held += 1
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._over or self._releases > before, PATIENCE)
            self._held -= 1

    def wait_until_held(self, patience: float) -> bool:
        """Wait until a slow request is held, at most *patience* seconds, and say if one is."""
        with self._turn:
            return self._turn.wait_for(lambda: self._held > 0, patience)

    def release(self) -> None:
        """Let all slow requests go on that are held now."""
        with self._turn:
            self._releases += 1
            self._turn.notify_all()

    def end(self) -> None:
        """Hold nothing any more."""
        with self._turn:
            self._over = True
            self._turn.notify_all()

    def begin(self) -> None:
        """Hold again what is slow."""
        with self._turn:
            self._over = False


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[a-z]+\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
