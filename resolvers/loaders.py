"""The loaders of one operation: by key, children of, counts of. Three batch functions serve every relation."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from functools import partial
from typing import Any

import orjson
from aiodataloader import DataLoader

from resolvers.collection import Collection, Row
from resolvers.errors import NotFound
from resolvers.reading import Slice, Window, chunks, count, fill, only, page, path_of, rows_of, text, whole, window
from resolvers.relations import HasMany, Listed, Many, Via
from resolvers.rest import Rest
from resolvers.shared import shared

Batch = Callable[[list[str]], Awaitable[dict[str, Any]]]


class _Loader(DataLoader[str, Any]):
    """A loader whose batch function gives a dict: a key that is missing from it is null."""

    def __init__(self, batch: Batch, size: int) -> None:
        super().__init__()
        self._batch = batch
        self._size = size

    async def batch_load_fn(self, keys: list[str]) -> list[Any]:
        """Read the keys, a chunk of the upstream's page at a time; a chunk that fails fails its own keys only."""
        parts = list(chunks(keys, self._size))
        answers = await asyncio.gather(*(self._batch(list(part)) for part in parts), return_exceptions=True)
        return [
            answer if isinstance(answer, BaseException) else answer.get(key)
            for part, answer in zip(parts, answers, strict=True)
            for key in part
        ]

    async def read(self, key: str) -> Any:
        """Load one key, together with others of the moment."""
        return await shared(self.load(key))


class Loaders:
    """Makes each loader on first use, keyed by what it reads."""

    def __init__(self, rest: Rest, size: int) -> None:
        self.rest = rest
        self.size = size
        self._made: dict[Hashable, _Loader] = {}

    def _loader(self, key: Hashable, batch: Callable[..., Awaitable[dict[str, Any]]], *arguments: Any) -> _Loader:
        if key not in self._made:
            self._made[key] = _Loader(partial(batch, self, *arguments), self.size)
        return self._made[key]

    def by(self, collection: Collection, key: str = "id") -> _Loader:
        """Load rows of a collection by a unique key."""
        return self._loader((collection, key), by_key if collection.bulk else one_by_one, collection, key)

    def children(self, relation: HasMany, asked: Window) -> _Loader:
        """Load the children of parents, by the parents' key."""
        return self._loader((relation, asked), children, relation, asked)

    def counts(self, relation: HasMany, groups: str, most: int) -> _Loader:
        """Load the number of children of parents, by the parents' key."""
        return self._loader((relation, groups), counts, relation, groups, most)

    def listed(self, relation: Listed) -> _Loader:
        """Load the children that REST gives as one list, by the parent's id."""
        return self._loader(relation, lists, relation.collection)

    def prime(self, collection: Collection, rows: list[Row]) -> None:
        """Remember rows that were read, so that a relation does not read them again."""
        if collection.item:
            loader = self.by(collection)
            for row in rows:
                if isinstance(row.get("id"), str):
                    loader.prime(row["id"], row)


async def _settled(reads: Iterable[Awaitable[Any]]) -> list[Any]:
    """Read at once what belongs to a key each: a read that fails fails its own key only."""
    return await asyncio.gather(*reads, return_exceptions=True)


async def by_key(loaders: Loaders, collection: Collection, key: str, keys: list[str]) -> dict[str, Row]:
    """Read rows by a unique key in one call, matched by the key in the row, never by position."""
    rows = await page(loaders.rest, collection, {collection.name: {key: {"any_": keys}}})
    only(rows, key, keys, path_of(collection, "filter"))
    found = {row[key]: row for row in reversed(rows) if isinstance(row.get(key), str)}
    if key != "id":
        loaders.prime(collection, rows)
    return found


async def one_by_one(loaders: Loaders, collection: Collection, _key: str, keys: list[str]) -> dict[str, Row]:
    """Read rows that no filter selects by id, at once: GET /{collection}/{id}."""

    async def read(key: str) -> Any:
        try:
            return await loaders.rest.read("GET", path_of(collection, key))
        except NotFound:
            return None

    rows = await _settled(read(key) for key in keys)
    return {
        key: collection.completed([row])[0] if isinstance(row, dict) else row
        for key, row in zip(keys, rows, strict=True)
    }


async def lists(loaders: Loaders, collection: Collection, parents: list[str]) -> dict[str, Any]:
    """Read the whole list of each parent, at once: the collection's route `listed`."""
    paths = [fill(collection.listed or "", parent) for parent in parents]
    answers = await _settled(loaders.rest.read("GET", path) for path in paths)
    return {
        parent: answer if isinstance(answer, BaseException) else rows_of(collection, answer, path, "GET")
        for parent, path, answer in zip(parents, paths, answers, strict=True)
    }


