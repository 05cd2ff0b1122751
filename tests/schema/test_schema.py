"""The schema as a whole: as printed, as described, and as a mirror of the REST API's own document."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_introspection_type,
    is_required_argument,
)
from strawberry.utils.str_converters import to_camel_case

from gateway.execution.documents import graphql_schema
from resolvers.collection import DECLARED, collection_of, named
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.relations import BelongsTo, HasMany, Via
from resolvers.rows import JsonRows
from schema import COLLECTIONS
from schema.build import build

ROOT = Path(__file__).parents[2]
SCHEMA = build()
GRAPHQL = graphql_schema(SCHEMA)
UNKNOWN = "00000000-0000-0000-0000-000000000007"

Document = dict[str, Any]


def test_the_printed_schema_is_the_committed_one() -> None:
    committed = (ROOT / "schema" / "schema.graphql").read_text()
    assert SCHEMA.as_str().strip() == committed.strip(), "run `make schema` and look at what changed"


def test_no_collection_is_declared_twice() -> None:
    assert list(COLLECTIONS) == sorted(set(COLLECTIONS), key=COLLECTIONS.index)
    assert set(DECLARED) >= set(COLLECTIONS)
    for beside in set(DECLARED) - set(COLLECTIONS):
        # What is declared besides is read for a relation only, by a route of its own.
        assert beside.by_id or beside.listed or beside.within
    names = [collection.name for collection in COLLECTIONS]
    assert len(set(names)) == len(names)


def relations() -> Iterator[tuple[str, Any]]:
    for type_ in SCHEMA.schema_converter.type_map.values():
        for field in getattr(type_.definition, "fields", ()):
            if relation := getattr(field, "metadata", {}).get("relation"):
                yield f"{type_.implementation}.{field.python_name}", relation


def test_what_relations_name_by_path_are_collections() -> None:
    seen = dict(relations())
    assert len(seen) > 20
    for where, relation in seen.items():
        assert relation.collection in DECLARED, where
        if isinstance(relation, BelongsTo):
            assert relation.by in relation.collection.row.model_fields or relation.collection.by_id, where
        if isinstance(relation, BelongsTo | HasMany) and isinstance(relation.key, Via):
            assert collection_of(named(relation.key.row)) in COLLECTIONS, where
            assert relation.key.target in relation.key.collection.row.model_fields, where


def test_what_selects_children_is_a_filter_of_theirs() -> None:
    """The group that names the parents stands in the children's composite filter, the leaf in their own."""
    for where, relation in relations():
        if not isinstance(relation, HasMany):
            continue
        group, leaf = relation.place
        children = relation.collection
        groups = named(children.filters).model_fields if children.filters else {children.own: None}
        assert group in groups, where
        if relation.leaf:
            assert "any_" in str(_inputs_of(relation.collection.filter)[leaf]), where
        if isinstance(relation.key, str):
            assert relation.key in children.row.model_fields, where


def _inputs_of(model: Any) -> dict[str, list[str]]:
    return {
        name: sorted(_model(field.annotation).model_fields)
        for name, field in model.model_fields.items()
        if _model(field.annotation)
    }


def _model(annotation: Any) -> Any:
    return next((part for part in getattr(annotation, "__args__", ()) if hasattr(part, "model_fields")), None)


FEDERATION = {"_Any", "_FieldSet", "link__Import", "link__Purpose"}
"""Types of the federation specification, which the printed schema leaves out."""


def undescribed() -> Iterator[str]:
    for name, type_ in GRAPHQL.type_map.items():
        if is_introspection_type(type_) or name in FEDERATION:
            continue
        if not type_.description:
            yield name
        for field_name, field in getattr(type_, "fields", {}).items():
            if not field.description:
                yield f"{name}.{field_name}"
            for argument_name, argument in getattr(field, "args", {}).items():
                if not argument.description:
                    yield f"{name}.{field_name}({argument_name}:)"
        for value_name, value in getattr(type_, "values", {}).items():
            if not value.description:
                yield f"{name}.{value_name}"


