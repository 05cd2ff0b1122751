"""What loaders read in a batch: rows by key, windows of a collection, children of parents, counts of them.

Each function takes the loaders, what it reads and at last the keys; the same ones serve every collection and relation.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from resolvers.collection import Collection, Row
from resolvers.errors import Lacking, NotFound
from resolvers.loaders import Loader, Loaders, settled
from resolvers.reading import (
    Slice,
    Window,
    count,
    fill,
    filter_path,
    has_more,
    item_path,
    only,
    page,
    whole,
    window,
)
from resolvers.relations import HasMany, Many, Via


def by(loaders: Loaders, collection: Collection, key: str = "id", options: str = "{}") -> Loader:
    """Return the loader of a collection's rows by a unique key; `options` of the read are canonical JSON."""
    return loaders.of(by_key if collection.bulk else one_by_one, collection, key, options)


def remember(loaders: Loaders, collection: Collection, rows: Sequence[Any]) -> None:
    """Remember rows that were read, so that a relation does not read them again."""
    if collection.item and rows:
        by(loaders, collection).remember(rows, partial(loaders.rows.column, key="id"))


async def by_key(loaders: Loaders, collection: Collection, key: str, options: str, keys: list[str]) -> dict[str, Any]:
    """Read rows by a unique key in one call, matched by the key in the row, never by position."""
    chosen = {collection.own: {**collection.hidden, key: {"any_": keys}}}
    rows = await page(loaders.rows, collection, {**chosen, **orjson.loads(options)})
    column = loaders.rows.column(rows, key)
    only(column, key, keys, filter_path(collection))
    if key != "id":
        remember(loaders, collection, rows)
    return {value: row for value, row in zip(reversed(column), reversed(rows), strict=True) if value is not None}


async def one_by_one(
    loaders: Loaders, collection: Collection, _key: str, _options: str, keys: list[str]
) -> dict[str, Any]:
    """Read rows that no filter selects by id, at once: GET /{collection}/{id}."""

    async def read(key: str) -> Any:
        try:
            return await loaders.rows.read_one(collection.row, "GET", item_path(collection, key))
        except NotFound:
            return None

    return dict(zip(keys, await settled([read(key) for key in keys]), strict=True))


async def windows(loaders: Loaders, collection: Collection, asked: Window, parents: list[str]) -> dict[str, Any]:
    """Read a window of a collection, or of each parent's rows where REST filters only those: these at once."""
    groups = orjson.loads(asked.groups)

    async def read(parent: str) -> Slice:
        found = await window(loaders.rows, collection, groups, asked, loaders.size, parent)
        if not groups.keys() & collection.options.keys():
            remember(loaders, collection, found.rows)
        return found

    return dict(zip(parents, await settled([read(parent) for parent in parents]), strict=True))


async def more_in_windows(
    loaders: Loaders, collection: Collection, asked: Window, parents: list[str]
) -> dict[str, Any]:
    """Tell whether rows follow a window of a collection, or of each parent's rows."""
    groups = orjson.loads(asked.groups)
    more = await settled([has_more(loaders.rows, collection, groups, asked, parent) for parent in parents])
    return dict(zip(parents, more, strict=True))


async def totals(
    loaders: Loaders, collection: Collection, groups: str, most: int, parents: list[str]
) -> dict[str, Any]:
    """Count the rows of a collection, or those of each parent."""
    asked = orjson.loads(groups)
    counted = await settled([count(loaders.rows, collection, asked, loaders.size, most, parent) for parent in parents])
    return dict(zip(parents, counted, strict=True))


async def lists(loaders: Loaders, collection: Collection, parents: list[str]) -> dict[str, Any]:
    """Read the whole list of each parent, at once: the collection's route `listed`."""
    paths = [fill(collection.listed or "", parent) for parent in parents]
    answers = await settled([loaders.rows.read(collection.row, "GET", path) for path in paths])
    return dict(zip(parents, answers, strict=True))


async def parts_of_lists(
    loaders: Loaders, collection: Collection, offset: int, first: int, parents: list[str]
) -> dict[str, Any]:
    """Cut a window out of the list of each parent."""
    found = await loaders.of(lists, collection).read_many(parents)
    end = offset + first
    return {
        parent: Slice(rows[offset:end], len(rows) > end, len(rows)) if isinstance(rows, list) else rows
        for parent, rows in found.items()
    }


async def parts_of_keys(
    loaders: Loaders, collection: Collection, offset: int, first: int, parents: list[str]
) -> dict[str, Any]:
    """Cut a window out of the rows that each parent names: a parent is a list of keys as JSON, all are read at once."""
    keys: dict[str, list[str]] = {parent: orjson.loads(parent) for parent in parents}
    found = await by(loaders, collection).read_many(list({key for each in keys.values() for key in each}))
    end = offset + first

    def part(named: list[str]) -> Any:
        rows = [found[key] for key in named if found[key] is not None]
        failure = next((row for row in rows if isinstance(row, BaseException)), None)
        return failure or Slice(rows[offset:end], len(rows) > end, len(rows))

    return {parent: part(named) for parent, named in keys.items()}


