"""What can be followed: rows that the upstream tells of as they come, or that are read again and again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson

from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.reading import filter_path, page, path_of
from resolvers.rows import text
from resolvers.tokens import PAGE

MOST_LATE = 10
"""Pages of rows that came late, at most."""


@dataclass(frozen=True)
class Span:
    """A time that is read, from `since` to `until`, as ISO 8601; `late`: the latest rows first, and only some pages of them."""

    since: str
    until: str
    late: bool = False


@dataclass(frozen=True)
class Topic:
    """A collection whose new rows the upstream tells of as they come, by a websocket, and finds by their time.

    A message of the socket is `{"type": NAME, NAME: row}`, where NAME is that of one row.
    """

    collection: Collection
    moment: str
    """The key of a row's time, in its own filter too."""
    since: str
    """The leaf of that filter for the earliest time."""
    until: str
    """The leaf for the latest time."""
    order: tuple[str, str]
    """The orders by time, ascending and descending."""
    taken: str
    """The key of when the server took a row, by its own clock; the row's time is that of whoever sent it."""
    closes: bool = False
    """Whether the latest time is now where none is named."""
    merges: bool = False
    """Whether its rows come from several places, and are put in order of time."""
    silent: bool = False
    """Whether the socket may be there and tell nothing, being turned off."""

    @property
    def path(self) -> str | None:
        """Where the socket is, if there is one."""
        return path_of(self.collection, "out")

    def known_by(self, row: Row) -> str | None:
        """Return what tells a row from others; None where it has none."""
        return text(row, "id")

    def read(self, context: Context, wanted: str, span: Span) -> AsyncIterator[list[Row]]:
        """Read the rows of a time, by pages, in the order of their time."""
        return rows_of(context, self, wanted, span)

    def filter(self, wanted: str, span: Span) -> Row:
        """Return the own filter for what came in a time."""
        return self._within(wanted, {self.since: span.since, self.until: span.until})

    def told(self, wanted: str, until: str) -> Row:
        """Return the own filter for what the socket tells, whenever it was."""
        return self._within(wanted, {self.until: until}) if self.closes else orjson.loads(wanted)

    def _within(self, wanted: str, bounds: Row) -> Row:
        own: Row = orjson.loads(wanted)
        return {**own, self.moment: {**(own.get(self.moment) or {}), **bounds}}


@dataclass(frozen=True)
class Changes:
    """The latest rows of a collection, read again and again, where nothing tells of their changes."""

    collection: Collection
    order: str
    """The order in which the rows that may change come first."""
    versions: tuple[str, ...]
    """The keys that change with a row."""
    path = None
    merges = False

    def known_by(self, row: Row) -> str:
        """Tell a row from its earlier states."""
        return " ".join(str(row.get(key)) for key in ("id", *self.versions))

    async def read(self, context: Context, wanted: str, _span: Span) -> AsyncIterator[list[Row]]:
        """Read the latest rows."""
        groups = orjson.loads(wanted)
        for offset in range(0, context.max_first, context.page):
            rows = await page(
                context.rows, self.collection, groups, sort=self.order, limit=context.page, offset=offset or None
            )
            yield rows
            if len(rows) < context.page:
                return


Followed = Topic | Changes


async def rows_of(context: Context, topic: Topic, wanted: str, span: Span) -> AsyncIterator[list[Row]]:
    """Read the rows of a topic in a time, by pages, in the order of their time."""
    pages = 0
    async for rows in _pages(context, topic, topic.filter(wanted, span), topic.order[span.late]):
        yield rows
        pages += 1
        if span.late and pages == MOST_LATE:
            return


async def _pages(context: Context, topic: Topic, own: Row, order: str) -> AsyncIterator[list[Row]]:
    collection, rows = topic.collection, context.rows
    if not collection.tokens:
        offset = 0
        while True:
            found = await page(
                rows, collection, {collection.own: own}, sort=order, limit=context.page, offset=offset or None
            )
            yield found
            offset += len(found)
            if len(found) < context.page:
                return
    path, body = filter_path(collection), {collection.own: {**own, "order": order}, "limit": PAGE}
    read = await rows.read_page(collection.row, collection.name, "POST", path, body)
    yield read.rows
    while read.token and read.rows:
        read = await rows.read_page(collection.row, collection.name, "GET", f"{path}/next?{read.token}")
        yield read.rows
