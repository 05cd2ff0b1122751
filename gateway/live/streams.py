"""All streams of answers: one for all who subscribe to the same, each of whom has a bounded queue of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import replace
from functools import partial

from gateway.execution import Admitted, Answer, Execution
from gateway.execution.errors import formatted
from gateway.live.feeds import Feeds
from gateway.live.sockets import Open
from gateway.live.stream import Pages, Stream
from gateway.live.subscriber import Subscriber
from gateway.settings import Settings
from gateway.upstream import Upstream
from resolvers.collection import Row
from resolvers.errors import RateLimited, Unavailable
from resolvers.topics import Followed, Span

STOPPING = "The gateway stops: subscribe again, to another or when it is back."


class Streams:
    """All subscriptions of this process."""

    def __init__(self, execution: Execution, upstream: Upstream, settings: Settings, open_: Open | None) -> None:
        self._execution = execution
        self._upstream = upstream
        self._settings = settings
        self._feeds = Feeds(open_)
        self._subscribers = 0
        self._running: dict[Hashable, tuple[Stream, asyncio.Task[None]]] = {}

    def subscribe(self, admitted: Admitted) -> Subscriber | Answer:
        """Return the answers to a subscription, or the one that says what is wrong with it."""
        most = self._settings.max_subscribers
        if self._subscribers >= most:
            return _refused(f"There are {most} subscriptions, no more at once (PREFECT_GRAPHQL_MAX_SUBSCRIBERS).")
        # Without an authorization of its own a client acts by the service's: those are one caller.
        authorization = admitted.request.authorization or self._upstream.authorization
        admitted = admitted._replace(request=replace(admitted.request, authorization=authorization))
        asked = admitted.request.asked()
        key: Hashable = asked and (*asked, admitted.request.trace)
        running = self._running.get(key) if key else None
        if running is None or running[1].done():
            subscription = self._execution.subscription(admitted)
            if isinstance(subscription, Answer):
                return subscription
            read = self._reader(authorization)
            listen = partial(self._listen, authorization, read)
            stream = Stream(subscription, listen, read, self._settings.page_size)
            running = (stream, asyncio.create_task(stream.run()))
            key = key or id(stream)
            self._running[key] = running
        return self._joined(key, *running)

    def _joined(self, key: Hashable, stream: Stream, task: "asyncio.Task[None]") -> Subscriber:
        def leave(subscriber: Subscriber) -> None:
            if subscriber not in stream.subscribers:
                return
            self._subscribers -= 1
            stream.subscribers.discard(subscriber)
            if not stream.subscribers:
                task.cancel()
                if self._running.get(key) == (stream, task):
                    del self._running[key]

        subscriber = Subscriber(self._settings.max_waiting, leave)
        self._subscribers += 1
        stream.join(subscriber)
        return subscriber

    def stop(self) -> None:
        """Tell all clients that no more comes."""
        for stream, _ in list(self._running.values()):
            stream.end(Answer(errors=[formatted(Unavailable(STOPPING))], executed=False))

    def _listen(
        self, authorization: str | None, read: Pages, topic: Followed, wanted: str, stream: Stream
    ) -> Callable[[], None]:
        return self._feeds.listen(topic, wanted, authorization, read, stream)

    def _reader(self, authorization: str | None) -> Pages:
        """Return what reads a topic by time for a caller."""

        async def read(topic: Followed, wanted: str, span: Span) -> AsyncIterator[list[Row]]:
            async with self._execution.context(authorization) as (context, _):
                async for rows in topic.read(context, wanted, span):
                    yield rows

        return read

    async def aclose(self) -> None:
        """End all."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._feeds.aclose()


def _refused(message: str) -> Answer:
    return Answer(errors=[formatted(RateLimited(message))], executed=False, status=429)
