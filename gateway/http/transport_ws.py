"""GraphQL over websockets, the subprotocol `graphql-transport-ws`.

Specification: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import orjson
from starlette.types import Receive, Scope, Send

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.http.reading import parameters
from gateway.http.refusal import Refusal
from gateway.live import Streams, Subscriber
from gateway.settings import Settings

PROTOCOL = "graphql-transport-ws"
INITIALISATION = 10.0
"""Seconds in which a client must begin."""

LONGEST_REASON = 123
"""Bytes of a close frame's reason (RFC 6455, 5.5)."""


class Closed(Exception):
    """The connection is closed with a code, for a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Gone(Exception):
    """The client has left."""


class TransportWs:
    """An ASGI application of websockets: operations of many kinds over one connection, each by an id."""

    def __init__(
        self, execution: Execution, streams: Streams, settings: Settings, foreign: Callable[[Scope], bool]
    ) -> None:
        self._execution = execution
        self._streams = streams
        self._settings = settings
        self._foreign = foreign
        self._connections: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 4406, "reason": "Subprotocol not acceptable"})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        connection = _Connection(self._execution, self._streams, self._settings, receive, send)
        task: Any = asyncio.current_task()
        self._connections.add(task)
        try:
            await connection.serve(scope, foreign=self._foreign(scope))
        except Gone:
            return
        except Closed as closed:
            reason = closed.reason.encode()[:LONGEST_REASON].decode(errors="ignore")
            await send({"type": "websocket.close", "code": closed.code, "reason": reason})
        except asyncio.CancelledError:
            if task in self._connections:
                raise
            task.uncancel()
            await connection.end()
            await send({"type": "websocket.close", "code": 1001, "reason": "The gateway stops"})
        finally:
            self._connections.discard(task)
            await connection.end()

    def stop(self) -> None:
        """Close all connections as a server does that goes away: clients connect again."""
        while self._connections:
            self._connections.pop().cancel()


class _Connection:
    def __init__(
        self, execution: Execution, streams: Streams, settings: Settings, receive: Receive, send: Send
    ) -> None:
        self._execution = execution
        self._streams = streams
        self._settings = settings
        self._receive = receive
        self._send = send
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._authorization: str | None = None
        self._trace = False

    async def serve(self, scope: Scope, *, foreign: bool) -> None:
        """Take the client's messages until it leaves; raises Gone or Closed."""
        try:
            async with asyncio.timeout(INITIALISATION):
                while (message := await self._message())["type"] != "connection_init":
                    await self._before(message)
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        payload = message.get("payload")
        self._authorization = _told(payload, "authorization") or _header(scope)
        self._trace = _told(payload, "x-upstream-trace") == "1"
        if foreign and self._authorization is None:
            raise Closed(4403, "Forbidden")
        await self._tell("connection_ack")
        while True:
            await self._take(await self._message())

    async def end(self) -> None:
        """End all operations."""
        tasks = list(self._operations.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _message(self) -> dict[str, Any]:
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            raise Gone
        content = received.get("text")
        if content is None:
            content = received.get("bytes") or b""
        if len(content) > self._settings.max_body:
            raise Closed(4400, "Message is larger than PREFECT_GRAPHQL_MAX_BODY")
        try:
            message = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise Closed(4400, "Message is not JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Closed(4400, "Message is no object with a type")
        if not isinstance(message.get("payload"), dict | None):
            raise Closed(4400, "The payload of a message is an object")
        return message

    async def _before(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            raise Closed(4401, "Unauthorized")
        await self._either(message)

    async def _either(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ping":
            await self._tell("pong", payload=message.get("payload"))
        elif kind != "pong":
            raise Closed(4400, f"Unexpected message of type {kind[:50]}")

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "connection_init":
            raise Closed(4429, "Too many initialisation requests")
        if kind not in {"subscribe", "complete"}:
            await self._either(message)
            return
        id_ = message.get("id")
        if not isinstance(id_, str) or not id_:
            raise Closed(4400, f"A message of type {kind} has an id")
        if kind == "complete":
            if task := self._operations.pop(id_, None):
                task.cancel()
            return
        if id_ in self._operations:
            raise Closed(4409, f"Subscriber for {id_[:50]} already exists")
        task = self._operations[id_] = asyncio.create_task(self._operate(id_, message.get("payload") or {}))
        task.add_done_callback(lambda done: self._operations.get(id_) is done and self._operations.pop(id_))

    async def _operate(self, id_: str, payload: dict[str, Any]) -> None:
        """Answer one operation."""
        if len(self._operations) > self._settings.max_subscriptions:
            most = self._settings.max_subscriptions
            refusal = Refusal(
                429, f"The connection has {most} operations, no more at once (PREFECT_GRAPHQL_MAX_SUBSCRIPTIONS)."
            )
            await self._tell("error", id=id_, payload=refusal.body()["errors"])
            return
        try:
            request = self._request(payload)
        except Refusal as refusal:
            await self._tell("error", id=id_, payload=refusal.body()["errors"])
            return
        answers = await self._answers(request)
        if isinstance(answers, Answer):
            if await self._next(id_, answers):
                await self._tell("complete", id=id_)
            return
        try:
            async for answer in answers:
                if not await self._next(id_, answer):
                    return
        finally:
            answers.close()
        await self._tell("complete", id=id_)

    async def _answers(self, request: GraphQLRequest) -> Answer | Subscriber:
        found = await self._execution.find(request)
        if isinstance(found, Answer):
            return found
        return self._streams.subscribe(found) if found.subscribes else await self._execution.whole(*found)

    def _request(self, payload: dict[str, Any]) -> GraphQLRequest:
        given = parameters(payload)
        deadline = asyncio.get_running_loop().time() + self._settings.deadline
        asked = GraphQLRequest(given.query, deadline, given.variables, given.operation_name, self._authorization)
        return replace(asked, id=given.id, automatic=given.automatic, trace=self._trace)

    async def _next(self, id_: str, answer: Answer) -> bool:
        """Send an answer; return whether more may come: not after errors without an execution."""
        if not answer.executed:
            await self._tell("error", id=id_, payload=answer.errors)
            return False
        head = msgspec.json.encode({"id": id_, "type": "next"})
        text = b'%b,"payload":%b}' % (head[:-1], answer.content())
        await self._send({"type": "websocket.send", "text": text.decode()})
        return True

    async def _tell(self, type_: str, **message: Any) -> None:
        said = {name: value for name, value in message.items() if value is not None}
        await self._send({"type": "websocket.send", "text": orjson.dumps({"type": type_, **said}).decode()})


def _told(payload: dict[str, Any] | None, header: str) -> str | None:
    """Return what a client says instead of a header: `{"Authorization": "..."}`, or the same in `headers`, in any case."""
    inner = (payload or {}).get("headers")
    for place in (payload or {}, inner if isinstance(inner, dict) else {}):
        for name, value in place.items():
            if name.lower() == header and isinstance(value, str) and value:
                return value
    return None


def _header(scope: Scope) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), None)
