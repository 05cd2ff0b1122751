"""What the upstream tells of, followed by one connection for all who listen: a socket, or reads again and again.

A socket may die and a server restart. So what came in the time around is read too, by its time, and what was told before is
known by its id: nothing is lost, nothing is told twice.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from gateway.live.sockets import Gone, Open, Refused
from resolvers.collection import Row
from resolvers.errors import GatewayError, RateLimited, Unavailable, UpstreamError, UpstreamTimeout
from resolvers.topics import Followed

logger = logging.getLogger("gateway")

INTERVAL = 1.0
"""Seconds between two reads where there is no socket."""
RETRY = 60.0
"""Seconds until a socket that was refused is tried again."""
LONGEST_BACKOFF = 15.0
OVERLAP = timedelta(seconds=30)
"""How far before what is known it is read again: rows come late, and clocks differ."""
AGAIN = (1.0, 6.0, 20.0)
"""Seconds after a connection at which is read what came before it: a server writes down some seconds later what it tells."""
HORIZON = timedelta(days=3650)

PASSING = (Unavailable, UpstreamTimeout, RateLimited)
"""Errors of an upstream that may be well again soon."""

Read = Callable[[Followed, str, str, str], AsyncIterator[list[Row]]]
"""`read(topic, wanted, since, until)` gives the pages of what came in a time."""


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
    _begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    _heard: datetime = field(default_factory=lambda: datetime.now(UTC))
    _told: dict[str, datetime] = field(default_factory=dict)
    _whole: bool = False
    _speaks: bool = False

    async def run(self) -> None:
        """Follow until it is cancelled, or nothing can be had."""
        failures, refused = 0, -RETRY
        loop = asyncio.get_running_loop()
        try:
            if self.topic.stays:
                await self._catch_up()
            while True:
                if self.open and self.topic.path and loop.time() - refused >= RETRY:
                    try:
                        await self._follow(self.open)
                    except Refused:
                        refused, failures = loop.time(), 0
                    except Gone:
                        failures += 1
                with suppress(*PASSING):
                    await self._catch_up()
                await asyncio.sleep(self._pause(failures))
        except GatewayError as error:
            self._fail(error)
        except Exception:
            logger.exception("A feed of %s has ended", self.topic.collection.name)
            self._fail(UpstreamError("The upstream told something that makes no sense."))

    def _pause(self, failures: int) -> float:
        longest = min(INTERVAL * 2.0 ** max(failures - 1, 0), LONGEST_BACKOFF)
        return longest * random.uniform(0.7, 1.0)  # noqa: S311  not for secrets

    def _fail(self, error: GatewayError) -> None:
        for listener in list(self.listeners):
            listener.fail(error)

    async def _follow(self, open_: Open) -> None:
        """Tell what a socket tells; raises Refused or Gone when it ends."""
        since, until = self._span()
        late: asyncio.Task[None] | None = None
        async with open_(
            self.topic.path or "", self.topic.filter(self.wanted, since, until), self.authorization
        ) as messages:
            try:
                async for message in messages:
                    if late is None:
                        late = asyncio.create_task(self._catch_up_late(since))
                    row = message.get(self.topic.collection.one)
                    if isinstance(row, dict):
                        self._speaks = True
                        self._tell([row])
                    if late.done():
                        self._forget()
                    self._heard = datetime.now(UTC)
            finally:
                if late:
                    late.cancel()

    async def _catch_up_late(self, since: str) -> None:
        waited = 0.0
        for moment in (0.0, *AGAIN):
            await asyncio.sleep(moment - waited)
            waited = moment
            with suppress(UpstreamError):
                await self._catch_up(since)
        while self.topic.silent and not self._speaks:
            await asyncio.sleep(INTERVAL)
            with suppress(UpstreamError):
                await self._catch_up()

    async def _catch_up(self, since: str | None = None) -> None:
        begun = datetime.now(UTC)
        earliest, until = self._span()
        async for rows in self.read(self.topic, self.wanted, since or earliest, until):
            self._tell(rows)
        self._whole = True
        self._forget()
        self._heard = max(self._heard, begun)

    def _span(self) -> tuple[str, str]:
        since = max(self._begun, self._heard - OVERLAP)
        return since.isoformat(), (datetime.now(UTC) + HORIZON).isoformat()

    def _tell(self, rows: Sequence[Row]) -> None:
        now = datetime.now(UTC)
        new: list[Row] = []
        for row in rows:
            key = self.topic.known_by(row)
            if key is None:
                continue
            if self._told.pop(key, None) is None:
                new.append(row)
            self._told[key] = now
        # Of rows that stay, the first reading only tells what there is.
        if new and (self._whole or not self.topic.stays):
            for listener in list(self.listeners):
                listener.hear(new)

    def _forget(self) -> None:
        """Forget what will not be read again: it stands in the order in which it was seen last."""
        seen = datetime.now(UTC) - 2 * OVERLAP - timedelta(seconds=AGAIN[-1])
        for key in list(self._told):
            if self._told[key] > seen:
                return
            del self._told[key]


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
