"""Requests against their schemas; what is wrong is told in PayPal's words.

https://developer.paypal.com/api/rest/reference/orders/v2/errors/
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from digistore.testing.loopback.messages import Request
from digistore.testing.paypal.errors import ApiError, invalid
from digistore.testing.paypal.schemas import Schema

_MALFORMED = "The request JSON is not well formed."


def read(request: Request) -> Any:  # noqa: ANN401 - any JSON
    """Return what a request asks for: its query, its form or its JSON.

    Raises:
        ApiError: it cannot be read.
    """
    if request.method == "GET":
        return dict(parse_qsl(request.query, keep_blank_values=True))
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if request.path == "/v1/oauth2/token":
        return dict(parse_qsl(request.body, keep_blank_values=True))
    if kind != "application/json":
        message = "The server does not support the request payload's media type."
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", message)
    try:
        return json.loads(request.body or "{}")
    except ValueError:
        raise invalid("MALFORMED_REQUEST_JSON", _MALFORMED) from None


def check(schema: Schema, given: object) -> None:
    """Make sure that *given* is what the schema says.

    Raises:
        ApiError: it is not.
    """
    error = best_match(Draft202012Validator(schema).iter_errors(given))
    if error is not None:
        raise _refusal(error)


def _refusal(error: ValidationError) -> ApiError:
    field = "/" + "/".join(str(part) for part in error.absolute_path)
    said: Any = error.validator_value
    given: Any = error.instance
    if error.validator == "additionalProperties":
        holder: Any = error.schema
        extra = sorted(set(given) - set(holder["properties"]))
        message = f"PayPal, or its double, knows no such field: {', '.join(extra)}."
        return invalid("INVALID_PARAMETER_SYNTAX", message, f"{field}/{extra[0]}")
    if error.validator == "required":
        absent = next(one for one in said if one not in given)
        message = "A required field / parameter is missing."
        return invalid("MISSING_REQUIRED_PARAMETER", message, f"{field.rstrip('/')}/{absent}")
    if error.validator in {"minLength", "maxLength"}:
        message = "The value of a field is either too short or too long."
        return invalid("INVALID_STRING_LENGTH", message, field)
    if error.validator in {"enum", "pattern"}:
        message = "The value of a field is invalid."
        issue = (
            "INVALID_PARAMETER_VALUE" if error.validator == "enum" else "INVALID_PARAMETER_SYNTAX"
        )
        return invalid(issue, message, field)
    return invalid("INVALID_PARAMETER_SYNTAX", "The value of a field is not of its type.", field)
