"""The states that runs have been in: their kinds and names, when they were seen first and last."""

from typing import Annotated

from fastapi import Query, Request, Response
from sqlalchemy import Select, func, or_, select, union_all

from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, database_of
from gateway.embedded.rows import dump
from gateway.embedded.tables import TABLES
from schema.server import ObservedState, ObservedStateSort

HISTORIES = ("flow_run_states", "task_run_states")

router = Router()


@router.get("/observed-states", response_model=list[ObservedState], tags=["observed_states"])
async def observed_states(
    request: Request,
    query: Annotated[str | None, Query(max_length=100)] = None,
    order_by: ObservedStateSort = ObservedStateSort.LAST_SEEN_DESC,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> Response:
    """Read the states that runs have been in; `query` is how the type or the name begins, case ignored."""
    statement = _statement(query or "", order_by).limit(limit)
    found = await database_of(request).read(lambda connection: connection.execute(statement).all())
    return JSON(dump([dict(zip(ObservedState.model_fields, row, strict=True)) for row in found]))


def _statement(query: str, sort: ObservedStateSort) -> Select[tuple[str, str]]:
    histories = union_all(
        *(
            select(
                states.c.type.label("state_type"),
                states.c.name.label("state_name"),
                func.min(states.c.timestamp).label("first_seen"),
                func.max(states.c.timestamp).label("last_seen"),
            ).group_by(states.c.type, states.c.name)
            for states in map(TABLES.__getitem__, HISTORIES)
        )
    ).subquery()
    kind, name = histories.c.state_type, histories.c.state_name
    last_seen = func.max(histories.c.last_seen).label("last_seen")
    statement = select(kind, name, func.min(histories.c.first_seen), last_seen)
    if prefix := query.strip().lower():
        begins = (func.lower(column).startswith(prefix, autoescape=True) for column in (kind, name))
        statement = statement.where(or_(*begins))
    order = [last_seen.desc()] if sort is ObservedStateSort.LAST_SEEN_DESC else []
    return statement.group_by(kind, name).order_by(*order, kind, name)
