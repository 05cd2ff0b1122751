"""What the execution needs of an upstream."""

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Protocol

from gateway.execution.recorded import Upstream as Answers
from gateway.execution.request import Answer


class Session(Answers, Protocol):
    """The upstream for one operation; `calls` is what it was asked, for `extensions.upstream`."""

    calls: list[dict[str, Any]]

    def close(self) -> None:
        """End the calls in flight, for which nobody waits any more."""


class Shared(Protocol):
    """What is in flight (`gateway.upstream.sharing.Flights`)."""

    async def join(
        self, key: Hashable, deadline: float, fetch: Callable[[Any], Coroutine[Any, Any, Answer]]
    ) -> tuple[Answer, bool]:
        """Return what is in flight for a key, begun by `fetch` if nothing is, and whether it was shared."""


class Upstream(Protocol):
    """Where sessions come from (`gateway.upstream.Upstream`)."""

    def session(self, *, authorization: str | None, deadline: float, trace: bool) -> Session:
        """Return the upstream for one operation of one caller; `deadline` is in event-loop time."""
        ...

    def flights(self) -> Shared:
        """Return a table of what is in flight; nothing joins what began before a write."""
        ...
