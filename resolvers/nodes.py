"""Rows by their id alone: `node(id)`, `nodes(ids)` and the entities of a federated graph."""

import asyncio
from collections.abc import Collection as Some

from resolvers.collection import DECLARED, Row
from resolvers.context import Context


async def find(context: Context, id: str, types: Some[str]) -> Row | None:  # noqa: A002  as in REST
    """Ask the collections of some types for a row, at once, all of them for no type; null where there is none.

    The row says its type in `__typename`. A collection that fails is an error only where no other has the row.
    """
    readable = [collection for collection in DECLARED if collection.item]
    asked = [collection for collection in readable if collection.row.__name__ in types] or readable
    found = await asyncio.gather(
        *(context.loaders.by(collection).read(id) for collection in asked), return_exceptions=True
    )
    for collection, row in zip(asked, found, strict=True):
        if isinstance(row, dict):
            return {**row, "__typename": collection.row.__name__}
    for failure in found:
        if isinstance(failure, BaseException):
            raise failure
    return None
