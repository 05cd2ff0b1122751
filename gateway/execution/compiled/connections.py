"""Connections in a plan: the pages of all parents of a level at once, and what is selected of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from gateway.execution.compiled.failures import Failure, Failures, Path
from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.steps import Run, Selection, Values, number, regular, together
from gateway.execution.times import Keys
from resolvers.reading import Slice
from resolvers.sources import Asked, Children, Gathered, Lists, Named, Pages, Source, Tokens, Whole, list_key

Made = type[Any]
"""The Struct of an object in the answer."""


def objects(made: Made, columns: Sequence[Sequence[Any]], number: int) -> list[Any]:
    """Make a number of objects of the columns of their values; of no columns, where all fields are skipped, too."""
    return [made(*values) for values in zip(*columns, strict=True)] if columns else [made() for _ in range(number)]


@dataclass
class Level:
    """The slices of the parents of one level, in the parents' order."""

    pages: Pages
    parents: Sequence[str]
    slices: list[Slice]

    @property
    def rows(self) -> list[Any]:
        """The rows of all slices."""
        if len(self.slices) == 1:
            return self.slices[0].rows
        return [row for part in self.slices for row in part.rows]

    def divided(self, made: Sequence[Any]) -> list[list[Any]]:
        """Divide what was made of all rows among the parents."""
        if len(self.slices) == 1:
            return [list(made)]
        rest = iter(made)
        return [list(islice(rest, len(part.rows))) for part in self.slices]


class Part(Protocol):
    """A field of a connection."""

    key: str
    reads_rows: bool

    async def values(self, run: Run, level: Level) -> Sequence[Any]:
        """Return the field's value for each parent."""

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads within a value of it."""


class Plain:
    """A field that reads nothing which may fail by itself."""

    def failures(self, _failures: Failures, _value: Any, _path: Path) -> Iterator[Failure]:
        """Find nothing."""
        return iter(())


@dataclass
class Name(Plain):
    """The field `__typename`."""

    key: str
    name: str
    reads_rows = False

    async def values(self, _run: Run, level: Level) -> Sequence[Any]:
        """Return the name for each parent."""
        return [self.name] * len(level.parents)


@dataclass
class Nodes:
    """The field `nodes`."""

    key: str
    selection: Selection
    reads_rows = True

    async def values(self, run: Run, level: Level) -> Sequence[Any]:
        """Return the rows of each parent."""
        return level.divided(await self.selection.complete(run, level.rows))

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads."""
        for index, made in enumerate(value):
            yield from self.selection.failures(failures, made, (*path, index))


