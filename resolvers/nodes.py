"""Rows by their id alone: `node(id)`, `nodes(ids)` and the entities of a federated graph."""

import asyncio
from collections.abc import Collection as Some
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resolvers.batches import by
from resolvers.collection import DECLARED, Collection, Row
from resolvers.context import Context
from resolvers.errors import Lacking, NotFound, Rejected, UpstreamError
from resolvers.loaders import settled


@dataclass(frozen=True, slots=True)
class Found:
    """A row, and the collection that has it."""

    collection: Collection
    row: Any

    def named(self) -> Row:
        """Return a JSON row with its type in `__typename`, by which graphql-core tells it."""
        return {**self.row, "__typename": self.collection.row.__name__}


def asked(types: Some[str]) -> list[Collection]:
    """Return the collections that have rows of some types, all that can be read by id for none."""
    readable = [collection for collection in DECLARED if collection.item]
    return [collection for collection in readable if collection.row.__name__ in types] or readable


async def find_many(context: Context, ids: Sequence[str], name: str) -> list[Any]:
    """Find rows of a type, in the order of their ids: as `find` does, but a failure is the exception in its place."""
    collections = asked({name})
    if len(collections) > 1:
        return await settled([find(context, id_, {name}) for id_ in ids])
    rows = await by(context.loaders, collections[0]).read_many(ids)
    return [found_in(collections[0], rows[id_]) for id_ in ids]


def found_in(collection: Collection, row: Any) -> Any:
    """Say of a row which collection has it; nothing and a failure stay what they are."""
    return row if row is None or isinstance(row, BaseException) else Found(collection, row)


async def find(context: Context, id: str, types: Some[str]) -> Found | None:  # noqa: A002  as in REST
    """Ask the collections of some types for a row, at once, all of them for no type; null where there is none.

    A collection that the upstream fails to read is an error only where no other has the row; one that it lacks, or
    cannot filter by id, only where it is named.
    """
    collections = asked(types)
    found = await asyncio.gather(
        *(by(context.loaders, collection).read(id) for collection in collections), return_exceptions=True
    )
    for collection, row in zip(collections, found, strict=True):
        if isinstance(row, BaseException):
            if not isinstance(row, UpstreamError):
                raise row
        elif row is not None:
            return Found(collection, row)
    failures = [failure for failure in found if isinstance(failure, BaseException)]
    serious = [failure for failure in failures if not isinstance(failure, Lacking | NotFound | Rejected)]
    if len(failures) == len(found) or any(collection.row.__name__ in types for collection in collections):
        serious = failures
    if serious:
        raise serious[0]
    return None
