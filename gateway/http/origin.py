"""Refuses what other sites' pages send in a browser to an API that the gateway opens without the caller's credentials."""

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class SameOrigin:
    """An ASGI application behind which only pages of the same host can act for whoever runs the gateway.

    A browser says in `Origin` which page a request is from; other clients do not send it. Where `open_to_all` says that
    callers need no credentials of their own, a foreign page without an `Authorization` header is answered 403.
    """

    def __init__(self, app: ASGIApp, open_to_all: Callable[[], bool]) -> None:
        self._app = app
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and self._open_to_all() and _foreign(Headers(scope=scope)):
            detail = "Pages of other sites can't use this API without an Authorization header of their own."
            await JSONResponse({"detail": detail}, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _foreign(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None or "authorization" in headers:
        return False
    return urlsplit(origin).netloc not in {headers.get("host"), headers.get("x-forwarded-host")}
