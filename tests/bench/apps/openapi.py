"""Writes the OpenAPI document that GraphQL Mesh loads: Prefect's own cannot be loaded, so this has what is queried."""

import json
import sys
from typing import Any

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
NUMBER = {"type": "number"}
WHOLE = {"type": "integer"}
ROWS: dict[str, dict[str, Any]] = {
    "FlowRun": {
        **dict.fromkeys(("id", "name", "created", "updated", "state_type", "state_name"), TEXT),
        **dict.fromkeys(("start_time", "end_time", "flow_id", "deployment_id"), TEXT),
        "run_count": WHOLE,
        "total_run_time": NUMBER,
    },
    "Flow": {"id": TEXT, "name": TEXT, "tags": TEXTS},
    "Deployment": {"id": TEXT, "name": TEXT},
}
COLLECTIONS = {"flow_runs": "FlowRun", "flows": "Flow", "deployments": "Deployment"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _content(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _answers(schema: Any) -> dict[str, Any]:
    return {"200": {"description": "The answer.", **_content(schema)}}


def _named(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _filter(collection: str, row: str) -> dict[str, Any]:
    return {
        "post": {
            "operationId": f"{collection}_filter",
            "requestBody": _content(_named(f"{row}Window")),
            "responses": _answers({"type": "array", "items": _named(row)}),
        }
    }


def _set_state() -> dict[str, Any]:
    state = _object(type=TEXT, name=TEXT)
    return {
        "post": {
            "operationId": "set_flow_run_state",
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": TEXT}],
            "requestBody": _content(_object(state=_named("ProposedState"))),
            "responses": _answers(_object(status=TEXT, state=state)),
        }
    }


def document() -> dict[str, Any]:
    """Make the document."""
    schemas: dict[str, Any] = {
        "Ids": _object(any_=TEXTS),
        "ByIds": _object(id=_named("Ids")),
        "ProposedState": _object(type=TEXT),
    }
    paths: dict[str, Any] = {"/flow_runs/{id}/set_state": _set_state()}
    for collection, row in COLLECTIONS.items():
        schemas[row] = _object(**ROWS[row])
        schemas[f"{row}Window"] = _object(limit=WHOLE, offset=WHOLE, **{collection: _named("ByIds")})
        paths[f"/{collection}/filter"] = _filter(collection, row)
    paths["/flow_runs"] = {
        "get": {
            "operationId": "flow_runs",
            "parameters": [{"name": "limit", "in": "query", "schema": WHOLE}],
            "responses": _answers({"type": "array", "items": _named("FlowRun")}),
        }
    }
    return {
        "openapi": "3.0.2",
        "info": {"title": "Prefect", "version": "3.9.1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=1)
