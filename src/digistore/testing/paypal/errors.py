"""What PayPal answers when it says no, in PayPal's own shape.

Names and issues follow https://developer.paypal.com/api/rest/responses/ and the pages on the errors
of orders and payments; programs must rely on name and issue, never on a message.
"""

from __future__ import annotations

import json

INVALID = "INVALID_REQUEST"
UNPROCESSABLE = "UNPROCESSABLE_ENTITY"


class ApiError(Exception):
    """An answer with an error in it."""

    def __init__(
        self,
        status: int,
        name: str,
        message: str,
        *,
        issue: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(f"{issue or name}: {message}")
        self.status = status
        self.name = name
        self.issue = issue
        self.message = message
        self.field = field

    def body(self, debug_id: str) -> bytes:
        """Return the JSON that is sent."""
        told: dict[str, object] = {
            "name": self.name,
            "message": self.message,
            "debug_id": debug_id,
            "links": [],
        }
        if self.issue is not None:
            detail = {"issue": self.issue, "description": self.message}
            told["details"] = [detail | ({} if self.field is None else {"field": self.field})]
        return json.dumps(told, indent=2).encode()


def invalid(issue: str, message: str, field: str | None = None) -> ApiError:
    """Return the refusal of a request that is not well formed: nothing was looked at."""
    return ApiError(400, INVALID, message, issue=issue, field=field)


def unprocessable(issue: str, message: str, field: str | None = None) -> ApiError:
    """Return the refusal of a request that is well formed, but breaks a rule."""
    return ApiError(422, UNPROCESSABLE, message, issue=issue, field=field)


def not_modelled(what: str, field: str | None = None) -> ApiError:
    """Return the refusal of what PayPal knows and this double does not: never a wrong answer."""
    message = f"The PayPal double does not model {what}; the real API may accept it."
    return ApiError(400, INVALID, message, issue="NOT_MODELLED_BY_THE_DOUBLE", field=field)


def missing(field: str) -> ApiError:
    """Return the answer about what does not exist."""
    message = "The specified resource does not exist."
    return ApiError(404, "RESOURCE_NOT_FOUND", message, issue="INVALID_RESOURCE_ID", field=field)
