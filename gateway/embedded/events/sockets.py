"""The websockets: events that clients send, events and logs as they come.

Each begins with the handshake of the subprotocol `prefect`: the client sends `{"type": "auth", "token": ...}` and the server
answers `{"type": "auth_success"}`; a client without the subprotocol goes without the handshake.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, TypeVar

import orjson
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ValidationError
from starlette.status import WS_1002_PROTOCOL_ERROR, WS_1007_INVALID_FRAME_PAYLOAD_DATA, WS_1008_POLICY_VIOLATION

from gateway.embedded.database import Database
from gateway.embedded.events.filters import conditions, span
from gateway.embedded.events.order import receive
from gateway.embedded.events.reads import first_page, page
from gateway.embedded.events.routes import recorded
from gateway.embedded.events.tables import EVENTS
from gateway.embedded.events.tail import INTERVAL, Tail
from gateway.embedded.hot import Router
from gateway.embedded.moments import now
from gateway.embedded.reading.queries import conditions as conditions_of
from gateway.embedded.rows import dump
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from schema.events import EventCreate, EventOccurredFilter, EventOrder, EventQuery
from schema.logs import LogFilter

F = TypeVar("F", bound=BaseModel)

PAST = timedelta(minutes=15)
"""How far back events are sent at most to a client that has just come."""
BACKFILL = 250
"""Events of the past that are read at once."""
LONGEST_REASON = 123
"""Bytes of the reason for a close (RFC 6455, section 5.5)."""

LOGS = TABLES["logs"]

router = Router(tags=["events"])


class Refused(Exception):
    """The connection is closed with a code, for a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


async def accept(websocket: WebSocket, refusal: Refused | None = None) -> None:
    """Accept a client, with the handshake where it asks for the subprotocol; it must, where there is a refusal for others."""
    if "prefect" not in websocket.scope["subprotocols"]:
        if refusal:
            raise refusal
        await websocket.accept()
        return
    await websocket.accept(subprotocol="prefect")
    if (await receive_object(websocket)).get("type") != "auth":
        raise refusal or Refused(WS_1008_POLICY_VIOLATION, "Expected 'auth' message")
    await websocket.send_json({"type": "auth_success"})


async def receive_object(websocket: WebSocket) -> dict[str, Any]:
    """Receive a message that is a JSON object."""
    try:
        message = orjson.loads(await websocket.receive_text())
    except (orjson.JSONDecodeError, KeyError):
        message = None
    if not isinstance(message, dict):
        raise Refused(WS_1007_INVALID_FRAME_PAYLOAD_DATA, "Expected a JSON object")
    return message


async def _filter(websocket: WebSocket, model: type[F]) -> tuple[F, dict[str, Any]]:
    """Receive the message that says what is wanted."""
    message = await receive_object(websocket)
    if message.get("type") != "filter":
        raise Refused(WS_1002_PROTOCOL_ERROR, "Expected 'filter' message")
    try:
        return model.model_validate(message.get("filter")), message
    except ValidationError as error:
        raise Refused(WS_1002_PROTOCOL_ERROR, f"Invalid filter: {error}") from None


async def served(
    websocket: WebSocket, serve: Callable[[WebSocket, Database], Any], *, refusal: Refused | None = None
) -> None:
    """Serve a client until it goes, or is refused; with a `refusal`, if it does not shake hands."""
    try:
        await accept(websocket, refusal)
        await serve(websocket, websocket.app.state.database)
    except WebSocketDisconnect:
        pass
    except Refused as refused:
        reason = refused.reason.encode()[:LONGEST_REASON].decode(errors="ignore")
        await websocket.close(refused.code, reason)


@router.websocket("/events/in")
async def take_events(websocket: WebSocket) -> None:
    """Record the events that a client sends, a message each."""
    await served(websocket, _take)


async def _take(websocket: WebSocket, database: Database) -> None:
    while True:
        try:
            event = recorded(EventCreate.model_validate_json(await websocket.receive_text()))
        except (ValidationError, KeyError) as error:
            raise Refused(WS_1007_INVALID_FRAME_PAYLOAD_DATA, f"This is no event: {error}") from None
        await database.write(lambda connection, event=event: receive(connection, [event]))  # type: ignore[misc]  # mypy can't infer a lambda's default


@router.websocket("/events/out")
async def send_events(websocket: WebSocket) -> None:
    """Send the events that a filter chooses, those of the last minutes first and then each as it comes."""
    await served(websocket, _send_events)


async def _send_events(websocket: WebSocket, database: Database) -> None:
    wanted, message = await _filter(websocket, EventQuery)
    since, until = span(wanted)
    fit = [*conditions(wanted), EVENTS.c.occurred >= max(since, now() - PAST)]
    if wanted.occurred and wanted.occurred.until:
        fit.append(EVENTS.c.occurred <= until)
    tail = Tail(EVENTS, EVENTS.c.received, fit)
    await database.read(tail.begin)
    if message.get("backfill", True):
        occurred = EventOccurredFilter(since=max(since, now() - PAST), until=until)
        past = wanted.model_copy(update={"occurred": occurred, "order": EventOrder.ASC})
        async for rows in _past(database, past):
            tail.know(rows)
            await _send(websocket, "event", rows)
    await _follow(websocket, database, tail, "event")


async def _past(database: Database, wanted: EventQuery) -> AsyncIterator[list[Row]]:
    rows, _, following = await database.read(first_page(wanted, BACKFILL))
    yield rows
    while following:
        rows, _, following = await database.read(page(following))
        yield rows


@router.websocket("/logs/out")
async def send_logs(websocket: WebSocket) -> None:
    """Send the logs that a filter chooses, each as it comes."""
    await served(websocket, _send_logs)


async def _send_logs(websocket: WebSocket, database: Database) -> None:
    wanted, _ = await _filter(websocket, LogFilter)
    tail = Tail(LOGS, LOGS.c.created, conditions_of("logs", {"logs": wanted}))
    await database.read(tail.begin)
    await _follow(websocket, database, tail, "log")


async def _follow(websocket: WebSocket, database: Database, tail: Tail, kind: str) -> None:
    """Send what is added until the client goes; a slow one is waited for."""
    gone = asyncio.create_task(_until_gone(websocket))
    try:
        while not gone.done():
            await _send(websocket, kind, await database.read(tail.added))
            await asyncio.wait([gone], timeout=INTERVAL)
    finally:
        gone.cancel()


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _send(websocket: WebSocket, kind: str, rows: list[Row]) -> None:
    for row in rows:
        row.pop("resource_id", None)
        await websocket.send_text(dump({"type": kind, kind: row}).decode())
