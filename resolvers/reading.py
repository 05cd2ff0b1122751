"""Reads of a collection's rows: pages, windows of them, counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import orjson

from resolvers.collection import Collection, Row
from resolvers.errors import UpstreamError
from resolvers.rows import Rows

T = TypeVar("T")


ROOT = ""
"""The parent of the rows of a whole collection."""


@dataclass(frozen=True)
class Window:
    """Which rows of a sorted, filtered collection: `first` after `offset`."""

    groups: str
    """The groups of the body, as canonical JSON, so that a window can key a loader."""
    sort: str | None
    offset: int
    first: int


@dataclass(slots=True)
class Slice:
    """The rows of a window, and what reading them told of those beyond it."""

    rows: list[Any]
    more: bool | None
    """Whether rows follow; None where only another read can tell."""
    total: int | None = None
    """How many rows there are in all, where the read reached the end."""
    places: list[str] | None = None
    """What the upstream knows the place after each row by, where that is not its offset."""


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into parts of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def path_of(collection: Collection, action: str) -> str:
    """Name a route of a collection."""
    return f"{collection.path}/{action}"


def item_path(collection: Collection, key: str) -> str:
    """Name the route that reads one row of a collection by its id."""
    return fill(collection.by_id, key) if collection.by_id else path_of(collection, key)


def filter_path(collection: Collection, parent: str = ROOT) -> str:
    """Name the route that filters a collection's rows, those of one parent where REST has no other."""
    return fill(collection.within, parent) if collection.within else path_of(collection, "filter")


def parameters(path: str) -> list[str]:
    """Name the parameters of a route: "/flows/name/{name}" has `name`."""
    return [name for _, name, _, _ in Formatter().parse(path) if name]


def fill(path: str, *values: str) -> str:
    """Fill in the parameters of a route."""
    return path.format(**{name: quote(value, safe="") for name, value in zip(parameters(path), values, strict=True)})


def query(values: Row) -> str:
    """Write what a GET asks for besides its path; a list is a key several times."""
    words = {
        name: value if isinstance(value, str | list) else orjson.dumps(value).decode() for name, value in values.items()
    }
    return f"?{urlencode(words, doseq=True)}" if words else ""


def only(found: Sequence[str | None], key: str, asked: Sequence[str], path: str) -> None:
    """Raise an UpstreamError for rows that were not asked for: an upstream ignores a filter that it does not know."""
    if not {*found} <= {*asked, None}:
        raise UpstreamError(
            f"The upstream answered rows that were not asked for: does it know the filter on `{key}`?",
            status=200,
            method="POST",
            path=path,
        )


async def page(rows: Rows, collection: Collection, groups: Row, parent: str = ROOT, **window: Any) -> list[Any]:
    """Read one page: POST /{collection}/filter."""
    skipped = 0 if collection.offsets else window.pop("offset", None) or 0
    if skipped:
        window["limit"] += skipped
    body = {**groups, **{name: value for name, value in window.items() if value is not None}}
    read = await rows.read(collection.row, "POST", filter_path(collection, parent), body)
    return read[skipped:]


def wanted_of(collection: Collection, first: int, size: int) -> int:
    """Return how many rows are read for a window: one beyond it, unless the window is whole pages of `size`."""
    return first if first and first % size == 0 and not collection.short_pages else first + 1


async def window(
    rows: Rows, collection: Collection, groups: Row, asked: Window, size: int, parent: str = ROOT
) -> Slice:
    """Read the rows of a window by as few pages of `size` as hold them.

    One row beyond the window tells whether more follow, where it fits into the last page.
    """
    read: list[Any] = []
    wanted = wanted_of(collection, asked.first, size)
    while len(read) < wanted:
        limit = size if collection.short_pages else min(size, wanted - len(read))
        found = await page(
            rows, collection, groups, parent, sort=asked.sort, limit=limit, offset=asked.offset + len(read) or None
        )
        read += found
        if len(found) < limit:
            known = bool(read) or asked.offset == 0
            return Slice(read[: asked.first], len(read) > asked.first, asked.offset + len(read) if known else None)
    return Slice(read[: asked.first], True if len(read) > asked.first else None)


async def has_more(rows: Rows, collection: Collection, groups: Row, asked: Window, parent: str = ROOT) -> bool:
    """Ask for the one row beyond a window."""
    beyond = asked.offset + asked.first
    return bool(await page(rows, collection, groups, parent, sort=asked.sort, limit=1, offset=beyond))


async def count(
    rows: Rows, collection: Collection, groups: Row, size: int, most: int, parent: str = ROOT
) -> int | None:
    """Count rows: POST /{collection}/count; where there is none, by paging up to `most` rows, else None."""
    if collection.countable:
        path = path_of(collection, "count")
        return whole(await rows.rest.read("POST", path, groups), path)
    total = 0
    while total < most:
        found = len(await page(rows, collection, groups, parent, limit=size, offset=total or None))
        total += found
        if found < size:
            return total
    return None


def whole(answer: Any, path: str) -> int:
    """Take an answer for a number of rows, or raise an UpstreamError."""
    if not isinstance(answer, int) or isinstance(answer, bool):
        raise UpstreamError("The upstream answered something else than a count.", status=200, method="POST", path=path)
    return answer
