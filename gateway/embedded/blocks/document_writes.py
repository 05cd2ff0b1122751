"""The routes of block documents that write, and those that read one or all of a type; secrets are shown where asked for."""

import uuid
from typing import Annotated, Any
from uuid import UUID

from fastapi import HTTPException, Query, Request, Response
from sqlalchemy import ColumnElement, Connection, delete, select

from gateway.embedded import stored
from gateway.embedded.blocks.events import tell_document
from gateway.embedded.blocks.rows import DOCUMENTS, SCHEMAS, TYPES
from gateway.embedded.blocks.secrets import Data, kept
from gateway.embedded.encryption import opened, sealed
from gateway.embedded.failures import CONFLICT
from gateway.embedded.hot import Router
from gateway.embedded.reading.filters import condition
from gateway.embedded.reading.queries import order
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by, read_rows
from gateway.embedded.shapes import Row
from gateway.embedded.tables import BLOCK_DOCUMENT_REFERENCES as REFERENCES
from gateway.embedded.writes import act, answer, remove
from schema.block_document_filters import SECRETS, BlockDocumentFilter
from schema.block_documents import BlockDocument, BlockDocumentCreate, BlockDocumentUpdate

router = Router()

DOCUMENT_NOT_FOUND = "Block document not found"

IncludeSecrets = Annotated[bool, Query(description=SECRETS["include_secrets"][1])]


@router.post("/block_documents/", response_model=BlockDocument, status_code=201, tags=["block_documents"])
async def create_block_document(request: Request, block_document: BlockDocumentCreate) -> Response:
    """Create a block document; a nested block is referred to by `{"$ref": {"block_document_id": ...}}`."""
    values = block_document.model_dump(mode="json", exclude_unset=True)

    def create(connection: Connection) -> tuple[int, Any]:
        type_id = values["block_type_id"]
        name = values.get("name") or f"anonymous-{uuid.uuid4()}"
        if stored.find(connection, DOCUMENTS, DOCUMENTS.c.block_type_id == type_id, DOCUMENTS.c.name == name):
            raise HTTPException(409, "Block already exists")
        block_type = stored.load(connection, TYPES, type_id)
        if block_type is None:
            raise HTTPException(409, CONFLICT)
        data, references = _separated(values.get("data", {}))
        own = {"name": name, "data": sealed(connection, data), "block_type_name": block_type["name"]}
        row = stored.new_row(DOCUMENTS, **values | own)
        stored.add(connection, DOCUMENTS, row)
        for field, other in references.items():
            _refer(connection, row["id"], field, other)
        made = read_by(connection, "block_documents", id=row["id"])
        tell_document(connection, "created", made)
        return 201, made

    return await answer(request, create)


