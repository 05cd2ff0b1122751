"""GraphQL over server-sent events, distinct connections mode: a response for each operation.

Specification: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any

from starlette.types import Receive, Send

from gateway.execution import Answer
from gateway.live import Subscriber

SSE = "text/event-stream"
KEEP_ALIVE = 12.0
"""Seconds after which a comment is sent where there is nothing to say: what stands between would close the connection."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"vary", b"accept, accept-encoding"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
]
_COMMENT = b":\n\n"
_COMPLETE = b"event: complete\ndata: \n\n"


async def respond(answers: Subscriber | Awaitable[Answer] | Answer, receive: Receive, send: Send) -> None:
    """Send answers as they come, until there are no more or the client leaves."""
    sending = asyncio.create_task(_send(answers, send))
    leaving = asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)
        if isinstance(answers, Subscriber):
            answers.close()


async def _send(answers: Subscriber | Awaitable[Answer] | Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    said = asyncio.Lock()

    async def say(content: bytes, *, more: bool = True) -> None:
        async with said:
            await send({"type": "http.response.body", "body": content, "more_body": more})

    # The first comment lets the client know that it is heard.
    await say(_COMMENT)
    alive = asyncio.create_task(_keep_alive(say))
    try:
        async for answer in _each(answers):
            await say(b"event: next\ndata: %b\n\n" % answer.content())
    finally:
        alive.cancel()
        with suppress(asyncio.CancelledError):
            await alive
    await say(_COMPLETE, more=False)


async def _each(answers: Subscriber | Awaitable[Answer] | Answer) -> AsyncIterator[Answer]:
    if isinstance(answers, Subscriber):
        async for answer in answers:
            yield answer
    else:
        yield answers if isinstance(answers, Answer) else await answers


async def _keep_alive(say: Any) -> None:
    while True:
        await asyncio.sleep(KEEP_ALIVE)
        await say(_COMMENT)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
