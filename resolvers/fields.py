"""The factories of fields that read: at the root an item, a connection, a count; of a row its parent and its children."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from resolvers.batches import by as loaded
from resolvers.batches import keys_of
from resolvers.collection import Collection, Row, lazy
from resolvers.connection import Connection, Read
from resolvers.context import context_of
from resolvers.cursors import DEFAULT_FIRST
from resolvers.gathered import Gathering
from resolvers.ids import is_id
from resolvers.nodes import Found
from resolvers.reading import parameters
from resolvers.relations import BelongsTo, HasMany, Listed, Many, Via
from resolvers.roots import Root
from resolvers.rows import needed, unusable
from resolvers.selection import types
from resolvers.sources import Children, Gathered, Lists, Named, Source, Tokens, Whole, list_key, reads

Resolver = Callable[..., Awaitable[Any] | AsyncGenerator[Any, None]]
Arguments = Mapping[str, tuple[Any, Any]]
"""Name of an argument -> its annotation and its default: `...` where it is required, UNSET where it may be absent."""


def told(annotation: Any, description: str) -> Any:
    """Describe an argument."""
    return Annotated[annotation, strawberry.argument(description=description)]


PAGE: Arguments = {
    "first": (told(int | None, "How many rows."), DEFAULT_FIRST),
    "after": (told(str | None, "The cursor after which the page starts; not together with `offset`."), UNSET),
    "offset": (told(int | None, "How many rows to skip; not together with `after`."), UNSET),
}


TOKEN_PAGE: Arguments = {
    "first": PAGE["first"],
    "after": (
        told(
            str | None,
            "The cursor after which the page starts: an `endCursor` goes on with the rows that there were, "
            "others within the first page count from its start, which new rows move.",
        ),
        UNSET,
    ),
}
"""Of rows whose pages follow each other by the upstream's tokens: there is no offset."""


def typed(resolve: Resolver, arguments: Arguments) -> Resolver:
    """Give a generic resolver, whose keywords are any, the arguments of its field."""
    kind = inspect.Parameter
    named = [
        kind(name, kind.KEYWORD_ONLY, annotation=annotation, default=kind.empty if default is ... else default)
        for name, (annotation, default) in arguments.items()
    ]
    fixed = [own for own in inspect.signature(resolve).parameters.values() if own.kind is kind.POSITIONAL_OR_KEYWORD]
    resolve.__signature__ = inspect.Signature([*fixed, *named])  # type: ignore[attr-defined]  # inspect reads it off any function
    resolve.__annotations__ = {
        "info": strawberry.Info,
        **{name: annotation for name, (annotation, _) in arguments.items()},
    }
    return resolve


def filter_arguments(collection: Collection) -> Arguments:
    """Return the argument `filter`, where REST has one."""
    return {"filter": (told(collection.filter_type | None, "Which rows."), UNSET)} if collection.filter else {}


def option_arguments(options: Mapping[str, tuple[Any, str]]) -> Arguments:
    """Return the arguments that are options of a read."""
    return {name: (told(annotation, about), UNSET) for name, (annotation, about) in options.items()}


def window_arguments(collection: Collection) -> Arguments:
    """Return the arguments of a connection: filter and sort as far as REST has them, first, after and offset."""
    sort: Arguments = (
        {"sort": (told(collection.sort | None, "The order."), collection.default_sort)} if collection.sort else {}
    )
    page = TOKEN_PAGE if collection.tokens else PAGE
    return {**filter_arguments(collection), **option_arguments(collection.options), **sort, **page}


def path_arguments(path: str) -> Arguments:
    """Return the arguments that stand in a route."""
    return {
        name: (told(strawberry.ID, "The row's id."), ...) if is_id(name) else (told(str, "The row's name."), ...)
        for name in parameters(path)
    }


def connection(row: Any) -> Any:
    """Return the type of a connection of rows."""
    return Connection[row] | None


def root(
    root: Root,
    kind: Any,
    arguments: Arguments,
    description: str,
    *,
    name: str | None = None,
    directives: Sequence[object] = (),
) -> Any:
    """Make a root field of what is read for it."""

    async def resolve(info: strawberry.Info, **given: Any) -> Any:
        return _named(await root.read(context_of(info), root.check(given), types(info)))

    return strawberry.field(
        resolver=typed(resolve, arguments),
        name=name,
        graphql_type=kind,
        description=description,
        metadata={"root": root},
        directives=directives,
    )


def _named(value: Any) -> Any:
    if isinstance(value, list):
        return [_named(each) for each in value]
    return value.named() if isinstance(value, Found) else value


