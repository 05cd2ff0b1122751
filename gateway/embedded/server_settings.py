"""The routes of the server's settings: what they are, where results are stored by default, the registry's views."""

from typing import Any
from uuid import uuid4

from fastapi import HTTPException, Request, Response
from pydantic_core import from_json
from sqlalchemy import Connection, delete, insert, select

from gateway.embedded.hot import Router
from gateway.embedded.reading.bodies import LIMIT
from gateway.embedded.reads import JSON, MISSING, database_of
from gateway.embedded.rows import dump
from gateway.embedded.tables import CONFIGURATIONS, TABLES
from gateway.embedded.writes import answer
from schema.server import CsrfToken, ServerDefaultResultStorage, ServerDefaultResultStorageUpdate

KEY = "default_result_storage_block_id"

STORES_RESULTS = "write-path"
"""The capability of a block that can store results."""

# Those of Prefect's settings that say something of this server.
SETTINGS: dict[str, Any] = {
    "server": {
        "analytics_enabled": False,
        "api": {"default_limit": LIMIT, "csrf_protection_enabled": False},
        "ui": {"enabled": False},
    }
}

VIEWS: dict[str, Any] = {
    "aggregate-block-metadata": {},
    "aggregate-flow-metadata": {},
    "aggregate-worker-metadata": {},
    "demo-flows": {},
}
"""What is known of integrations, without the Internet: of workers, the process worker."""

router = Router()


def _field(title: str, kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "type": kind, "description": description, **more}


PROCESS_VARIABLES = {
    "name": _field("Name", "string", "The name of the process."),
    "env": _field(
        "Environment Variables", "object", "Environment of the process.", additionalProperties={"type": "string"}
    ),
    "labels": _field("Labels", "object", "Labels of the process.", additionalProperties={"type": "string"}),
    "command": _field("Command", "string", "What is started; the worker knows it where this is empty."),
    "stream_output": _field("Stream Output", "boolean", "Whether the worker prints what the run prints.", default=True),
    "working_dir": _field("Working Directory", "string", "Where the process is started.", format="path"),
}

VIEWS["aggregate-worker-metadata"] = {
    "prefect": {
        "process": {
            "type": "process",
            "display_name": "Process",
            "description": "Runs flows as processes of the worker.",
            "documentation_url": "https://docs.prefect.io/v3/concepts/workers",
            "install_command": "pip install prefect",
            "is_beta": False,
            "logo_url": None,
            "default_base_job_configuration": {
                "job_configuration": {name: f"{{{{ {name} }}}}" for name in sorted(PROCESS_VARIABLES)},
                "variables": {"type": "object", "properties": PROCESS_VARIABLES},
            },
        }
    }
}


@router.get("/hello", tags=["root"])
async def hello() -> str:
    """Greet."""
    return "👋"


@router.get("/admin/settings", tags=["admin"])
async def settings() -> dict[str, Any]:
    """Return those of Prefect's settings that say something of this server."""
    return SETTINGS


@router.get("/csrf-token", response_model=CsrfToken, tags=["root"])
async def csrf_token(client: str) -> None:  # noqa: ARG001  Prefect asks for it
    """Refuse a token: none is needed."""
    raise HTTPException(422, "CSRF protection is disabled.")


@router.get("/collections/views/{view}", responses=MISSING, tags=["collections"])
async def collection_view(view: str) -> dict[str, Any]:
    """Return what is known of Prefect's integrations."""
    if view not in VIEWS:
        raise HTTPException(404, f"View {view} not found in registry")
    found: dict[str, Any] = VIEWS[view]
    return found


@router.get("/admin/storage", response_model=ServerDefaultResultStorage, tags=["admin"])
async def default_storage(request: Request) -> Response:
    """Return the block document where results are stored by default."""
    return JSON(dump(await database_of(request).read(_stored)))


@router.put("/admin/storage", response_model=ServerDefaultResultStorage, responses=MISSING, tags=["admin"])
async def set_default_storage(request: Request, storage: ServerDefaultResultStorageUpdate) -> Response:
    """Set the block document where results are stored by default."""

    def write(connection: Connection) -> tuple[int, Any]:
        key = storage.default_result_storage_block_id
        capabilities = _capabilities(connection, key)
        if capabilities is None:
            raise HTTPException(404, f"Block document {key} not found.")
        if STORES_RESULTS not in capabilities:
            raise HTTPException(422, f"Block document {key} cannot be used for result storage.")
        _clear(connection)
        connection.execute(insert(CONFIGURATIONS).values(id=str(uuid4()), key=KEY, value=key))
        return 200, _stored(connection)

    return await answer(request, write)


@router.delete("/admin/storage", status_code=204, tags=["admin"])
async def clear_default_storage(request: Request) -> None:
    """Store results nowhere by default."""
    await database_of(request).write(_clear)


def _clear(connection: Connection) -> None:
    connection.execute(delete(CONFIGURATIONS).where(CONFIGURATIONS.c.key == KEY))


def _stored(connection: Connection) -> dict[str, str | None]:
    """Read the default; a block document that is no more is none."""
    documents = TABLES["block_documents"]
    stored = select(CONFIGURATIONS.c.value).where(CONFIGURATIONS.c.key == KEY).scalar_subquery()
    return {KEY: connection.scalar(select(documents.c.id).where(documents.c.id == stored))}


def _capabilities(connection: Connection, block_document_id: str) -> list[str] | None:
    """Read what the block of a document can do; None where there is no such document."""
    documents, schemas = TABLES["block_documents"], TABLES["block_schemas"]
    found = connection.execute(
        select(documents.c.id, schemas.c.capabilities)
        .join(schemas, schemas.c.id == documents.c.block_schema_id, isouter=True)
        .where(documents.c.id == block_document_id)
    ).first()
    if found is None:
        return None
    return (
        list(from_json(found.capabilities)) if isinstance(found.capabilities, str) else list(found.capabilities or [])
    )
