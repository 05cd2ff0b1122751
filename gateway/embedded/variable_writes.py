"""The routes that create, change and delete variables, by id and by name."""

from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.events import Change, emit, lifecycle
from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from gateway.embedded.writes import act, answer, remove
from schema.variables import Variable, VariableCreate, VariableUpdate

router = Router(prefix="/variables", tags=["variables"])

TABLE = TABLES["variables"]
VARIABLE_NOT_FOUND = NOT_FOUND["variables"]


@router.post("/", response_model=Variable, status_code=201, responses={409: {"description": "The name is taken."}})
async def create_variable(request: Request, variable: VariableCreate) -> Response:
    """Create a variable."""

    def create(connection: Connection) -> tuple[int, Any]:
        if read_by(connection, "variables", name=variable.name):
            raise HTTPException(409, f"A variable with the name {variable.name!r} already exists.")
        row = stored.new_row(TABLE, **variable.model_dump(exclude_unset=True))
        stored.add(connection, TABLE, row)
        _tell(connection, "created", row["id"])
        return 201, read_by(connection, "variables", name=variable.name)

    return await answer(request, create)


def _tell(connection: Connection, change: Change, id_: str) -> None:
    if variable := stored.load(connection, TABLE, id_, json=("value", "tags"), lock=False):
        emit(connection, lifecycle("variable", change, variable, "name", "value", "tags"))


def _change(connection: Connection, id_: str, values: Row) -> bool:
    if not stored.change(connection, TABLE, id_, values):
        return False
    _tell(connection, "updated", id_)
    return True


def _remove(connection: Connection, id_: str) -> bool:
    _tell(connection, "deleted", id_)
    return remove(connection, "variables", id_)


@router.get("/name/{name}", response_model=Variable, responses=MISSING)
async def read_variable(request: Request, name: str) -> Response:
    """Read a variable by name."""
    row = await database_of(request).read(lambda connection: read_by(connection, "variables", name=name))
    return JSON(dump(found(row, VARIABLE_NOT_FOUND)))


@router.patch("/{id:uuid}", status_code=204, responses=MISSING)
async def update_variable(request: Request, id: UUID, variable: VariableUpdate) -> None:  # noqa: A002 (the parameter's name in the API)
    """Change a variable."""
    values = variable.model_dump(exclude_unset=True)
    await act(request, lambda connection: _change(connection, str(id), values), VARIABLE_NOT_FOUND)


@router.patch("/name/{name}", status_code=204, responses=MISSING)
async def update_variable_by_name(request: Request, name: str, variable: VariableUpdate) -> None:
    """Change the variable of a name."""
    values = variable.model_dump(exclude_unset=True)

    def update(connection: Connection) -> bool:
        row = stored.find(connection, TABLE, TABLE.c.name == name)
        return row is not None and _change(connection, row["id"], values)

    await act(request, update, VARIABLE_NOT_FOUND)


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete_variable(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a variable."""
    await act(request, lambda connection: _remove(connection, str(id)), VARIABLE_NOT_FOUND)


@router.delete("/name/{name}", status_code=204, responses=MISSING)
async def delete_variable_by_name(request: Request, name: str) -> None:
    """Delete the variable of a name."""

    def delete(connection: Connection) -> bool:
        row = stored.find(connection, TABLE, TABLE.c.name == name)
        return row is not None and _remove(connection, row["id"])

    await act(request, delete, VARIABLE_NOT_FOUND)
