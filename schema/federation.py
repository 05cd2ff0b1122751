"""What makes the schema a subgraph of a federated graph: `_entities` and `_service`.

Specification: https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
"""

import asyncio
from collections.abc import Iterable
from functools import cache
from operator import itemgetter
from typing import Annotated, Any, Union

import strawberry
from graphql import (
    REMOVE,
    SKIP,
    DirectiveDefinitionNode,
    FieldDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    UnionTypeDefinitionNode,
    Visitor,
    VisitorAction,
    parse,
    print_ast,
    visit,
)
from strawberry.federation.schema import FederationAny
from strawberry.schema import BaseSchema

from resolvers.collection import Collection
from resolvers.connection import described
from resolvers.context import Context
from resolvers.errors import BadUserInput
from resolvers.fields import root
from resolvers.ids import id_argument
from resolvers.nodes import Found, find
from resolvers.roots import Root

Representations = Annotated[
    list[FederationAny], strawberry.argument(description="The type's name and the id of each: `__typename` and `id`.")
]


async def _entity(context: Context, types: set[str], representation: Any) -> Found | None:
    match representation:
        case {"__typename": str(name), "id": str(id_)} if name in types:
            return await find(context, id_argument("id", id_), {name})
    raise BadUserInput(
        f"`representations`: an item must have an `id` that is a string and a `__typename` of {', '.join(sorted(types))}."
    )


def entities(collections: Iterable[Collection]) -> Any:
    """Make the field that finds rows which other subgraphs refer to, those that REST can read by id."""
    rows = {collection.row.__name__: collection.row for collection in collections if collection.item}
    union: Any = Annotated[
        Union[tuple(rows[name] for name in sorted(rows))],  # noqa: UP007  made of a list
        strawberry.union("_Entity", description="A row that other subgraphs can refer to."),
    ]

    async def read(context: Context, representations: list[Any], _types: set[str]) -> list[Any]:
        found = (_entity(context, set(rows), each) for each in representations)
        return await asyncio.gather(*found, return_exceptions=True)

    return root(
        Root(itemgetter("representations"), read),
        list[union | None],
        {"representations": (Representations, ...)},
        "The rows that another subgraph refers to, in their order; null where there is none.",
        name="_entities",
    )


class _Own(Visitor):
    """Leaves out what every subgraph has for itself: finding rows by id alone, and what federation adds."""

    def enter_directive_definition(self, node: DirectiveDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value in {"defer", "stream"} else None  # a router defers by itself

    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> VisitorAction:
        if node.name.value == "_Service":
            return REMOVE
        return None if node.name.value == "Query" else SKIP

    def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value in {"node", "nodes", "_entities", "_service"} else None

    def enter_union_type_definition(self, node: UnionTypeDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value == "_Entity" else None

    def enter_scalar_type_definition(self, node: ScalarTypeDefinitionNode, *_: Any) -> VisitorAction:
        return REMOVE if node.name.value == "_Any" else None


@cache
def subgraph_sdl(schema: BaseSchema) -> str:
    """Print what a schema adds to a federated graph."""
    return print_ast(visit(parse(schema.as_str(), no_location=True), _Own()))


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