@router.patch("/block_documents/{id:uuid}", status_code=204, responses=MISSING, tags=["block_documents"])
async def update_block_document(request: Request, id: UUID, block_document: BlockDocumentUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a block document's values; a hidden secret that is sent back stays what it is."""
    values = block_document.model_dump(mode="json", exclude_unset=True)
    merges = values.get("merge_existing_data", True)

    def update(connection: Connection) -> tuple[int, None]:
        document = stored.load(connection, DOCUMENTS, str(id), json=("data",))
        if document is None:
            raise HTTPException(404, DOCUMENT_NOT_FOUND)
        if "data" in values or not merges:  # Prefect changes nothing without values, not even the schema
            _change(connection, document, values, merges=merges)
        tell_document(connection, "updated", read_by(connection, "block_documents", id=document["id"]))
        return 204, None

    await answer(request, update)


def _change(connection: Connection, document: Row, values: Row, *, merges: bool) -> None:
    schema = found(stored.load(connection, SCHEMAS, document["block_schema_id"], json=("fields",)), CONFLICT)
    secret = schema["fields"].get("secret_fields", [])
    (current,) = opened(connection, [document["data"]])
    given = kept(values.get("data", {}), current, secret)
    data, references = _separated(current | given if merges else given)
    changes = {
        "data": sealed(connection, data),
        "block_schema_id": _schema(connection, document, values.get("block_schema_id")),
    }
    stored.change(connection, DOCUMENTS, document["id"], changes)
    _refer_anew(connection, document["id"], references)


@router.delete("/block_documents/{id:uuid}", status_code=204, responses=MISSING, tags=["block_documents"])
async def delete_block_document(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a block document."""

    def delete_(connection: Connection) -> bool:
        tell_document(connection, "deleted", read_by(connection, "block_documents", id=str(id)))
        return remove(connection, "block_documents", str(id))

    await act(request, delete_, DOCUMENT_NOT_FOUND)


@router.get("/block_documents/{id:uuid}", response_model=BlockDocument, responses=MISSING, tags=["block_documents"])
async def read_block_document(request: Request, id: UUID, include_secrets: IncludeSecrets = False) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read a block document."""
    rows = await _read(request, DOCUMENTS.c.id == str(id), include_secrets=include_secrets)
    return JSON(dump(found(next(iter(rows), None), DOCUMENT_NOT_FOUND)))


@router.get(
    "/block_types/slug/{slug}/block_documents",
    response_model=list[BlockDocument],
    responses=MISSING,
    tags=["block_types", "block_documents"],
)
async def read_block_documents_of_type(
    request: Request, slug: str, include_secrets: IncludeSecrets = False
) -> Response:
    """Read the block documents of a type, the anonymous ones left out."""
    block_type = await database_of(request).read(lambda connection: read_by(connection, "block_types", slug=slug))
    type_id = found(block_type, NOT_FOUND["block_types"])["id"]
    named = condition("block_documents", BlockDocumentFilter())
    return JSON(
        dump(await _read(request, DOCUMENTS.c.block_type_id == type_id, named, include_secrets=include_secrets))
    )


@router.get(
    "/block_types/slug/{slug}/block_documents/name/{block_document_name}",
    response_model=BlockDocument,
    responses=MISSING,
    tags=["block_types", "block_documents"],
)
async def read_block_document_by_name(
    request: Request, slug: str, block_document_name: str, include_secrets: IncludeSecrets = False
) -> Response:
    """Read a block document by its type's slug and its name."""
    of_type = DOCUMENTS.c.block_type_id.in_(select(TYPES.c.id).where(TYPES.c.slug == slug))
    rows = await _read(request, of_type, DOCUMENTS.c.name == block_document_name, include_secrets=include_secrets)
    return JSON(dump(found(next(iter(rows), None), DOCUMENT_NOT_FOUND)))


async def _read(request: Request, *conditions: ColumnElement[bool], include_secrets: bool) -> list[Row]:
    statement = select(DOCUMENTS).where(*conditions).order_by(*order("block_documents", "NAME_ASC"))
    return await database_of(request).read(
        lambda connection: read_rows(connection, "block_documents", statement, include_secrets=include_secrets)
    )


def _separated(data: Data) -> tuple[Data, dict[str, str]]:
    """Separate the values from the references to nested documents: the names of their fields and their ids."""
    own, references = {}, {}
    for name, value in data.items():
        if isinstance(value, dict) and "$ref" in value:
            target = value["$ref"].get("block_document_id") if isinstance(value["$ref"], dict) else None
            if target is None:
                raise HTTPException(400, f"Received block reference without a block_document_id in key {name}")
            references[name] = _id(target)
        else:
            own[name] = value
    return own, references


def _id(text: Any) -> str:
    try:
        return str(UUID(text))
    except (ValueError, AttributeError, TypeError):
        raise HTTPException(400, f"A block document's id is a UUID, and not {text!r}.") from None


def _schema(connection: Connection, document: Row, proposed: str | None) -> str:
    """Return the id of the schema that a document shall have."""
    if proposed is None:
        return str(document["block_schema_id"])
    schema = stored.load(connection, SCHEMAS, proposed)
    if schema is None:
        raise HTTPException(409, CONFLICT)
    if schema["block_type_id"] != document["block_type_id"]:
        raise HTTPException(400, "Must migrate block document to a block schema of the same block type.")
    return proposed


def _refer_anew(connection: Connection, document: str, references: dict[str, str]) -> None:
    connection.execute(delete(REFERENCES).where(REFERENCES.c.parent_id == document))
    for name, other in references.items():
        _refer(connection, document, name, other)


def _refer(connection: Connection, document: str, name: str, other: str) -> None:
    """Let a document refer to another under a name; one that leads back to itself is refused."""
    seen, asked = {other}, [other]
    while asked and document not in seen:
        children = select(REFERENCES.c.reference_id).where(REFERENCES.c.parent_id.in_(asked))
        asked = list(set(connection.scalars(children)) - seen)
        seen |= set(asked)
    if document in seen:
        raise HTTPException(
            400,
            "Cannot create block document reference: it would introduce a cycle into the block_document_reference graph "
            f"(parent={document}, reference={other}).",
        )
    row = stored.new_row(REFERENCES, parent_id=document, name=name, reference_id=other)
    stored.add(connection, REFERENCES, row)
