"""What others hear of block types and documents: never a secret, and nothing of anonymous documents."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic_core import from_json
from sqlalchemy import Connection

from gateway.embedded.events.journal import emit
from gateway.embedded.events.labels import related
from gateway.embedded.events.lifecycle import Change, lifecycle

OF_TYPES = ("name", "slug", "logo_url", "documentation_url", "description", "code_example", "is_protected")
OF_DOCUMENTS = ("name", "data", "block_schema")


def tell_type(connection: Connection, change: Change, block_type: Mapping[str, Any] | None) -> None:
    """Tell of a block type."""
    if block_type:
        emit(connection, lifecycle("block-type", change, block_type, *OF_TYPES))


def tell_document(connection: Connection, change: Change, document: Mapping[str, Any] | None) -> None:
    """Tell of a document, given as REST shows it without secrets: those of its values that are texts."""
    if document is None or document["is_anonymous"]:
        return
    schema = from_json(orjson.dumps(document["block_schema"], option=orjson.OPT_UTC_Z))
    secret = set(schema["fields"].get("secret_fields") or ())
    data = from_json(orjson.dumps(document["data"]))
    kind = {"id": document["block_type_id"], "name": document["block_type_name"] or ""}
    told = {
        "data": {name: value for name, value in data.items() if isinstance(value, str) and name not in secret},
        "block_schema": {"capabilities": schema["capabilities"], "block_type": kind},
    }
    others = (
        related("block-type", kind["id"], kind["name"]),
        related("block-schema", document["block_schema_id"], None),
    )
    emit(connection, lifecycle("block-document", change, {**document, **told}, *OF_DOCUMENTS, related=others))
