"""The websocket of a worker: it tells that it is there, and is told of its work pool, at once and when that has changed.

Runs are asked for over REST. What Prefect may hand out here besides, the infrastructure of cancelled runs to clean up, is
refused as the protocol provides: a worker goes on without.
"""

import asyncio
import logging
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from fastapi import HTTPException, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.status import (
    WS_1002_PROTOCOL_ERROR,
    WS_1006_ABNORMAL_CLOSURE,
    WS_1008_POLICY_VIOLATION,
    WS_1011_INTERNAL_ERROR,
)
from starlette.types import Message

from gateway.embedded import stored
from gateway.embedded.database import Database, DatabaseError
from gateway.embedded.events.sockets import Refused, served
from gateway.embedded.hot import Router
from gateway.embedded.moments import now
from gateway.embedded.rows import dump, read_by
from gateway.embedded.runs.parameters import check_defaults, check_template
from gateway.embedded.shapes import Row
from gateway.embedded.work.events import pool_row, tell_pool_change
from gateway.embedded.work.frames import REQUIRED, VERSION, HeartbeatFrame, Hello, HelloFrame
from gateway.embedded.work.pools import POOLS, QUEUES, create_pool, is_reserved
from gateway.embedded.work.workers import hear_of

log = logging.getLogger(__name__)

router = Router()

INTERVAL = 1.0
"""Seconds between two looks at a work pool."""

F = TypeVar("F", bound=BaseModel)

CODES = {
    "authentication_failed": WS_1008_POLICY_VIOLATION,
    "authorization_failed": WS_1008_POLICY_VIOLATION,
    "unsupported_version": WS_1008_POLICY_VIOLATION,
    "protocol_error": WS_1002_PROTOCOL_ERROR,
    "transient_server_error": WS_1011_INTERNAL_ERROR,
}
"""Why a websocket is closed, with its code. The worker goes on over REST; after the last it comes back."""


def _refusal(reason: str) -> Refused:
    return Refused(CODES[reason], reason)


@router.websocket("/work_pools/{name}/workers/connect")
async def connect(websocket: WebSocket, name: str) -> None:
    """Hear of a worker of a pool while it is connected, and tell it of the pool."""
    await served(websocket, partial(_serve, name), refusal=_refusal("authentication_failed"))


async def _serve(name: str, websocket: WebSocket, database: Database) -> None:
    try:
        hello = _frame(HelloFrame, await websocket.receive()).payload
        ready = await database.write(lambda connection: _welcome(connection, name, hello))
        await _send(websocket, "worker.ready.v1", ready)
        await _Talk(websocket, database, hello, ready["initial_snapshot"]["work_pool"]).go_on()
    except (HTTPException, RequestValidationError):
        raise _refusal("protocol_error") from None
    except (SQLAlchemyError, DatabaseError, ConnectionError) as error:
        log.warning("The websocket of a worker of %r is closed: %s", name, error)
        raise _refusal("transient_server_error") from None


def _welcome(connection: Connection, name: str, hello: Hello) -> dict[str, Any]:
    """Note that a worker has come; return what it is answered. Raises Refused, and a 422 for its template."""
    if VERSION not in hello.supported_channel_versions:
        raise _refusal("unsupported_version")
    id_ = _pool(connection, name, hello)
    queues = _queues(connection, id_, hello.work_queue_names)
    hear_of(connection, name, hello.worker_name, hello.heartbeat_interval_seconds)
    return {
        "consumer_id": hello.consumer_id,
        "worker_id": None,
        "selected_channel_version": VERSION,
        "effective_heartbeat_interval_seconds": hello.heartbeat_interval_seconds,
        "accepted_capabilities": REQUIRED,
        "rejected_capabilities": [each for each in dict.fromkeys(hello.requested_capabilities) if each not in REQUIRED],
        "effective_max_cleanup_concurrency": 0,
        "resolved_work_queues": queues,
        "initial_snapshot": _snapshot(1, "initial", read_by(connection, "work_pools", id=id_)),
    }


