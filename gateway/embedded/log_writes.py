"""The route that takes logs."""

from fastapi import Request
from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.hot import Router
from gateway.embedded.reads import database_of
from gateway.embedded.tables import TABLES
from schema.logs import LogCreate

router = Router(prefix="/logs", tags=["logs"])

TABLE = TABLES["logs"]


@router.post("/", status_code=201)
async def create_logs(request: Request, logs: list[LogCreate]) -> None:
    """Keep logs; whether their runs are there is not asked."""
    rows = [stored.new_row(TABLE, **_without_nul(log).model_dump()) for log in logs]

    def create(connection: Connection) -> None:
        if rows:
            stored.add(connection, TABLE, *rows)

    await database_of(request).write(create)


def _without_nul(log: LogCreate) -> LogCreate:
    """Leave out the one character that PostgreSQL can't store."""
    return log.model_copy(update={"message": log.message.replace("\0", ""), "name": log.name.replace("\0", "")})
