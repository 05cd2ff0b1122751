"""A transport that answers as the REST API would: each answer a function of the request, faults included."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote
from zlib import crc32

import orjson

from gateway.upstream.transport import Reply
from resolvers.collection import Collection
from resolvers.reading import parameters
from resolvers.relations import HasMany, Listed, Many
from tests.gateway.execution.compiled.faults import Faults
from tests.gateway.execution.compiled.values import Row, object_type, row_of
from tests.gateway.execution.compiled.world import BY_NAME, RELATIONS, World, world

JSON = {"content-type": "application/json"}
COUNTED = {
    relation.counts.path: (relation, relation.counts)
    for _, relation in RELATIONS
    if isinstance(relation, HasMany) and relation.counts
}
LISTED = {
    relation.collection.listed.partition("?")[0]: relation.collection.name
    for _, relation in RELATIONS
    if isinstance(relation, Listed) and relation.collection.listed
}


class Missing(Exception):
    """There is no such row, or no such route."""


@dataclass(frozen=True)
class Request:
    """A request, and the number that all chance in its answer comes from: equal for what asks the same in another order."""

    method: str
    path: str
    body: bytes | None

    @cached_property
    def number(self) -> int:
        asked = orjson.dumps(_in_order(self.json), option=orjson.OPT_SORT_KEYS)
        return crc32(f"{self.method} {self.path}".encode(), crc32(asked))

    @cached_property
    def json(self) -> Row:
        return orjson.loads(self.body) if self.body else {}

    def __str__(self) -> str:
        return f"{self.method} {self.path} {(self.body or b'').decode()}".rstrip()


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_order(part) for name, part in value.items()}
    return sorted(value) if isinstance(value, list) else value


@dataclass
class RandomUpstream:
    """Serves the world of a seed, another one to each caller, with some faults.

    `schedule` orders the answers to what is asked at once: 0 in the order of the questions, any other number by itself.
    """

    ends_cancelled = True

    seed: int
    faults: Faults = field(default_factory=Faults)
    schedule: int = 0
    calls: list[Request] = field(default_factory=list)
    answered: dict[Request, bytes | str] = field(default_factory=dict)

    def begin(self, faults: Faults) -> None:
        """Forget the calls; go on with other faults."""
        self.faults = faults
        self.calls.clear()
        self.answered.clear()

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        request = Request(method, path, body)
        self.calls.append(request)
        for _ in range(crc32(request.path.encode(), request.number ^ self.schedule) % 5 if self.schedule else 1):
            await asyncio.sleep(0)
        rows = world(self.seed + len(headers.get("authorization", "")))
        try:
            status, text = self.faults.reply(request, lambda: self._right(rows, request))
        except Exception as fault:
            self.answered[request] = repr(fault)
            raise
        self.answered[request] = f"{status} ".encode() + text
        return status, JSON, text

    async def aclose(self) -> None:
        """Nothing is open."""

    def _right(self, rows: World, request: Request) -> tuple[int, Any]:
        """Return the status and the JSON of a good answer."""
        try:
            return 200, self._found(rows, request)
        except Missing:
            return 404, {"detail": "Not found"}

    def _found(self, rows: World, request: Request) -> Any:
        path, _, query = request.path.partition("?")
        if path in COUNTED:
            return self._counted(rows, request, *COUNTED[path])
        if path in LISTED:
            [(_, parent)] = parse_qsl(query)
            return [self._served(LISTED[path], row) for row in rows.lists.get((LISTED[path], parent), [])]
        name, _, verb = path.strip("/").partition("/")
        if name not in BY_NAME or not verb:
            raise Missing
        return (
            self._one(rows, BY_NAME[name], path, verb)
            if request.method == "GET"
            else self._many(rows, request, name, verb)
        )

    def _one(self, rows: World, collection: Collection, path: str, verb: str) -> Row:
        row = rows.by_id.get((collection.name, verb)) or _named(rows, collection, path)
        if row is None:
            raise Missing
        return self._served(collection.name, row)

    def _many(self, rows: World, request: Request, name: str, verb: str) -> Any:
        if verb == "history":
            return [self._interval(request, number) for number in range(request.number % 4)]
        selected = rows.selected(name, request.json)
        if verb == "count" and BY_NAME[name].countable:
            return len(selected)
        if verb != "filter" or not BY_NAME[name].filter:
            raise Missing
        start = request.json.get("offset") or 0
        return [self._served(name, row) for row in selected[start : start + request.json.get("limit", 200)]]

    def _counted(self, rows: World, request: Request, relation: HasMany, counts: Many) -> dict[str, int]:
        """Count the children of many parents; every other world is of a server without the route."""
        if self.seed % 2:
            raise Missing
        name = relation.collection.name
        sizes = {parent: len(rows.selected(name, relation.body({}, [parent]))) for parent in request.json[counts.ids]}
        return {parent: size for parent, size in sizes.items() if size}

    def _interval(self, request: Request, number: int) -> Row:
        row = row_of(object_type("HistoryInterval"), random.Random(request.number + number))  # noqa: S311  test data
        return self.faults.row("HistoryInterval", {"id": f"{request.number} {number}", **row})

    def _served(self, collection: str, row: Row) -> Row:
        return self.faults.row(collection, row)


def _named(rows: World, collection: Collection, path: str) -> Row | None:
    """Find a row by the route that reads it by its name, or by that of what it belongs to and its own."""
    if collection.named is None:
        return None
    fixed = collection.named.partition("{")[0]
    values = [unquote(part) for part in path.removeprefix(fixed).split("/")]
    if not path.startswith(fixed) or len(values) != len(parameters(collection.named)):
        return None
    owners = {row["id"] for row in rows.rows["flows"] if row["name"] == values[0]}
    for row in rows.rows[collection.name]:
        if row["name"] == values[-1] and (len(values) == 1 or row["flow_id"] in owners):
            return row
    return None