async def children(loaders: Loaders, relation: HasMany, asked: Window, parents: list[str]) -> dict[str, Slice]:
    """Read the children of many parents: together while pages finish at least half of them, then each by itself."""
    groups = orjson.loads(asked.groups)
    left = relation.allowed(groups, parents)
    slices = {parent: Slice([], more=False, total=0) for parent in parents}
    while len(left) > 1:
        done = await _together(loaders, relation, asked, groups, left)
        slices |= done
        before, left = len(left), [parent for parent in left if parent not in done]
        if 2 * len(done) < before:
            break
    alone = await _settled(_alone(loaders, relation, asked, groups, parent) for parent in left)
    slices |= zip(left, alone, strict=True)
    for found in slices.values():
        if isinstance(found, Slice):
            loaders.prime(relation.collection, found.rows)
    return slices


async def _together(
    loaders: Loaders, relation: HasMany, asked: Window, groups: Row, parents: list[str]
) -> dict[str, Slice]:
    """Read one page for all parents; return those that it finished."""
    body = relation.body(groups, parents)
    rows = await page(loaders.rest, relation.collection, body, sort=asked.sort, limit=loaders.size)
    by_parent = await _grouped(loaders, relation, rows, parents)
    ended = len(rows) < loaders.size
    end = asked.offset + asked.first
    return {
        parent: Slice(found[asked.offset : end], len(found) > end, len(found) if ended else None)
        for parent, found in by_parent.items()
        if ended or len(found) > end
    }


async def _grouped(loaders: Loaders, relation: HasMany, rows: list[Row], parents: list[str]) -> dict[str, list[Row]]:
    _of(relation, rows, parents)
    by_parent: dict[str, list[Row]] = {parent: [] for parent in parents}
    for row, key in zip(rows, await keys_of(loaders, relation.key, rows), strict=True):
        if key in by_parent:
            by_parent[key].append(row)
    return by_parent


async def keys_of(loaders: Loaders, key: str | Via, rows: list[Row]) -> list[str | None]:
    """Read a key of each row, through the row between where the key stands there."""
    if isinstance(key, str):
        return [text(row, key) for row in rows]
    between = loaders.by(key.collection)

    async def target(row: Row) -> str | None:
        through = text(row, key.key)
        found = await between.read(through) if through else None
        return text(found, key.target) if found else None

    return list(await asyncio.gather(*(target(row) for row in rows)))


async def _alone(loaders: Loaders, relation: HasMany, asked: Window, groups: Row, parent: str) -> Slice:
    found = await window(loaders.rest, relation.collection, relation.body(groups, [parent]), asked, loaders.size)
    _of(relation, found.rows, [parent])
    return found


def _of(relation: HasMany, rows: list[Row], parents: list[str]) -> None:
    """Refuse children of others, where the rows themselves say whose they are."""
    if isinstance(relation.key, str):
        only(rows, relation.key, parents, path_of(relation.collection, "filter"))


async def counts(
    loaders: Loaders, relation: HasMany, groups: str, most: int, parents: list[str]
) -> dict[str, int | None]:
    """Count the children of many parents: by one route where there is one, else each by itself, at once."""
    asked = orjson.loads(groups)
    left = relation.allowed(asked, parents)
    if relation.counts and not asked:
        counted = await _counted(loaders, relation.counts, relation, left)
        if counted is not None:
            return {parent: counted.get(parent, 0) for parent in parents}
    alone = (
        count(loaders.rest, relation.collection, relation.body(asked, [parent]), loaders.size, most) for parent in left
    )
    return {**dict.fromkeys(parents, 0), **dict(zip(left, await _settled(alone), strict=True))}


async def _counted(loaders: Loaders, many: Many, relation: HasMany, parents: list[str]) -> dict[str, int] | None:
    """Ask the route that counts for many parents; None where it is absent or would be wrong."""
    if len(parents) < 2:
        return None
    try:
        if many.unless and await _left_out(loaders, relation.group or "", many.unless, parents):
            return None
        answer = await loaders.rest.read("POST", many.path, {many.ids: parents})
    except NotFound:
        return None
    return answer if isinstance(answer, dict) else None


async def _left_out(loaders: Loaders, group: str, leaf: str, parents: list[str]) -> int:
    """Count the rows whose stand-ins a counting route leaves out."""
    path = f"/{group}/count"
    return whole(await loaders.rest.read("POST", path, {group: {leaf: {"any_": parents}}}), path)
