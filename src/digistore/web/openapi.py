"""The JSON API as an OpenAPI 3.1 document, for every host the same.

FastAPI lists the same operations by itself. Schemas stand where they are used: a router cannot add
to the components of the application that it is included in.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from digistore.web.api.operations import ALWAYS
from digistore.web.api.outputs import ProblemTold
from digistore.web.routes import API
from digistore.web.routing import Operation, Route

_REF = "#/$defs/"


def document(*, mount: str = "/shop", title: str = "digistore") -> dict[str, Any]:
    """Return the document of the JSON API, for routes that hang below *mount*."""
    from digistore import __version__  # noqa: PLC0415  the package imports its parts first

    paths: dict[str, dict[str, Any]] = {}
    for route in API:
        named = {"operationId": f"digistore_{route.name}", "tags": ["digistore"]}
        operation = {**named, **operation_of(route)}
        paths.setdefault(f"{mount}{route.path}", {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "paths": paths,
    }


def operation_of(route: Route) -> dict[str, Any]:
    """Return what a document says of one route of the API."""
    operation = route.operation
    if operation is None:
        message = f"{route.name} is no part of the API"
        raise LookupError(message)
    found: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [*_in_path(route), *_in_query(route, operation)],
        "responses": _responses(operation),
    }
    if route.method == "POST" and operation.given is not None:
        content = {"application/json": {"schema": schema_of(operation.given, "validation")}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def schema_of(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    """Return the JSON Schema of a model, with every reference in its place."""
    schema = model.model_json_schema(mode=mode)
    return dict(_inlined(schema, schema.pop("$defs", {})))


def _inlined(node: Any, defs: Mapping[str, Any]) -> Any:  # noqa: ANN401  any JSON
    if isinstance(node, list):
        return [_inlined(one, defs) for one in node]
    if not isinstance(node, dict):
        return node
    ref = node.get("$ref", "")
    if ref.startswith(_REF):
        beside = {name: value for name, value in node.items() if name != "$ref"}
        return {**_inlined(defs[ref.removeprefix(_REF)], defs), **_inlined(beside, defs)}
    # "default": null says nothing that "may be left out" does not, and FastAPI drops it.
    return {
        name: _inlined(value, defs)
        for name, value in node.items()
        if (name, value) != ("default", None)
    }


def _in_path(route: Route) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 600}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name in route.parameters
    ]


def _in_query(route: Route, operation: Operation) -> list[dict[str, Any]]:
    if route.method != "GET" or operation.given is None:
        return []
    schema = schema_of(operation.given, "validation")
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(found)}
        for name, found in schema.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out what no query can say."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    kept = {name: found for name, found in schema.items() if name not in {"anyOf", "default"}}
    return {**kinds[0], **kept}


def _responses(operation: Operation) -> dict[str, Any]:
    problem = {"application/json": {"schema": schema_of(ProblemTold, "serialization")}}
    done: dict[str, Any] = {"description": "Done"}
    if operation.told is not None:
        schema = schema_of(operation.told, "serialization")
        done["content"] = {operation.media_type: {"schema": schema}}
    else:
        done["content"] = {operation.media_type: {}}
    statuses = sorted({*operation.problems, *ALWAYS})
    refused = {
        str(status): {"description": HTTPStatus(status).phrase, "content": problem}
        for status in statuses
    }
    return {"200": done, **refused}