async def numbers_of_keys(loaders: Loaders, collection: Collection, parents: list[str]) -> dict[str, Any]:
    """Count the rows that each parent names and that are there."""
    found = await loaders.of(parts_of_keys, collection, 0, 0).read_many(parents)
    return {parent: part.total if isinstance(part, Slice) else part for parent, part in found.items()}


async def lengths_of_lists(loaders: Loaders, collection: Collection, parents: list[str]) -> dict[str, Any]:
    """Count the list of each parent."""
    found = await loaders.of(lists, collection).read_many(parents)
    return {parent: len(rows) if isinstance(rows, list) else rows for parent, rows in found.items()}


async def children(loaders: Loaders, relation: HasMany, asked: Window, parents: list[str]) -> dict[str, Any]:
    """Read the children of many parents: together while pages finish at least half of them, then each by itself."""
    groups = orjson.loads(asked.groups)
    left = relation.allowed(groups, parents)
    slices: dict[str, Any] = {parent: Slice([], more=False, total=0) for parent in parents}
    while len(left) > 1:
        done = await _together(loaders, relation, asked, groups, left)
        slices |= done
        before, left = len(left), [parent for parent in left if parent not in done]
        if 2 * len(done) < before:
            break
    alone = await settled([_alone(loaders, relation, asked, groups, parent) for parent in left])
    slices |= zip(left, alone, strict=True)
    for found in slices.values():
        if isinstance(found, Slice) and not groups.keys() & relation.collection.options.keys():
            remember(loaders, relation.collection, found.rows)
    return slices


async def more_children(loaders: Loaders, relation: HasMany, beyond: Window, parents: list[str]) -> dict[str, Any]:
    """Tell for many parents whether children follow a window: `beyond` is the one row after it."""
    found = await loaders.of(children, relation, beyond).read_many(parents)
    return {parent: bool(rest.rows) if isinstance(rest, Slice) else rest for parent, rest in found.items()}


async def _together(
    loaders: Loaders, relation: HasMany, asked: Window, groups: Row, parents: list[str]
) -> dict[str, Slice]:
    """Read one page for all parents; return those that it finished."""
    body = relation.body(groups, parents)
    rows = await page(loaders.rows, relation.collection, body, sort=asked.sort, limit=loaders.size)
    by_parent = await _grouped(loaders, relation, rows, parents)
    ended = len(rows) < loaders.size
    end = asked.offset + asked.first
    return {
        parent: Slice(found[asked.offset : end], len(found) > end, len(found) if ended else None)
        for parent, found in by_parent.items()
        if ended or len(found) > end
    }


async def _grouped(loaders: Loaders, relation: HasMany, rows: list[Any], parents: list[str]) -> dict[str, list[Any]]:
    _check_parents(loaders, relation, rows, parents)
    by_parent: dict[str, list[Any]] = {parent: [] for parent in parents}
    for row, key in zip(rows, await keys_of(loaders, relation.key, rows), strict=True):
        if key in by_parent:
            by_parent[key].append(row)
    return by_parent


async def keys_of(loaders: Loaders, key: str | Via, rows: Sequence[Any]) -> list[str | None]:
    """Read a key of each row, through the row between where the key stands there."""
    if isinstance(key, str):
        return loaders.rows.column(rows, key)
    through = loaders.rows.column(rows, key.key)
    found = await by(loaders, key.collection).read_many(list({*through} - {None}))  # type: ignore[arg-type]  # without None
    for failure in found.values():
        if isinstance(failure, BaseException):
            raise failure
    between = [value for value, row in found.items() if row is not None]
    targets = dict(zip(between, loaders.rows.column([found[value] for value in between], key.target), strict=True))
    return [targets.get(value) if value else None for value in through]


async def _alone(loaders: Loaders, relation: HasMany, asked: Window, groups: Row, parent: str) -> Slice:
    found = await window(loaders.rows, relation.collection, relation.body(groups, [parent]), asked, loaders.size)
    _check_parents(loaders, relation, found.rows, [parent])
    return found


def _check_parents(loaders: Loaders, relation: HasMany, rows: list[Any], parents: list[str]) -> None:
    """Refuse children of others, where the rows themselves say whose they are."""
    if isinstance(relation.key, str):
        found = loaders.rows.column(rows, relation.key)
        only(found, relation.key, parents, filter_path(relation.collection))


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
    alone = [
        count(loaders.rows, relation.collection, relation.body(asked, [parent]), loaders.size, most) for parent in left
    ]
    return {**dict.fromkeys(parents, 0), **dict(zip(left, await settled(alone), strict=True))}


async def _counted(loaders: Loaders, many: Many, relation: HasMany, parents: list[str]) -> dict[str, int] | None:
    """Ask the route that counts for many parents; None where it is absent or would be wrong."""
    if len(parents) < 2:
        return None
    rest = loaders.rows.rest
    try:
        if many.unless and await _left_out(loaders, relation.group or "", many.unless, parents):
            return None
        answer = await rest.read("POST", many.path, {many.ids: parents})
    except (NotFound, Lacking):
        return None
    return answer if isinstance(answer, dict) else None


async def _left_out(loaders: Loaders, group: str, leaf: str, parents: list[str]) -> int:
    """Count the rows whose stand-ins a counting route leaves out."""
    path = f"/{group}/count"
    return whole(await loaders.rows.rest.read("POST", path, {group: {leaf: {"any_": parents}}}), path)
