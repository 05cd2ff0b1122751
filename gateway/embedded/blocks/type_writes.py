"""The routes that create, change and delete block types, and install those of the system."""

import html
from contextlib import suppress
from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.embedded import stored
from gateway.embedded.blocks.checksums import checksum
from gateway.embedded.blocks.events import tell_type
from gateway.embedded.blocks.rows import TYPES
from gateway.embedded.blocks.schema_writes import add_schema, newest
from gateway.embedded.blocks.system import SYSTEM
from gateway.embedded.database import Database
from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by
from gateway.embedded.shapes import Row
from gateway.embedded.writes import answer, remove
from schema.block_types import BlockType, BlockTypeCreate, BlockTypeUpdate

router = Router(prefix="/block_types", tags=["block_types"])

TYPE_NOT_FOUND = NOT_FOUND["block_types"]
CHANGEABLE = tuple(BlockTypeUpdate.model_fields)
ESCAPED = ("description", "code_example")
"""What people read in a page."""


@router.post("/", response_model=BlockType, status_code=201)
async def create_block_type(request: Request, block_type: BlockTypeCreate) -> Response:
    """Create a block type."""
    values = block_type.model_dump()
    if values["name"].lower().startswith("prefect"):
        raise HTTPException(403, "Block type names beginning with 'Prefect' are reserved.")

    def create(connection: Connection) -> tuple[int, Any]:
        if read_by(connection, "block_types", slug=values["slug"]):
            raise HTTPException(409, f'Block type with name "{values["name"]}" already exists')
        row = stored.new_row(TYPES, **_escaped(values))
        stored.add(connection, TYPES, row)
        tell_type(connection, "created", row)
        return 201, read_by(connection, "block_types", id=row["id"])

    return await answer(request, create)


@router.patch("/{id:uuid}", status_code=204, responses=MISSING)
async def update_block_type(request: Request, id: UUID, block_type: BlockTypeUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a block type."""
    values = block_type.model_dump(exclude_unset=True)

    def update(connection: Connection) -> tuple[int, None]:
        there = stored.load(connection, TYPES, str(id))
        if there is None:
            raise HTTPException(404, TYPE_NOT_FOUND)
        # Who saves a block sends its type again, which was escaped when it came first.
        if _plain(values) != _plain({name: there[name] for name in CHANGEABLE}):
            stored.change(connection, TYPES, str(id), values)
            tell_type(connection, "updated", there | values)
        return 204, None

    await answer(request, update)


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete_block_type(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a block type with its schemas and documents, unless it belongs to the system."""

    def delete(connection: Connection) -> tuple[int, None]:
        there = stored.load(connection, TYPES, str(id))
        if there is None:
            raise HTTPException(404, TYPE_NOT_FOUND)
        if there["is_protected"]:
            raise HTTPException(403, "protected block types cannot be deleted.")
        tell_type(connection, "deleted", there)
        remove(connection, "block_types", str(id))
        return 204, None

    await answer(request, delete)


@router.get("/slug/{slug}", response_model=BlockType, responses=MISSING)
async def read_block_type_by_slug(request: Request, slug: str) -> Response:
    """Read a block type by its slug."""
    row = await database_of(request).read(lambda connection: read_by(connection, "block_types", slug=slug))
    return JSON(dump(found(row, TYPE_NOT_FOUND)))


@router.post("/install_system_block_types")
async def install_system_block_types(request: Request) -> None:
    """Install the block types that Prefect itself needs, or bring them up to date."""
    await database_of(request).write(install)


async def install_once(database: Database) -> None:
    """Install the system's block types as the server starts; another process may just be doing so, too."""
    with suppress(IntegrityError):
        await database.write(install)


def install(connection: Connection) -> None:
    """Add the system's block types with their schemas, or change those that are there to what they are now."""
    for block in SYSTEM:
        values = _escaped(block.row) | {"is_protected": True}
        there = stored.find(connection, TYPES, TYPES.c.slug == values["slug"])
        row = there or stored.new_row(TYPES, **values)
        if there is None:
            stored.add(connection, TYPES, row)
        elif any(there[name] != value for name, value in values.items()):
            stored.change(connection, TYPES, row["id"], values)
        if newest(connection, checksum(block.fields), block.version) is None:
            add_schema(
                connection,
                fields=block.fields,
                block_type_id=row["id"],
                capabilities=block.capabilities,
                version=block.version,
            )


def _escaped(values: Row) -> Row:
    return values | {name: html.escape(values[name], quote=False) for name in ESCAPED if values.get(name) is not None}


def _plain(values: Row) -> Row:
    return values | {name: html.unescape(values[name]) for name in ESCAPED if values.get(name) is not None}
