"""The route that takes logs."""

from fastapi import Request, Response
from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.hot import Router
from gateway.embedded.tables import TABLES
from gateway.embedded.writes import Write, answer, hot
from schema.logs import LogCreate

router = Router(prefix="/logs", tags=["logs"])

TABLE = TABLES["logs"]


@router.post("/", response_model=None, status_code=201)
async def create_logs(request: Request, logs: list[LogCreate]) -> Response:
    """Keep logs; whether their runs are there is not asked."""
    return await answer(request, _creation(logs))


def _creation(logs: list[LogCreate]) -> Write:
    rows = [stored.new_row(TABLE, **_without_nul(log).model_dump()) for log in logs]

    def create(connection: Connection) -> tuple[int, None]:
        if rows:
            stored.add(connection, TABLE, *rows)
        return 201, None

    return create


router.heat("POST /", hot(_creation, list[LogCreate]))


def _without_nul(log: LogCreate) -> LogCreate:
    """Leave out the one character that PostgreSQL can't store."""
    return log.model_copy(update={"message": log.message.replace("\0", ""), "name": log.name.replace("\0", "")})
