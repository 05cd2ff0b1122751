"""The operations that the GraphQL schema makes use of, as its declarations say."""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import parse_qsl

import strawberry
from pydantic import BaseModel, TypeAdapter, create_model
from strawberry.types.lazy_type import StrawberryLazyReference

from gateway.check.operations import Json, Operation, Operations, Shape, by_key
from resolvers.actions import Action, Body
from resolvers.collection import Collection, named
from resolvers.readings import Reading
from resolvers.relations import HasMany, Many
from resolvers.sources import Gathered
from schema import COLLECTIONS
from schema.scalars import Id
from schema.server import ACTIONS, READS
from schema.types import ADDED

Pairs = Mapping[str, Any]
"""Keys of an object and the annotations of their values."""

WINDOW: Json = {name: {"type": "integer", **ADDED} for name in ("limit", "offset")}
"""A page's keys; a route without pages ignores them."""


def declared() -> Operations:
    """Return every operation that the schema mirrors, by collection and for the server as a whole."""
    return by_key(_all())


def _all() -> Iterator[Operation]:
    for collection in COLLECTIONS:
        yield from _reads(collection)
        yield from _readings(collection.reads.values(), collection.path)
        yield from _actions(collection.actions.values(), collection.path)
        yield from _relations(collection)
    yield from _readings(READS.values())
    yield from _actions(ACTIONS.values())


def _reads(collection: Collection) -> Iterator[Operation]:
    row, rows = _shape(collection.row), _shape(list[collection.row])  # type: ignore[name-defined]  # a variable
    groups, options = _groups(collection), {name: kind for name, (kind, _) in collection.options.items()}
    if collection.listed:
        path, _, query = collection.listed.partition("?")
        yield Operation("GET", path, {name: _shape(Id) for name, _ in parse_qsl(query)}, answer=rows)
    elif collection.tokens:
        yield from _pages(collection)
    else:
        sort = {"sort": collection.sort} if collection.sort else {}
        body = _object({**groups, **sort, **options}, WINDOW, collection.base)
        yield Operation("POST", collection.within or f"{collection.path}/filter", body=body, answer=rows)
        if collection.countable:
            yield Operation("POST", f"{collection.path}/count", body=_object(groups), answer=_shape(int))
    asked = {name: _shape(kind) for name, kind in options.items()}
    if collection.item:
        yield Operation("GET", f"{collection.path}/{{id}}", asked, answer=row, sent=not collection.bulk)
    if collection.named:
        yield Operation("GET", collection.named, asked, answer=row)
    # What a connection gives by cursors, REST gives by the numbers of pages too.
    yield Operation("POST", f"{collection.path}/paginate", sent=False)


def _pages(collection: Collection) -> Iterator[Operation]:
    """Yield the routes of pages that follow each other by tokens; the order is a key of the own filter."""
    found = {collection.name: list[collection.row], "total": int, "next_page": str | None}  # type: ignore[name-defined]  # a variable
    path, answer = f"{collection.path}/filter", _object(found)
    ordered: type[BaseModel] = create_model("Ordered", __base__=collection.filter, order=(collection.sort, None))  # type: ignore[arg-type]  # it has both
    yield Operation("POST", path, body=_object({collection.own: ordered}, WINDOW), answer=answer)
    yield Operation("GET", f"{path}/next", {"page-token": _shape(str)}, answer=answer)


def _groups(collection: Collection) -> dict[str, Any]:
    if collection.filters:
        return {name: field.annotation for name, field in named(collection.filters).model_fields.items()}
    return {collection.own: collection.filter} if collection.filter else {}


def _relations(collection: Collection) -> Iterator[Operation]:
    """Yield the routes that relations read: what counts the children of many rows, what has those of one."""
    for field in collection.row.__strawberry_definition__.fields:  # type: ignore[attr-defined]  # Strawberry's mark
        relation, source = field.metadata.get("relation"), field.metadata.get("source")
        if isinstance(relation, HasMany) and isinstance(relation.counts, Many):
            counted = {relation.counts.ids: list[Id]}
            yield Operation("POST", relation.counts.path, body=_object(counted, required=counted))
        if isinstance(source, Gathered):
            yield from _reads(source.gathering.alone)


def _readings(readings: Iterable[Reading], path: str = "") -> Iterator[Operation]:
    for reading in readings:
        keys = {reading.renamed.get(key, key): kind for key, kind in _keys(reading.body).items()}
        route, answer = f"{path}{reading.path}", _answer(reading.returns)
        if reading.method == "GET":
            query = {name: _shape(kind) for name, kind in keys.items()}
            yield Operation("GET", route, query, answer=answer)
        else:
            required = [reading.renamed.get(key, key) for key in _required(reading.body)]
            yield Operation(reading.method, route, body=_body(keys, required), answer=answer)


def _actions(actions: Iterable[Action], path: str = "") -> Iterator[Operation]:
    for action in actions:
        route = f"{path}{action.path}"
        yield Operation(
            action.method, route, body=_body(_keys(action.body), _required(action.body)), answer=_answer(action.returns)
        )


def _keys(body: Body) -> dict[str, Any]:
    """Return the keys of a body and what they hold; "" is the whole body."""
    keys = {key: annotation for annotation, _, key in body.values()}
    groups = _models(keys.pop("*")) if "*" in keys else []
    return keys | {name: field.annotation for model in groups for name, field in model.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models of an annotation, whose keys are those of a body."""
    plain = _plain(annotation)
    return [part for part in get_args(plain) or (plain,) if isinstance(part, type) and issubclass(part, BaseModel)]


def _required(body: Body) -> list[str]:
    sent = [(annotation, key) for annotation, default, key in body.values() if default is ...]
    groups = [model for annotation, key in sent if key == "*" for model in _models(annotation)]
    inner = [name for model in groups for name, field in model.model_fields.items() if field.is_required()]
    return [key for _, key in sent if key != "*"] + inner


def _body(keys: Pairs, required: Iterable[str]) -> Shape | None:
    return _shape(keys[""]) if "" in keys else _object(keys, required=required) if keys else None


def _answer(annotation: Any) -> Shape | None:
    """Return the shape of an answer; a scalar of ours may be made of any answer."""
    shape = _shape(annotation)
    return shape if shape.kinds & {"fields", "array"} else None


def _object(pairs: Pairs, properties: Mapping[str, Any] | None = None, required: Iterable[str] = ()) -> Shape:
    """Make an object of annotated keys, of which some are always sent."""
    document: Json = {"$defs": {}}
    made = dict(properties or {})
    for name, annotation in pairs.items():
        schema = dict(_shape(annotation).raw)
        document["$defs"] |= schema.pop("$defs", {})
        made[name] = schema
    return Shape({"type": "object", "properties": made, "required": list(required)}, document)


def _shape(annotation: Any) -> Shape:
    schema = TypeAdapter(_plain(annotation)).json_schema(ref_template="#/$defs/{model}")
    return Shape(schema, schema)


def _plain(annotation: Any) -> Any:
    """Let GraphQL's ID be the UUID that it stands for in an argument, and a lazy type be that type."""
    if annotation is strawberry.ID:
        return Id
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        lazy = next((part for part in inner if isinstance(part, StrawberryLazyReference)), None)
        return named(f"{lazy.module}.{inner[0].__forward_arg__}") if lazy else _plain(inner[0])
    if origin in (Union, UnionType):
        return reduce(or_, map(_plain, inner))
    if origin is list:
        return list[_plain(inner[0])]  # type: ignore[misc]  # worked out
    return annotation
