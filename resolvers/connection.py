"""The connection: every to-many field of the schema, at the root or nested (Relay cursor connections)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import strawberry
from strawberry.federation.schema_directives import Shareable

from resolvers.reading import Slice
from resolvers.shared import shared
from resolvers.sources import Pages

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def described(description: str) -> Callable[[F], F]:
    """Make a method a field with a description, its type kept."""
    decorator: Callable[[F], F] = strawberry.field(description=description)
    return decorator


@dataclass
class Read:
    """The window of one parent, read once when a field asks for it."""

    pages: Pages
    parent: str
    _slice: "asyncio.Future[Slice] | None" = field(default=None, repr=False)

    def slice(self) -> Awaitable[Slice]:
        """Return the rows; several fields share one read, and none of them can cancel it."""
        if self._slice is None:
            self._slice = asyncio.ensure_future(self.pages.rows().read(self.parent))
        return shared(self._slice)

    async def total(self) -> int | None:
        """Return the number of rows; `/count` is asked only where the rows do not tell it."""
        await asyncio.sleep(0)  # the fields beside this one begin first: do they read the rows?
        if self._slice is not None:
            known = (await self.slice()).total
            if known is not None:
                return known
        counted: int | None = await self.pages.count().read(self.parent)
        return counted

    async def more(self) -> bool:
        """Tell whether rows follow, where the rows themselves do not."""
        return bool(await self.pages.more().read(self.parent))

    def cursor(self, found: Slice, index: int) -> str:
        """Return the cursor of the row at an index of this window."""
        return self.pages.cursor(found, index)


@strawberry.type(description="Where a page stands among all rows.", directives=[Shareable()])
class PageInfo:
    read: strawberry.Private[Read]
    found: strawberry.Private[Slice]

    @described("Whether rows follow this page.")
    async def has_next_page(self) -> bool:
        return self.found.more if self.found.more is not None else await self.read.more()

    @described("Whether rows precede this page.")
    def has_previous_page(self) -> bool:
        return self.read.pages.offset > 0

    @described("Cursor of the first row of this page.")
    def start_cursor(self) -> str | None:
        return self.read.cursor(self.found, 0) if self.found.rows else None

    @described("Cursor of the last row of this page: the `after` of the next.")
    def end_cursor(self) -> str | None:
        return self.read.cursor(self.found, len(self.found.rows) - 1) if self.found.rows else None


@strawberry.type(description="A row in a page.")
class Edge(Generic[T]):
    node: T | None = strawberry.field(description="The row; null where the upstream's is unusable.")
    cursor: str = strawberry.field(description="The row's place in this filter and sort, for `after`.")


@strawberry.type(description="A page of rows.")
class Connection(Generic[T]):
    read: strawberry.Private[Read]

    @described("The rows.")
    async def nodes(self) -> list[T | None]:
        return (await self.read.slice()).rows

    @described("The rows with their cursors.")
    async def edges(self) -> list[Edge[T]]:
        found = await self.read.slice()
        return [Edge(node=row, cursor=self.read.cursor(found, index)) for index, row in enumerate(found.rows)]

    @described("Where this page stands among all rows.")
    async def page_info(self) -> PageInfo:
        return PageInfo(read=self.read, found=await self.read.slice())

    @described(
        "How many rows there are in all. Where REST has no count they are counted up to a bound; null beyond it."
    )
    async def total_count(self) -> int | None:
        return await self.read.total()
