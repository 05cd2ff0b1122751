"""What every writing route does: run one function as one transaction, and answer what it returns."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Connection, delete

from gateway.embedded.hot import Hot
from gateway.embedded.reading.queries import page
from gateway.embedded.reads import JSON, database_of
from gateway.embedded.rows import dump
from gateway.embedded.tables import TABLES
from resolvers.collection import Collection

BULK_LIMIT = 50
"""Rows that one bulk request may change."""


class Deleted(BaseModel):
    """The ids of the rows that a bulk request deleted."""

    deleted: list[UUID]


Limit = Annotated[int, Body(ge=1, le=BULK_LIMIT, description=f"Rows at most; {BULK_LIMIT} by default and at most.")]
"""How many rows a bulk request changes."""

Write = Callable[[Connection], tuple[int, Any]]
"""Writes in one transaction, and returns a status and a body."""


async def answer(request: Request, fn: Write) -> Response:
    """Run a write that returns a status and a body; the body is written while its transaction lasts."""
    status, content = await database_of(request).write(_written(fn))
    return JSON(content, status)


def hot(prepare: Callable[..., Write], body: Any, *, agent: bool = False) -> Hot:
    """Make a hot route of what makes a write of a valid body."""
    return Hot(lambda *given: _written(prepare(*given)), TypeAdapter(body), writes=True, agent=agent)


def _written(fn: Write) -> Callable[[Connection], tuple[int, bytes]]:
    def run(connection: Connection) -> tuple[int, bytes]:
        status, content = fn(connection)
        return status, dump(content)

    return run


async def act(request: Request, fn: Callable[[Connection], bool], missing: str) -> None:
    """Run a write that tells whether its row was there; if not, answer 404."""
    if not await database_of(request).write(fn):
        raise HTTPException(404, missing)


def remove(connection: Connection, collection: str, id_: str) -> bool:
    """Delete a row; tell whether it was there."""
    table = TABLES[collection]
    return bool(connection.execute(delete(table).where(table.c.id == id_)).rowcount)


def chosen(connection: Connection, collection: Collection, filter_: BaseModel | None, limit: int) -> list[str]:
    """Return the ids that a bulk request is about, in the collection's order."""
    name = collection.name
    ids = page(name, {name: filter_}, collection.default_sort, limit, 0).with_only_columns(TABLES[name].c.id)
    return list(connection.scalars(ids))
