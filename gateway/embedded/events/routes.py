"""The routes of events: recorded, read in pages, counted."""

from typing import Annotated, Any

from fastapi import Body, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection

from gateway.embedded.events.journal import LISTENERS
from gateway.embedded.events.journal import Event as Recorded
from gateway.embedded.events.order import receive
from gateway.embedded.events.reads import PAGE, Token, counts, first_page, page, read_token
from gateway.embedded.events.task_runs import record
from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, database_of
from gateway.embedded.rows import dump
from gateway.embedded.shapes import Row
from schema.events import Event, EventCount, EventCountable, EventCreate, EventQuery, EventTimeUnit

router = Router(prefix="/events", tags=["events"])

LISTENERS.append(record)


class EventPage(BaseModel):
    """A page of events."""

    events: list[Event]
    total: int
    next_page: str | None


def recorded(event: EventCreate) -> Recorded:
    """Make the event that is written down of what a client sends."""
    return Recorded(**event.model_dump(exclude_unset=True))


@router.post("", status_code=204)
async def create_events(request: Request, events: list[EventCreate]) -> None:
    """Record events, each once."""
    given = [recorded(event) for event in events]
    await database_of(request).write(lambda connection: receive(connection, given))


@router.post("/filter", response_model=EventPage)
async def read_events(
    request: Request,
    filter: Annotated[EventQuery | None, Body(description="Which events, and in which order.")] = None,  # noqa: A002 (the API's name)
    limit: Annotated[int, Body(ge=0, le=PAGE, description=f"Events at most; {PAGE} by default and at most.")] = PAGE,
) -> Response:
    """Read the first page of events, and where the next is."""
    read = first_page(filter or EventQuery(), limit)
    return await _page(request, read)


@router.get("/filter/next", response_model=EventPage, responses={403: {"description": "This is no page token."}})
async def read_next_page(request: Request, page_token: Annotated[str, Query(alias="page-token")]) -> Response:
    """Read the page that another page told of."""
    return await _page(request, page(read_token(page_token)))


async def _page(request: Request, read: Any) -> Response:
    def run(connection: Connection) -> tuple[list[Row], int, Token | None]:
        found: tuple[list[Row], int, Token | None] = read(connection)
        return found

    events, total, following = await database_of(request).read(run)
    path = request.url.path.removesuffix("/next")
    link = str(request.url.replace(path=f"{path}/next", query=f"page-token={following}")) if following else None
    return JSON(dump({"events": events, "total": total, "next_page": link}))


@router.post("/count-by/{countable}", response_model=list[EventCount])
async def count_events(
    request: Request,
    countable: EventCountable,
    filter: Annotated[EventQuery, Body()],  # noqa: A002 (the parameter's name in the API)
    time_unit: Annotated[EventTimeUnit, Body()] = EventTimeUnit.DAY,
    time_interval: Annotated[float, Body(ge=0.01)] = 1.0,
) -> Response:
    """Count events by name, resource, day or interval."""
    read = counts(filter, countable, time_unit, time_interval)
    return JSON(dump(await database_of(request).read(read)))
