"""Streams of answers: one for all who subscribe to the same, each with a bounded queue of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from graphql import GraphQLError

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.execution.answers import failed
from gateway.execution.errors import formatted
from gateway.execution.subscription import Subscription
from gateway.live.feeds import HORIZON, Feeds
from gateway.live.sockets import Open
from gateway.settings import Settings
from gateway.upstream import Upstream
from resolvers.collection import Row
from resolvers.errors import GatewayError, Lacking, NotFound, RateLimited
from resolvers.live import Following
from resolvers.reading import chunks
from resolvers.topics import Followed

MOST_WAITING = 20_000
"""New rows that may wait for a stream's reads."""


class Subscriber:
    """The answers to one subscription of one client, an asynchronous iterator; after an answer that ends it, no more."""

    def __init__(self, most: int, leave: Callable[["Subscriber"], None]) -> None:
        self._most = most
        self._leave = leave
        self._waiting: deque[Answer] = deque()
        self._some = asyncio.Event()
        self._ended = False

    def put(self, answer: Answer, *, last: bool = False) -> None:
        """Let an answer wait for the client; one that is too slow is told so, and gets no more."""
        if self._ended:
            return
        if not last and len(self._waiting) >= self._most:
            self._waiting.clear()
            answer, last = _too_slow(self._most), True
        self._waiting.append(answer)
        self._ended = last
        self._some.set()

    async def __aiter__(self) -> AsyncIterator[Answer]:
        """Give the answers as they come."""
        try:
            while self._waiting or not self._ended:
                while self._waiting:
                    yield self._waiting.popleft()
                if not self._ended:
                    self._some.clear()
                    await self._some.wait()
        finally:
            self.close()

    def close(self) -> None:
        """Take no more."""
        self._ended = True
        self._some.set()
        self._leave(self)


def _too_slow(most: int) -> Answer:
    error = RateLimited(
        f"The subscription has ended: more than {most} answers waited for the client to read them (PREFECT_GRAPHQL_MAX_WAITING)."
    )
    return Answer(errors=[formatted(error)], executed=False)


class _Stream:
    """What is followed for one operation of some clients, and its answers."""

    def __init__(self, streams: "Streams", subscription: Subscription) -> None:
        self.subscribers: set[Subscriber] = set()
        self._streams = streams
        self._subscription = subscription
        self._told: list[Row] = []
        self._error: GatewayError | None = None
        self._some = asyncio.Event()
        self._latest: Answer | None = None

    def join(self, subscriber: Subscriber) -> None:
        """Let a client have the answers from now on, the latest too where that is all there is to know."""
        self.subscribers.add(subscriber)
        if self._latest is not None:
            subscriber.put(self._latest)

    def hear(self, rows: Sequence[Row]) -> None:
        self._told += rows
        if len(self._told) > MOST_WAITING:
            self._told.clear()
            self.fail(RateLimited("The subscription has ended: the Prefect API tells more than can be read back."))
        self._some.set()

    def fail(self, error: GatewayError) -> None:
        self._error = error
        self._some.set()

    async def run(self) -> None:
        """Answer until it is cancelled, or nothing more comes."""
        try:
            try:
                await self._follow()
            except (Lacking, NotFound):
                if self._subscription.live.otherwise is None:
                    raise
                self._subscription.live, self._error = self._subscription.live.otherwise, None
                await self._follow()
        except GraphQLError as error:
            self._end(Answer(errors=[formatted(error)], executed=False))
        except Exception as error:  # noqa: BLE001 - whatever it is, the clients learn that no more comes
            self._end(failed(error))

    async def _follow(self) -> None:
        following = await self._subscription.follow()
        async with AsyncExitStack() as stack:
            if following.topic:
                stack.callback(self._streams.listen(following.topic, following.wanted, self._subscription, self))
            known = await self._past(following)
            if following.at_once:
                await self._answer([])
            await self._present(following, known)

    async def _past(self, following: Following) -> set[Any]:
        """Answer what came since the moment that the client names."""
        known: set[Any] = set()
        if following.since and following.topic:
            read = self._streams.reader(self._subscription.request.authorization)
            until = (datetime.now(UTC) + HORIZON).isoformat()
            async for rows in read(following.topic, following.wanted, following.since, until):
                known |= {row.get("id") for row in rows}
                await self._answer(rows)
        return known

    async def _present(self, following: Following, known: set[Any]) -> None:
        while True:
            await self._wait(following.every)
            if following.pause:
                await asyncio.sleep(following.pause)
            self._some.clear()
            if self._error:
                raise self._error
            told, self._told = self._told, []
            rows = [row for row in told if row["id"] not in known]
            if following.at_once:
                await self._answer(rows)
                continue
            for part in chunks(rows, self._streams.page):
                await self._answer(part)

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._some.wait()
        except TimeoutError:
            return

    async def _answer(self, told: Sequence[Row]) -> None:
        """Make the answers and hand them out; a value that is always the latest goes out when it has changed."""
        for answer in await self._subscription.answers(told):
            if self._subscription.latest_only:
                if self._latest is not None and self._latest.told == answer.told:
                    continue
                self._latest = answer
            for subscriber in list(self.subscribers):
                subscriber.put(answer)

    def _end(self, answer: Answer) -> None:
        for subscriber in list(self.subscribers):
            subscriber.put(answer, last=True)


