"""The reads of one operation: each is made once, whoever asks for it again."""

import asyncio
from typing import Any, Protocol

import orjson

from resolvers.rest import Rest

Key = tuple[str, str, bytes]

UNTIL_LOADERS_READ = 2
"""Turns of the event loop from a key's being asked to the read of its batch, in aiodataloader."""


class Upstream(Rest, Protocol):
    """An upstream that gives its answers undecoded, to be decoded later."""

    async def answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the good answer to a read."""

    def decoded(self, method: str, path: str, answer: Any) -> Any:
        """Return the JSON of a good answer, or raise what `read` would have raised."""


class Stopped(Exception):
    """No more reads are made for a plan that has ended."""


class Recorded:
    """An upstream that keeps what it answered until a write: undecoded for a plan, as JSON for graphql-core.

    So graphql-core can execute again what a plan leaves to it, without a second call.
    """

    def __init__(self, rest: Upstream) -> None:
        self._rest = rest
        self._kept: dict[Key, Any] = {}
        self._stopped = False

    def stop(self) -> None:
        """Make no more reads for the plan: it has met a row that does not fit."""
        self._stopped = True

    async def answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the good answer to a read of the plan."""
        key = (method, path, orjson.dumps(body))
        if self._stopped and key not in self._kept:
            raise Stopped
        return await self._answer(key, body)

    async def read(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of a read."""
        key = (method, path, orjson.dumps(body))
        if key in self._kept:
            # A loader must begin what was asked at the same time, or it would find rows of this answer in its place.
            for _ in range(UNTIL_LOADERS_READ):
                await asyncio.sleep(0)
        return self._rest.decoded(method, path, await self._answer(key, body))

    async def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a write; what was read before it may be out of date."""
        try:
            return await self._rest.write(method, path, body)
        finally:
            self._kept.clear()

    async def _answer(self, key: Key, body: dict[str, Any] | None) -> Any:
        if key not in self._kept:
            try:
                self._kept[key] = await self._rest.answer(key[0], key[1], body)
            except Exception as failure:  # noqa: BLE001  it is raised for each who asks
                self._kept[key] = failure
        kept = self._kept[key]
        if isinstance(kept, Exception):
            raise kept
        return kept
