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
    """What is asked of a connection: its window for each of `parents` rows, and whether rows, their number, more."""

    window: Window
    parents: int | None
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

    def chunks(self, keys: int | None) -> int | None:
        """Return in how many chunks keys are read."""
        return None if keys is None else -(-keys // self._size)

    @singledispatchmethod
    def of(self, source: Source, asking: Asking) -> list[Way]:
        """Return the ways in which a source is read."""
        raise NotImplementedError(type(source).__name__)

    @of.register
    def _(self, source: Whole, asking: Asking) -> list[Way]:
        return self._windows(source.collection, asking, asking.parents)

    @of.register
    def _(self, source: Children, asking: Asking) -> list[Way]:
        relation, parents, window = source.relation, asking.parents, asking.window
        collection, path = source.collection, filter_path(source.collection)
        ways: list[Way] = []
        together = self.chunks(parents)
        if asking.rows:
            # A page for all parents of a chunk; where it finishes less than half of them, the rest are read each alone.
            alone = times(parents, self._pages(collection, window.first))
            many = parents is None or parents > 1
            how = "one for all parents, then one a parent that it leaves out" if many else "one a page"
            calls = alone if not many else _sum(together, alone)
            ways.append(
                (
                    "POST",
                    path,
                    how,
                    calls,
                    times(calls, self._size),
                )
            )
            if isinstance(relation.key, Via):
                ways.append(
                    (
                        "POST",
                        filter_path(relation.key.collection),
                        "by id, all keys in one",
                        calls,
                        times(calls, self._size),
                    )
                )
            if asking.more and window.first % self._size == 0:
                ways.append(("POST", path, "the row after each page", _sum(together, parents), None))
        if asking.total:
            if relation.counts and window.groups == "{}":
                ways.append(("POST", relation.counts.path, "one route for the counts of all parents", together, 0))
                if relation.counts.unless:
                    ways.append(("POST", f"/{relation.group}/count", "whether that route leaves any out", together, 0))
            ways += self._counts(collection, parents)
        return ways

    @of.register
    def _(self, source: Gathered, asking: Asking) -> list[Way]:
        gathering = source.gathering
        every: Way = (
            "POST",
            filter_path(gathering.collection),
            "all rows in one page",
            self.chunks(asking.parents),
            times(self.chunks(asking.parents), self._size),
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
            first = asking.window.first
            calls = times(parents, self._pages(collection, first))
            ways.append(("POST", path, how, calls, times(calls, self._size)))
            if asking.more and wanted_of(collection, first, self._size) == first:
                ways.append(("POST", path, "the row after each page", parents, parents))
        return ways + (self._counts(collection, parents) if asking.total else [])

    def _counts(self, collection: Collection, parents: int | None) -> list[Way]:
        if collection.countable:
            return [("POST", path_of(collection, "count"), "one a count", parents, 0)]
        pages = times(parents, self.paged)
        return [
            (
                "POST",
                collection.within or path_of(collection, "filter"),
                "counted by paging",
                pages,
                times(pages, self._size),
            )
        ]

    def _pages(self, collection: Collection, first: int) -> int:
        return -(-wanted_of(collection, first, self._size) // self._size)


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right
