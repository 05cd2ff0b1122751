"""The reads of one operation, kept: graphql-core can execute it again without a second call."""

from typing import Any, Protocol

import orjson

from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.rows import Undecoded
from resolvers.rest import Rest

Key = tuple[str, str, bytes]


class Upstream(Rest, Protocol):
    """An upstream that gives its answers undecoded, to be decoded later."""

    async def answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> Undecoded:
        """Return the good answer to a read."""

    def decoded(self, method: str, path: str, answer: Any) -> Any:
        """Return the JSON of a good answer, or raise what `read` would have raised."""


class Recorded:
    """An upstream that keeps what it answered: undecoded to the plan, then as JSON to graphql-core.

    What was read once is not read again. Writes go through.
    """

    def __init__(self, rest: Upstream) -> None:
        self._rest = rest
        self._kept: dict[Key, Undecoded | Exception] = {}
        self._stopped = False

    def stop(self) -> None:
        """Make no more reads for the plan: it has met a row that does not fit."""
        self._stopped = True

    async def answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> Undecoded:
        """Return the good answer to a read of the plan."""
        key = (method, path, orjson.dumps(body))
        if self._stopped and key not in self._kept:
            raise Irregular("the plan has ended")
        return await self._answer(key, body)

    async def read(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of a read."""
        return self._rest.decoded(method, path, await self._answer((method, path, orjson.dumps(body)), body))

    async def _answer(self, key: Key, body: dict[str, Any] | None) -> Undecoded:
        if key not in self._kept:
            try:
                self._kept[key] = await self._rest.answer(key[0], key[1], body)
            except Exception as failure:  # noqa: BLE001  it is raised for each who asks
                self._kept[key] = failure
        kept = self._kept[key]
        if isinstance(kept, Exception):
            raise kept
        return kept

    async def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a write."""
        return await self._rest.write(method, path, body)
