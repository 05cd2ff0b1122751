"""The routes that create, change and delete flows."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Request, Response
from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.events import Change, emit, lifecycle
from gateway.embedded.hot import Router
from gateway.embedded.reads import MISSING, NOT_FOUND
from gateway.embedded.rows import read_by
from gateway.embedded.tables import TABLES
from gateway.embedded.writes import BULK_LIMIT, Deleted, Limit, act, answer, chosen, remove
from schema.flows import FLOWS, Flow, FlowCreate, FlowFilter, FlowUpdate

router = Router(prefix="/flows", tags=["flows"])

TABLE = TABLES["flows"]
TOLD = ("name", "tags", "labels")
"""What events tell of a flow."""
FLOW_NOT_FOUND = NOT_FOUND["flows"]


@router.post("/", response_model=Flow, status_code=201, responses={200: {"description": "It is there already."}})
async def create_flow(request: Request, flow: FlowCreate) -> Response:
    """Create a flow, or return the one of that name."""

    def create(connection: Connection) -> tuple[int, Any]:
        if row := read_by(connection, "flows", name=flow.name):
            return 200, row
        values = {"labels": {}, **flow.model_dump(mode="json", exclude_unset=True)}
        row = stored.new_row(TABLE, **values)
        stored.add(connection, TABLE, row)
        emit(connection, lifecycle("flow", "created", row, *TOLD))
        return 201, read_by(connection, "flows", name=flow.name)

    return await answer(request, create)


@router.patch("/{id:uuid}", status_code=204, responses=MISSING)
async def update_flow(request: Request, id: UUID, flow: FlowUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a flow."""
    values = flow.model_dump(mode="json", exclude_unset=True)

    def update(connection: Connection) -> bool:
        if not stored.change(connection, TABLE, str(id), values):
            return False
        _tell(connection, "updated", str(id))
        return True

    await act(request, update, FLOW_NOT_FOUND)


def _tell(connection: Connection, change: Change, id_: str) -> None:
    if flow := stored.load(connection, TABLE, id_, json=("tags", "labels"), lock=False):
        emit(connection, lifecycle("flow", change, flow, *TOLD))


def _remove(connection: Connection, id_: str) -> bool:
    _tell(connection, "deleted", id_)
    return remove(connection, "flows", id_)


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete_flow(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a flow, its deployments and its runs."""
    await act(request, lambda connection: _remove(connection, str(id)), FLOW_NOT_FOUND)


@router.post("/bulk_delete", response_model=Deleted)
async def delete_flows(
    request: Request, flows: Annotated[FlowFilter | None, Body()] = None, limit: Limit = BULK_LIMIT
) -> Response:
    """Delete flows that a filter chooses."""

    def delete(connection: Connection) -> tuple[int, Any]:
        ids = chosen(connection, FLOWS, flows, limit)
        return 200, {"deleted": [id_ for id_ in ids if _remove(connection, id_)]}

    return await answer(request, delete)
