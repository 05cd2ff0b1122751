"""What makes the schema a subgraph of a federated graph: `_entities` and `_service`.

Specification: https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
"""

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
from resolvers.loaders import settled
from resolvers.nodes import asked, find_many, found_in
from resolvers.roots import Root, Route, by_id
from schema.printing import subgraph_sdl

Keys = Sequence[tuple[KeyField, ...]]
ID = (KeyField("id"),)

Groups = dict[tuple[str, tuple[KeyField, ...]], list[tuple[int, tuple[str, ...]]]]
"""Of types and the fields of their keys the places of representations, each with the key's values."""

Representations = Annotated[
    list[FederationAny],
    strawberry.argument(description="Of each row `__typename` and the fields of one of its type's keys, such as `id`."),
]


@dataclass(frozen=True)
class Entity:
    """A type of rows that other subgraphs can refer to: by the id, or by another key."""

    collection: Collection
    keys: Keys

    def key_of(self, representation: dict[str, Any]) -> tuple[tuple[KeyField, ...], tuple[str, ...]]:
        """Return the fields of the key that a representation has, and its values; the id counts before the other keys."""
        name = self.collection.row.__name__
        id_ = representation.get("id")
        if id_ is not None:
            if not isinstance(id_, str):
                raise BadUserInput(f"`representations`: the `id` of a {name} must be a string, got {id_!r:.50}.")
            return ID, (id_argument("id", id_),)
        for fields in self.keys:
            values = tuple([value for field in fields if (value := field.value(representation)) is not None])
            if len(values) == len(fields):
                return fields, values
        told = " or ".join(f"`{key}`" for key in keys_of(self.collection))
        raise BadUserInput(f"`representations`: a {name} must have the fields of a key, as strings: {told}.")

    async def find(self, context: Context, fields: tuple[KeyField, ...], keys: list[tuple[str, ...]]) -> list[Any]:
        """Find the rows of some keys, in their order; a failure is the exception in its place."""
        if fields == ID:
            return await find_many(context, [id_ for (id_,) in keys], self.collection.row.__name__)
        rows = await find_by(context.loaders, self.collection, fields, keys)
        return [found_in(self.collection, row) for row in rows]


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
        return await _find_all(context, known, representations)

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


def _routes(known: Mapping[str, Entity], representations: Sequence[Any]) -> Iterator[Route]:
    """Tell how the rows of representations are found."""
    groups, _ = _grouped(known, representations)
    for (name, fields), group in groups.items():
        number = len({values for _, values in group})
        if fields == ID:
            yield from (by_id(each, number) for each in asked({name}))
        else:
            yield from routes_of(known[name].collection, fields, number)


async def _find_all(context: Context, known: Mapping[str, Entity], representations: Sequence[Any]) -> list[Any]:
    """Find the rows of representations: those of a type by the same key together."""
    groups, wrong = _grouped(known, representations)
    found: list[Any] = [wrong.get(place) for place in range(len(representations))]
    work = [
        known[name].find(context, fields, [values for _, values in group]) for (name, fields), group in groups.items()
    ]
    for group, rows in zip(groups.values(), await settled(work), strict=True):
        for at, (place, _) in enumerate(group):
            found[place] = rows if isinstance(rows, BaseException) else rows[at]
    return found


def _grouped(known: Mapping[str, Entity], representations: Sequence[Any]) -> tuple[Groups, dict[int, BadUserInput]]:
    """Group the places of representations by their types and keys; those that are wrong come with their errors."""
    groups: Groups = {}
    wrong: dict[int, BadUserInput] = {}
    for place, each in enumerate(representations):
        try:
            name = _name(known, each)
            fields, values = known[name].key_of(each)
        except BadUserInput as error:
            wrong[place] = error
        else:
            groups.setdefault((name, fields), []).append((place, values))
    return groups, wrong


def _name(known: Mapping[str, Entity], representation: Any) -> str:
    """Return the type of a representation. Raises BadUserInput where it has none that is known."""
    name = representation.get("__typename") if isinstance(representation, dict) else None
    if not isinstance(name, str) or name not in known:
        raise BadUserInput(
            f"`representations`: an item must be an object whose `__typename` is one of {', '.join(sorted(known))}."
        )
    return name


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
