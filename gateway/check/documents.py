"""Reads the operations of an OpenAPI document (https://spec.openapis.org/oas/v3.1.0)."""

import re
from collections.abc import Iterator
from typing import Any

from gateway.check.operations import Json, Operation, Operations, Shape, by_key

METHODS = ("get", "post", "put", "patch", "delete")

# Where documents begin their paths: Prefect Cloud's tells all workspaces, others may have the API's root in it.
PREFIX = re.compile(r"^/api(/accounts/{[^}]*}/workspaces/{[^}]*})?(?=/)")

HEADER = "header"


def documented(document: Json) -> Operations:
    """Return the operations of a document; raises ValueError where it is none."""
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict) or "openapi" not in document:
        msg = "that is no OpenAPI document: it has no `openapi` and `paths`"
        raise ValueError(msg)
    return by_key(_operations(document, paths))


def _operations(document: Json, paths: Json) -> Iterator[Operation]:
    for path, methods in paths.items():
        for method in METHODS:
            if method in methods:
                yield _operation(document, method.upper(), PREFIX.sub("", path), methods[method])


def _operation(document: Json, method: str, path: str, told: Json) -> Operation:
    query = {
        each["name"]: Shape(each.get("schema", {}), document)
        for each in told.get("parameters", ())
        if each.get("in") == "query"
    }
    return Operation(method, path, query, _content(document, told.get("requestBody")), _answer(document, told))


def _answer(document: Json, told: Json) -> Shape | None:
    good = [answer for status, answer in told.get("responses", {}).items() if status.startswith("2")]
    return _content(document, good[0]) if good else None


def _content(document: Json, part: Any) -> Shape | None:
    schema = ((part or {}).get("content") or {}).get("application/json", {}).get("schema")
    return None if schema is None else Shape(schema, document)
