"""Identical reads in flight share one call."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Flight(Generic[T]):
    """One call in flight and those who wait for it; `deadline` is the latest of theirs, in event-loop time."""

    task: asyncio.Task[T]

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.waiters = 0


class Flights(Generic[K, T]):
    """The calls in flight, and which of them a new identical read may join."""

    def __init__(self) -> None:
        self._open: dict[K, Flight[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    async def join(
        self, key: K, deadline: float, fetch: Callable[[Flight[T]], Coroutine[Any, Any, T]]
    ) -> tuple[T, bool]:
        """Return the result of the call in flight for `key`, made by `fetch` if there is none, and whether it was shared.

        A caller that is cancelled leaves the call to the others; the last one to leave cancels it.
        """
        flight = self._open.get(key)
        shared = flight is not None
        if flight is None:
            flight = self._open[key] = Flight(deadline)
            flight.task = self._start(self._run(key, flight, fetch))
        flight.deadline = max(flight.deadline, deadline)
        return await self._wait(key, flight), shared

    def close(self) -> None:
        """End the sharing: whoever asks from now on gets a new call; those who wait keep theirs."""
        self._open.clear()

    async def aclose(self) -> None:
        """Cancel every call."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, key: K, flight: Flight[T], fetch: Callable[[Flight[T]], Coroutine[Any, Any, T]]) -> T:
        try:
            return await fetch(flight)
        finally:
            self._land(key, flight)

    async def _wait(self, key: K, flight: Flight[T]) -> T:
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters:
                self._land(key, flight)
                flight.task.cancel()

    def _land(self, key: K, flight: Flight[T]) -> None:
        if self._open.get(key) is flight:
            del self._open[key]
