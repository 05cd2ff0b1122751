"""The transport to an ASGI app in this process."""

import asyncio
import logging
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from gateway.upstream.transport import BrokenOff, Reply

_log = logging.getLogger(__name__)


class AsgiTransport:
    """A transport to an app whose API's root is at `prefix`; its lifespan is the caller's business.

    What it raises is logged: a 500, or an answer that broke off.
    """

    ends_cancelled = True

    def __init__(self, app: ASGIApp, prefix: str = "") -> None:
        self._app = app
        self._prefix = prefix

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        exchange = _Exchange(body or b"")
        try:
            await self._app(self._scope(method, path, body, headers), exchange.receive, exchange.send)
        except Exception:  # noqa: BLE001 - whatever the app raises, its caller gets an answer
            _log.exception("the embedded server failed on %s %s%s", method, self._prefix, path)
            if exchange.status is None:
                return 500, {}, b""
        if exchange.status is None or not exchange.complete.is_set():
            raise BrokenOff("the embedded server did not finish its answer")
        return exchange.status, exchange.headers, b"".join(exchange.parts)

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""

    def _scope(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Scope:
        address, _, query = path.partition("?")
        fields = [(b"host", b"embedded"), *((name.encode(), value.encode()) for name, value in headers.items())]
        if body is not None:
            fields.append((b"content-length", b"%d" % len(body)))
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(self._prefix + address),
            "raw_path": (self._prefix + address).encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": fields,
            "server": ("embedded", 80),
            "client": ("127.0.0.1", 0),
        }


class _Exchange:
    """One request as the app receives it, and the answer that it sends."""

    def __init__(self, body: bytes) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.complete = asyncio.Event()
        self._body: bytes | None = body

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self.complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message.get("headers", ())
            }
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete.set()
