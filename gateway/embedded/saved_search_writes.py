"""The routes that save searches and delete them."""

from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.hot import Router
from gateway.embedded.reads import MISSING, NOT_FOUND
from gateway.embedded.rows import read_by
from gateway.embedded.tables import TABLES
from gateway.embedded.writes import act, answer, remove
from schema.saved_searches import SavedSearch, SavedSearchCreate

router = Router(prefix="/saved_searches", tags=["saved_searches"])

TABLE = TABLES["saved_searches"]


@router.put("/", response_model=SavedSearch, status_code=201, responses={200: {"description": "It was there."}})
async def save_search(request: Request, search: SavedSearchCreate) -> Response:
    """Save a search, or replace the conditions of the one of that name."""
    values = search.model_dump(include={"filters"}, exclude_unset=True) or {"filters": []}

    def save(connection: Connection) -> tuple[int, Any]:
        row = stored.find(connection, TABLE, TABLE.c.name == search.name)
        if row:
            stored.change(connection, TABLE, row["id"], values)
        else:
            stored.add(connection, TABLE, stored.new_row(TABLE, name=search.name, **values))
        return 200 if row else 201, read_by(connection, "saved_searches", name=search.name)

    return await answer(request, save)


@router.delete("/{id:uuid}", status_code=204, responses=MISSING)
async def delete_search(request: Request, id: UUID) -> None:  # noqa: A002 (the parameter's name in the API)
    """Delete a saved search."""
    await act(request, lambda connection: remove(connection, "saved_searches", str(id)), NOT_FOUND["saved_searches"])
