"""When the fields of an operation read: from the moment they ask for rows to the moment they have them."""

import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphql import GraphQLResolveInfo

Keys = tuple[str, ...]
"""Where fields are in an answer, by their response keys: a level's rows are read at one time, so indexes do not matter."""

OF_ROWS = {"edges", "nodes", "pageInfo"}
"""The fields of a connection that wait for its rows: they are the connection's read."""


class Times:
    """The times of one operation, which begins now. `spans` are nanoseconds from its start, of each field that read."""

    def __init__(self) -> None:
        self.start = time.time_ns()
        """In nanoseconds of the epoch."""
        self.spans: dict[Keys, tuple[int, int]] = {}
        self._begun = time.perf_counter_ns()

    def passed(self) -> int:
        """Return how many nanoseconds have passed since the start."""
        return time.perf_counter_ns() - self._begun

    @contextmanager
    def reading(self, field: Keys) -> Iterator[None]:
        """Take the time in which a field reads; what it reads by several reads is one span."""
        start = self.passed()
        try:
            yield
        finally:
            first, last = self.spans.get(field, (start, start))
            self.spans[field] = (min(first, start), max(last, self.passed()))

    def resolve(
        self, resolver: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], /, **arguments: Any
    ) -> Any:
        """Take the times of graphql-core's resolvers, as its middleware: those that are awaited read."""
        value = resolver(source, info, **arguments)
        return self._awaited(value, info) if inspect.isawaitable(value) else value

    async def _awaited(self, value: Awaitable[Any], info: GraphQLResolveInfo[Any]) -> Any:
        keys = tuple(key for key in info.path.as_list() if isinstance(key, str))
        of_rows = info.field_name in OF_ROWS and info.parent_type.name.endswith("Connection")
        with self.reading(keys[:-1] if of_rows else keys):
            return await value