def _pool(connection: Connection, name: str, hello: Hello) -> str:
    """Return the id of a pool, which is made, or given its template, where the worker brings what is missing."""
    template = hello.default_base_job_template
    pool = stored.find(connection, POOLS, POOLS.c.name == name, json=("base_job_template",))
    if pool is None and (is_reserved(name) or not hello.create_pool_if_not_found):
        raise _refusal("authorization_failed")
    if pool is None or (template and not pool["base_job_template"]):
        check_template({"base_job_template": template})
        check_defaults(template)
    if pool is None:
        return create_pool(connection, {"name": name, "type": hello.worker_type, "base_job_template": template})
    if template and not pool["base_job_template"] and (before := pool_row(connection, pool["id"])):
        stored.change(connection, POOLS, pool["id"], {"base_job_template": template})
        tell_pool_change(connection, before)
    return str(pool["id"])


def _queues(connection: Connection, pool_id: str, names: list[str]) -> list[dict[str, str]]:
    """Return the queues with these names, all of the pool if there are none."""
    ours = select(QUEUES.c.name, QUEUES.c.id).where(QUEUES.c.work_pool_id == pool_id).order_by(QUEUES.c.priority)
    ids = dict(connection.execute(ours).all())
    if not {*names} <= ids.keys():
        raise _refusal("authorization_failed")
    return [{"id": ids[name], "name": name} for name in dict.fromkeys(names or ids)]


def _snapshot(sequence: int, reason: str, pool: Row | None) -> dict[str, Any]:
    return {"snapshot_sequence": sequence, "reason": reason, "work_pool": pool}


class _Talk:
    """What goes on with a worker that was welcomed, told of its pool as it is in `pool`."""

    def __init__(self, websocket: WebSocket, database: Database, hello: Hello, pool: Row) -> None:
        self._websocket, self._database, self._hello, self._pool = websocket, database, hello, pool
        self._sequence = 1

    async def go_on(self) -> None:
        """Take in heartbeats, and tell of changes, until the worker goes; raises Refused."""
        heard = asyncio.create_task(self._websocket.receive())
        try:
            while True:
                await asyncio.wait([heard], timeout=INTERVAL)
                if heard.done():
                    await self._take_in(heard.result())
                    heard = asyncio.create_task(self._websocket.receive())
                await self._tell_changes()
        finally:
            heard.cancel()

    async def _take_in(self, message: Message) -> None:
        beat = _frame(HeartbeatFrame, message).payload
        if not beat.is_of(self._hello):
            raise _refusal("protocol_error")
        name, interval = beat.worker_name, beat.heartbeat_interval_seconds
        try:
            await self._database.write(lambda connection: hear_of(connection, self._pool["name"], name, interval))
        except HTTPException:
            raise _refusal("authorization_failed") from None

    async def _tell_changes(self) -> None:
        pool = await self._database.read(lambda connection: read_by(connection, "work_pools", id=self._pool["id"]))
        if pool is None:
            raise _refusal("authorization_failed")
        if pool["updated"] != self._pool["updated"]:
            self._pool = pool
            self._sequence += 1
            await _send(self._websocket, "work_pool.snapshot.v1", _snapshot(self._sequence, "work_pool_updated", pool))


def _frame(model: type[F], message: Message) -> F:
    """Read a message; raises Refused, and WebSocketDisconnect."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", WS_1006_ABNORMAL_CLOSURE))
    try:
        return model.model_validate_json(message.get("text") or "")
    except ValidationError:
        raise _refusal("protocol_error") from None


async def _send(websocket: WebSocket, type_: str, payload: dict[str, Any]) -> None:
    frame = {"type": type_, "id": uuid4(), "sent_at": now(), "payload": payload}
    await websocket.send_text(dump(frame).decode())
