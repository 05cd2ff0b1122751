"""Identical reads in flight share one call."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from gateway.upstream.writes import Writes

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Flight(Generic[T]):
    """One call in flight and those who wait for it; `deadline` is the latest of theirs, in event-loop time.

    `number` is that of the writes when it began.
    """

    task: asyncio.Task[T]

    def __init__(self, deadline: float, number: int) -> None:
        self.deadline = deadline
        self.number = number
        self.waiters = 0


class Flights(Generic[K, T]):
    """The calls in flight; a new identical read joins one unless a write has begun or ended since."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._open: dict[K, Flight[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    async def join(
        self, key: K, deadline: float, fetch: Callable[[Flight[T]], Coroutine[Any, Any, T]]
    ) -> tuple[T, bool]:
        """Return the result of the call in flight for `key`, made by `fetch` if there is none, and whether it was shared.

        A caller that is cancelled leaves the call to the others; the last one to leave cancels it.
        """
        flight, shared = self.board(key, deadline, fetch)
        return await self.wait(key, flight), shared

    def board(
        self, key: K, deadline: float, fetch: Callable[[Flight[T]], Coroutine[Any, Any, T]]
    ) -> tuple[Flight[T], bool]:
        """Return the flight that `join` waits for, and whether it is shared: `wait` for it at once."""
        flight, number = self._open.get(key), self._writes.number
        if flight is not None and flight.number == number:
            flight.deadline = max(flight.deadline, deadline)
            return flight, True
        flight = self._open[key] = Flight(deadline, number)
        flight.task = self._start(self._run(key, flight, fetch))
        return flight, False

    async def aclose(self) -> None:
        """Cancel every call."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # that of a call which failed as it was cancelled has nobody else to see it

    async def _run(self, key: K, flight: Flight[T], fetch: Callable[[Flight[T]], Coroutine[Any, Any, T]]) -> T:
        try:
            return await fetch(flight)
        finally:
            self._land(key, flight)

    async def wait(self, key: K, flight: Flight[T]) -> T:
        """Return the result of a flight that was boarded."""
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
