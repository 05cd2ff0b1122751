"""Origins of pages in a browser: those that a setting allows, and those that are refused where callers need no credentials."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ANY = "*"

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_PORTS = {"http": 80, "https": 443}


def allowed_origins(setting: str | None) -> tuple[str, ...]:
    """Return the origins of `settings.cors_origins` as browsers write them, `*` alone for all; raises ValueError."""
    named = [origin.strip() for origin in (setting or "").split(",") if origin.strip()]
    return (ANY,) if ANY in named else tuple(dict.fromkeys(map(_origin, named)))


def _origin(named: str) -> str:
    """Write an origin as browsers do: in lower case, without the scheme's own port and a slash at the end."""
    parts = _ORIGIN.fullmatch(named.lower().removesuffix("/"))
    if parts is None:
        msg = (
            f"{named!r} is no origin of pages (PREFECT_GRAPHQL_CORS_ORIGINS): write scheme://host or scheme://host:port, "
            "such as https://app.example.com, without a path or placeholders, or * alone for all."
        )
        raise ValueError(msg)
    scheme, host, port = parts.groups()
    number = int(port) if port else _PORTS.get(scheme)
    return f"{scheme}://{host}" if number == _PORTS.get(scheme) else f"{scheme}://{host}:{number}"


class SameOrigin:
    """An ASGI application behind which only pages of the same host can act for whoever runs the gateway.

    A browser says in `Origin` which page a request is from; other clients do not send it. Where `open_to_all` says that
    callers need no credentials of their own, a foreign page without an `Authorization` header is answered 403, also where it
    opens a websocket, which no browser lets send one.
    """

    def __init__(self, app: ASGIApp, open_to_all: Callable[[], bool]) -> None:
        self._app = app
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        kind = scope["type"]
        if kind not in {"http", "websocket"} or not self._open_to_all() or not foreign(scope):
            await self._app(scope, receive, send)
        elif kind == "websocket":
            # A close before the connection is accepted is a 403 to the client.
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            detail = "Pages of other sites can't use this API without an Authorization header of their own."
            await JSONResponse({"detail": detail}, status_code=403)(scope, receive, send)


def foreign(scope: Scope) -> bool:
    """Tell whether a request is from another site's page that sends no credentials of its own."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None or "authorization" in headers:
        return False
    return urlsplit(origin).netloc not in {headers.get("host"), headers.get("x-forwarded-host")}
