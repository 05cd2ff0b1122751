"""Task workers: they are handed the deferred runs of their tasks, and are known while they are connected to this process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import Body, FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from sqlalchemy import Connection
from starlette.status import WS_1000_NORMAL_CLOSURE, WS_1006_ABNORMAL_CLOSURE
from starlette.types import Message

from gateway.embedded.database import Database
from gateway.embedded.events.sockets import Refused, receive_object, served
from gateway.embedded.events.tail import INTERVAL
from gateway.embedded.hot import Router
from gateway.embedded.moments import now
from gateway.embedded.reads import JSON, database_of
from gateway.embedded.rows import dump, read_by
from gateway.embedded.runs import task_queue
from gateway.embedded.shapes import Row
from schema.states import StateType
from schema.task_workers import TaskWorker, TaskWorkerFilter

router = Router()

VIOLATION = 4001
"""The code that closes the websocket of a worker that does not keep to the protocol."""


@dataclass
class _Known:
    task_keys: set[str]
    heard: datetime


class TaskWorkers:
    """The task workers of one app, by their identifiers."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def observe(self, identifier: str, task_keys: list[str]) -> None:
        """Note that a worker is there and runs these tasks, too."""
        known = self._known.setdefault(identifier, _Known(set(), now()))
        known.task_keys |= {*task_keys}
        known.heard = now()

    def forget(self, identifier: str) -> None:
        """Note that a worker is gone."""
        self._known.pop(identifier, None)

    def find(self, task_keys: list[str]) -> list[dict[str, Any]]:
        """Return the workers that run at least one of these tasks, all if there are none, as REST shows them."""
        return [
            {"identifier": identifier, "task_keys": sorted(known.task_keys), "timestamp": known.heard}
            for identifier, known in self._known.items()
            if not task_keys or known.task_keys & {*task_keys}
        ]


def task_workers_of(app: FastAPI) -> TaskWorkers:
    """Return the task workers that an app knows."""
    known: TaskWorkers = getattr(app.state, "task_workers", None) or TaskWorkers()
    app.state.task_workers = known
    return known


@router.post("/task_workers/filter", response_model=list[TaskWorker], tags=["task_workers"])
async def read_task_workers(
    request: Request,
    task_worker_filter: Annotated[
        TaskWorkerFilter | None, Body(embed=True, description="Which task workers; all by default.")
    ] = None,
) -> Response:
    """Read the task workers that are there."""
    keys = task_worker_filter.task_keys if task_worker_filter else []
    return JSON(dump(task_workers_of(request.app).find(keys)))


@router.websocket("/task_runs/subscriptions/scheduled")
async def hand_out_task_runs(websocket: WebSocket) -> None:
    """Hand deferred task runs to a worker that says which tasks it runs, each once it has acknowledged the one before."""
    await served(websocket, _hand_out)


async def _hand_out(websocket: WebSocket, database: Database) -> None:
    keys, client_id = await _subscription(websocket)
    workers = task_workers_of(websocket.app)
    heard = asyncio.create_task(websocket.receive())
    try:
        while not heard.done():
            workers.observe(client_id, keys)
            place = await _next(database, keys)
            if place is None:
                await asyncio.wait([heard], timeout=INTERVAL)
            elif run := await database.read(partial(_waiting, place=place)):
                await _give(websocket, heard, run, partial(task_queue.put_back, place=place))
                heard = asyncio.create_task(websocket.receive())
        _take_in(heard.result())
    finally:
        heard.cancel()
        workers.forget(client_id)


async def _subscription(websocket: WebSocket) -> tuple[list[str], str]:
    message = await receive_object(websocket)
    if message.get("type") != "subscribe":
        raise Refused(VIOLATION, "Protocol violation: expected 'subscribe' message")
    for name in ("keys", "client_id"):
        if not message.get(name):
            raise Refused(VIOLATION, f"Protocol violation: expected '{name}' in subscribe message")
    return [str(key) for key in message["keys"]], str(message["client_id"])


async def _next(database: Database, keys: list[str]) -> Row | None:
    if not await database.read(lambda connection: task_queue.is_waiting(connection, keys)):
        return None
    return await database.write(lambda connection: task_queue.take(connection, keys))


def _waiting(connection: Connection, place: Row) -> Row | None:
    """Read a run that is taken out of the queue, as REST shows it; None if it waits no more: it was cancelled, or deleted."""
    run = read_by(connection, "task_runs", id=place["task_run_id"])
    return run if run and run["state_type"] == StateType.SCHEDULED.value else None


async def _give(
    websocket: WebSocket, heard: asyncio.Task[Message], run: Row, put_back: Callable[[Connection], None]
) -> None:
    """Send a run, and wait until the worker says that it has it; else others get it."""
    try:
        await websocket.send_text(dump(run).decode())
        _take_in(await heard)
    except BaseException:
        await asyncio.shield(database_of(websocket).write(put_back))
        raise


def _take_in(message: Message) -> None:
    """Go on after an acknowledgement; anything else ends the connection."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", WS_1006_ABNORMAL_CLOSURE))
    try:
        kind = orjson.loads(message.get("text") or b"")["type"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        kind = None
    if kind == "quit":
        raise Refused(WS_1000_NORMAL_CLOSURE, "")
    if kind != "ack":
        raise Refused(VIOLATION, "Protocol violation: expected 'ack' message")
