"""The factories of fields that read: at the root an item, a connection, a count; of a row its parent and its children."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Annotated, Any

import orjson
import strawberry
from strawberry import UNSET

from resolvers.collection import Collection, Row, lazy
from resolvers.connection import DEFAULT_FIRST, Connection, Read, digest_of, length_of, start_of
from resolvers.context import Context, context_of
from resolvers.errors import BadUserInput, NotFound
from resolvers.ids import id_argument
from resolvers.loaders import keys_of
from resolvers.names import graphql_name
from resolvers.reading import Slice, Window, count, fill, has_more, needed, parameters, rows_of, window
from resolvers.relations import BelongsTo, HasMany, Listed, Many, Relation, Via

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


def window_arguments(collection: Collection) -> Arguments:
    """Return the arguments of a connection: filter and sort as far as REST has them, first, after and offset."""
    sort: Arguments = (
        {"sort": (told(collection.sort | None, "The order."), collection.default_sort)} if collection.sort else {}
    )
    return {**filter_arguments(collection), **sort, **PAGE}


def canonical_json(groups: Row) -> str:
    """Write the groups of a body so that equal ones are equal text."""
    return orjson.dumps(groups, option=orjson.OPT_SORT_KEYS).decode()


def _asked(context: Context, collection: Collection, scope: str, arguments: Row) -> tuple[Window, str]:
    """Check the arguments of a connection; return its window and the digest of its cursors."""
    groups = canonical_json(collection.body(arguments.get("filter")))
    sort = arguments.get("sort") or collection.default_sort
    order = sort.value if sort else None
    digest = digest_of(scope, groups, order)
    offset = start_of(arguments.get("after"), arguments.get("offset"), digest)
    return Window(groups, order, offset, length_of(arguments.get("first"), context.max_first)), digest


def connection(row: Any) -> Any:
    """Return the type of a connection of rows."""
    return Connection[row] | None


def item(collection: Collection) -> Any:
    """Make the root field of one row, by its id or by the names that REST reads it by; null where there is none."""
    names = parameters(collection.named or "")

    async def resolve(info: strawberry.Info, *, id: str | None = None, **given: str | None) -> Any:  # noqa: A002  as in REST
        by_name = [value for value in given.values() if value is not None]
        if (id is None) == (not by_name) or len(by_name) not in (0, len(names)):
            raise BadUserInput(
                f"Give either `id` or {' and '.join(f'`{graphql_name(name)}`' for name in names)}."
                if names
                else "Give `id`."
            )
        context = context_of(info)
        if id is not None:
            return await context.loaders.by(collection).read(id_argument("id", id))
        return await _by_name(context, collection, given)

    arguments: Arguments = {
        "id": (told(strawberry.ID | None, "The row's id."), UNSET),
        **{name: (told(str | None, "The row's name, or that of what it belongs to."), UNSET) for name in names},
    }
    if not names:
        arguments = {"id": (told(strawberry.ID, "The row's id."), ...)}
    return strawberry.field(
        resolver=typed(resolve, arguments),
        graphql_type=collection.row | None,
        description=f"One row of /{collection.name}; null where there is none.",
    )


async def _by_name(context: Context, collection: Collection, given: Mapping[str, str | None]) -> Row | None:
    path = fill(collection.named or "", *(value or "" for value in given.values()))
    try:
        row = await context.rest.read("GET", path)
    except NotFound:
        return None
    rows = rows_of(collection, [row], path, "GET")
    context.loaders.prime(collection, rows)
    return rows[0]


def rows(collection: Collection) -> Any:
    """Make the root field of a collection's rows, a connection."""

    async def resolve(info: strawberry.Info, **arguments: Any) -> Any:
        context = context_of(info)
        asked, digest = _asked(context, collection, collection.name, arguments)
        groups = orjson.loads(asked.groups)

        async def read() -> Slice:
            found = await window(context.rest, collection, groups, asked, context.page)
            context.loaders.prime(collection, found.rows)
            return found

        return Connection(
            read=Read(
                asked.offset,
                digest,
                rows=read,
                count=lambda: count(context.rest, collection, groups, context.page, context.max_first),
                more=lambda: has_more(context.rest, collection, groups, asked),
            )
        )

    return strawberry.field(
        resolver=typed(resolve, window_arguments(collection)),
        graphql_type=connection(collection.row),
        description=f"Rows of /{collection.name}.",
    )


