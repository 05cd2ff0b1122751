"""Rows as Structs, and loaders of whole levels: the compiled counterparts of JSON rows and a future a key."""

import asyncio
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

import msgspec
from pydantic import BaseModel

from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.shapes import Decoders, attribute
from resolvers.loaders import Batch, Keys, in_chunks
from resolvers.rest import Rest
from resolvers.rows import Page


class Undecoded(Protocol):
    """A good answer of the upstream: its bytes, decoded once for all who share it."""

    def rows(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        """Return what the decoder makes of it; raises `msgspec.MsgspecError`."""


class Answers(Rest, Protocol):
    """An upstream that also gives its answers undecoded."""

    async def answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> Undecoded:
        """Return the good answer to a read."""

    def stop(self) -> None:
        """Make no more reads: what was read does not fit."""


UNREAD = Decoders(msgspec.defstruct("Row", []))
"""Rows of which nothing is read: they are counted."""


class StructRows:
    """Rows as the Structs of one plan (`resolvers.rows.Rows`); one that does not fit its Struct is Irregular."""

    def __init__(self, rest: Answers, decoders: Mapping[type[BaseModel], Decoders]) -> None:
        self.rest: Rest = rest
        self._answers = rest
        self._decoders = decoders

    async def read(
        self, model: type[BaseModel], method: str, path: str, body: dict[str, Any] | None = None
    ) -> list[Any]:
        """Read a list of rows."""
        rows: list[Any] = self._decoded(await self._answers.answer(method, path, body), self._of(model).many)
        return rows

    async def read_one(self, model: type[BaseModel], method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Read one row."""
        return self._decoded(await self._answers.answer(method, path, body), self._of(model).one)

    async def read_page(
        self, model: type[BaseModel], key: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Page:
        """Read an object that holds rows at a key."""
        page = self._decoded(await self._answers.answer(method, path, body), self._of(model).page(key))
        return Page(page.rows, page.total, page.next_page)

    def _decoded(self, answer: Undecoded, decoder: msgspec.json.Decoder[Any]) -> Any:
        try:
            return answer.rows(decoder)
        except (msgspec.MsgspecError, UnicodeDecodeError) as unfit:
            self._answers.stop()
            raise Irregular(str(unfit)) from None

    def _of(self, model: type[BaseModel]) -> Decoders:
        return self._decoders.get(model, UNREAD)

    def column(self, rows: Sequence[Any], key: str) -> list[str | None]:
        """Return a key of each row."""
        return list(map(attrgetter(attribute(key)), rows))

    def numbers(self, rows: Sequence[Any], key: str) -> list[int]:
        """Return a key of each row."""
        return [value or 0 for value in map(attrgetter(attribute(key)), rows)]


class LevelLoader:
    """A loader of whole levels (`resolvers.loaders.Loader`): one task for a batch, none for a key."""

    def __init__(self, batch: Batch, size: int) -> None:
        self._batch = batch
        self._size = size
        self._found: dict[str, Any] = {}
        self._remembered: list[tuple[Sequence[Any], Keys]] = []
        self._keys: dict[str, None] = {}
        """The keys of the batch that is about to be read, together with what else is asked at the moment."""
        self._open: asyncio.Task[None] | None = None
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def read(self, key: str) -> Any:
        """Return what a key stands for."""
        value = (await self.read_many((key,)))[key]
        if isinstance(value, BaseException):
            raise value
        return value

    async def read_many(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return what keys stand for, by key; a failure is the exception in its place."""
        if self._remembered:
            self._recall()
        missing = [key for key in keys if key not in self._found] if self._found else keys
        if missing:
            new = [key for key in missing if key not in self._reading] if self._reading else missing
            if new:
                if self._open is None:
                    self._open = asyncio.create_task(self._read())
                self._keys |= dict.fromkeys(new)
                self._reading |= dict.fromkeys(new, self._open)
            for task in {self._reading[key] for key in missing}:
                await task
        return {key: self._found[key] for key in keys}

    async def _read(self) -> None:
        await asyncio.sleep(0)  # as aiodataloader: what is asked a step later joins the batch
        keys, self._keys, self._open = list(self._keys), {}, None
        found = await in_chunks(self._batch, keys, self._size)
        self._found |= found

    def remember(self, rows: Sequence[Any], keys: Keys) -> None:
        """Remember rows that were read otherwise; most operations never ask for them."""
        self._remembered.append((rows, keys))

    def _recall(self) -> None:
        remembered, self._remembered = self._remembered, []
        for rows, keys in remembered:
            known: dict[Any, Any] = dict(zip(keys(rows), rows, strict=True))
            self._found = known | self._found
