"""A request against a vendor's own OpenAPI file (Swagger 2, OpenAPI 3.0 and 3.1), with jsonschema alone.

These files are the vendors' and not in this repository: FLOODMARK_CONTRACTS names a folder that has them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest

from floodmark.notify.sink import Request


def folder() -> Path:
    """Where the vendors' files are. Skips the test if nobody says."""
    if not (named := os.environ.get("FLOODMARK_CONTRACTS")):
        pytest.skip("FLOODMARK_CONTRACTS does not name a folder with the vendors' schemas")
    return Path(named)


class Contract:
    """What a vendor's file says of its operations. Fields that it does not name are problems too: most servers drop
    them without a word."""

    def __init__(self, path: Path) -> None:
        spec: dict[str, Any] = json.loads(path.read_text())
        self._spec = spec
        self._base = str(spec.get("basePath", "")).rstrip("/")
        self._shared = {key: spec[key] for key in ("definitions", "components", "parameters") if key in spec}

    def problems(self, request: Request, path: Callable[[str], str]) -> list[str]:
        parts = urlsplit(request.url)
        found = self._operation(request.method.lower(), path(parts.path))
        if found is None:
            return [f"no {request.method} {path(parts.path)} in the contract"]
        item, operation = found
        parameters = [self._at(each) for each in [*item.get("parameters", []), *operation.get("parameters", [])]]
        return [
            *self._missing(parameters, request, dict(parse_qsl(parts.query, keep_blank_values=True))),
            *self._body(parameters, operation, request.body),
        ]

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        fits = []
        for template, item in self._spec["paths"].items():
            pattern = "[^/]+".join(re.escape(piece) for piece in re.split(r"\{[^}]+\}", self._base + template))
            if method in item and re.fullmatch(pattern, path):
                fits.append((template.count("{"), template, item))
        if not fits:
            return None
        _, _, item = min(fits, key=lambda fit: fit[:2])
        return item, item[method]

    @staticmethod
    def _missing(parameters: list[dict[str, Any]], request: Request, query: dict[str, str]) -> Iterator[str]:
        names = {"query": set(query), "header": {name.lower() for name in request.headers}}
        for each in parameters:
            name = each["name"].lower() if each["in"] == "header" else each["name"]
            if each.get("required") and each["in"] in names and name not in names[each["in"]]:
                yield f"{each['in']} {each['name']} is missing"
        if unknown := set(query) - {each["name"] for each in parameters if each["in"] == "query"}:
            yield f"unknown parameters {sorted(unknown)}"

    def _body(self, parameters: list[dict[str, Any]], operation: dict[str, Any], body: bytes) -> Iterator[str]:
        schema = next((each["schema"] for each in parameters if each["in"] == "body"), None)
        if schema is None and "requestBody" in operation:
            schema = next(iter(self._at(operation["requestBody"])["content"].values()))["schema"]
        form = [each for each in parameters if each["in"] == "formData"]
        if form or not body:
            return
        if schema is None:
            yield "no body is wanted"
            return
        value = json.loads(body)
        whole = {**self._shared, "allOf": [schema]}
        for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
            yield f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:200]}"
        yield from self._unknown(schema, value, "body")

    def _unknown(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        """Fields that no part of the schema names, wherever it says what there may be."""
        if isinstance(value, list):
            for each in value:
                yield from self._unknown(self._at(schema).get("items", {}), each, f"{where}[]")
        if not isinstance(value, dict):
            return
        named, open_ = self._fields(schema)
        if not named or open_:
            return
        for name, each in value.items():
            if name not in named:
                yield f"{where}: the contract has no field {name}"
            else:
                yield from self._unknown(named[name], each, f"{where}.{name}")

    def _fields(self, schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        kinds = self._kinds(schema.get("$ref", ""))
        schema = self._at(schema)
        named, open_ = dict(schema.get("properties", {})), bool(schema.get("additionalProperties"))
        for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ()), *kinds):
            more, also = self._fields(part)
            named, open_ = {**named, **more}, open_ or also
        return named, open_

    def _kinds(self, name: str) -> list[dict[str, Any]]:
        """What is made of a schema with a discriminator: the other parts of all that are composed of it."""
        if not name or "discriminator" not in self._at({"$ref": name}):
            return []
        made = [each.get("allOf", ()) for each in self._shared.get("definitions", {}).values()]
        return [part for parts in made if {"$ref": name} in parts for part in parts if part != {"$ref": name}]

    def _at(self, thing: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in thing:
            node: Any = self._spec
            for part in thing["$ref"].removeprefix("#/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
            thing = node
        return thing
