"""An embedded server that counts who asks it what, and is spoilt as a test wants: its routes, its sockets, what they tell."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import embedded
from tests.gateway.stack import Quiet

Spoil = Callable[[str], list[str]]
"""Makes of a message of a socket what is sent instead."""


@dataclass
class Behind:
    """The server, at `url`."""

    app: ASGIApp
    url: str = ""
    spoilt: dict[str, int] = field(default_factory=dict)
    """`path` -> the status that is answered there."""
    spoil: Spoil | None = None
    calls: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    """`path` -> how many sockets were opened there."""
    open: dict[asyncio.Task[Any], Send] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix("/api")
        if scope["type"] == "websocket":
            await self._socket({**scope, "path": path}, receive, send)
        elif scope["type"] == "http":
            self.calls[path] += 1
            if status := self.spoilt.get(path):
                await send({"type": "http.response.start", "status": status, "headers": []})
                await send({"type": "http.response.body", "body": b"{}"})
            else:
                await self.app({**scope, "path": path, "raw_path": path.encode()}, receive, send)
        else:
            await self.app(scope, receive, send)

    async def close(self, code: int) -> None:
        """Close all sockets."""
        for task, send in list(self.open.items()):
            await send({"type": "websocket.close", "code": code})
            task.cancel()

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.connections[scope["path"]] += 1

        async def spoiling(message: Message) -> None:
            text = message.get("text")
            if self.spoil is None or text is None or "auth_success" in text:
                await send(message)
                return
            for each in self.spoil(text):
                await send({"type": "websocket.send", "text": each})

        serving = asyncio.create_task(self.app(scope, receive, spoiling))  # type: ignore[arg-type]  # it is a coroutine
        self.open[serving] = send
        await asyncio.wait([serving])
        del self.open[serving]


@asynccontextmanager
async def behind(folder: Path) -> AsyncIterator[Behind]:
    """Serve an embedded server with an empty database."""
    app = embedded.create_app(f"sqlite:///{folder / 'behind.db'}", services=False)
    made = Behind(app)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Quiet(uvicorn.Config(made, log_config=None, lifespan="on"))
        serving = asyncio.create_task(server.serve([listening]))
        made.url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        try:
            yield made
        finally:
            server.should_exit = True
            await serving


async def emit(url: str, *names: str, occurred: datetime | None = None) -> None:
    """Send events, by default of now."""
    at = (occurred or datetime.now(UTC)).isoformat()
    body = [
        {"id": str(uuid4()), "event": name, "occurred": at, "resource": {"prefect.resource.id": "r"}} for name in names
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        (await http.post(f"{url}/events", json=body)).raise_for_status()


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def twice(text: str) -> list[str]:
    """Tell all twice."""
    return [text, text]


def nothing(_text: str) -> list[str]:
    """Tell nothing."""
    return []


def without_id(text: str) -> list[str]:
    """Tell of what has no id too, of what is no object, and of keys that nobody knows."""
    message = orjson.loads(text)
    event = message["event"]
    nameless = {"type": "event", "event": {key: value for key, value in event.items() if key != "id"}}
    odd = {**message, "new": 1, "event": {**event, "new": {"deep": [1]}}}
    return [orjson.dumps(each).decode() for each in (nameless, {"type": "event", "event": 7}, {}, odd)]
