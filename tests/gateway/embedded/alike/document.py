"""Prefect's OpenAPI document, narrowed to the words, ids, moments and numbers that say something about the rows of `seed.http`.

As it stands it allows any text for a name and any key in a body: what is made of it finds no row and says nothing.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

Json = dict[str, Any]

WORDS = ["alpha", "beta", "Gamma", "alp", "ALPHA", "a_b", "%", "", "a/b", "größe", "nothing"]
STATES = ["Completed", "Running", "Crashed", "Scheduled", "Late", "Suspended", "Pending", "nothing"]
MOMENTS = [
    "2020-01-01T00:00:00Z",
    "2026-01-02T00:00:00+01:00",
    "2026-01-02T00:00:00",
    "2035-01-01T00:00:00Z",
    "2035-06-01T00:00:00.5Z",
]
LABELS = ["prefect.resource.id", "prefect.resource.name", "prefect.resource.role", "alpha"]
INTEGERS = {
    "limit": [0, 1, 2, 5, 200, 201, -1],
    "offset": [0, 1, 2, 5, -1],
    "page": [0, 1, 2, 3],
    "level": [0, 20, 30, 50],
}
SIZES = [0, 1, 2, 60, 100, -1]
NUMBERS = [0, 0.5, 1, 60, 3600, -1]
UNKNOWN = ["00000000-0000-4000-8000-00000000ffff", "00000000-0000-4000-8000-00000000fffe"]

# A path tells what its `{id}` is of; a work queue is of a pool.
GROUPS = {"flow_run_states": "state", "task_run_states": "state", "queues": "work_queue"}


class Narrow:
    """Narrows a document to the ids that are known, by the kind of row: `flow`, `work_pool`."""

    def __init__(self, ids: Mapping[str, list[str]]) -> None:
        self.ids = ids

    def document(self, document: Json) -> Json:
        """Return the narrowed document."""
        narrowed = deepcopy(document)
        schemas = narrowed["components"]["schemas"]
        for name, schema in schemas.items():
            schemas[name] = self._schema(schema, _snake(name).replace("_filter", ""), filters="Filter" in name)
        for path, operations in narrowed["paths"].items():
            for operation in operations.values():
                self._operation(operation, path)
        return narrowed

    def _operation(self, operation: Json, path: str) -> None:
        told = [each for each in operation.get("parameters", ()) if each["in"] != "header"]
        for parameter in told:
            name = parameter["name"]
            context = f"{_kind(path)}_id" if name == "id" else name
            parameter["schema"] = self._schema(parameter["schema"], context)
        operation["parameters"] = told
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["schema"] = self._schema(content["schema"], "body")

    def _schema(self, schema: Any, context: str, *, filters: bool = False) -> Any:
        """Narrow a schema; the context is the snake-cased name of what it is in."""
        if not isinstance(schema, dict) or "$ref" in schema or "enum" in schema or "const" in schema:
            return schema
        kind = schema.get("type")
        if kind in {"string", "integer", "number"}:
            values = self._texts(schema, context) if kind == "string" else _numbers(kind, context)
            return {"type": kind, "enum": values}
        if kind == "array":
            return {
                **schema,
                "maxItems": 1 if context.endswith("triggers") else 3,
                "items": self._schema(schema.get("items", {}), context),
            }
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                parts = [self._schema(part, context, filters=filters) for part in schema[word]]
                kept = [part for part in parts if part != {"type": "null"}] if filters else parts
                return {**schema, word: kept or parts}
        if kind == "object":
            return self._object(schema, context, filters=filters)
        return schema

    def _object(self, schema: Json, context: str, *, filters: bool) -> Json:
        if "properties" not in schema:
            return {**schema, "maxProperties": 2, "propertyNames": {"enum": LABELS}}
        asked = filters or _asks(schema)
        properties = {
            name: self._schema(inner, f"{context}.{name}", filters=asked)
            for name, inner in schema["properties"].items()
        }
        least = {"minProperties": 1} if filters else {}
        return {**schema, "properties": properties, "additionalProperties": False, **least}

    def _texts(self, schema: Json, context: str) -> list[str]:
        match schema.get("format"):
            case "uuid":
                kind = max((kind for kind in self.ids if f"{kind}_id" in context), key=len, default=None)
                own = self.ids[kind] if kind else [ids[0] for ids in self.ids.values()]
                return [*own, *UNKNOWN[:1], self.ids["flow"][0]]
            case "date-time":
                return MOMENTS
        return STATES if "state_name" in context or context.endswith("state.name") else WORDS


def _asks(body: Json) -> bool:
    return "limit" in body["properties"] or "Filter" in str(body["properties"])


def _numbers(kind: str, context: str) -> list[Any]:
    if kind == "number":
        return NUMBERS
    return INTEGERS.get(context.rpartition(".")[2], SIZES)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _kind(path: str) -> str:
    """Return the kind of row that `{id}` stands for in a path."""
    groups = re.findall(r"/(\w+)(?=/\{)", path)
    group = groups[0] if groups else ""
    return GROUPS.get(group, group.removesuffix("s") if not group.endswith("searches") else "saved_search")
