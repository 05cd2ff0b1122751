"""The routes that read a collection, the same for each: /filter, /count, /paginate, by id, histories and states."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import HTTPException, Query, Request, Response
from pydantic import TypeAdapter
from sqlalchemy import Connection, select
from starlette.requests import HTTPConnection

from gateway.embedded.database import Database
from gateway.embedded.hot import Hot, Read, Router
from gateway.embedded.reading.bodies import (
    Body,
    History,
    NumberedPage,
    Page,
    Paginated,
    body,
    groups_of,
    options_of,
    page_limit,
    sort_of,
)
from gateway.embedded.reading.queries import order, page
from gateway.embedded.reading.scouts import counted, planned, scouted
from gateway.embedded.rows import dump, read_by, read_rows
from gateway.embedded.runs.history import read_history
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from resolvers.collection import Collection
from schema.history import HistoryInterval

NOT_FOUND = {
    "flows": "Flow not found",
    "flow_runs": "Flow run not found",
    "task_runs": "Task not found",
    "deployments": "Deployment not found",
    "flow_run_states": "Flow run state not found",
    "task_run_states": "Flow run state not found",
    "work_queues": "work queue not found",
    "artifacts": "Artifact not found.",
    "block_types": "Block type not found",
    "block_schemas": "Block schema not found",
    "variables": "Variable not found.",
    "saved_searches": "Saved search not found",
}

Answer = dict[int | str, dict[str, Any]]
MISSING: Answer = {404: {"description": "Not found"}}


class JSON(Response):
    """A response of JSON that is written already."""

    media_type = "application/json"


def database_of(request: HTTPConnection) -> Database:
    """Return the database that the app has open."""
    database: Database = request.app.state.database
    return database


def found(row: Row | None, detail: str) -> Row:
    """Return a row, or raise the 404 of its collection."""
    if row is None:
        raise HTTPException(404, detail)
    return row


def add_filter(router: Router, collection: Collection) -> None:
    """POST /filter: a page of rows."""
    name, default = collection.name, collection.default_sort
    fields = groups_of(collection) | sort_of(collection) | options_of(collection)
    FilterBody = body(collection, "Query", Page, fields)  # noqa: N806 (a class)

    def prepare(query: Any) -> Read:
        limit = page_limit(query.limit)
        sort, offset = getattr(query, "sort", None) or default, query.offset or 0
        statement = planned(query.groups, lambda groups: page(name, groups, sort, limit, offset))
        options = {option: getattr(query, option) for option in collection.options}
        return lambda connection: dump(read_rows(connection, name, statement(connection), **options))

    @router.post("/filter", response_model=list[collection.row], summary=f"Read {name}")  # type: ignore[name-defined]  # a variable
    async def read(request: Request, query: FilterBody | None = None) -> Response:  # type: ignore[valid-type]  # made above
        return JSON(await database_of(request).read(prepare(query or FilterBody())))

    router.heat("POST /filter", Hot(prepare, TypeAdapter(FilterBody)))


def add_count(router: Router, collection: Collection) -> None:
    """POST /count: how many rows."""
    name = collection.name
    CountBody = body(collection, "CountQuery", Body, groups_of(collection))  # noqa: N806 (a class)

    def prepare(query: Any) -> Read:
        number = counted(name, query.groups)
        return lambda connection: dump(number(connection))

    @router.post("/count", response_model=int, summary=f"Count {name}")
    async def read(request: Request, query: CountBody | None = None) -> Response:  # type: ignore[valid-type]  # made above
        return JSON(await database_of(request).read(prepare(query or CountBody())))

    router.heat("POST /count", Hot(prepare, TypeAdapter(CountBody)))


def add_paginate(router: Router, collection: Collection) -> None:
    """POST /paginate: a numbered page of rows."""
    name, default = collection.name, collection.default_sort
    PageBody = body(collection, "PageQuery", NumberedPage, groups_of(collection) | sort_of(collection))  # noqa: N806 (a class)

    def prepare(query: Any) -> Read:
        limit, number = page_limit(query.limit), query.page or 1
        sort, offset = query.sort or default, (number - 1) * limit

        statement = planned(query.groups, lambda groups: page(name, groups, sort, limit, offset))
        total = counted(name, query.groups)

        def run(connection: Connection) -> bytes:
            rows = total(connection)
            pages = -(-rows // limit) if limit else 0
            results = read_rows(connection, name, statement(connection))
            return dump({"results": results, "count": rows, "limit": limit, "pages": pages, "page": number})

        return run

    @router.post("/paginate", response_model=Paginated[collection.row], summary=f"Read a page of {name}")  # type: ignore[name-defined]  # a variable
    async def read(request: Request, query: PageBody | None = None) -> Response:  # type: ignore[valid-type]  # made above
        return JSON(await database_of(request).read(prepare(query or PageBody())))

    router.heat("POST /paginate", Hot(prepare, TypeAdapter(PageBody)))


def add_item(router: Router, collection: Collection) -> None:
    """GET /{id}: one row."""
    name = collection.name

    def prepare(id_: str) -> Read:
        return lambda connection: dump(found(read_by(connection, name, id=id_), NOT_FOUND[name]))

    @router.get("/{id:uuid}", response_model=collection.row, responses=MISSING, summary=f"Read one of {name}")
    async def read(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
        return JSON(await database_of(request).read(prepare(str(id))))

    router.heat("GET /{id}", Hot(prepare))


def add_history(router: Router, collection: Collection) -> None:
    """POST /history: runs by state and time."""
    name, groups = collection.name, groups_of(collection)
    if "work_pool_queues" in groups:
        groups["work_queues"] = groups.pop("work_pool_queues")
    HistoryBody = body(collection, "HistoryQuery", History, groups)  # noqa: N806 (a class)

    @router.post("/history", response_model=list[HistoryInterval], summary=f"Count {name} by state and time")
    async def read(request: Request, query: HistoryBody) -> Response:  # type: ignore[valid-type]  # made above
        asked: Any = query
        if asked.history_interval_seconds < 1:
            raise HTTPException(422, "History interval must not be less than 1 second.")
        given = {
            "work_pool_queues" if group == "work_queues" else group: value for group, value in asked.groups.items()
        }
        span = (asked.history_start, asked.history_end, timedelta(seconds=asked.history_interval_seconds))
        return JSON(
            await database_of(request).read(
                lambda connection: dump(
                    read_history(connection, name, scouted(connection, given), *span, datetime.now(UTC))
                )
            )
        )


def add_states(router: Router, collection: Collection, run_id: str) -> None:
    """GET /?flow_run_id=: the states of a run, in order of time."""
    name, table = collection.name, TABLES[collection.name]

    @router.get("/", response_model=list[collection.row], summary="Read the states of a run")  # type: ignore[name-defined]  # a variable
    async def read(request: Request, run: Annotated[UUID, Query(alias=run_id)]) -> Response:
        statement = select(table).where(table.c[run_id] == str(run)).order_by(*order(name))
        return JSON(await database_of(request).read(lambda connection: dump(read_rows(connection, name, statement))))
