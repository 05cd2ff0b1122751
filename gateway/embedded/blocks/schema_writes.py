"""The routes that create and delete block schemas, and those that read them otherwise: by checksum, what they can do."""

from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from orjson import Fragment
from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, select

from gateway.embedded import stored
from gateway.embedded.blocks.checksums import Fields, checksum, references, without_blocks
from gateway.embedded.blocks.rows import SCHEMAS, TYPES
from gateway.embedded.hot import Router
from gateway.embedded.prepared import values_of
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by, read_rows
from gateway.embedded.shapes import Row
from gateway.embedded.tables import BLOCK_SCHEMA_REFERENCES
from gateway.embedded.tables.types import dump_json
from gateway.embedded.writes import answer, remove
from schema.block_schemas import UNVERSIONED, BlockSchema, BlockSchemaCreate

router = Router(tags=["block_schemas"])

SCHEMA_NOT_FOUND = NOT_FOUND["block_schemas"]


@router.post(
    "/block_schemas/",
    response_model=BlockSchema,
    status_code=201,
    responses={200: {"description": "It is there already."}, **MISSING},
)
async def create_block_schema(request: Request, block_schema: BlockSchemaCreate) -> Response:
    """Create a block schema and those of its nested blocks, or return the one with the same checksum and version."""
    values = block_schema.model_dump(mode="json", exclude_unset=True)

    def create(connection: Connection) -> tuple[int, Any]:
        if stored.load(connection, TYPES, values["block_type_id"]) is None:
            raise HTTPException(404, f"Block type {values['block_type_id']} not found.")
        fields, version = values.get("fields", {}), values.get("version", UNVERSIONED)
        if there := newest(connection, checksum(fields), version):
            return 200, there
        id_ = add_schema(connection, **values)
        row = found(read_by(connection, "block_schemas", id=id_), SCHEMA_NOT_FOUND)
        # What was sent is answered, not what it is when it is read.
        return 201, row | {"fields": Fragment(dump_json({"block_schema_references": {}, **fields}))}

    return await answer(request, create)


@router.delete("/block_schemas/{id:uuid}", status_code=204, responses=MISSING)
async def delete_block_schema(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a block schema with its documents, unless it belongs to the system."""

    def delete(connection: Connection) -> tuple[int, None]:
        schema = stored.load(connection, SCHEMAS, str(id))
        if schema is None:
            raise HTTPException(404, SCHEMA_NOT_FOUND)
        block_type = stored.load(connection, TYPES, schema["block_type_id"])
        if block_type and block_type["is_protected"]:
            raise HTTPException(403, "Block schemas for protected block types cannot be deleted.")
        remove(connection, "block_schemas", str(id))
        return 204, None

    await answer(request, delete)


@router.get("/block_schemas/checksum/{checksum}", response_model=BlockSchema, responses=MISSING)
async def read_block_schema_by_checksum(request: Request, checksum: str, version: str | None = None) -> Response:
    """Read the newest block schema with a checksum, of a version or of any."""
    row = await database_of(request).read(lambda connection: newest(connection, checksum, version))
    return JSON(dump(found(row, SCHEMA_NOT_FOUND)))


@router.get("/block_capabilities/", response_model=list[str])
async def read_block_capabilities(request: Request) -> Response:
    """Read what the blocks of some schema can do."""

    def run(connection: Connection) -> list[str]:
        listed = values_of(connection, select(SCHEMAS.c.capabilities).distinct())
        return sorted({capability for (text,) in listed for capability in from_json(text)})

    return JSON(dump(await database_of(request).read(run)))


def newest(connection: Connection, checksum: str, version: str | None = None) -> Row | None:
    """Return the newest schema with a checksum, of a version or of any, or None."""
    conditions: list[ColumnElement[bool]] = [SCHEMAS.c.checksum == checksum]
    conditions += [] if version is None else [SCHEMAS.c.version == version]
    statement = select(SCHEMAS).where(*conditions).order_by(SCHEMAS.c.created.desc()).limit(1)
    return next(iter(read_rows(connection, "block_schemas", statement)), None)


def add_schema(connection: Connection, *, fields: Fields | None = None, **values: Any) -> str:
    """Add a schema, and those of nested blocks that are not there; return its id. Raises HTTPException.

    `fields` has `block_schema_references`: the slug of each nested block's type and the checksum of its schema, one or
    a list of them for a field.
    """
    fields = fields or {}
    kept = {name: value for name, value in without_blocks(fields).items() if name != "block_schema_references"}
    row = stored.new_row(SCHEMAS, checksum=checksum(fields), fields=kept, **values)
    stored.add(connection, SCHEMAS, row)
    for name, told in fields.get("block_schema_references", {}).items():
        for reference in told if isinstance(told, list) else [told]:
            child = _nested(connection, fields, name, reference)
            link = {"parent_id": row["id"], "name": name, "reference_id": child}
            stored.add(connection, BLOCK_SCHEMA_REFERENCES, stored.new_row(BLOCK_SCHEMA_REFERENCES, **link))
    return str(row["id"])


def _nested(connection: Connection, fields: Fields, name: str, reference: Row) -> str:
    """Return the id of a nested block's schema, made of its definition where it is not there."""
    slug = reference.get("block_type_slug")
    block_type = stored.find(connection, TYPES, TYPES.c.slug == slug)
    if block_type is None:
        # Prefect's message lacks the space, too.
        raise HTTPException(
            409,
            f"Cannot create block schema because block type {slug!r} was not found."
            "Did you forget to register the block type?",
        )
    if there := newest(connection, reference.get("block_schema_checksum", "")):
        return str(there["id"])
    definitions = fields.get("definitions") or {}
    named = [definitions[each] for each in references(fields.get("properties", {}).get(name)) if each in definitions]
    fitting = named if len(named) == 1 else [each for each in named if each.get("block_type_slug") == slug]
    if not fitting:
        raise HTTPException(
            400, f"The schema of the nested block in {name!r} is neither there nor among the definitions."
        )
    return add_schema(connection, fields={**fitting[0], "definitions": definitions}, block_type_id=block_type["id"])
