"""The loaders of one operation: each reads a batch of keys at once, and each key once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any, Protocol

from aiodataloader import DataLoader

from resolvers.reading import chunks
from resolvers.rows import Rows
from resolvers.shared import shared

Batch = Callable[[list[str]], Awaitable[dict[str, Any]]]
"""Reads keys, sorted; a key that is missing from its answer is null, an exception there is that key's failure."""

Keys = Callable[[Sequence[Any]], Sequence[str | None]]
"""Returns the key of each row; None where it has none."""


class Loader(Protocol):
    """Reads by key, together with what else is asked at the moment."""

    def __init__(self, batch: Batch, size: int) -> None:
        """Read by `batch`, at most `size` keys a time."""

    async def read(self, key: str) -> Any:
        """Return what a key stands for."""

    async def read_many(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return what keys stand for, by key; a failure is the exception in its place."""

    def remember(self, rows: Sequence[Any], keys: Keys) -> None:
        """Remember rows that were read otherwise, so that they are not read again."""


async def in_chunks(batch: Batch, keys: Sequence[str], size: int) -> dict[str, Any]:
    """Read keys, a chunk at a time and all at once; a chunk that fails fails its own keys only.

    The keys are sorted: equal sets of them make the same call.
    """
    ordered = sorted(keys)
    parts = [ordered] if len(ordered) <= size else [list(part) for part in chunks(ordered, size)]
    answers = await settled([batch(part) for part in parts])
    found: dict[str, Any] = dict.fromkeys(keys)
    for part, answer in zip(parts, answers, strict=True):
        found |= dict.fromkeys(part, answer) if isinstance(answer, BaseException) else answer
    return found


async def settled(reads: Sequence[Awaitable[Any]]) -> list[Any]:
    """Read at once; a read that fails is its exception."""
    if len(reads) != 1:
        return await asyncio.gather(*reads, return_exceptions=True)
    try:  # without a task of its own
        return [await reads[0]]
    except Exception as failure:  # noqa: BLE001  as asyncio.gather does
        return [failure]


class KeyLoader(DataLoader[str, Any]):
    """A loader with a future for each key, for graphql-core: it resolves one field of one row at a time."""

    def __init__(self, batch: Batch, size: int) -> None:
        super().__init__()
        self._batch = batch
        self._size = size

    async def batch_load_fn(self, keys: list[str]) -> list[Any]:
        """Read the keys of a batch."""
        found = await in_chunks(self._batch, keys, self._size)
        return [found[key] for key in keys]

    async def read(self, key: str) -> Any:
        """Load one key, together with others of the moment."""
        return await shared(self.load(key))

    async def read_many(self, keys: Sequence[str]) -> dict[str, Any]:
        """Load keys; a failure is the exception in its place."""
        return dict(zip(keys, await asyncio.gather(*map(self.read, keys), return_exceptions=True), strict=True))

    def remember(self, rows: Sequence[Any], keys: Keys) -> None:
        """Remember rows that were read otherwise."""
        for key, row in zip(keys(rows), rows, strict=True):
            if key is not None:
                self.prime(key, row)


class Loaders:
    """Makes each loader on first use, keyed by what it reads."""

    def __init__(self, rows: Rows, size: int, kind: type[Loader] = KeyLoader) -> None:
        self.rows = rows
        self.size = size
        self._kind = kind
        self._made: dict[Hashable, Loader] = {}

    def of(self, batch: Callable[..., Awaitable[dict[str, Any]]], *arguments: Hashable) -> Loader:
        """Return the loader that reads by `batch(loaders, *arguments, keys)`."""
        key = (batch, *arguments)
        if key not in self._made:
            self._made[key] = self._kind(partial(batch, self, *arguments), self.size)
        return self._made[key]

    def clear(self) -> None:
        """Let go of the loaders: they refer to these in turn, and would stay until the garbage collector finds them."""
        self._made.clear()
