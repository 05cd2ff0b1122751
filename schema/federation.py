"""What makes the schema a subgraph of a federated graph: `_entities` and `_service`.

Specification: https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any, Union

import strawberry
from graphql import parse
from strawberry.federation.schema import FederationAny
from strawberry.federation.schema_directives import Key
from strawberry.types.base import StrawberryObjectDefinition

from resolvers.collection import Collection
from resolvers.connection import described
from resolvers.context import Context
from resolvers.entities import KeyField, find_by, needed, routes_of
from resolvers.errors import BadUserInput
from resolvers.fields import root
from resolvers.ids import id_argument
from resolvers.nodes import Found, asked, find
from resolvers.roots import Root, Route, by_id
from schema.printing import subgraph_sdl

Keys = Sequence[tuple[KeyField, ...]]

Representations = Annotated[
    list[FederationAny],
    strawberry.argument(description="Of each row `__typename` and the fields of one of its type's keys, such as `id`."),
]


@dataclass(frozen=True)
class Entity:
    """A type of rows that other subgraphs can refer to: by the id, or by another key."""

    collection: Collection
    keys: Keys

    def routes(self, representations: Sequence[dict[str, Any]]) -> Iterator[Route]:
        """Tell how the rows of representations are found."""
        ids = {each["id"] for each in representations if isinstance(each.get("id"), str)}
        if ids:
            yield from (by_id(each, len(ids)) for each in asked({self.collection.row.__name__}))
        others = [each for each in representations if "id" not in each]
        for fields in self.keys:
            values = {tuple(field.value(each) for field in fields) for each in others}
            yield from routes_of(self.collection, fields, len([each for each in values if None not in each]))

    async def find(self, context: Context, representation: dict[str, Any]) -> Found | None:
        """Find the row of a representation; the id counts before the other keys."""
        name = self.collection.row.__name__
        id_ = representation.get("id")
        if id_ is not None:
            if not isinstance(id_, str):
                raise BadUserInput(f"`representations`: the `id` of a {name} must be a string, got {id_!r:.50}.")
            return await find(context, id_argument("id", id_), {name})
        for fields in self.keys:
            values = [field.value(representation) for field in fields]
            if None not in values:
                row = await find_by(context.loaders, self.collection, fields, [str(value) for value in values])
                return None if row is None else Found(self.collection, row)
        told = " or ".join(f"`{key}`" for key in keys_of(self.collection))
        raise BadUserInput(f"`representations`: a {name} must have the fields of a key, as strings: {told}.")


def keys_of(collection: Collection) -> list[str]:
    """Return the sets of fields that a type's rows are known by, the id first."""
    directives = definition_of(collection.row).directives or ()
    return [str(each.fields) for each in directives if isinstance(each, Key)]


def definition_of(row: Any) -> StrawberryObjectDefinition:
    """Return Strawberry's definition of a row's type."""
    definition: StrawberryObjectDefinition = row.__strawberry_definition__
    return definition


def entity(collection: Collection) -> Entity:
    """Make what finds the rows of a collection."""
    return Entity(collection, [tuple(_fields(collection, key)) for key in keys_of(collection) if key != "id"])


def _fields(collection: Collection, key: str) -> Iterator[KeyField]:
    """Read a set of fields, whose nested ones are those of a parent."""
    relations = {field.python_name: field.metadata.get("relation") for field in definition_of(collection.row).fields}
    operation: Any = parse(f"{{ {key} }}").definitions[0]
    for field in operation.selection_set.selections:
        name = field.name.value
        if field.selection_set is None:
            yield KeyField(name)
        else:
            yield from (KeyField(inner.name.value, name, relations[name]) for inner in field.selection_set.selections)


def entities(collections: Iterable[Collection]) -> Any:
    """Make the field that finds rows which other subgraphs refer to, those that REST can read by id."""
    # Of two collections with one type of rows, the states, `find` asks both.
    known = {each.row.__name__: entity(each) for each in collections if each.item}
    union: Any = Annotated[
        Union[tuple(known[name].collection.row for name in sorted(known))],  # noqa: UP007  made of a list
        strawberry.union("_Entity", description="A row that other subgraphs can refer to."),
    ]

    async def read(context: Context, representations: list[Any], _types: set[str]) -> list[Any]:
        found = (_found(context, known, each) for each in representations)
        return await asyncio.gather(*found, return_exceptions=True)

    return root(
        Root(
            itemgetter("representations"),
            read,
            [(each.collection.row, key) for each in known.values() for key in needed(each.keys)],
            lambda representations, _types: list(_routes(known, representations)),
        ),
        list[union | None],
        {"representations": (Representations, ...)},
        "The rows that another subgraph refers to, in their order; null where there is none.",
        name="_entities",
    )


def _routes(known: Mapping[str, Entity], representations: list[Any]) -> Iterator[Route]:
    for name, found in known.items():
        yield from found.routes(
            [each for each in representations if isinstance(each, dict) and each.get("__typename") == name]
        )


async def _found(context: Context, known: Mapping[str, Entity], representation: Any) -> Found | None:
    name = representation.get("__typename") if isinstance(representation, dict) else None
    if not isinstance(name, str) or name not in known:
        raise BadUserInput(
            f"`representations`: an item must be an object whose `__typename` is one of {', '.join(sorted(known))}."
        )
    return await known[name].find(context, representation)


@strawberry.type(name="_Service", description="The schema as a subgraph.")
class Service:
    @described("What the schema adds to a federated graph.")
    def sdl(self, info: strawberry.Info) -> str:
        return subgraph_sdl(info.schema)


def service() -> Any:
    """Make the field that tells a composer the schema."""
    return strawberry.field(
        resolver=Service, name="_service", graphql_type=Service, description="The schema as a subgraph."
    )
