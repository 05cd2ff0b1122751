"""The factories of fields that read: at the root an item, a connection, a count; of a row its parent and its children."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from resolvers.batches import by as loaded
from resolvers.batches import keys_of, remember, totals
from resolvers.collection import Collection, Row, lazy
from resolvers.connection import Connection, Read
from resolvers.context import Context, context_of
from resolvers.cursors import DEFAULT_FIRST
from resolvers.errors import BadUserInput, NotFound
from resolvers.ids import id_argument, is_id
from resolvers.names import graphql_name
from resolvers.nodes import Found
from resolvers.reading import ROOT, fill, parameters, query
from resolvers.relations import BelongsTo, HasMany, Listed, Many, Via
from resolvers.roots import Root
from resolvers.rows import needed, unusable
from resolvers.selection import types
from resolvers.sources import Children, Lists, Named, Source, Whole, canonical_json, list_key, reads

Resolver = Callable[..., Awaitable[Any]]
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
    return {**filter_arguments(collection), **option_arguments(collection.options), **sort, **PAGE}


def path_arguments(path: str) -> Arguments:
    """Return the arguments that stand in a route."""
    return {
        name: (told(strawberry.ID, "The row's id."), ...) if is_id(name) else (told(str, "The row's name."), ...)
        for name in parameters(path)
    }


def connection(row: Any) -> Any:
    """Return the type of a connection of rows."""
    return Connection[row] | None


def item(collection: Collection) -> Any:
    """Make the root field of one row, by its id or by the names that REST reads it by; null where there is none."""
    names = parameters(collection.named or "")
    arguments: Arguments = {
        "id": (told(strawberry.ID | None, "The row's id."), UNSET),
        **{name: (told(str | None, "The row's name, or that of what it belongs to."), UNSET) for name in names},
    }
    if not names:
        arguments = {"id": (told(strawberry.ID, "The row's id."), ...)}
    return root(
        Root(partial(_asked_item, collection), partial(_item, collection)),
        collection.row | None,
        {**arguments, **option_arguments(collection.options)},
        f"One row of {collection.path}; null where there is none.",
    )


def _asked_item(collection: Collection, arguments: Row) -> tuple[str | list[str], Row]:
    options = {name: value for name in collection.options if (value := arguments.get(name))}
    return _key_or_names(parameters(collection.named or ""), arguments), options


def _key_or_names(names: list[str], arguments: Row) -> str | list[str]:
    """Return the id, or the names, that a row is asked by."""
    key = arguments.get("id")
    by_name = [value for name in names if (value := arguments.get(name)) is not None]
    if (key is None) == (not by_name) or len(by_name) not in (0, len(names)):
        raise BadUserInput(
            f"Give either `id` or {' and '.join(f'`{graphql_name(name)}`' for name in names)}."
            if names
            else "Give `id`."
        )
    return by_name if key is None else id_argument("id", key)


async def _item(collection: Collection, context: Context, asked: tuple[str | list[str], Row], _types: set[str]) -> Any:
    key, options = asked
    if isinstance(key, str):
        return await loaded(context.loaders, collection, options=canonical_json(options)).read(key)
    try:
        row = await context.rows.read_one(collection.row, "GET", fill(collection.named or "", *key) + query(options))
    except NotFound:
        return None
    if not options:
        remember(context.loaders, collection, [row])
    return row


def rows(collection: Collection) -> Any:
    """Make the root field of a collection's rows, a connection."""
    arguments = {**path_arguments(collection.within or ""), **window_arguments(collection)}
    return root_connection(Whole(collection), arguments, f"Rows of {collection.within or collection.path}.")


def count_of(collection: Collection) -> Any:
    """Make the root field that counts a collection's rows."""
    return root(
        Root(lambda given: canonical_json(collection.body(given)), partial(_count, collection)),
        int | None,
        filter_arguments(collection),
        f"How many rows of {collection.path} there are.",
    )


async def _count(collection: Collection, context: Context, groups: str, _types: set[str]) -> int | None:
    counted: int | None = await context.loaders.of(totals, collection, groups, context.max_first).read(ROOT)
    return counted


def listing(collection: Collection) -> Any:
    """Make the root field of a collection that REST gives as one list, by the id of what the rows belong to."""
    (name,) = parameters(collection.listed or "")
    return root_connection(
        Lists(Listed(collection)),
        {name: (told(strawberry.ID, "What the rows belong to."), ...), **PAGE},
        f"Rows of {collection.path}, in order of time.",
    )


def root(root: Root, kind: Any, arguments: Arguments, description: str, *, name: str | None = None) -> Any:
    """Make a root field of what is read for it."""

    async def resolve(info: strawberry.Info, **given: Any) -> Any:
        return _named(await root.read(context_of(info), root.check(given), types(info)))

    return strawberry.field(
        resolver=typed(resolve, arguments),
        name=name,
        graphql_type=kind,
        description=description,
        metadata={"root": root},
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


def refers_to(collection: Collection, *, keys: str, description: str) -> Any:
    """Make the field of the rows that a row names by a list of ids, its `keys`."""
    return _nested(Named(collection, keys), connection(collection.row), PAGE, description)


def _nested(
    source: Children | Lists | Named | Whole, kind: Any, arguments: Arguments, description: str, **declared: Any
) -> Any:
    async def resolve(root: Row, info: strawberry.Info, **given: Any) -> Any:
        parent = _listed_key(root, source.by) if isinstance(source, Named) else needed(root, source.by)
        pages, _ = reads(context_of(info), source, given)
        return Connection(read=Read(pages, parent))

    return _relation(resolve, kind, arguments, description, source=source, **declared)


def _listed_key(row: Row, key: str) -> str:
    return list_key(row.get(key)) or unusable(key)
