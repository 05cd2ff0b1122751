"""The most calls that each kind of source makes, from the declarations that both executors read."""

from dataclasses import dataclass
from functools import singledispatchmethod

from resolvers.collection import Collection
from resolvers.reading import Window, filter_path, path_of, wanted_of
from resolvers.relations import Via
from resolvers.sources import Children, Gathered, Lists, Named, Source, Tokens, Whole
from resolvers.tokens import PAGE as TOKEN_PAGE
from resolvers.tokens import Start


@dataclass(frozen=True)
class Asking:
    """What is asked of a connection: its window for each of `parents` rows, and whether rows, their number, more.

    The parents may come in so many `batches`, each asked for by itself.
    """

    window: Window
    parents: int | None
    batches: int
    rows: bool
    total: bool
    more: bool


Way = tuple[str, str, str, int | None, int | None]
"""Method, path, how, calls, rows."""


def times(left: int | None, right: int | None) -> int | None:
    """Multiply bounds; without one of them there is none, unless the other is 0."""
    if 0 in (left, right):
        return 0
    return None if left is None or right is None else left * right


class Bounds:
    """The most calls of each source, `size` rows a page, counts without a route by paging up to `most` rows."""

    def __init__(self, size: int, most: int) -> None:
        self._size = size
        self._most = most

    @property
    def paged(self) -> int:
        """Return how many pages are read at most to count rows."""
        return -(-self._most // self._size)

    def chunks(self, keys: int | None, batches: int = 1) -> int | None:
        """Return in how many chunks keys are read at most that come in so many batches."""
        return None if keys is None else min(keys, -(-keys // self._size) + batches - 1)

    @singledispatchmethod
    def of(self, source: Source, asking: Asking) -> list[Way]:
        """Return the ways in which a source is read."""
        raise NotImplementedError(type(source).__name__)

    @of.register
    def _(self, source: Whole, asking: Asking) -> list[Way]:
        return self._windows(source.collection, asking, asking.parents)

    @of.register
    def _(self, source: Children, asking: Asking) -> list[Way]:
        relation, parents = source.relation, asking.parents
        together = self.chunks(parents, asking.batches)
        ways = self._children(source, asking, together) if asking.rows else []
        if asking.total:
            if relation.counts and asking.window.groups == "{}":
                ways.append(("POST", relation.counts.path, "one route for the counts of all parents", together, 0))
                if relation.counts.unless:
                    ways.append(("POST", f"/{relation.group}/count", "whether that route leaves any out", together, 0))
                ways += self._counts(source.collection, parents, how="one a count, where that route can't tell")
            else:
                ways += self._counts(source.collection, parents)
        return ways

    def _children(self, source: Children, asking: Asking, together: int | None) -> list[Way]:
        """Tell of pages for all parents of a chunk, again while they finish half of them; the rest are read each alone."""
        key, parents, first = source.relation.key, asking.parents, asking.window.first
        path = filter_path(source.collection)
        how, calls = "one a page", times(parents, self._pages(source.collection, first))
        rows = times(parents, self._wanted(source.collection, first))
        if parents is None or parents > 1:
            how, calls = "all parents in one, then one each that it leaves out", _sum(together, calls)
            rounds = times(together, min(parents or 0, self._size).bit_length() - 1)
            rows = _sum(times(rounds, self._size), rows)
        ways: list[Way] = [("POST", path, how, calls, rows)]
        if isinstance(key, Via):
            ways.append(("POST", filter_path(key.collection), "by id, all keys in one", calls, rows))
        if asking.more and first % self._size == 0:
            ways.append(("POST", path, "the row after each page", _sum(together, parents), None))
        return ways

    @of.register
    def _(self, source: Gathered, asking: Asking) -> list[Way]:
        gathering = source.gathering
        every: Way = (
            "POST",
            filter_path(gathering.collection),
            "all rows in one page",
            together := self.chunks(asking.parents, asking.batches),
            times(together, self._size),
        )
        return [every, *self._windows(gathering.alone, asking, asking.parents)]

    @of.register
    def _(self, source: Lists, asking: Asking) -> list[Way]:
        return [("GET", source.collection.listed or "", "one a parent", asking.parents, None)]

    @of.register
    def _(self, source: Named, _asking: Asking) -> list[Way]:
        return [("POST", filter_path(source.collection), "by id, all keys in one", None, None)]

    @of.register
    def _(self, source: Tokens, asking: Asking) -> list[Way]:
        passed = Start.read(asking.window.sort or "").passed
        path = path_of(source.collection, "filter")
        if not asking.rows:
            return [("POST", path, "a page without rows for each count", asking.parents, 0)]
        limit = max(1, min(passed + asking.window.first, TOKEN_PAGE))
        following = max(0, -(-(passed + asking.window.first) // limit) - 1)
        ways: list[Way] = [("POST", path, "the first page, one a parent", asking.parents, times(asking.parents, limit))]
        if following or passed or asking.window.sort:
            calls = times(asking.parents, following + 1)
            ways.append(("GET", f"{path}/next", "the pages after it, one a parent", calls, times(calls, TOKEN_PAGE)))
        return ways

    def _windows(self, collection: Collection, asking: Asking, parents: int | None) -> list[Way]:
        path = collection.within or path_of(collection, "filter")
        how = "one a page" if parents == 1 else "one a page of each parent"
        ways: list[Way] = []
        if asking.rows:
            offset, first = asking.window.offset, asking.window.first
            pages = self._pages(collection, first)
            ways.append(
                ("POST", path, how, times(parents, pages), times(parents, self._rows(collection, first, pages, offset)))
            )
            if asking.more and wanted_of(collection, first, self._size) == first:
                passed = 0 if collection.offsets else offset + first
                ways.append(("POST", path, "the row after each page", parents, times(parents, passed + 1)))
        return ways + (self._counts(collection, parents) if asking.total else [])

    def _counts(self, collection: Collection, parents: int | None, how: str = "one a count") -> list[Way]:
        if collection.countable:
            return [("POST", path_of(collection, "count"), how, parents, 0)]
        path = collection.within or path_of(collection, "filter")
        rows = self._rows(collection, self.paged * self._size, self.paged, 0)
        return [("POST", path, "counted by paging", times(parents, self.paged), times(parents, rows))]

    def _rows(self, collection: Collection, first: int, pages: int, offset: int) -> int:
        """Return how many rows are read for so many pages; without offsets those before a page are read with it."""
        wanted = self._wanted(collection, first)
        if collection.offsets:
            return wanted
        return sum(offset + min(wanted, page * self._size) for page in range(1, pages + 1))

    def _wanted(self, collection: Collection, first: int) -> int:
        """Return how many rows the pages of a window have at most."""
        if collection.short_pages:
            return self._pages(collection, first) * self._size
        return wanted_of(collection, first, self._size)

    def _pages(self, collection: Collection, first: int) -> int:
        return -(-wanted_of(collection, first, self._size) // self._size)


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right
