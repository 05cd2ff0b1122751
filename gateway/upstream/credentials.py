"""What the upstream asks of a request beside the request itself: the service credential and CSRF tokens."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from uuid import uuid4

import orjson

from gateway.settings import Settings
from gateway.upstream.transport import Reply, Transport


def service_authorization(settings: Settings) -> str | None:
    """Return the `Authorization` header for callers without one.

    As in Prefect's own client, the `user:password` string goes before the API key. Raises ValueError for a credential
    that no header can carry.
    """
    if settings.api_auth_string:
        token = base64.b64encode(settings.api_auth_string.get_secret_value().encode()).decode()
        return f"Basic {token}"
    if not settings.api_key:
        return None
    key = settings.api_key.get_secret_value()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(
            "The API key holds characters that cannot be sent (a line break at its end?): see PREFECT_GRAPHQL_API_KEY."
        )
    return f"Bearer {key}"


def token_of(authorization: str | None) -> str | None:
    """Return what an `Authorization` header says, as a message says it: a key, or `user:password`."""
    scheme, _, credential = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return credential or None
    try:
        return base64.b64decode(credential).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


class CsrfTransport:
    """A transport that shows a CSRF token to servers with `PREFECT_SERVER_CSRF_PROTECTION_ENABLED`.

    Such a server refuses before it does anything, so that the same request is safe to send once more with a token.
    Source: `GET /csrf-token`.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.ends_cancelled = transport.ends_cancelled
        self._client = str(uuid4())
        self._token: str | None = None
        self._renewal = asyncio.Lock()

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        token = self._token
        reply = await self._transport.send(method, path, body, self._with_token(headers, token))
        if reply[0] != 403 or b"CSRF" not in reply[2]:
            return reply
        async with self._renewal:
            if self._token == token:
                self._token = await self._new_token(headers)
        return await self._transport.send(method, path, body, self._with_token(headers, self._token))

    def _with_token(self, headers: Mapping[str, str], token: str | None) -> Mapping[str, str]:
        if token is None:
            return headers
        return {**headers, "prefect-csrf-client": self._client, "prefect-csrf-token": token}

    async def _new_token(self, headers: Mapping[str, str]) -> str | None:
        status, _, body = await self._transport.send("GET", f"/csrf-token?client={self._client}", None, headers)
        return str(orjson.loads(body)["token"]) if status == 200 else None

    async def aclose(self) -> None:
        await self._transport.aclose()
