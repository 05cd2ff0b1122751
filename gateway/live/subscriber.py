"""One client's side of a subscription: a bounded queue of answers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from gateway.execution import Answer
from gateway.execution.errors import formatted
from resolvers.errors import RateLimited


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