class Streams:
    """All subscriptions of this process."""

    def __init__(self, execution: Execution, upstream: Upstream, settings: Settings, open_: Open | None) -> None:
        self.page = settings.page_size
        self._execution = execution
        self._upstream = upstream
        self._settings = settings
        self._feeds = Feeds(open_)
        self._running: dict[Hashable, tuple[_Stream, asyncio.Task[None]]] = {}

    def subscribe(self, request: GraphQLRequest) -> Subscriber | Answer:
        """Return the answers to a subscription, or the one that says what is wrong with it."""
        # Without an authorization of its own a client acts by the service's: those are one caller.
        request = replace(request, authorization=request.authorization or self._upstream.authorization)
        key = _key(request)
        running = self._running.get(key) if key else None
        if running is None or running[1].done():
            subscription = self._execution.subscription(request)
            if isinstance(subscription, Answer):
                return subscription
            stream = _Stream(self, subscription)
            running = (stream, asyncio.create_task(stream.run()))
            key = key or id(stream)
            self._running[key] = running
        stream, task = running

        def leave(subscriber: Subscriber) -> None:
            stream.subscribers.discard(subscriber)
            if not stream.subscribers:
                task.cancel()
                if self._running.get(key) is running:
                    del self._running[key]

        subscriber = Subscriber(self._settings.max_waiting, leave)
        stream.join(subscriber)
        return subscriber

    def listen(self, topic: Followed, wanted: str, subscription: Subscription, stream: _Stream) -> Callable[[], None]:
        """Let a stream hear of what comes."""
        authorization = subscription.request.authorization
        read = self.reader(authorization)
        return self._feeds.listen(topic, wanted, authorization, read, stream)

    def reader(self, authorization: str | None) -> Any:
        """Return what reads a topic by time for a caller."""

        async def read(topic: Followed, wanted: str, since: str, until: str) -> AsyncIterator[list[Row]]:
            async with self._execution.context(authorization) as (context, _):
                async for rows in topic.read(context, wanted, since, until):
                    yield rows

        return read

    async def aclose(self) -> None:
        """End all."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._feeds.aclose()


def _key(request: GraphQLRequest) -> Hashable:
    """Return what equal subscriptions have in common, None where that cannot be told; one that names a past has its own."""
    try:
        variables = msgspec.json.encode(request.variables)
    except (ValueError, OverflowError):
        return None
    return (request.authorization, request.query, request.id, request.operation_name, variables, request.trace)
