"""The routes that read of flow runs what is no row: how late they were, and their logs as a file."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import BigInteger, cast, func, literal, select

from gateway.embedded.database import Database
from gateway.embedded.expressions import estimated_lateness, now
from gateway.embedded.hot import Router
from gateway.embedded.reading.bodies import Body, body, groups_of
from gateway.embedded.reading.queries import conditions
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_by
from gateway.embedded.shapes import TERMINAL
from gateway.embedded.tables import TABLES
from schema.flow_runs import FLOW_RUNS

LINES = 1_000
"""Lines of a file of logs that are read at once."""
COLUMNS = ("timestamp", "level", "flow_run_id", "task_run_id", "message")

router = Router(prefix="/flow_runs", tags=["flow_runs"])

RUNS, LOGS = TABLES["flow_runs"], TABLES["logs"]
LatenessBody: Any = body(FLOW_RUNS, "LatenessQuery", Body, groups_of(FLOW_RUNS))


@router.post("/lateness", response_model=float | None)
async def read_lateness(request: Request, query: LatenessBody | None = None) -> Response:
    """Return the seconds that flow runs were late on average, or are; null where there are none."""
    groups = (query or LatenessBody()).groups
    late = estimated_lateness(RUNS, now(), sorted(TERMINAL))
    total = cast(func.sum(func.coalesce(late, literal(0, BigInteger))), BigInteger)
    statement = select(total, func.count()).select_from(RUNS).where(*conditions("flow_runs", groups))
    microseconds, number = await database_of(request).read(lambda connection: connection.execute(statement).one())
    return JSON(dump(microseconds / number / 1_000_000 if number else None))


@router.get("/{id:uuid}/logs/download", response_class=StreamingResponse, responses=MISSING)
async def download_logs(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read all logs of a flow run as a file of comma-separated values."""
    database = database_of(request)
    row = await database.read(lambda connection: read_by(connection, "flow_runs", id=str(id)))
    name = quote(f"{found(row, NOT_FOUND['flow_runs'])['name']}-logs.csv", safe="")
    disposition = f"attachment; filename=\"flow-run-logs.csv\"; filename*=UTF-8''{name}"
    return StreamingResponse(
        _lines(database, str(id)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": disposition},
    )


async def _lines(database: Database, run_id: str) -> AsyncIterator[str]:
    logs = select(*(LOGS.c[name] for name in COLUMNS)).where(LOGS.c.flow_run_id == run_id)
    logs = logs.order_by(LOGS.c.timestamp, LOGS.c.id).limit(LINES)
    rows: list[Any] = [COLUMNS]
    offset = 0
    while rows:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        yield text.getvalue()
        page = logs.offset(offset)
        rows = await database.read(lambda connection, page=page: list(connection.execute(page)))  # type: ignore[misc]  # a default binds it
        offset += LINES
