"""Blocks as REST shows them: schemas with those of nested blocks, documents with the values of nested blocks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from pydantic_core import from_json
from sqlalchemy import Connection, Table, select

from gateway.embedded.blocks.secrets import hidden
from gateway.embedded.encryption import opened
from gateway.embedded.expressions import member
from gateway.embedded.prepared import Prepared
from gateway.embedded.shapes import Row, shape_of
from gateway.embedded.tables import BLOCK_DOCUMENT_REFERENCES, BLOCK_SCHEMA_REFERENCES, TABLES
from gateway.embedded.tables.types import dump_json, microseconds

TYPES, SCHEMAS, DOCUMENTS = (TABLES[name] for name in ("block_types", "block_schemas", "block_documents"))

Named = dict[str, list[tuple[str, str]]]
"""What each row refers to, by the row's id: the name that it does so by, and the other's id."""


def complete_schemas(connection: Connection, rows: list[Row]) -> None:
    """Add the block type, and to the fields those of nested blocks."""
    known, named = _family(connection, SCHEMAS, BLOCK_SCHEMA_REFERENCES, rows)
    types = by_id(connection, TYPES, (row["block_type_id"] for row in known.values()))
    for row in known.values():
        row["fields"] = _decoded(row["fields"])
        row["block_type"] = types[row["block_type_id"]]
    full = {row["id"]: _full_fields(row["id"], known, named) for row in rows}
    for row in rows:
        row["fields"] = _encoded(full[row["id"]])


def complete_documents(connection: Connection, rows: list[Row], *, include_secrets: bool = False) -> None:
    """Add the block type and the schema, and to the values those of nested blocks; secrets are hidden unless included."""
    known, named = _family(connection, DOCUMENTS, BLOCK_DOCUMENT_REFERENCES, rows)
    types = by_id(connection, TYPES, (row["block_type_id"] for row in known.values()))
    schemas = by_id(connection, SCHEMAS, (row["block_schema_id"] for row in known.values()))
    secret = {id_: _decoded(schema["fields"]).get("secret_fields", []) for id_, schema in schemas.items()}
    complete_schemas(connection, list(schemas.values()))
    values = opened(connection, [_decoded(row["data"]) for row in known.values()])
    for row, data in zip(known.values(), values, strict=True):
        row["data"] = data if include_secrets else hidden(data, secret[row["block_schema_id"]])
        row["block_type"], row["block_schema"] = types[row["block_type_id"]], schemas[row["block_schema_id"]]
    full = {row["id"]: _full_data(row["id"], known, named) for row in rows}
    for row in rows:
        data, row["block_document_references"] = full[row["id"]]
        row["data"] = _encoded(data)


def by_id(connection: Connection, table: Table, ids: Iterable[str]) -> dict[str, Row]:
    """Return the rows with some ids as REST shows them, but not completed."""
    asked = list(set(ids))
    if not asked:
        return {}
    values = _prepared(table).rows(connection, {"values": asked})
    return {row["id"]: row for row in _shape(table)(values, microseconds(datetime.now(UTC)))}


def _family(connection: Connection, table: Table, references: Table, rows: list[Row]) -> tuple[dict[str, Row], Named]:
    """Return rows and all that they refer to, however deep, by id, and who refers to whom, the oldest first."""
    known, named = {row["id"]: row for row in rows}, Named()
    asked = list(known)
    while asked:
        for parent, name, child in _children(references).rows(connection, {"values": asked}):
            named.setdefault(parent, []).append((name, child))
        asked = list({child for children in named.values() for _, child in children} - known.keys())
        known |= by_id(connection, table, asked)
    for children in named.values():
        children.sort(key=lambda child: known[child[1]]["created"])
    return known, named


def _full_fields(id_: str, known: Mapping[str, Row], named: Named) -> Row:
    """Return the fields of a schema with `block_schema_references` and the definitions of nested blocks."""
    fields, nested, references = known[id_]["fields"], Row(), Row()
    for name, child in named.get(id_, ()):
        row = known[child]
        told = {"block_schema_checksum": row["checksum"], "block_type_slug": row["block_type"]["slug"]}
        others = references.get(name)
        if others is None:
            references[name] = told
        elif told not in (listed := others if isinstance(others, list) else [others]):
            references[name] = [*listed, told]
        inner = _full_fields(child, known, named)
        if inner.get("title") is not None:
            deeper = inner.pop("definitions", {})
            nested |= {inner["title"]: inner, **deeper}
    definitions = {**fields.get("definitions", {}), **nested}
    return {
        **fields,
        "block_schema_references": references,
        **({"definitions": definitions} if definitions else {}),
    }


def _full_data(id_: str, known: Mapping[str, Row], named: Named) -> tuple[Row, Row]:
    """Return the values of a document with those of the nested ones, and who these are."""
    data, references = dict(known[id_]["data"]), Row()
    for name, child in named.get(id_, ()):
        row = known[child]
        data[name], deeper = _full_data(child, known, named)
        told = {key: row[key] for key in ("id", "name", "block_type", "is_anonymous")}
        references[name] = {"block_document": {**told, "block_document_references": deeper}}
    return data, references


def _decoded(stored: orjson.Fragment) -> Any:
    return from_json(orjson.dumps(stored))


def _encoded(value: Any) -> orjson.Fragment:
    return orjson.Fragment(dump_json(value))


@cache
def _prepared(table: Table) -> Prepared:
    return Prepared(select(table).where(member(table.c.id)))


@cache
def _children(references: Table) -> Prepared:
    columns = references.c
    return Prepared(select(columns.parent_id, columns.name, columns.reference_id).where(member(columns.parent_id)))


@cache
def _shape(table: Table) -> Callable[..., list[Row]]:
    return shape_of(table)
