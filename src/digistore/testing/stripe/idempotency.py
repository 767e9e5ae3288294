"""Idempotency keys: what was answered once is answered again, for 24 hours of the double's clock.

Source: https://docs.stripe.com/api/idempotent_requests.  Kept is what came after the work had
begun, errors and 500s too; what was refused for its parameters alone is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from digistore.testing.loopback.messages import Reply
from digistore.testing.stripe.errors import ApiError, BadParameters

TTL = timedelta(hours=24)
LONGEST = 255  # characters of a key

_KIND = "idempotency_error"


@dataclass(slots=True)
class _Entry:
    path: str
    asked: str
    begun_at: datetime
    reply: Reply | None = None


class Keys:
    """The keys of one account; safe to use from threads."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._lock = Lock()

    def begin(self, key: str, path: str, asked: str, now: datetime) -> Reply | None:
        """Return the answer that *key* has already, or hold the key until `finish` or `forget`.

        Raises:
            ApiError: the key was used with other parameters or for another endpoint (400), or its
                first request is still at work (409).
            BadParameters: the key is too long.
        """
        if len(key) > LONGEST:
            message = f"Idempotency keys must be at most {LONGEST} characters long."
            raise BadParameters(message)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or (entry.reply is not None and now >= entry.begun_at + TTL):
                self._entries[key] = _Entry(path, asked, now)
                return None
            _compare(entry, key, path, asked)
            if entry.reply is None:
                raise _in_use(key)
            return entry.reply

    def finish(self, key: str, reply: Reply) -> None:
        """Keep what was answered."""
        with self._lock:
            self._entries[key].reply = reply

    def forget(self, key: str) -> None:
        """Let go of a key whose request was refused before any work."""
        with self._lock:
            del self._entries[key]


def _compare(entry: _Entry, key: str, path: str, asked: str) -> None:
    if entry.path != path:
        what = f"for the same endpoint they were first used for ('{entry.path}' vs '{path}')"
    elif entry.asked != asked:
        what = "with the same parameters they were first used with"
    else:
        return
    message = (
        f"Keys for idempotent requests can only be used {what}. Try using a key other than "
        f"'{key}' if you meant to execute a different request."
    )
    raise ApiError(400, message, kind=_KIND)


def _in_use(key: str) -> ApiError:
    message = (
        "There is currently another in-progress request using this Idempotent Key (that probably "
        f"means you submitted twice, and the other request is still going through): {key}. Please "
        "try again later."
    )
    return ApiError(409, message, kind=_KIND, code="idempotency_key_in_use")
