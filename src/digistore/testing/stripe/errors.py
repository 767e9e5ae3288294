"""What Stripe answers when it says no, in Stripe's own shape and words.

Codes, statuses and messages follow https://docs.stripe.com/error-codes and what merchants have
quoted of real answers; programs must rely on type, code and parameter, never on a message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

_DOCS = "https://stripe.com/docs/error-codes/"


class ApiError(Exception):
    """An answer with an error in it: *status* and the body that goes with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        told = {"code": code, "message": message, "param": param, "type": kind}
        if code is not None:
            told["doc_url"] = _DOCS + code.replace("_", "-")
        self.error = {name: value for name, value in told.items() if value is not None}

    @property
    def body(self) -> bytes:
        """The JSON that is sent."""
        return json.dumps({"error": self.error}, indent=2).encode()


class BadParameters(ApiError):
    """The parameters were refused before anything was done: no idempotency key keeps this."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(400, message, code=code, param=param)


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """Return the refusal of a request whose parameters are well formed, but break a rule."""
    return ApiError(400, message, code=code, param=param)


def not_modelled(what: str, param: str | None = None) -> ApiError:
    """Return the refusal of what Stripe knows and this double does not: never a wrong answer."""
    message = f"The Stripe double does not model {what}; the real API may accept it."
    return ApiError(400, message, code="not_modelled_by_the_double", param=param)


def missing(noun: str, given: str, param: str = "id") -> ApiError:
    """Return the answer about an object that does not exist."""
    return ApiError(404, f"No such {noun}: '{given}'", code="resource_missing", param=param)
