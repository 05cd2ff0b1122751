"""A transport that answers as the REST API would: its routes are those that the schema declares, faults included."""

import asyncio
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any
from urllib.parse import parse_qs, unquote
from zlib import crc32

import orjson
from graphql import GraphQLField, GraphQLObjectType, get_named_type, get_nullable_type, is_list_type

from gateway.execution.compiled.shapes import definition_of
from gateway.upstream.transport import Reply
from resolvers.collection import DECLARED, Collection, Row
from resolvers.reading import parameters
from resolvers.readings import Reading
from resolvers.relations import HasMany, Many
from tests.gateway.execution.compiled.faults import Faults
from tests.gateway.execution.compiled.values import good, keys_of, object_type, row_of
from tests.gateway.execution.compiled.world import RELATIONS, World, world
from tests.gateway.stack import SCHEMA

JSON = {"content-type": "application/json"}


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
    if isinstance(value, list):
        return sorted(map(_in_order, value), key=partial(orjson.dumps, option=orjson.OPT_SORT_KEYS))
    return value


@dataclass(frozen=True)
class Question:
    """A request to a route of the schema's, and what it is answered from."""

    request: Request
    rows: World
    faults: Faults
    values: list[str]
    """Those of the parameters in the path."""

    @cached_property
    def words(self) -> dict[str, list[str]]:
        """What a GET asks besides its path."""
        return parse_qs(self.request.path.partition("?")[2])

    def served(self, collection: Collection, row: Row) -> Row:
        """Return a row as it is served: with some option of the read, its JSON is another."""
        told = collection.options.keys() & (self.request.json.keys() | self.words.keys())
        if told:
            keys = keys_of(object_type(collection.row.__name__))
            shown = {key: sorted(told) for key, each in keys.items() if get_named_type(each.type).name == "JSON"}
            row = {**row, **{key: value for key, value in shown.items() if key in row}}
        return self.faults.row(collection.name, row)


Answer = Callable[[Question], Any]


def page(collection: Collection, question: Question) -> list[Row]:
    """Answer a filter, of all rows or of those of one parent."""
    body = question.request.json
    selected = question.rows.selected(collection.name, body)
    if question.values:
        selected = [row for row in selected if row in _of(question, collection, question.values[-1])]
    start = body.get("offset") or 0
    return [question.served(collection, row) for row in selected[start : start + body.get("limit", 200)]]


def _of(question: Question, collection: Collection, parent: str) -> list[Row]:
    """Return the rows of a parent that no row names; there is not every one."""
    number = crc32(parent.encode())
    if number % 9 == 0:
        raise Missing
    return [row for row in question.rows.rows[collection.name] if crc32(row["id"].encode(), number) % 3]


def listed(collection: Collection, question: Question) -> list[Row]:
    """Answer with the whole list of a parent, which is told in the path or after it."""
    [parent] = question.values or question.words[parameters(collection.listed or "")[0]]
    return [question.served(collection, row) for row in _of(question, collection, parent)]


def tokened(collection: Collection, question: Question) -> Row:
    """Answer with a page that tells the token of the next, in an address of the upstream's own."""
    body, start = question.request.json, 0
    if question.words:
        body, start = orjson.loads(bytes.fromhex(question.words["page-token"][0]))
    selected = question.rows.selected(collection.name, body)
    end = start + body["limit"]
    token = orjson.dumps((body, end)).hex()
    return {
        collection.name: [question.served(collection, row) for row in selected[start:end]],
        "total": len(selected),
        "next_page": f"http://elsewhere/api/next?page-token={token}" if end < len(selected) else None,
    }


def count(collection: Collection, question: Question) -> int:
    """Answer how many rows a filter selects."""
    return len(question.rows.selected(collection.name, question.request.json))


def one(collection: Collection, question: Question) -> Row:
    """Answer with the row of an id, which may be that of what it is about."""
    if "id" not in collection.row.model_fields:
        return part(object_type(collection.row.__name__), question, 0)
    row = question.rows.by_id.get((collection.name, question.values[-1]))
    if row is None:
        raise Missing
    return question.served(collection, row)


def named(collection: Collection, question: Question) -> Row:
    """Answer with the row of a name, or of its own and that of what it belongs to."""
    owner, *_ = [*parameters(collection.named or ""), ""]
    owners = question.rows.named(owner, question.values[0]) if len(question.values) > 1 else None
    key = f"{owner.removesuffix('_name')}_id"
    for row in question.rows.named(collection.name, question.values[-1]):
        if owners is None or row.get(key) in {each["id"] for each in owners}:
            return question.served(collection, row)
    raise Missing