def test_every_type_field_argument_and_value_is_described() -> None:
    assert len(GRAPHQL.type_map) > 100
    assert list(undescribed()) == []


# Every root argument once: lazy forward references as inputs fail only at the first request.


class Nothing:
    """An upstream without rows."""

    async def read(self, _method: str, path: str, _body: Any = None) -> Any:
        if path.endswith(("/filter", "/history")) or "_states/?" in path:
            return []
        if path.endswith("/count"):
            return 0
        raise NotFound("There is none.", status=404)

    async def write(self, *_: Any) -> Any:
        raise AssertionError("Nothing is written here.")


def sample(type_: GraphQLInputType, depth: int = 6) -> Any:
    """Make a value of an input type with every field set, as JSON."""
    if isinstance(type_, GraphQLNonNull):
        return sample(type_.of_type, depth)
    if isinstance(type_, GraphQLList):
        return [sample(type_.of_type, depth)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        assert depth, f"{type_.name} is nested without end"
        return {name: sample(field.type, depth - 1) for name, field in type_.fields.items()}
    values = {"ID": UNKNOWN, "Int": 5, "Float": 60.0, "Boolean": True, "DateTime": "2026-11-24T12:00:00Z", "JSON": {}}
    return values.get(type_.name, "word")


def alternatives(field: GraphQLField) -> Iterator[list[str]]:
    """Choose arguments: the required with each other by itself, for some exclude each other."""
    required = [name for name, argument in field.args.items() if is_required_argument(argument)]
    optional = [name for name in field.args if name not in required]
    yield from ([*required, name] for name in optional)
    if not optional:
        yield required


def root_questions() -> Iterator[tuple[str, list[str]]]:
    assert GRAPHQL.query_type
    for name, field in GRAPHQL.query_type.fields.items():
        if name not in {"_entities", "_service"}:
            yield from ((name, arguments) for arguments in alternatives(field))


@pytest.mark.parametrize(("name", "arguments"), list(root_questions()), ids=str)
async def test_every_root_argument_executes(name: str, arguments: list[str]) -> None:
    assert GRAPHQL.query_type
    field = GRAPHQL.query_type.fields[name]
    kind = get_named_type(field.type)
    selected = "{ __typename }" if isinstance(kind, GraphQLObjectType) or name in {"node", "nodes"} else ""
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in arguments)
    given = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    query = f"query ({declared}) {{ {name}({given}) {selected} }}" if arguments else f"{{ {name} {selected} }}"
    values = {argument: sample(field.args[argument].type) for argument in arguments}
    answer = await SCHEMA.execute(query, values, Context(JsonRows(Nothing())))
    # A row that is read by two names is not read by one, nor by an option alone.
    two_names = name in {"deployment", "blockDocument"} and arguments != ["id"]
    reason = "Give either `id` or" if two_names else "`after` is not a cursor" if arguments[-1:] == ["after"] else None
    messages = [error.message for error in answer.errors or ()]
    assert [message for message in messages if not (reason and message.startswith(reason))] == []
    assert bool(messages) == (reason is not None)


# The REST API's own document, of the very server that the gateway is to stand before.


@pytest.fixture(scope="session")
async def openapi(prefect_server: str) -> Document:
    async with httpx.AsyncClient(trust_env=False, timeout=120) as http:
        document: Document = (await http.get(f"{prefect_server}/openapi.json")).json()
        return document


ITSELF = "an object of the type that it is within"


