"""The OpenAPI 3.1 document of the API, made from its routes and the types that they answer."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from floodmark import __version__
from floodmark.console.contract import Live, Problem
from floodmark.console.routes import BASE, ROUTES, Parameter, Route

_SCHEMAS = {
    "text": {"type": "string"},
    "time": {"type": "string"},
    "number": {"type": "number"},
    "whole": {"type": "integer"},
    "flag": {"type": "boolean"},
    "json": {"type": "string"},
}


def openapi() -> dict[str, Any]:
    """The document."""
    types = [each.answer for each in ROUTES if each.answer is not None]
    types += [each.body for each in ROUTES if each.body is not None] + [Problem, Live]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(BASE + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Floodmark's console",
            "version": __version__,
            "description": "What the pages of `floodmark console` are made of. Times are RFC 3339 in UTC; points and "
            "cells carry seconds since the epoch. Errors are RFC 9457 problems.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "floodmark"},
            },
        },
        "security": [{"token": []}, {"session": []}, {}],
    }


def _operation(route: Route) -> dict[str, Any]:
    problem = {"description": "A problem.", "content": {"application/problem+json": {"schema": _ref(Problem)}}}
    names = re.findall(r"{(\w+)}", route.path)
    path = [{"name": each, "in": "path", "required": True, "schema": {"type": "string"}} for each in names]
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.said,
        "parameters": [*path, *map(_parameter, route.query)],
        "responses": {"202" if route.name == "act" else "200": _answer(route), "default": problem},
    }
    if route.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.body)}}}
        found["parameters"].append(_header("X-Floodmark", "1: whoever asks is no form of another site.", required=True))
    if route.name == "act":
        found["parameters"].append(_header("Idempotency-Key", "The id of the action; sent twice, it counts once."))
    return found


def _answer(route: Route) -> dict[str, Any]:
    if route.name == "live":
        return {"description": "Events.", "content": {"text/event-stream": {"schema": _ref(Live)}}}
    if route.answer is None:
        return {"description": route.said, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
    return {"description": route.said, "content": {"application/json": {"schema": _ref(route.answer)}}}


def _ref(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    return schema


def _parameter(each: Parameter) -> dict[str, Any]:
    return {"name": each.name, "in": "query", "description": each.said, "schema": _SCHEMAS[each.kind]}


def _header(name: str, said: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": said, "schema": {"type": "string"}}