def counted(relation: HasMany, counts: Many, question: Question) -> dict[str, int]:
    """Count the children of many parents; every other world is of a server without the route."""
    if question.rows.seed % 2:
        raise Missing
    name, parents = relation.collection.name, question.request.json[counts.ids]
    sizes = {parent: len(question.rows.selected(name, relation.body({}, [parent]))) for parent in parents}
    return {parent: size for parent, size in sizes.items() if size}


def reading(declared: GraphQLField, question: Question) -> Any:
    """Answer what a root field of one route gives, now and then nothing."""
    number = question.request.number
    if number % 7 == 0:
        raise Missing
    kind = get_named_type(declared.type)
    if not isinstance(kind, GraphQLObjectType):
        return good(declared.type, random.Random(number))  # noqa: S311  test data
    if is_list_type(get_nullable_type(declared.type)):
        return [part(kind, question, place) for place in range(number % 4)]
    return part(kind, question, 0)


def part(kind: GraphQLObjectType, question: Question, place: int) -> Row:
    """Make an object of a type: a row that there is, where the type is a collection's."""
    number = question.request.number + place
    collection = next((each for each in DECLARED if each.row.__name__ == kind.name), None)
    if collection and "id" in collection.row.model_fields:
        rows = question.rows.rows[collection.name]
        return question.served(collection, rows[number % len(rows)])
    rng = random.Random(number)  # noqa: S311  test data
    row = question.rows.pointed(kind, row_of(kind, rng), rng)
    return question.faults.row(kind.name, {"id": f"{question.request.number} {place}", **row})


@dataclass(frozen=True)
class Route:
    """A route, and what answers it."""

    method: str
    path: str
    answer: Answer

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{\w+\\}", "([^/]*)", re.escape(self.path.partition("?")[0])))


def routes_of(collection: Collection) -> Iterator[Route]:
    """Name the routes of a collection's rows."""
    if collection.listed:
        yield Route("GET", collection.listed, partial(listed, collection))
    elif collection.tokens:
        yield Route("POST", f"{collection.path}/filter", partial(tokened, collection))
        yield Route("GET", f"{collection.path}/filter/next", partial(tokened, collection))
    else:
        yield Route("POST", collection.within or f"{collection.path}/filter", partial(page, collection))
    if collection.countable:
        yield Route("POST", f"{collection.path}/count", partial(count, collection))
    yield Route("GET", collection.by_id or f"{collection.path}/{{id}}", partial(one, collection))
    if collection.named:
        yield Route("GET", collection.named, partial(named, collection))


def declared_routes() -> Iterator[Route]:
    """Name the routes that the schema's collections, relations and root fields ask."""
    for collection in DECLARED:
        yield from routes_of(collection)
    for _, relation in RELATIONS:
        if isinstance(relation, HasMany) and relation.counts:
            yield Route("POST", relation.counts.path, partial(counted, relation, relation.counts))
    assert SCHEMA.query_type
    for declared in SCHEMA.query_type.fields.values():
        root = definition_of(declared).metadata.get("root")
        read = getattr(getattr(root, "read", None), "__self__", None)
        if root and isinstance(read, Reading):
            yield Route(read.method, root.check.args[0], partial(reading, declared))


ROUTES = sorted(declared_routes(), key=lambda route: len(parameters(route.path)))
"""Those with fewer parameters first: "/flow_runs/count" is no id."""


@dataclass
class RandomUpstream:
    """Serves the world of a seed, another one to each caller, with some faults.

    `schedule` orders the answers to what is asked at once: 0 in the order of the questions, any other number by itself.
    """

    ends_cancelled = True

    seed: int
    faults: Faults = field(default_factory=Faults)
    schedule: int = 0
    worlds: Callable[[int], World] = world
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
        rows = self.worlds(self.seed + len(headers.get("authorization", "")))
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
        """Return the status and the JSON of a good answer: that of the first route that has one."""
        path = request.path.partition("?")[0]
        for route in ROUTES:
            if route.method == request.method and (found := route.pattern.fullmatch(path)):
                try:
                    values = [unquote(value) for value in found.groups()]
                    return 200, route.answer(Question(request, rows, self.faults, values))
                except Missing:
                    continue
        return 404, {"detail": "Not found"}