def root_connection(source: Source, arguments: Arguments, description: str) -> Any:
    """Make a root field that is a connection."""

    async def resolve(info: strawberry.Info, **given: Any) -> Any:
        return Connection(read=Read(*reads(context_of(info), source, given)))

    return strawberry.field(
        resolver=typed(resolve, arguments),
        graphql_type=connection(source.collection.row),
        description=description,
        metadata={"source": source},
    )


def _relation(resolve: Resolver, kind: Any, arguments: Arguments, description: str, **declared: Any) -> Any:
    return strawberry.pydantic.field(
        typed(resolve, arguments), graphql_type=kind, description=description, metadata=declared
    )


def belongs_to(parent: str, *, key: str | Via, by: str = "id", description: str) -> Any:
    """Make the field of a row's parent: the row of the type at the path `parent` whose `by` is this row's `key`."""
    relation = BelongsTo(parent, key, by)
    own = key if isinstance(key, str) else key.key

    async def resolve(root: Row, info: strawberry.Info) -> Any:
        loaders = context_of(info).loaders
        if root.get(own) is None:
            return None
        needed(root, own)
        (value,) = await keys_of(loaders, key, [root])
        return await loaded(loaders, relation.collection, by).read(value) if value else None

    return _relation(resolve, lazy(parent) | None, {}, description, relation=relation)


@dataclass(frozen=True)
class Later:
    """Children whose collection is declared later: the paths of their row type and filter, and what else reads them."""

    row: str
    filter: str
    sort: Enum | None = None
    options: Mapping[str, tuple[Any, str]] = field(default_factory=dict)

    def arguments(self) -> Arguments:
        """Return the arguments of a connection, as `window_arguments` does."""
        return {
            "filter": (told(lazy(self.filter) | None, "Which rows."), UNSET),
            **option_arguments(self.options),
            **({"sort": (told(type(self.sort) | None, "The order."), self.sort)} if self.sort else {}),
            **PAGE,
        }


def has_many(
    child: Collection | Later,
    *,
    key: str | Via,
    group: str | None = None,
    leaf: str | None = None,
    by: str = "id",
    counts: Many | None = None,
    description: str,
) -> Any:
    """Make the field of a row's children, a connection; see `HasMany` for the arguments."""
    if isinstance(child, Collection):
        source = Children(HasMany(child, key, group, leaf, by, counts))
        return _nested(source, connection(child.row), window_arguments(child), description, relation=source.relation)
    source = Children(HasMany(child.row, key, group, leaf, by, counts))
    return _nested(source, connection(lazy(child.row)), child.arguments(), description, relation=source.relation)


def listed(collection: Collection, *, description: str) -> Any:
    """Make the field of children that REST gives as one list, by a call for each parent, bounded at once."""
    source = Lists(Listed(collection))
    return _nested(source, connection(collection.row), PAGE, description, relation=source.relation)


def within(collection: Collection, *, by: str, description: str) -> Any:
    """Make the field of children that REST filters for one parent only, by a call for each, bounded at once."""
    return _nested(Whole(collection, by), connection(collection.row), window_arguments(collection), description)


def gathered(collection: Collection, *, within: str, key: str, order: str, by: str, description: str) -> Any:
    """Make the field of children that no filter selects by their parents: all are read at once, and grouped by `key`.

    `within` is the route that filters those of one parent, in the order of a number, `order`.
    """
    # What is found by id alone is asked of the collection itself.
    alone = replace(collection, within=within, item=False)
    source = Gathered(Gathering(collection, alone, key, order), by)
    return _nested(source, connection(collection.row), window_arguments(collection), description)


def involved_in(collection: Collection, *, leaf: str, prefix: str, description: str) -> Any:
    """Make the field of the rows that involve a row, by a call for each row, at once; see `Tokens` for the arguments."""
    source = Tokens(collection, leaf, prefix)
    return _nested(source, connection(collection.row), window_arguments(collection), description)


def refers_to(collection: Collection, *, keys: str, description: str) -> Any:
    """Make the field of the rows that a row names by a list of ids, its `keys`."""
    return _nested(Named(collection, keys), connection(collection.row), PAGE, description)


def _nested(
    source: Children | Gathered | Lists | Named | Tokens | Whole,
    kind: Any,
    arguments: Arguments,
    description: str,
    **declared: Any,
) -> Any:
    async def resolve(root: Row, info: strawberry.Info, **given: Any) -> Any:
        parent = _listed_key(root, source.by) if isinstance(source, Named) else needed(root, source.by)
        pages, _ = reads(context_of(info), source, given)
        return Connection(read=Read(pages, parent))

    return _relation(resolve, kind, arguments, description, source=source, **declared)


def _listed_key(row: Row, key: str) -> str:
    return list_key(row.get(key)) or unusable(key)
