"""The routes that create, change and delete artifacts, and with them the latest of each key."""

from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import Connection, delete, select, update

from gateway.embedded import stored
from gateway.embedded.events import Change, emit, lifecycle, related
from gateway.embedded.events.labels import ID, ROLE
from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.writes import act, answer, remove
from schema.artifacts import Artifact, ArtifactCreate, ArtifactUpdate

router = Router(prefix="/artifacts", tags=["artifacts"])

ARTIFACTS, LATEST = TABLES["artifacts"], TABLES["artifact_collections"]
ARTIFACT_NOT_FOUND = NOT_FOUND["artifacts"]
TOLD = ("key", "type", "data", "description")
"""What events tell of it."""
SHARED = tuple(column.name for column in LATEST.c if column.name in ARTIFACTS.c and column.name not in {"id", "key"})
"""What the latest of a key tells of the artifact."""


@router.post("/", response_model=Artifact, status_code=201)
async def create_artifact(request: Request, artifact: ArtifactCreate) -> Response:
    """Create an artifact; with a key it is the latest of that key."""

    def create(connection: Connection) -> tuple[int, Any]:
        row = stored.new_row(ARTIFACTS, **artifact.model_dump())
        if row["key"] is not None:
            _make_latest(connection, row)
        stored.add(connection, ARTIFACTS, row)
        return 201, read_by(connection, "artifacts", id=row["id"])

    return await answer(request, create)


def _make_latest(connection: Connection, artifact: Row) -> None:
    told = {name: artifact[name] for name in SHARED if name != "created"} | {"latest_id": artifact["id"]}
    latest = stored.find(connection, LATEST, LATEST.c.key == artifact["key"])
    if latest:
        stored.change(connection, LATEST, latest["id"], told)
    else:
        stored.add(connection, LATEST, stored.new_row(LATEST, **told, key=artifact["key"]))
    _tell(connection, "updated" if latest else "created", artifact["key"])


def _tell(connection: Connection, change: Change, key: str) -> None:
    """Tell of the latest artifact of a key."""
    latest = stored.find(connection, LATEST, LATEST.c.key == key, json=("data",), lock=False)
    if latest is None:
        return
    runs = (("flow-run", latest["flow_run_id"]), ("task-run", latest["task_run_id"]))
    others = [
        {ID: f"prefect.artifact.{latest['latest_id']}", ROLE: "latest"},
        *(related(kind, run, None) for kind, run in runs if run),
    ]
    emit(connection, lifecycle("artifact-collection", change, latest, *TOLD, name="key", related=others))


@router.get("/{key}/latest", response_model=Artifact, responses=MISSING)
async def read_latest_artifact(request: Request, key: str) -> Response:
    """Read the latest artifact of a key, with the id of what is kept for the key; that is so in Prefect."""
    row = await database_of(request).read(lambda connection: read_by(connection, "artifact_collections", key=key))
    shown = found(row, ARTIFACT_NOT_FOUND)
    return JSON(dump({name: value for name, value in shown.items() if name != "latest_id"}))


@router.patch("/{id:uuid}", status_code=204, responses=MISSING)
async def update_artifact(request: Request, id: UUID, artifact: ArtifactUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change an artifact, and the latest of its key if it is that."""
    values = artifact.model_dump(exclude_unset=True)

    def run(connection: Connection) -> bool:
        if values:
            connection.execute(update(LATEST).where(LATEST.c.latest_id == str(id)).values(values))
        return stored.change(connection, ARTIFACTS, str(id), values)

    await act(request, run, ARTIFACT_NOT_FOUND)


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete_artifact(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete an artifact; the one before it becomes the latest of its key."""

    def run(connection: Connection) -> bool:
        _forget_latest(connection, str(id))
        return remove(connection, "artifacts", str(id))

    await act(request, run, ARTIFACT_NOT_FOUND)


def _forget_latest(connection: Connection, artifact_id: str) -> None:
    latest = stored.find(connection, LATEST, LATEST.c.latest_id == artifact_id)
    if latest is None:
        return
    others = select(ARTIFACTS).where(ARTIFACTS.c.key == latest["key"], ARTIFACTS.c.id != artifact_id)
    before = others.order_by(ARTIFACTS.c.created.desc(), ARTIFACTS.c.id).limit(1)
    told = {name: before.with_only_columns(ARTIFACTS.c[name]).scalar_subquery() for name in SHARED}
    told["latest_id"] = before.with_only_columns(ARTIFACTS.c.id).scalar_subquery()
    of_key = LATEST.c.id == latest["id"]
    if connection.execute(before).first() is None:
        _tell(connection, "deleted", latest["key"])
        connection.execute(delete(LATEST).where(of_key))
    else:
        connection.execute(update(LATEST).where(of_key).values(told))
        _tell(connection, "updated", latest["key"])
