"""What the upstream tells of, followed by one connection for all who listen, and read where none tells of it.

A socket may die, a server restart, and one that is busy may leave out what it should tell. So what came in the time around is
read too, and read again as long as that may be incomplete; what was told before is known: nothing is lost, nothing told twice.
"""

import asyncio
import logging
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.live.memory import Reading, memory_of, until_forever
from gateway.live.sockets import Gone, Open, Refused
from resolvers.collection import Row
from resolvers.errors import (
    Forbidden,
    GatewayError,
    Lacking,
    NotFound,
    RateLimited,
    Rejected,
    Unauthenticated,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from resolvers.topics import Followed, Span, Topic

logger = logging.getLogger("gateway")

INTERVAL = 1.0
"""Seconds between two reads where there is no socket."""
RETRY = 60.0
"""Seconds until a socket that was refused is tried again."""
LONGEST_BACKOFF = 15.0
LASTING = 10.0
"""Seconds after which a connection that is lost was a good one."""
AGAIN = (1.0, 6.0, 20.0)
"""Seconds after a connection at which is read what came before it: a server writes down some seconds later what it tells."""
AUDIT = 30.0
"""Seconds between two reads beside a socket: Prefect leaves out what does not fit into its queue of 256."""
BURST = (200, 2.0)
"""So many rows in so many seconds may be what is left of more: that is read after AGAIN[1] seconds."""
EVERY_LATE = 15.0
"""Seconds until rows that come late are sought again."""
PATIENCE = 10
"""Failures in a row after which an error of the upstream is one that stays."""

PASSING = (Unavailable, UpstreamTimeout, RateLimited)
"""Errors of an upstream that may be well again soon."""
LASTING_ERRORS = (Rejected, NotFound, Lacking)
"""Errors that the next reading would have too, of an upstream that never answered otherwise."""

Read = Callable[[Followed, str, Span], AsyncIterator[list[Row]]]
"""`read(topic, wanted, span)` gives the pages of what came in a time."""


class Listener(Protocol):
    """Hears what a feed tells."""

    def hear(self, rows: Sequence[Row]) -> None:
        """Take new rows."""

    def fail(self, error: GatewayError) -> None:
        """Learn that no more will come, and why."""


@dataclass(eq=False)
class Feed:
    """The rows of a topic that fit a filter, for whoever listens, from when the first began."""

    topic: Followed
    wanted: str
    authorization: str | None
    read: Read
    open: Open | None
    listeners: set[Listener] = field(default_factory=set)
    _failures: int = 0
    _answered: bool = False
    _connected: float | None = None
    _trusted: bool = False
    """Whether the socket tells all there is, as far as is known."""
    _settled: bool = False
    """Whether what came before the connection has been read for the last time."""
    _burst: tuple[float, int] = (-math.inf, 0)
    """Since when rows are counted, and how many came."""
    _hurry: float = math.inf
    """When is read what a burst may have left out."""
    _held: list[Row] | None = None
    """What the socket told before the first reading after its connection."""
    _late: float = 0.0
    """When what comes late is sought again; never, as long as a socket tells it."""

    def __post_init__(self) -> None:
        self._memory = memory_of(self.topic)
        self._woken = asyncio.Event()
        self._trusted = isinstance(self.topic, Topic) and not self.topic.silent
        if self._trusted and self.open and self.topic.path:
            self._late = math.inf

    async def run(self) -> None:
        """Follow until it is cancelled, or nothing can be had."""
        async with AsyncExitStack() as stack:
            try:
                if self.open and self.topic.path:
                    following = asyncio.create_task(self._keep_following(self.open, self.topic.path))
                    stack.push_async_callback(ended, following)
                    await self._woken.wait()
                await self._keep_reading()
            except GatewayError as error:
                self._fail(error)
            except Exception:
                logger.exception("A feed of %s has ended", self.topic.collection.name)
                self._fail(UpstreamError("The upstream told something that makes no sense."))

    def _fail(self, error: GatewayError) -> None:
        for listener in list(self.listeners):
            listener.fail(error)

    async def _keep_following(self, open_: Open, path: str) -> None:
        """Tell what a socket tells, again whenever it is lost."""
        failures = 0
        while True:
            try:
                failures = 0 if await self._follow(open_, path) else failures + 1
                await asyncio.sleep(backoff(failures))
            except Refused:
                await asyncio.sleep(RETRY)

    async def _follow(self, open_: Open, path: str) -> bool:
        """Tell what one connection tells; returns whether it lasted. Raises Refused."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        wanted = self.topic.told(self.wanted, until_forever()) if isinstance(self.topic, Topic) else {}
        try:
            async with open_(path, wanted, self.authorization) as messages:
                async for message in messages:
                    if self._connected is None:
                        self._connected, self._settled, self._held = loop.time(), False, []
                        self._woken.set()
                    row = message.get(self.topic.collection.one)
                    if isinstance(row, dict):
                        self._trusted = True
                        self._hear(row)
        except Gone:
            pass
        except Refused:
            raise
        except Exception:
            logger.exception("A socket of %s has failed", self.topic.collection.name)
        finally:
            self._lose()
        return loop.time() - begun > LASTING

    def _hear(self, row: Row) -> None:
        """Tell a row of the socket, after what came before the connection."""
        at = asyncio.get_running_loop().time()
        since, number = self._burst if at - self._burst[0] <= BURST[1] else (at, 0)
        self._burst = (since, number + 1)
        if number + 1 == BURST[0]:
            self._hurry = at + AGAIN[1]
            self._woken.set()
        if self._held is None:
            self._tell(self._memory.news([row]))
        else:
            self._held.append(row)

    def _release(self) -> None:
        held, self._held = self._held or [], None
        self._tell(self._memory.news(held))

    def _lose(self) -> None:
        """Note that there is no connection: what came since all was known is to be read."""
        self._release()
        if self._connected is not None and self._settled:
            self._memory.complete()
        self._connected, self._late = None, 0.0
        self._woken.set()

    async def _keep_reading(self) -> None:
        """Read what no socket tells; raises a GatewayError where that can't be mended by waiting."""
        while True:
            self._woken.clear()
            connected = self._connected
            try:
                await self._catch_up()
                self._failures, self._answered = 0, True
            except (Unauthenticated, Forbidden):
                raise
            except UpstreamError as error:
                self._failures += 1
                lasts = not self._answered and isinstance(error, LASTING_ERRORS)
                if lasts or (self._failures >= PATIENCE and not isinstance(error, PASSING)):
                    raise
            if connected is not None and connected == self._connected:
                self._release()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._woken.wait()

    def _pause(self) -> float:
        """Return the seconds until the next reading."""
        if self._failures:
            return backoff(self._failures)
        if self._connected is None or not self._trusted:
            return backoff(1)
        at = asyncio.get_running_loop().time()
        since = at - self._connected
        return min(self._hurry - at, next((moment - since for moment in AGAIN if moment > since), AUDIT))

    async def _catch_up(self) -> None:
        loop = asyncio.get_running_loop()
        begun, connected, settled = loop.time(), self._connected, self._settled
        self._hurry = self._hurry if begun < self._hurry else math.inf
        reading = self._memory.begin()
        missed = await self._tell_read(reading, reading.span)
        if reading.late and begun >= self._late:
            await self._tell_read(reading, reading.late)
            self._late = begun + EVERY_LATE
        self._memory.end(reading)
        if connected is None or connected != self._connected:
            return
        if settled and missed:
            self._trusted, self._late = False, 0.0
        elif begun - connected >= AGAIN[-1]:
            self._settled, self._late = True, math.inf if self._trusted else self._late

    async def _tell_read(self, reading: Reading, span: Span) -> bool:
        """Tell what is new of a time; returns whether there was any."""
        missed = False
        async for rows in self.read(self.topic, self.wanted, span):
            missed |= self._tell(self._memory.news(rows, reading))
        return missed

    def _tell(self, rows: Sequence[Row]) -> bool:
        if rows:
            for listener in list(self.listeners):
                listener.hear(rows)
        return bool(rows)


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures."""
    longest = min(INTERVAL * 2.0 ** min(max(failures - 1, 0), 10), LONGEST_BACKOFF)
    return longest * random.uniform(0.7, 1.0)  # noqa: S311  not for secrets


async def ended(task: "asyncio.Task[None]") -> None:
    """End a task."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Feeds:
    """The feeds in use: one for each topic, filter and credentials, for as long as somebody listens."""

    def __init__(self, open_: Open | None) -> None:
        self._open = open_
        self._running: dict[Any, tuple[Feed, asyncio.Task[None]]] = {}

    def listen(
        self, topic: Followed, wanted: str, authorization: str | None, read: Read, listener: Listener
    ) -> Callable[[], None]:
        """Let a listener hear of what comes from now on; returns what ends it."""
        key = (topic, wanted, authorization)
        running = self._running.get(key)
        if running is None or running[1].done():
            feed = Feed(topic, wanted, authorization, read, self._open)
            running = self._running[key] = (feed, asyncio.create_task(feed.run()))
        feed, task = running
        feed.listeners.add(listener)

        def end() -> None:
            feed.listeners.discard(listener)
            if not feed.listeners:
                task.cancel()
                if self._running.get(key) is running:
                    del self._running[key]

        return end

    async def aclose(self) -> None:
        """End all."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
