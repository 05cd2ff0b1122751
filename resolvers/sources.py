"""What a connection reads, as data that every executor understands: a collection, children of parents, a whole list."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import orjson

from resolvers.batches import (
    children,
    counts,
    lengths_of_lists,
    more_children,
    more_in_windows,
    numbers_of_keys,
    parts_of_keys,
    parts_of_lists,
    totals,
    windows,
)
from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.cursors import decode_cursor, digest_of, encode_cursor, length_of, start_of
from resolvers.gathered import Gathering, gathered, gathered_totals
from resolvers.ids import path_argument
from resolvers.loaders import Loader
from resolvers.reading import ROOT, Slice, Window, parameters
from resolvers.relations import HasMany, Listed, Via
from resolvers.tokens import Start, token_totals, token_windows


@dataclass(frozen=True)
class Asked:
    """The checked arguments of a connection: its window, and what its cursors are good for."""

    window: Window
    digest: str
    parent: str = ROOT
    """Whose rows, where the arguments say it."""

    def pages(
        self, rows: Callable[[], Loader], count: Callable[[], Loader], more: Callable[[], Loader] | None = None
    ) -> "Pages":
        """Return the reads; where a slice always knows whether more rows follow, `more` is never asked."""
        return Pages(self.window.offset, self.digest, rows, count, more or rows)


@dataclass(frozen=True)
class Pages:
    """The windows that a connection's field reads, one for each parent: a slice, a count, whether more rows follow.

    Each loader is made when it is first asked.
    """

    offset: int
    digest: str
    rows: Callable[[], Loader]
    count: Callable[[], Loader]
    more: Callable[[], Loader]

    def cursor(self, found: Slice, index: int) -> str:
        """Return the cursor of the row at an index of a slice."""
        return encode_cursor(self.offset + index + 1, self.digest, found.places[index] if found.places else "")


class Source(Protocol):
    """Where the rows of a connection come from."""

    @property
    def collection(self) -> Collection:
        """What the rows are."""

    def asked(self, arguments: Row, most: int) -> Asked:
        """Check the arguments; `most` is the largest `first`. Raises BadUserInput."""

    def pages(self, context: Context, asked: Asked) -> Pages:
        """Return the reads."""


def canonical_json(groups: Row) -> str:
    """Write the groups of a body so that equal ones are equal text."""
    return orjson.dumps(groups, option=orjson.OPT_SORT_KEYS).decode()


def _asked(collection: Collection, scope: str, arguments: Row, most: int) -> Asked:
    groups = canonical_json(collection.body(arguments))
    sort = arguments.get("sort") or collection.default_sort
    order = sort.value if sort else None
    digest = digest_of(scope, groups, order)
    offset = start_of(arguments.get("after"), arguments.get("offset"), digest)
    window = Window(groups, order, offset, length_of(arguments.get("first"), most))
    return Asked(window, digest, _parent(collection, arguments))


def _parent(collection: Collection, arguments: Row) -> str:
    """Return whose rows the arguments of a field at the root ask for."""
    for name in parameters(collection.within or collection.listed or ""):
        if name in arguments:
            return path_argument(name, arguments[name])
    return ROOT


@dataclass(frozen=True)
class Whole:
    """The rows of a collection at the root, or of each parent by a call for each where REST filters only those."""

    collection: Collection
    by: str = "id"
    """The key of a row by which its children are found."""

    def asked(self, arguments: Row, most: int) -> Asked:
        """Check the arguments; at the root one of them may be the parent."""
        return _asked(self.collection, self.collection.name, arguments, most)

    def pages(self, context: Context, asked: Asked) -> Pages:
        """Return the reads, for the parent ROOT or for parents' keys."""
        window, of = asked.window, context.loaders.of
        return asked.pages(
            rows=partial(of, windows, self.collection, window),
            count=partial(of, totals, self.collection, window.groups, context.max_first),
            more=partial(of, more_in_windows, self.collection, window),
        )


@dataclass(frozen=True)
class Gathered:
    """The children of each row where no filter selects them by their parents."""

    gathering: Gathering
    by: str
    """The key of a row by which its children are found."""

    @property
    def collection(self) -> Collection:
        """What the children are."""
        return self.gathering.collection

    @property
    def wanted(self) -> tuple[str, ...]:
        """The keys of a child by which it is put in its place."""
        return self.gathering.key, self.gathering.order

    def asked(self, arguments: Row, most: int) -> Asked:
        """Check the arguments."""
        return _asked(self.collection, f"{self.gathering.key}{self.collection.name}", arguments, most)

    def pages(self, context: Context, asked: Asked) -> Pages:
        """Return the reads, for parents' keys."""
        window, of = asked.window, context.loaders.of
        return asked.pages(
            rows=partial(of, gathered, self.gathering, window),
            count=partial(of, gathered_totals, self.gathering, window.groups, context.max_first),
            more=partial(of, more_in_windows, self.gathering.alone, window),
        )


