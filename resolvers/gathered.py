"""Children that no filter selects by their parents: all rows are read at once and grouped here, in the order of a key."""

from dataclasses import dataclass
from typing import Any

import orjson

from resolvers.batches import remember, totals, windows
from resolvers.collection import Collection
from resolvers.loaders import Loaders
from resolvers.reading import Slice, Window, page


@dataclass(frozen=True)
class Gathering:
    """Where such children are: `key` names a row's parent, `order` is the number by which REST sorts those of one."""

    collection: Collection
    alone: Collection
    """The same rows where REST filters those of one parent: for one parent, and where one page has not all rows."""
    key: str
    order: str


async def gathered(loaders: Loaders, gathering: Gathering, asked: Window, parents: list[str]) -> dict[str, Any]:
    """Read a window of each parent's rows."""
    by_parent = await _all(loaders, gathering, asked.groups, parents)
    if by_parent is None:
        return await windows(loaders, gathering.alone, asked, parents)
    end = asked.offset + asked.first
    return {
        parent: Slice(found[asked.offset : end], len(found) > end, len(found)) for parent, found in by_parent.items()
    }


async def gathered_totals(
    loaders: Loaders, gathering: Gathering, groups: str, most: int, parents: list[str]
) -> dict[str, Any]:
    """Count the rows of each parent."""
    by_parent = await _all(loaders, gathering, groups, parents)
    if by_parent is None:
        return await totals(loaders, gathering.alone, groups, most, parents)
    return {parent: len(found) for parent, found in by_parent.items()}


async def _all(loaders: Loaders, gathering: Gathering, groups: str, parents: list[str]) -> dict[str, list[Any]] | None:
    """Read the rows of all parents; None for one parent, and where a page has not all of them."""
    if len(parents) < 2:
        return None
    rows = await page(loaders.rows, gathering.collection, orjson.loads(groups), limit=loaders.size)
    if len(rows) >= loaders.size:
        return None
    remember(loaders, gathering.collection, rows)
    by_parent: dict[str, list[Any]] = {parent: [] for parent in parents}
    places, keys = loaders.rows.numbers(rows, gathering.order), loaders.rows.column(rows, gathering.key)
    for _, key, row in sorted(zip(places, keys, rows, strict=True), key=lambda each: each[0]):
        if key in by_parent:
            by_parent[key].append(row)
    return by_parent