def count_of(collection: Collection) -> Any:
    """Make the root field that counts a collection's rows."""

    async def resolve(info: strawberry.Info, **arguments: Any) -> int | None:
        context = context_of(info)
        return await count(
            context.rest, collection, collection.body(arguments.get("filter")), context.page, context.max_first
        )

    return strawberry.field(
        resolver=typed(resolve, filter_arguments(collection)),
        graphql_type=int | None,
        description=f"How many rows of /{collection.name} there are.",
    )


def listing(collection: Collection) -> Any:
    """Make the root field of a collection that REST gives as one list, by the id of what the rows belong to."""
    path = collection.listed or ""
    (name,) = parameters(path)

    async def resolve(info: strawberry.Info, **arguments: Any) -> Any:
        return _list_read(context_of(info), Listed(collection), id_argument(name, arguments[name]), arguments)

    return strawberry.field(
        resolver=typed(resolve, {name: (told(strawberry.ID, "What the rows belong to."), ...), **PAGE}),
        graphql_type=connection(collection.row),
        description=f"Rows of /{collection.name}, in order of time.",
    )


def _list_read(context: Context, relation: Listed, parent: str, arguments: Row) -> Any:
    """Make a connection over a list that REST gives whole."""
    digest = digest_of(relation.collection.name)
    offset = start_of(arguments.get("after"), arguments.get("offset"), digest)
    end = offset + length_of(arguments.get("first"), context.max_first)

    async def read() -> Slice:
        found = await context.loaders.listed(relation).read(parent)
        return Slice(found[offset:end], len(found) > end, len(found))

    async def total() -> int:
        return len(await context.loaders.listed(relation).read(parent))

    async def more() -> bool:
        return bool((await read()).more)

    return Connection(read=Read(offset, digest, rows=read, count=total, more=more))


def _relation(resolve: Resolver, relation: Relation, kind: Any, arguments: Arguments, description: str) -> Any:
    return strawberry.pydantic.field(
        typed(resolve, arguments), graphql_type=kind, description=description, metadata={"relation": relation}
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
        return await loaders.by(relation.collection, by).read(value) if value else None

    return _relation(resolve, relation, lazy(parent) | None, {}, description)


def has_many(
    child: Collection | str,
    *,
    key: str | Via,
    group: str | None = None,
    leaf: str | None = None,
    by: str = "id",
    counts: Many | None = None,
    filters: str | None = None,
    sort: Enum | None = None,
    description: str,
) -> Any:
    """Make the field of a row's children, a connection; see `HasMany` for the arguments.

    A child that is declared later is named by the path of its row type, with its `filters` and default `sort`.
    """
    relation = HasMany(child, key, group, leaf, by, counts)

    async def resolve(root: Row, info: strawberry.Info, **arguments: Any) -> Any:
        return _children_read(context_of(info), relation, needed(root, by), arguments)

    if isinstance(child, Collection):
        return _relation(resolve, relation, connection(child.row), window_arguments(child), description)
    arguments: Arguments = {
        "filter": (told(lazy(filters or "") | None, "Which rows."), UNSET),
        "sort": (told(type(sort) | None, "The order."), sort),
        **PAGE,
    }
    return _relation(resolve, relation, connection(lazy(child)), arguments, description)


def _children_read(context: Context, relation: HasMany, parent: str, arguments: Row) -> Any:
    asked, digest = _asked(context, relation.collection, f"{relation.place}{relation.collection.name}", arguments)
    groups = orjson.loads(asked.groups)
    relation.check(groups)
    beyond = Window(asked.groups, asked.sort, asked.offset + asked.first, 1)

    async def more() -> bool:
        return bool((await context.loaders.children(relation, beyond).read(parent)).rows)

    return Connection(
        read=Read(
            asked.offset,
            digest,
            rows=lambda: context.loaders.children(relation, asked).read(parent),
            count=lambda: context.loaders.counts(relation, asked.groups, context.max_first).read(parent),
            more=more,
        )
    )


def listed(collection: Collection, *, description: str) -> Any:
    """Make the field of children that REST gives as one list, by a call for each parent, bounded at once."""
    relation = Listed(collection)

    async def resolve(root: Row, info: strawberry.Info, **arguments: Any) -> Any:
        return _list_read(context_of(info), relation, needed(root, "id"), arguments)

    return _relation(resolve, relation, connection(collection.row), PAGE, description)
