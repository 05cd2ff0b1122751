"""Pages that the upstream hands out by tokens: each page tells where the next one is, and how many rows there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from resolvers.collection import Collection, Row
from resolvers.errors import BadUserInput
from resolvers.loaders import Loaders, settled
from resolvers.reading import ROOT, Slice, Window, path_of
from resolvers.rows import Page

PAGE = 50
"""Rows in a page of such a route, at most."""

FOREIGN = frozenset("#?\\ ")


@dataclass(frozen=True)
class Start:
    """Where a window starts: in the page of a token (of none: the first page), after some of its rows."""

    token: str
    passed: int

    @classmethod
    def read(cls, place: str) -> "Start":
        """Read what `str` wrote; raises BadUserInput."""
        passed, _, token = (place or "0 ").partition(" ")
        if not passed.isdecimal() or not (token.isascii() and token.isprintable()) or FOREIGN & {*token}:
            raise BadUserInput("`after` is not a cursor of this API: use an `endCursor` or a `cursor` of an edge.")
        return cls(token, int(passed))

    def __str__(self) -> str:
        return f"{self.passed} {self.token}"


async def token_windows(
    loaders: Loaders, collection: Collection, leaf: str, prefix: str, asked: Window, start: Start, parents: list[str]
) -> dict[str, Any]:
    """Read a window of a collection, or of each parent's rows: these at once."""
    bodies = [_body(collection, leaf, prefix, asked.groups, parent) for parent in parents]
    found = await settled([_window(loaders, collection, body, asked.first, start) for body in bodies])
    return dict(zip(parents, found, strict=True))


async def token_totals(
    loaders: Loaders, collection: Collection, leaf: str, prefix: str, groups: str, parents: list[str]
) -> dict[str, Any]:
    """Count the rows of a collection, or those of each parent, by pages without rows."""
    bodies = [_body(collection, leaf, prefix, groups, parent) for parent in parents]
    pages = await settled([_page(loaders, collection, {**body, "limit": 0}, "") for body in bodies])
    totals = (page.total if isinstance(page, Page) else page for page in pages)
    return dict(zip(parents, totals, strict=True))


def _body(collection: Collection, leaf: str, prefix: str, groups: str, parent: str) -> Row:
    body: Row = orjson.loads(groups)
    if parent == ROOT:
        return body
    own = body[collection.own]
    fit = [*(own.get(leaf) or []), {"id": [prefix + parent]}]
    # A list of one as the one: older servers know no list.
    return {**body, collection.own: {**own, leaf: fit if len(fit) > 1 else fit[0]}}


async def _window(loaders: Loaders, collection: Collection, body: Row, first: int, start: Start) -> Slice:
    rows: list[Any] = []
    places: list[str] = []
    # The first page that is read to its end ends where the next begins: whoever goes on from there reads no row twice.
    limit = min(start.passed + first, PAGE)
    while True:
        page = await _page(loaders, collection, {**body, "limit": limit}, start.token)
        following = Start(page.token, 0) if page.token else None
        rows += page.rows[start.passed :]
        places += _places(start, page.rows, following)
        if len(rows) >= first or following is None or not page.rows:
            more = len(rows) > first or following is not None
            return Slice(rows[:first], more, page.total, places[:first])
        start = following


def _places(start: Start, rows: Sequence[Any], following: Start | None) -> list[str]:
    """Name the place after each row of a page; after its last row the next page begins."""
    places = [str(Start(start.token, passed + 1)) for passed in range(start.passed, len(rows))]
    if places and following:
        places[-1] = str(following)
    return places


async def _page(loaders: Loaders, collection: Collection, body: Row, token: str) -> Page:
    """Read the page of a token, or the first: POST /{collection}/filter."""
    path = path_of(collection, "filter")
    asked = ("GET", f"{path}/next?{token}", None) if token else ("POST", path, body)
    return await loaders.rows.read_page(collection.row, collection.name, *asked)
