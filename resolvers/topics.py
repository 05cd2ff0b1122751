"""What can be followed: rows that the upstream tells of as they come, or that are read again and again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson

from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.reading import filter_path, page, path_of
from resolvers.rows import text
from resolvers.tokens import PAGE


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
    until: str | None
    """The leaf for the latest time, where it is not open by default."""
    order: str
    """The order by time, ascending."""
    silent: bool = False
    """Whether the socket may be there and tell nothing, being turned off."""
    stays: bool = False
    """Whether what is there at first is no news, and stays known."""

    @property
    def path(self) -> str | None:
        """Where the socket is, if there is one."""
        return path_of(self.collection, "out")

    def known_by(self, row: Row) -> str | None:
        """Return what tells a row from others; None where it has none."""
        return text(row, "id")

    def read(self, context: Context, wanted: str, since: str, until: str) -> AsyncIterator[list[Row]]:
        """Read the rows of a time, by pages, in the order of their time."""
        return rows_since(context, self, wanted, since, until)

    def filter(self, wanted: str, since: str, until: str) -> Row:
        """Return the own filter for what came in a time."""
        own: Row = orjson.loads(wanted)
        bounds = {self.since: since, **({self.until: until} if self.until else {})}
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
    silent = False
    stays = True

    def known_by(self, row: Row) -> str:
        """Tell a row from its earlier states."""
        return " ".join(str(row.get(key)) for key in ("id", *self.versions))

    def filter(self, _wanted: str, _since: str, _until: str) -> Row:
        """Return nothing: there is no socket."""
        return {}

    async def read(self, context: Context, wanted: str, _since: str, _until: str) -> AsyncIterator[list[Row]]:
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


async def rows_since(context: Context, topic: Topic, wanted: str, since: str, until: str) -> AsyncIterator[list[Row]]:
    """Read the rows of a topic in a time, by pages, in the order of their time."""
    collection, rows = topic.collection, context.rows
    own = topic.filter(wanted, since, until)
    if not collection.tokens:
        offset = 0
        while True:
            found = await page(
                rows, collection, {collection.own: own}, sort=topic.order, limit=context.page, offset=offset or None
            )
            yield found
            offset += len(found)
            if len(found) < context.page:
                return
    path, body = filter_path(collection), {collection.own: {**own, "order": topic.order}, "limit": PAGE}
    read = await rows.read_page(collection.row, collection.name, "POST", path, body)
    yield read.rows
    while read.token and read.rows:
        read = await rows.read_page(collection.row, collection.name, "GET", f"{path}/next?{read.token}")
        yield read.rows