def resolved(document: Document, part: Document) -> Document:
    """Follow references and leave out null; parts that are alternatives become one object with what each has.

    A length of time, a number, may also be written as text, which is left out.
    """
    while "$ref" in part:
        part = document["components"]["schemas"][part["$ref"].rsplit("/", 1)[-1]]
    options = [option for option in part.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1 or [option.get("type") for option in options] == ["number", "string"]:
        return resolved(document, options[0])
    if len(options) == 2 and options[1].get("items") == options[0]:
        return options[1]  # one, or a list of them
    objects = [resolved(document, option) for option in options]
    if objects and all("properties" in option for option in objects):
        return {"properties": merged([option["properties"] for option in objects])}
    return part


def merged(alternatives: list[Document]) -> Document:
    """Put together the properties of alternatives; one that tells them apart has the values of all."""
    found: Document = {}
    for name, value in (pair for properties in alternatives for pair in properties.items()):
        values = [*found.get(name, {}).get("enum", []), value["const"]] if "const" in value else []
        found[name] = {"enum": values} if values else value
    return found


def rest_shape(document: Document, part: Document, around: tuple[Any, ...] = ()) -> Any:
    """Write a type of the document as `graphql_shape` does."""
    part = resolved(document, part)
    if part.get("properties"):
        if (own := frozenset(part["properties"])) in around:
            return ITSELF
        return {
            to_camel_case(name.rstrip("_")): rest_shape(document, value, (*around, own))
            for name, value in part["properties"].items()
        }
    if part.get("type") == "array":
        return [rest_shape(document, part.get("items") or part["prefixItems"][0], around)]
    if "enum" in part or "const" in part:
        values = part.get("enum", [part.get("const")])
        return sorted(value.upper().rstrip("_").replace("-", "_") for value in values)
    formats = {"uuid": "ID", "date-time": "DateTime"}
    kinds = {"string": "String", "integer": "Int", "number": "Float", "boolean": "Boolean"}
    return formats.get(part.get("format", "")) or kinds.get(part.get("type", ""), "JSON")


def graphql_shape(type_: Any, around: tuple[Any, ...] = ()) -> Any:
    """Write a type without what may be null: objects as dicts, lists as lists, enums as their values, scalars as names."""
    if isinstance(type_, GraphQLNonNull):
        return graphql_shape(type_.of_type, around)
    if isinstance(type_, GraphQLList):
        return [graphql_shape(type_.of_type, around)]
    if isinstance(type_, GraphQLEnumType):
        return sorted(type_.values)
    if not isinstance(type_, GraphQLObjectType | GraphQLInputObjectType):
        return type_.name
    if type_ in around:
        return ITSELF
    own = stored(type_.name)
    return {name: graphql_shape(field.type, (*around, type_)) for name, field in type_.fields.items() if name in own}


def stored(name: str) -> set[str]:
    """Name the fields of a type that stand in its rows: all but relations."""
    model: Any = SCHEMA.get_type_by_name(name)
    return {to_camel_case(field.rstrip("_")) for field in model.origin.model_fields}


def route_of(document: Document, path: str) -> Document:
    """Return what the document says of a route, whatever the names of its parameters."""
    (route,) = (said for known, said in document["paths"].items() if unnamed(known) == unnamed(path))
    found: Document = route
    return found


def unnamed(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def filter_route(collection: Any, action: str = "filter") -> str:
    return collection.within or f"{collection.path}/{action}"


def body_of(document: Document, path: str, method: str = "post") -> Document:
    """Return the properties of a route's request body."""
    content = route_of(document, path)[method]["requestBody"]["content"]["application/json"]
    properties: Document = resolved(document, content["schema"])["properties"]
    return properties


def argument_of(field: str, argument: str) -> Any:
    assert GRAPHQL.query_type
    return GRAPHQL.query_type.fields[field].args[argument].type


def is_group(document: Document, value: Document) -> bool:
    """Tell a group of a body from its page and its sort."""
    return "properties" in resolved(document, value)


FILTERED = [collection for collection in COLLECTIONS if collection.filter]
COUNTED = [collection for collection in COLLECTIONS if collection.countable]


def groups_of(document: Document, collection: Any, action: str) -> Document:
    path = filter_route(collection, action)
    body = body_of(document, path)
    if collection.tokens:
        shape: Document = rest_shape(document, body["filter"])
        return {name: value for name, value in shape.items() if name != "order"}
    if set(body) & {"filter"}:
        pytest.fail(f"{path} has changed")
    groups = {
        to_camel_case(name): rest_shape(document, value) for name, value in body.items() if is_group(document, value)
    }
    return groups if collection.filters else groups[to_camel_case(collection.own)]


@pytest.mark.parametrize("collection", FILTERED, ids=lambda each: each.name)
def test_a_filter_is_that_of_rest(openapi: Document, collection: Any) -> None:
    """Every group, field and operator, and their types."""
    ours = graphql_shape(argument_of(to_camel_case(collection.name), "filter"))
    assert ours == groups_of(openapi, collection, "filter")


@pytest.mark.parametrize("collection", COUNTED, ids=lambda each: each.name)
def test_a_count_takes_the_filter_of_rest(openapi: Document, collection: Any) -> None:
    ours = graphql_shape(argument_of(f"{to_camel_case(collection.one)}Count", "filter"))
    assert ours == groups_of(openapi, collection, "count")


@pytest.mark.parametrize("name", ["flow_runs", "task_runs"])
def test_a_history_takes_the_filter_of_rest(openapi: Document, name: str) -> None:
    body = body_of(openapi, f"/{name}/history")
    groups = {to_camel_case(key): rest_shape(openapi, value) for key, value in body.items() if is_group(openapi, value)}
    ours = graphql_shape(argument_of(f"{to_camel_case(name)[:-1]}History", "filter"))
    assert {("workQueues" if key == "workPoolQueues" else key): value for key, value in ours.items()} == groups


@pytest.mark.parametrize("collection", FILTERED, ids=lambda each: each.name)
def test_a_sort_is_that_of_rest(openapi: Document, collection: Any) -> None:
    body = body_of(openapi, filter_route(collection))
    sort = rest_shape(openapi, body["filter"])["order"] if collection.tokens else None
    assert ("sort" in body or sort is not None) == (collection.sort is not None)
    if collection.sort:
        ours = graphql_shape(argument_of(to_camel_case(collection.name), "sort"))
        assert ours == (sort or rest_shape(openapi, body["sort"]))


def row_of(document: Document, collection: Any) -> Document:
    path, method = (f"{collection.path}/", "get") if collection.listed else (filter_route(collection), "post")
    answer = route_of(document, path)[method]["responses"]["200"]["content"]["application/json"]["schema"]
    if collection.tokens:
        page = rest_shape(document, answer)
        (shape,) = page[collection.name]
    else:
        shape = rest_shape(document, answer["items"])
    return dict(shape)


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda each: each.name)
def test_a_row_has_every_field_of_rest(openapi: Document, collection: Any) -> None:
    """And no other, each of the type that REST says."""
    ours = graphql_shape(GRAPHQL.type_map[collection.row.__name__])
    assert ours == row_of(openapi, collection)


def test_the_intervals_of_a_history_are_those_of_rest(openapi: Document) -> None:
    answer = openapi["paths"]["/flow_runs/history"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert graphql_shape(GRAPHQL.type_map["HistoryInterval"]) == rest_shape(openapi, answer["items"])


def actions() -> Iterator[tuple[str, str, str]]:
    for collection in COLLECTIONS:
        for name, action in collection.actions.items():
            if "input" in action.body and action.body["input"][2] == "":
                yield name, action.method.lower(), f"{collection.path}{action.path}"


@pytest.mark.parametrize(("name", "method", "path"), list(actions()), ids=str)
def test_a_mutation_takes_every_field_of_rest(openapi: Document, name: str, method: str, path: str) -> None:
    assert GRAPHQL.mutation_type
    argument = GRAPHQL.mutation_type.fields[to_camel_case(name)].args["input"].type
    content = route_of(openapi, path)[method]["requestBody"]["content"]["application/json"]["schema"]
    assert graphql_shape(argument) == rest_shape(openapi, content)
