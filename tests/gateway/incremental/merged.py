"""Answers in parts as a client reads them: cut at the delimiters, and put together."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx

OLD, NEW = "multipart/mixed;deferSpec=20220824", "multipart/mixed;incrementalSpec=v0.2"

Part = dict[str, Any]


async def parts_of(response: httpx.Response) -> AsyncIterator[Part]:
    """Give each part of a response when its delimiter is there."""
    left = b""
    async for chunk in response.aiter_bytes():
        *whole, left = (left + chunk).split(b"\r\n---")
        for each in whole:
            if each:
                head, _, body = each.partition(b"\r\n\r\n")
                assert head == b"\r\ncontent-type: application/json; charset=utf-8"
                yield json.loads(body)
    assert left == b"--\r\n"


class Merged:
    """What the parts in either format make; `errors` in the order in which they came.

    `ended` are the paths of fragments and lists that were ended by an error. What no client could put together fails.
    """

    def __init__(self, parts: list[Part]) -> None:
        self.data: Any = parts[0]["data"]
        self.errors: list[Any] = list(parts[0].get("errors", ()))
        self.ended: list[tuple[str | int, ...]] = []
        self._pending: dict[str, Part] = {}
        assert [part["hasNext"] for part in parts] == [True] * (len(parts) - 1) + [False]
        for part in parts:
            self._add(part)
        assert self._pending == {}

    def at(self, path: Sequence[str | int]) -> Any:
        """Return what is at a path."""
        found = self.data
        for step in path:
            found = found[step]
        return found

    def _add(self, part: Part) -> None:
        announced = {each["id"]: each for each in part.get("pending", ())}
        assert announced.keys().isdisjoint(self._pending)
        self._pending |= announced
        for payload in part.get("incremental", ()):
            self.errors += payload.get("errors", ())
            self._place(payload)
        for completed in part.get("completed", ()):
            self.errors += completed.get("errors", ())
            pending = self._pending.pop(completed["id"])
            if "errors" in completed:
                self.ended.append(tuple(pending["path"]))

    def _place(self, payload: Part) -> None:
        if "path" in payload:
            path = payload["path"][:-1] if "items" in payload else payload["path"]
        else:
            path = [*self._pending[payload["id"]]["path"], *payload.get("subPath", ())]
        found = self.at(path)
        if payload.get("items") is not None:
            assert payload.get("path", [len(found)])[-1] == len(found)
            found += payload["items"]
        elif payload.get("data") is not None:
            merge(found, payload["data"])


def merge(into: Part, data: Part) -> None:
    """Add fields to an object, deeply."""
    for key, value in data.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
