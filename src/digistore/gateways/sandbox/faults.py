"""A bad network on demand: which of the next calls fail, and how."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from digistore.errors import GatewayError, GatewayRateLimited, GatewayUnavailable, Invalid

METHODS = ("create_checkout", "fetch", "resume", "expire", "refund", "poll")


class Fault(StrEnum):
    """How a call fails; only after ``LOST_REPLY`` the work is done."""

    TIMEOUT = "timeout"
    LOST_REPLY = "lost_reply"
    SERVER_ERROR = "server_error"
    RATE_LIMIT = "rate_limit"

    @property
    def error(self) -> GatewayError:
        """What the shop gets to see."""
        if self is Fault.RATE_LIMIT:
            return GatewayRateLimited("the sandbox asks to try later", provider_code="rate_limit")
        message = f"the sandbox does not answer ({self}): ask again with the same key"
        return GatewayUnavailable(message, provider_code=self)


@dataclass(frozen=True, slots=True)
class _Planned:
    fault: Fault
    method: str | None


class Faults:
    """The faults to come, in order; safe to use from threads."""

    def __init__(self) -> None:
        self._planned: deque[_Planned] = deque()
        self._lock = Lock()

    def plan(self, fault: str, times: int, method: str | None) -> None:
        """Let *fault* befall the next calls, of *method* only if it is given.

        Raises:
            Invalid: no such fault or method, or *times* is below 1.
        """
        if fault not in set(Fault):
            message = f"a fault is one of {', '.join(Fault)}"
            raise Invalid(message, fields={"fault": "unknown"})
        if method is not None and method not in METHODS:
            message = f"a method is one of {', '.join(METHODS)}"
            raise Invalid(message, fields={"method": "unknown"})
        if times < 1:
            raise Invalid("a fault happens once or more often", fields={"times": "too_small"})
        with self._lock:
            self._planned.extend([_Planned(Fault(fault), method)] * times)

    def take(self, method: str) -> Fault | None:
        """Return the fault of this call, which is then over."""
        with self._lock:
            for planned in self._planned:
                if planned.method in {None, method}:
                    self._planned.remove(planned)
                    return planned.fault
        return None
