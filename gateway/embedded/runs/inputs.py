"""The routes of flow runs' inputs: texts that a run is sent, or waits for, by key."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy import Connection, delete, select

from gateway.embedded import stored
from gateway.embedded.expressions import like, member
from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by, read_rows
from gateway.embedded.tables import TABLES
from gateway.embedded.writes import act, answer
from schema.flow_run_inputs import KEY_PATTERN, FlowRunInput

router = Router(prefix="/flow_runs/{id:uuid}/input", tags=["flow_runs"])

INPUTS, RUNS = TABLES["flow_run_inputs"], TABLES["flow_runs"]
INPUT_NOT_FOUND = "Flow run input not found"
TAKEN: dict[int | str, dict[str, Any]] = {**MISSING, 409: {"description": "The key is taken."}}


def keep(connection: Connection, run_id: str, key: str, value: str, sender: str | None = None) -> None:
    """Keep an input of a flow run; raises a 404 where there is no such run, a 409 where it has the key."""
    if connection.scalar(select(RUNS.c.id).where(RUNS.c.id == run_id)) is None:
        raise HTTPException(404, NOT_FOUND["flow_runs"])
    if read_by(connection, "flow_run_inputs", flow_run_id=run_id, key=key):
        raise HTTPException(409, "A flow run input with this key already exists.")
    stored.add(connection, INPUTS, stored.new_row(INPUTS, flow_run_id=run_id, key=key, value=value, sender=sender))


@router.post("", response_model=None, status_code=201, responses=TAKEN)
async def create_input(
    request: Request,
    id: UUID,  # noqa: A002 (the parameter's name in the API)
    key: Annotated[str, Body(pattern=KEY_PATTERN, description="The key: lowercase letters, numbers and dashes.")],
    value: Annotated[str, Body(description="The text.")],
    sender: Annotated[str | None, Body(description="Who sends it.")] = None,
) -> Response:
    """Send a flow run an input."""

    def create(connection: Connection) -> tuple[int, None]:
        keep(connection, str(id), key, value, sender)
        return 201, None

    return await answer(request, create)


@router.post("/filter", response_model=list[FlowRunInput])
async def read_inputs(
    request: Request,
    id: UUID,  # noqa: A002 (the parameter's name in the API)
    prefix: Annotated[str, Body(embed=True, description="How the key begins.")],
    limit: Annotated[int, Body(embed=True, description="Rows at most.")] = 1,
    exclude_keys: Annotated[list[str], Body(embed=True, description="Keys to leave out.")] = [],  # noqa: B006 (FastAPI copies it)
) -> Response:
    """Read the inputs of a flow run whose keys begin alike, by when they came."""
    wanted = (INPUTS.c.flow_run_id == str(id), like(INPUTS.c.key, f"{prefix}%"), ~member(INPUTS.c.key, exclude_keys))
    page = select(INPUTS).where(*wanted).order_by(INPUTS.c.created, INPUTS.c.id).limit(None if limit < 0 else limit)
    return JSON(
        await database_of(request).read(lambda connection: dump(read_rows(connection, "flow_run_inputs", page)))
    )


@router.get("/{key}", response_class=PlainTextResponse, responses=MISSING)
async def read_input(request: Request, id: UUID, key: str) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read the value of an input."""
    row = await database_of(request).read(
        lambda connection: read_by(connection, "flow_run_inputs", flow_run_id=str(id), key=key)
    )
    return PlainTextResponse(found(row, INPUT_NOT_FOUND)["value"])


@router.delete("/{key}", status_code=204, responses=MISSING)
async def delete_input(request: Request, id: UUID, key: str) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete an input."""
    deletion = delete(INPUTS).where(INPUTS.c.flow_run_id == str(id), INPUTS.c.key == key)
    await act(request, lambda connection: bool(connection.execute(deletion).rowcount), INPUT_NOT_FOUND)
