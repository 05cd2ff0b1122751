"""The fields at the root that every collection has: one row, a connection of rows, how many there are."""

from functools import partial
from typing import Any

import strawberry
from strawberry import UNSET

from resolvers.batches import by as loaded
from resolvers.batches import remember, totals
from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.errors import BadUserInput, NotFound
from resolvers.fields import (
    PAGE,
    Arguments,
    filter_arguments,
    option_arguments,
    path_arguments,
    root,
    root_connection,
    told,
    window_arguments,
)
from resolvers.ids import id_argument
from resolvers.names import graphql_name
from resolvers.reading import ROOT, fill, parameters, path_of, query
from resolvers.relations import Listed
from resolvers.roots import Root, Route, by_id
from resolvers.sources import Lists, Source, Tokens, Whole, canonical_json


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
        Root(partial(_asked_item, collection), partial(_item, collection), routes=partial(_routes, collection)),
        collection.row | None,
        {**arguments, **option_arguments(collection.options)},
        f"One row of {collection.path}; null where there is none.",
    )


def _asked_item(collection: Collection, arguments: Row) -> tuple[str | list[str], Row]:
    options = {name: value for name in collection.options if (value := arguments.get(name))}
    return _key_or_names(parameters(collection.named or ""), arguments), options


def _routes(collection: Collection, asked: tuple[str | list[str], Row], _types: set[str]) -> list[Route]:
    return [by_id(collection, 1) if isinstance(asked[0], str) else Route("GET", collection.named or "")]


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
    return root_connection(_source(collection), arguments, f"Rows of {collection.within or collection.path}.")


def _source(collection: Collection) -> Source:
    return Tokens(collection) if collection.tokens else Whole(collection)


def count_of(collection: Collection) -> Any:
    """Make the root field that counts a collection's rows."""
    return root(
        Root(
            lambda given: canonical_json(collection.body(given)),
            partial(_count, collection),
            routes=lambda _asked, _types: [Route("POST", path_of(collection, "count"))],
        ),
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
