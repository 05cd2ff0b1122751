"""Tells the upstream's client of writes that reach the REST API without it."""

from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Notes(Protocol):
    """What is told of writes (`gateway.upstream.Upstream`)."""

    def writing(self) -> AbstractContextManager[None]:
        """Around a write: no read that comes after its start or its end joins one from before."""


class Noted:
    """An ASGI application whose writes end the sharing of reads, so that who writes by it reads that by `/graphql`.

    A write ends when its answer begins: before the caller can know that it is done.
    """

    def __init__(self, app: ASGIApp, notes: Notes) -> None:
        self._app = app
        self._notes = notes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] in READS:
            await self._app(scope, receive, send)
            return
        with ExitStack() as writing:

            async def answer(message: Message) -> None:
                writing.close()
                await send(message)

            writing.enter_context(self._notes.writing())
            await self._app(scope, receive, answer)
