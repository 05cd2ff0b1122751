"""Hot routes: those that are asked most go from the bytes of a body to the bytes of the answer, past FastAPI.

FastAPI's route is there all the same. It is what the OpenAPI document describes, and it answers whatever is not regular:
a body that is not valid, a row that is not there. A hot route that fails has changed nothing, so it can be asked again;
only where the database was lost nobody knows, and a write that may have happened must not happen twice.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import TypeAdapter
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from gateway.embedded.database import Database
from gateway.embedded.failures import is_lost, unavailable

REMEMBERED = 512
"""Bodies whose reads are kept: clients ask the same again and again."""

LONGEST = 8_192
"""Bytes of a body that is remembered."""

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
JSON = b"application/json"

Read = Callable[[Connection], bytes]
Write = Callable[[Connection], tuple[int, bytes]]


@dataclass(frozen=True, eq=False)
class Hot:
    """A hot route: `prepare(id, body)` makes what runs over a connection, without the id or body that the route lacks.

    Where `agent`, it is given the header User-Agent too, as text and last.
    """

    prepare: Callable[..., Any]
    body: TypeAdapter[Any] | None = None
    writes: bool = False
    agent: bool = False

    def prepared(self, id_: str | None, raw: bytes, *agent: str) -> Any:
        given: list[Any] = [] if id_ is None else [id_]
        if self.body is not None:
            # As FastAPI does: what is JSON and what its values are taken for must not differ.
            given.append(self.body.validate_python(json.loads(raw) if raw else {}))
        return self.prepare(*given, *agent)

    async def answer(self, database: Database, id_: str | None, raw: bytes, scope: Scope) -> tuple[int, bytes]:
        """Return the status and the content; raises whatever is not regular."""
        if self.writes:
            write: Write = self.prepared(id_, raw, _agent(scope)) if self.agent else self.prepared(id_, raw)
            return await database.write(write)
        read: Read = _remembered(self, id_, raw) if len(raw) <= LONGEST else self.prepared(id_, raw)
        return 200, await database.read(read)


@lru_cache(REMEMBERED)
def _remembered(hot: Hot, id_: str | None, raw: bytes) -> Any:
    return hot.prepared(id_, raw)


class Router(APIRouter):
    """Routes, and which of them are hot."""

    def __init__(self, prefix: str = "", tags: list[Any] | None = None) -> None:
        super().__init__(prefix=prefix, tags=tags)
        self.hot: dict[str, Hot] = {}

    def heat(self, route: str, hot: Hot) -> None:
        """Make a route hot: `POST /filter`, `GET /{id}`."""
        method, path = route.split()
        self.hot[f"{method} {self.prefix}{path}"] = hot


class Server(FastAPI):
    """FastAPI, with hot routes before it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hot: dict[str, Hot] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hot, id_ = self._hot(scope) if scope["type"] == "http" else (None, None)
        if hot is None:
            await super().__call__(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        raw = b"".join(message.get("body", b"") for message in messages)
        try:
            if messages[-1]["type"] != "http.request":
                raise ClientDisconnect  # noqa: TRY301 (FastAPI's route is told the same)
            status, content = await hot.answer(self.state.database, id_, raw, scope)
        except Exception as error:  # noqa: BLE001 (FastAPI's route comes to the same end, and tells it)
            if hot.writes and is_lost(error):
                lost = await unavailable(Request(scope), error)
                await lost(scope, receive, send)
            else:
                await super().__call__(scope, _again(messages, receive), send)
        else:
            await _send(send, status, content)

    def _hot(self, scope: Scope) -> tuple[Hot | None, str | None]:
        """Return the hot route of a request, and the id in its path."""
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        _, first, *rest = path.split("/")
        id_ = rest[0] if rest and ID.fullmatch(rest[0]) else None
        if id_ is not None:
            path = "/".join(("", first, "{id}", *rest[1:]))
        hot = self.hot.get(f"{scope['method']} {path}")
        return (hot if hot is None or hot.body is None or _sends_json(scope) else None), id_


def _agent(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")


def _sends_json(scope: Scope) -> bool:
    return any(name == b"content-type" and value.partition(b";")[0] == JSON for name, value in scope["headers"])


def _again(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def again() -> Message:
        return next(waiting, None) or await receive()

    return again


async def _send(send: Send, status: int, content: bytes) -> None:
    headers = [(b"content-length", str(len(content)).encode()), (b"content-type", JSON)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
