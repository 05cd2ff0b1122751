"""Rows by unique keys beside their id, as other subgraphs may know them: a name, or a name and that of the parent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from resolvers.batches import by, by_key
from resolvers.collection import Collection, models
from resolvers.errors import NotFound
from resolvers.loaders import Loader, Loaders, settled
from resolvers.reading import fill, filter_path, only, page
from resolvers.relations import BelongsTo
from resolvers.roots import KeyedRoute


@dataclass(frozen=True)
class KeyField:
    """A field of a unique key: the row's own, or its parent's (`parent` is the field of the row that has it)."""

    name: str
    parent: str | None = None
    relation: BelongsTo | None = None

    def value(self, representation: Any) -> str | None:
        """Read the field of a representation; None where there is no text."""
        holder = representation.get(self.parent) if self.parent else representation
        value = holder.get(self.name) if isinstance(holder, dict) else None
        return value if isinstance(value, str) else None


async def find_by(
    loaders: Loaders, collection: Collection, fields: tuple[KeyField, ...], keys: Sequence[tuple[str, ...]]
) -> list[Any]:
    """Return the rows with some keys, in their order: None where there is none; a failure is the exception in its place."""
    if len(fields) == 1:
        found = await _by_one(loaders, collection, fields[0].name).read_many([key for (key,) in keys])
        return [found[key] for (key,) in keys]
    columns = [
        await _own_keys(loaders, field, column) for field, column in zip(fields, zip(*keys, strict=True), strict=True)
    ]
    known: list[Any] = [_whole(key) for key in zip(*columns, strict=True)]
    asked = [key for key in known if isinstance(key, str)]
    found = await loaders.of(_by_several, collection, fields).read_many(asked) if asked else {}
    return [found[key] if isinstance(key, str) else key for key in known]


async def _own_keys(loaders: Loaders, field: KeyField, values: Sequence[str]) -> Sequence[Any]:
    """Return what the rows themselves have for a field of their key: that by which a parent of these values is found."""
    if field.relation is None:
        return values
    parents = await _by_one(loaders, field.relation.collection, field.name).read_many(list(dict.fromkeys(values)))
    found = {value: row for value, row in parents.items() if row is not None and not isinstance(row, BaseException)}
    own = dict(zip(found, loaders.rows.column(list(found.values()), field.relation.by), strict=True))
    return [own.get(value, parents[value]) for value in values]


def _whole(parts: tuple[Any, ...]) -> Any:
    """Write a key as text; where a part of it is none or a failure, that."""
    lacking = [part for part in parts if not isinstance(part, str)]
    return lacking[0] if lacking else orjson.dumps(parts).decode()


def routes_of(collection: Collection, fields: tuple[KeyField, ...], rows: int) -> Iterator[KeyedRoute]:
    """Tell how so many rows, at least one, are found by a key."""
    if len(fields) == 1:
        yield from _routes_of_one(collection, fields[0].name, rows)
        return
    for field in fields:
        if field.relation is not None:
            yield from _routes_of_one(field.relation.collection, field.name, rows)
    yield KeyedRoute("POST", filter_path(collection), rows, together=True)
    if rows > 1:  # each that a full page may lack
        yield KeyedRoute("POST", filter_path(collection), rows)


def _routes_of_one(collection: Collection, key: str, rows: int) -> Iterator[KeyedRoute]:
    selected = selects(collection, key)
    if selected or rows > 1:
        yield KeyedRoute("POST", filter_path(collection), rows, together=True)
    if not selected:  # each that a page may lack
        yield KeyedRoute("GET", collection.named or "", rows)


def _by_one(loaders: Loaders, collection: Collection, key: str) -> Loader:
    if selects(collection, key):
        return by(loaders, collection, key) if collection.bulk else loaders.of(by_key, collection, key, "{}")
    return loaders.of(_named, collection, key)


def selects(collection: Collection, key: str) -> bool:
    """Tell whether a collection's filter selects rows by many values of a key."""
    leaf = collection.filter.model_fields.get(key) if collection.filter else None
    return leaf is not None and any("any_" in model.model_fields for model in models(leaf.annotation))


async def _named(loaders: Loaders, collection: Collection, key: str, names: list[str]) -> dict[str, Any]:
    """Read rows that no filter selects by name: one by its route, `named`; of many, a page of all rows has most."""
    known: dict[str, Any] = dict.fromkeys(names)
    asked = names
    if len(names) > 1:
        rows = await page(loaders.rows, collection, {}, limit=loaders.size)
        found = dict(zip(loaders.rows.column(rows, key), rows, strict=True))
        known |= {name: found[name] for name in names if name in found}
        all_read = len(rows) < loaders.size and not collection.short_pages
        asked = [] if all_read else [name for name in names if name not in found]

    async def read(name: str) -> Any:
        if not name:
            return None
        try:
            row = await loaders.rows.read_one(collection.row, "GET", fill(collection.named or "", name))
        except NotFound:
            return None
        return row if loaders.rows.column([row], key) == [name] else None  # REST may take a name for an id

    return known | dict(zip(asked, await settled([read(name) for name in asked]), strict=True))


async def _by_several(
    loaders: Loaders, collection: Collection, fields: tuple[KeyField, ...], keys: list[str]
) -> dict[str, Any]:
    """Read rows by keys of several fields in one call; a full page may lack rows: what it lacks is read singly."""
    asked: dict[str, tuple[str, ...]] = {key: tuple(orjson.loads(key)) for key in keys}
    rows = await page(loaders.rows, collection, _body(collection, fields, list(asked.values())), limit=loaders.size)
    columns = [loaders.rows.column(rows, _column(field)) for field in fields]
    for field, column, wanted in zip(fields, columns, zip(*asked.values(), strict=True), strict=True):
        only(column, _column(field), wanted, filter_path(collection))
    known = dict(zip(zip(*columns, strict=True), rows, strict=True))
    found = {key: known.get(values) for key, values in asked.items()}
    missing = [key for key, row in found.items() if row is None]
    if len(keys) > 1 and len(rows) >= loaders.size:
        alone = await settled([_by_several(loaders, collection, fields, [key]) for key in missing])
        found |= {key: one[key] if isinstance(one, dict) else one for key, one in zip(missing, alone, strict=True)}
    return found


def _column(field: KeyField) -> str:
    return str(field.relation.key) if field.relation else field.name


def _body(collection: Collection, fields: Sequence[KeyField], values: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    groups: dict[str, Any] = {collection.own: {**collection.hidden}}
    for field, wanted in zip(fields, zip(*values, strict=True), strict=True):
        group, leaf = (
            (field.relation.collection.own, field.relation.by) if field.relation else (collection.own, field.name)
        )
        groups.setdefault(group, {})[leaf] = {"any_": sorted({*wanted})}
    return groups


def needed(keys: Sequence[tuple[KeyField, ...]]) -> tuple[str, ...]:
    """Name the keys of rows that finding them by these looks at."""
    return tuple({_column(field): None for fields in keys for field in fields})
