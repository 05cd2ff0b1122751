"""The connection: every to-many field of the schema, at the root or nested (Relay cursor connections)."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson
import strawberry
from strawberry.federation.schema_directives import Shareable

from resolvers.errors import BadUserInput
from resolvers.reading import Slice
from resolvers.shared import shared

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def described(description: str) -> Callable[[F], F]:
    """Make a method a field with a description, its type kept."""
    decorator: Callable[[F], F] = strawberry.field(description=description)
    return decorator


@dataclass
class Read:
    """A window of rows, read once when a field asks for it."""

    offset: int
    digest: str
    """What the cursors of this window are good for."""
    rows: Callable[[], Awaitable[Slice]]
    count: Callable[[], Awaitable[int | None]]
    more: Callable[[], Awaitable[bool]]
    _slice: asyncio.Future[Slice] | None = field(default=None, repr=False)

    def slice(self) -> Awaitable[Slice]:
        """Return the rows; several fields share one read, and none of them can cancel it."""
        if self._slice is None:
            self._slice = asyncio.ensure_future(self.rows())
        return shared(self._slice)

    async def total(self) -> int | None:
        """Return the number of rows; `/count` is asked only where the rows do not tell it."""
        await asyncio.sleep(0)  # the fields beside this one begin first: do they read the rows?
        if self._slice is not None:
            known = (await self.slice()).total
            if known is not None:
                return known
        return await self.count()

    def cursor(self, index: int) -> str:
        """Return the cursor of the row at an index of this window."""
        return encode_cursor(self.offset + index + 1, self.digest)


@strawberry.type(description="Where a page stands among all rows.", directives=[Shareable()])
class PageInfo:
    read: strawberry.Private[Read]
    found: strawberry.Private[Slice]

    @described("Whether rows follow this page.")
    async def has_next_page(self) -> bool:
        return self.found.more if self.found.more is not None else await self.read.more()

    @described("Whether rows precede this page.")
    def has_previous_page(self) -> bool:
        return self.read.offset > 0

    @described("Cursor of the first row of this page.")
    def start_cursor(self) -> str | None:
        return self.read.cursor(0) if self.found.rows else None

    @described("Cursor of the last row of this page: the `after` of the next.")
    def end_cursor(self) -> str | None:
        return self.read.cursor(len(self.found.rows) - 1) if self.found.rows else None


@strawberry.type(description="A row in a page.")
class Edge(Generic[T]):
    node: T | None = strawberry.field(description="The row; null where the upstream's is unusable.")
    cursor: str = strawberry.field(description="The row's place in this filter and sort: an offset, for `after`.")


@strawberry.type(description="A page of rows.")
class Connection(Generic[T]):
    read: strawberry.Private[Read]

    @described("The rows.")
    async def nodes(self) -> list[T | None]:
        return (await self.read.slice()).rows  # type: ignore[return-value]  # rows are dicts that stand for T

    @described("The rows with their cursors.")
    async def edges(self) -> list[Edge[T]]:
        rows: list[Any] = (await self.read.slice()).rows
        return [Edge(node=row, cursor=self.read.cursor(index)) for index, row in enumerate(rows)]

    @described("Where this page stands among all rows.")
    async def page_info(self) -> PageInfo:
        return PageInfo(read=self.read, found=await self.read.slice())

    @described(
        "How many rows there are in all. Where REST has no count they are counted up to a bound; null beyond it."
    )
    async def total_count(self) -> int | None:
        return await self.read.total()


def digest_of(*parts: object) -> str:
    """Identify a filter and a sort, so that a cursor is not used with others."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def encode_cursor(offset: int, digest: str) -> str:
    """Write a cursor: an offset and what it is good for."""
    return base64.urlsafe_b64encode(f"{offset}:{digest}".encode()).decode()


def decode_cursor(cursor: str, digest: str) -> int:
    """Read a cursor's offset, or raise BadUserInput."""
    try:
        offset, made_for = base64.urlsafe_b64decode(cursor.encode()).decode().split(":")
        place = int(offset)
    except (ValueError, binascii.Error):
        msg = "`after` is not a cursor of this API: use an `endCursor` or a `cursor` of an edge."
        raise BadUserInput(msg) from None
    if made_for != digest:
        msg = "`after` is a cursor of another query: it goes with the field, filter and sort that it was made for."
        raise BadUserInput(msg)
    if not 0 <= place < MOST_ROWS:
        msg = "`after` is not a cursor of this API."
        raise BadUserInput(msg)
    return place


def start_of(after: str | None, offset: int | None, digest: str) -> int:
    """Work out where a window starts from the arguments `after` and `offset`."""
    if after is not None and offset is not None:
        msg = "`after` and `offset` can't be used together: both say where the page starts."
        raise BadUserInput(msg)
    if after is not None:
        return decode_cursor(after, digest)
    if offset is not None and offset < 0:
        msg = f"`offset` is {offset}: it can't be negative."
        raise BadUserInput(msg)
    return offset or 0


def length_of(first: int | None, most: int) -> int:
    """Check the argument `first`."""
    if first is None:
        return DEFAULT_FIRST
    if first < 0:
        msg = f"`first` is {first}: it can't be negative."
        raise BadUserInput(msg)
    if first > most:
        msg = f"`first` is {first}, more than {most} (PREFECT_GRAPHQL_MAX_FIRST): ask for less and go on with `after`."
        raise BadUserInput(msg)
    return first


DEFAULT_FIRST = 20
MOST_ROWS = 2**31
"""No offset of the upstream's API is beyond it."""