@dataclass(frozen=True)
class Children:
    """The children of each row."""

    relation: HasMany

    @property
    def collection(self) -> Collection:
        """What the children are."""
        return self.relation.collection

    @property
    def wanted(self) -> tuple[str | Via]:
        """The key of a child by which it is put in its place."""
        return (self.relation.key,)

    @property
    def by(self) -> str:
        """The key of a row by which its children are found."""
        return self.relation.by

    def asked(self, arguments: Row, most: int) -> Asked:
        """Check the arguments."""
        collection = self.collection
        asked = _asked(collection, f"{self.relation.place}{collection.name}", arguments, most)
        self.relation.check(orjson.loads(asked.window.groups))
        return asked

    def pages(self, context: Context, asked: Asked) -> Pages:
        """Return the reads, for parents' keys."""
        window, of = asked.window, context.loaders.of
        beyond = Window(window.groups, window.sort, window.offset + window.first, 1)
        return asked.pages(
            rows=partial(of, children, self.relation, window),
            count=partial(of, counts, self.relation, window.groups, context.max_first),
            more=partial(of, more_children, self.relation, beyond),
        )


@dataclass(frozen=True)
class Lists:
    """The rows of each parent that REST gives as one list, by a call for each parent, bounded at once."""

    relation: Listed
    by = "id"

    @property
    def collection(self) -> Collection:
        """What the rows are."""
        return self.relation.collection

    def asked(self, arguments: Row, most: int) -> Asked:
        """Check the arguments; at the root one of them is the parent."""
        digest = digest_of(self.collection.name)
        offset = start_of(arguments.get("after"), arguments.get("offset"), digest)
        window = Window("{}", None, offset, length_of(arguments.get("first"), most))
        return Asked(window, digest, _parent(self.collection, arguments))

    def pages(self, context: Context, asked: Asked) -> Pages:
        """Return the reads, for parents' keys."""
        of = context.loaders.of
        parts = partial(of, parts_of_lists, self.collection, asked.window.offset, asked.window.first)
        return asked.pages(
            rows=parts,
            count=partial(of, lengths_of_lists, self.collection),
        )


@dataclass(frozen=True)
class Named:
    """The rows that each row names by a list of ids, of all rows in one read; what is not there is left out."""

    collection: Collection
    by: str
    """The key of the list."""

    def asked(self, arguments: Row, most: int) -> Asked:
        """Check the arguments."""
        return _asked(self.collection, f"{self.by}{self.collection.name}", arguments, most)

    def pages(self, context: Context, asked: Asked) -> Pages:
        """Return the reads, for the lists as `list_key` writes them."""
        of, window = context.loaders.of, asked.window
        parts = partial(of, parts_of_keys, self.collection, window.offset, window.first)
        return asked.pages(
            rows=parts,
            count=partial(of, numbers_of_keys, self.collection),
        )


@dataclass(frozen=True)
class Tokens:
    """The rows of a collection whose pages the upstream hands out by tokens, at the root or of each row by a call for each.

    A row's are those that fit `{leaf: {"id": [prefix + key]}}`, beside what the client asks for. The place that a cursor
    leads to stands where a window has its sort, which is in its groups.
    """

    collection: Collection
    leaf: str = ""
    prefix: str = ""
    by = "id"

    def asked(self, arguments: Row, most: int) -> Asked:
        """Check the arguments."""
        own = self.collection.own
        groups = self.collection.body(arguments)
        sort: Any = arguments.get("sort") or self.collection.default_sort
        body = canonical_json({own: {**groups.get(own, {}), "order": sort.value}})
        digest = digest_of(self.prefix, self.collection.name, body)
        after = arguments.get("after")
        offset, place = decode_cursor(after, digest) if after is not None else (0, "")
        Start.read(place)  # one that is none is refused before anything is read
        return Asked(Window(body, place, offset, length_of(arguments.get("first"), most)), digest)

    def pages(self, context: Context, asked: Asked) -> Pages:
        """Return the reads, for the parent ROOT or for parents' keys."""
        of, window = context.loaders.of, asked.window
        start = Start.read(window.sort or "")
        rows = partial(of, token_windows, self.collection, self.leaf, self.prefix, window, start)
        count = partial(of, token_totals, self.collection, self.leaf, self.prefix, window.groups)
        return asked.pages(rows, count)


def list_key(ids: Any) -> str | None:
    """Write a list of ids so that it can be a key; None where it is none."""
    fits = isinstance(ids, list) and all(isinstance(each, str) for each in ids)
    return orjson.dumps(ids).decode() if fits else None


def reads(context: Context, source: Source, arguments: Row) -> tuple[Pages, str]:
    """Check the arguments of a connection; return its reads, and the parent that the arguments name."""
    asked = source.asked(arguments, context.max_first)
    return source.pages(context, asked), asked.parent
