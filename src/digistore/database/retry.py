"""Which database errors are worth another try, and which mean that the machine is in trouble."""

from __future__ import annotations

import secrets
from enum import StrEnum

ATTEMPTS = 6
_JITTER = 0.01  # seconds, doubled for each attempt
_JITTER_WHEN_GONE = 0.1  # a standby that takes over needs a second or two
PATIENCE = 5.0  # seconds from the first attempt within which another may begin


class Fault(StrEnum):
    """What a database error means for the transaction."""

    TRANSIENT = "transient"  # repeat the whole
    GONE = "gone"  # the connection is lost, or the server is another now: repeat on a new one
    UNIQUE = "unique"  # a rival was faster: repeat the whole once
    MACHINE = "machine"  # disk full, read-only: never repeat
    NO_SCHEMA = "no_schema"  # nobody has called migrate(), or not since the last release
    RIGHTS = "rights"  # the role lacks a grant: never repeat
    TEXT = "text"  # a text that no database keeps: never repeat
    FINAL = "final"  # a refused rule, or our bug: never repeat


def pause(fault: Fault, number: int) -> float:
    """Return how many seconds to wait after attempt *number*, which ended in *fault*."""
    least = _JITTER_WHEN_GONE if fault is Fault.GONE else _JITTER
    return secrets.randbelow(1000) / 1000 * least * float(2**number)