@dataclass
class Edges:
    """The field `edges`; of an edge `node`, `cursor` and `__typename`, by the selections' response keys."""

    key: str
    edge: Made
    parts: list[tuple[str, Selection | str]]
    """Of each response key the selection of a node, or "cursor", or the type's name."""
    reads_rows = True

    async def values(self, run: Run, level: Level) -> Sequence[Any]:
        """Return the edges of each parent."""
        rows = level.rows
        nodes = iter(
            await together([part.complete(run, rows) for _, part in self.parts if isinstance(part, Selection)])
        )
        columns = [next(nodes) if isinstance(part, Selection) else self._texts(part, level) for _, part in self.parts]
        return level.divided(objects(self.edge, columns, len(rows)))

    def _texts(self, part: str, level: Level) -> list[str]:
        if part != "cursor":
            return [part] * len(level.rows)
        pages = level.pages
        longest = max(level.slices, key=lambda each: len(each.rows))
        if longest.places is not None:
            return [pages.cursor(each, index) for each in level.slices for index in range(len(each.rows))]
        cursors = [pages.cursor(longest, index) for index in range(len(longest.rows))]
        return [text for each in level.slices for text in cursors[: len(each.rows)]]

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads."""
        for index, edge in enumerate(value):
            for name, (key, part) in zip(edge.__struct_fields__, self.parts, strict=True):
                if isinstance(part, Selection):
                    yield from part.failures(failures, getattr(edge, name), (*path, index, key))


@dataclass
class PageInfo(Plain):
    """The field `pageInfo`."""

    key: str
    path: Keys
    page_info: Made
    parts: list[str]
    """Of each response key the field's name, or the type's."""
    reads_rows = True

    async def values(self, run: Run, level: Level) -> Sequence[Any]:
        """Return the page info of each parent."""
        with run.reading(self.path):
            more = await self._more(level) if "hasNextPage" in self.parts else []
        return [
            self.page_info(*(self._value(part, level.pages, found, more[at] if more else None) for part in self.parts))
            for at, found in enumerate(level.slices)
        ]

    async def _more(self, level: Level) -> list[bool]:
        known = [found.more for found in level.slices]
        unknown = [parent for parent, more in zip(level.parents, known, strict=True) if more is None]
        asked = await level.pages.more().read_many(unknown) if unknown else {}
        return [
            regular(asked[parent]) if more is None else more for parent, more in zip(level.parents, known, strict=True)
        ]

    def _value(self, part: str, pages: Pages, found: Slice, more: bool | None) -> Any:
        if part == "hasNextPage":
            return more
        if part == "hasPreviousPage":
            return pages.offset > 0
        if part == "startCursor":
            return pages.cursor(found, 0) if found.rows else None
        if part == "endCursor":
            return pages.cursor(found, len(found.rows) - 1) if found.rows else None
        return part


@dataclass
class TotalCount(Plain):
    """The field `totalCount`: `/count` is asked only where the rows do not tell it."""

    key: str
    path: Keys
    reads_rows = False

    async def values(self, run: Run, level: Level) -> Sequence[Any]:
        """Return the number of rows of each parent."""
        known = [found.total for found in level.slices] or [None] * len(level.parents)
        unknown = [parent for parent, total in zip(level.parents, known, strict=True) if total is None]
        with run.reading(self.path):
            asked = await level.pages.count().read_many(unknown) if unknown else {}
        return [
            number(asked[parent] if total is None else total)
            for parent, total in zip(level.parents, known, strict=True)
        ]


@dataclass
class Connection:
    """What is selected of a connection."""

    path: Keys
    made: Made
    parts: list[Part]

    async def complete(self, run: Run, pages: Pages, parents: Sequence[str]) -> list[Any]:
        """Make the connection of each parent."""
        slices: list[Slice] = []
        if any(part.reads_rows for part in self.parts):
            with run.reading(self.path):
                found = await pages.rows().read_many(parents)
            slices = [regular(found[parent]) for parent in parents]
        level = Level(pages, parents, slices)
        columns = await together([part.values(run, level) for part in self.parts])
        return objects(self.made, columns, len(parents))

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads within a connection of the answer."""
        for name, part in zip(value.__struct_fields__, self.parts, strict=True):
            yield from part.failures(failures, getattr(value, name), (*path, part.key))


@dataclass
class Nested:
    """A connection of each row of a level."""

    key: str
    source: Children | Gathered | Lists | Named | Tokens | Whole
    asked: Values
    connection: Connection

    async def values(self, run: Run, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the connection of each row."""
        parents = run.context.rows.column(rows, self.source.by)
        if isinstance(self.source, Named):
            parents = [list_key(ids) for ids in parents]
        distinct: list[Any] = list(dict.fromkeys(parents))
        if None in distinct:
            raise Irregular(f"a row has no {self.source.by}")
        pages = self.source.pages(run.context, self.asked(run))
        made = dict(zip(distinct, await self.connection.complete(run, pages, distinct), strict=True))
        return [made[parent] for parent in parents]

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads."""
        return self.connection.failures(failures, value, path)


@dataclass
class AtRoot:
    """A connection at the root."""

    key: str
    source: Source
    asked: Values
    connection: Connection

    async def value(self, run: Run, asked: Asked) -> Any:
        """Return the connection."""
        (made,) = await self.connection.complete(run, self.source.pages(run.context, asked), [asked.parent])
        return made

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads."""
        return self.connection.failures(failures, value, path)
