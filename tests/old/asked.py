"""What is asked of an older server: each collection with every field, each word of its filters, each group."""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    print_ast,
)
from graphql.language import StringValueNode

from tests.gateway.stack import SCHEMA, uuid

NOBODY = uuid(9)

SAMPLES = {
    "ID": f'"{NOBODY}"',
    "DateTime": '"2026-01-01T00:00:00Z"',
    "Int": "1",
    "Float": "1",
    "Boolean": "true",
    "JSON": "{}",
}


@dataclass(frozen=True)
class Asked:
    """A query, and the words of the filter that it tries; `group` where it is whether a group is heeded."""

    field: str
    query: str
    words: tuple[str, ...] = ()
    group: str | None = None


def connections() -> dict[str, GraphQLField]:
    """Return the fields of Query that are connections."""
    assert SCHEMA.query_type
    return {
        name: field
        for name, field in SCHEMA.query_type.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
    }


def rows(name: str, field: GraphQLField, given: dict[str, str]) -> Asked:
    """Ask for every field of the rows."""
    return Asked(name, f"{{ {name}{_arguments(field, given)} {{ nodes {{ {_all(row_of(field))} }} totalCount }} }}")


def filters(name: str, field: GraphQLField, given: dict[str, str]) -> Iterator[Asked]:
    """Ask with each word of the own filter alone, and with each other group."""
    argument = field.args.get("filter")
    if argument is None:
        return
    filter_ = get_named_type(argument.type)
    assert isinstance(filter_, GraphQLInputObjectType)
    composite = filter_.name.endswith("Filters")
    own = name if name in filter_.fields else next(iter(filter_.fields))
    for group, part in filter_.fields.items() if composite else ():
        kind = get_named_type(part.type)
        if group != own and isinstance(kind, GraphQLInputObjectType) and "id" in kind.fields:
            yield _asked(name, field, given, f'{{{group}: {{id: {{any: ["{NOBODY}"]}}}}}}', group=group)
    kind = get_named_type(filter_.fields[own].type) if composite else filter_
    assert isinstance(kind, GraphQLInputObjectType)
    for words, written in _words(kind):
        yield _asked(name, field, given, f"{{{own}: {written}}}" if composite else written, words)


def _asked(
    name: str,
    field: GraphQLField,
    given: dict[str, str],
    filter_: str,
    words: tuple[str, ...] = (),
    group: str | None = None,
) -> Asked:
    arguments = _arguments(field, {**given, "filter": filter_})
    return Asked(name, f"{{ {name}{arguments} {{ nodes {{ __typename }} }} }}", words, group)


def row_of(field: GraphQLField) -> GraphQLObjectType:
    """Return the type of a connection's rows."""
    connection = get_named_type(field.type)
    assert isinstance(connection, GraphQLObjectType)
    row = get_named_type(connection.fields["nodes"].type)
    assert isinstance(row, GraphQLObjectType)
    return row


def _arguments(field: GraphQLField, given: dict[str, str]) -> str:
    wanted = [
        f"{name}: {given.get(name, SAMPLES.get(get_named_type(argument.type).name, print_ast(StringValueNode(value='pool'))))}"
        for name, argument in field.args.items()
        if isinstance(argument.type, GraphQLNonNull) or name in given
    ]
    return f"({', '.join(wanted)})" if wanted else ""


def _all(row: GraphQLObjectType, depth: int = 3) -> str:
    """Select every leaf, those of objects within too; not what other rows are read for."""
    selected = []
    for name, field in row.fields.items():
        kind = get_named_type(field.type)
        if is_leaf_type(kind):
            selected.append(name)
        elif isinstance(kind, GraphQLObjectType) and not kind.interfaces and depth and "nodes" not in kind.fields:
            inner = _all(kind, depth - 1)
            selected += [f"{name} {{ {inner} }}"] if inner and not field.args and "source" not in name else []
    return " ".join(selected)


def _words(kind: GraphQLInputObjectType) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if name in {"operator", "and", "or"}:
            continue
        if isinstance(inner, GraphQLInputObjectType):
            yield from (((name, *words), f"{{{name}: {written}}}") for words, written in _words(inner))
        else:
            yield (name,), f"{{{name}: {_sample(field.type)}}}"


def _sample(kind: GraphQLInputType) -> str:
    if isinstance(kind, GraphQLNonNull):
        return _sample(kind.of_type)
    if isinstance(kind, GraphQLList):
        return f"[{_sample(kind.of_type)}]"
    if isinstance(kind, GraphQLEnumType):
        return str(next(iter(kind.values)))
    return SAMPLES.get(get_named_type(kind).name, '"x"')
