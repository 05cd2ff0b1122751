"""What subscriptions follow and what they send, as data: topics that the upstream tells of, and what is made of them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import strawberry

from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.fields import Arguments, typed
from resolvers.names import graphql_name
from resolvers.reading import chunks, filter_path, only, page
from resolvers.relations import HasMany
from resolvers.sources import canonical_json
from resolvers.topics import Changes, Followed, Topic


@dataclass(frozen=True)
class Following:
    """What a subscription follows: new rows of a topic that fit `wanted`, the topic's own filter as canonical JSON.

    `since`: those of the past from that moment on too. `at_once`: something is sent before anything is new. `pause`: seconds
    in which what comes is one batch. `every`: seconds after which something is sent though nothing is new.
    """

    topic: Followed | None
    wanted: str
    since: str | None = None
    at_once: bool = False
    pause: float = 0.0
    every: float | None = None


@dataclass(frozen=True)
class News:
    """New rows of a topic, in their order, for a client that selects some leaves, as paths below the field: "state.type".

    `early` takes those of the rows of which the upstream tells before it has written down what they tell of.
    """

    rows: Sequence[Row]
    selected: AbstractSet[str]
    early: list[Row]


class Live(Protocol):
    """A field of the root type Subscription."""

    @property
    def otherwise(self) -> "Live | None":
        """What serves where the upstream, being older, does not know the topic."""

    def check(self, given: Row) -> Any:
        """Make what is asked of the arguments, or raise BadUserInput."""

    async def follow(self, context: Context, asked: Any) -> Following:
        """Return what is to be followed."""

    async def values(self, context: Context, asked: Any, news: News) -> list[Any]:
        """Return what is sent for news: the field's values, in their order."""


def subscription(live: Live, kind: Any, arguments: Arguments, description: str) -> Any:
    """Make a field of the root type Subscription."""

    async def resolve(_info: strawberry.Info, **_given: Any) -> AsyncGenerator[Any, None]:
        raise NotImplementedError("The gateway follows subscriptions by their metadata.")
        yield  # what makes it a generator, as Strawberry wants it

    return strawberry.subscription(
        resolver=typed(resolve, arguments),
        graphql_type=kind,
        description=description,
        metadata={"live": live},
    )


@dataclass(frozen=True)
class Told:
    """The new rows of a topic themselves."""

    topic: Topic
    wanted: Callable[[Row], tuple[Row, str | None]]
    """Makes of the arguments the topic's own filter, and since when."""
    wider: tuple[str, Topic] | None = None
    """An argument, and the topic that is followed where it is true."""
    otherwise = None

    def check(self, given: Row) -> tuple[Topic, str, str | None]:
        """Return the topic, the filter as canonical JSON, and since when."""
        own, since = self.wanted(given)
        topic = self.wider[1] if self.wider and given.get(self.wider[0]) else self.topic
        return topic, canonical_json(own), since

    async def follow(self, _context: Context, asked: tuple[Topic, str, str | None]) -> Following:
        """Follow what fits."""
        return Following(*asked)

    async def values(self, _context: Context, _asked: Any, news: News) -> list[Any]:
        """Send them as they are."""
        return list(news.rows)


@dataclass(frozen=True)
class Updates:
    """Rows of a collection that a topic tells of.

    `reading` takes of a row of the topic the keys that it tells of a row of the collection, its id among them; None where it
    tells of none. The rows are read, with the client's filter, where there is one or where more keys are selected; what is
    told goes before what is read, which may be newer.
    """

    collection: Collection
    topic: Topic
    wanted: Row
    reading: Callable[[Row], Row | None]
    merging: Callable[[Row, Row], Row]
    """Puts what is told (second) into a row that was read (first)."""
    lagging: Callable[[Row, Row], bool]
    """Tells whether a row (first) is older than what is told of it: the upstream tells first, and writes down then."""
    otherwise: "Latest | None" = None

    @property
    def itself(self) -> HasMany:
        """How ids select rows beside a client's filter."""
        return HasMany(self.collection, key="id", leaf="id")

    def check(self, given: Row) -> str:
        """Return the groups of the client's filter as canonical JSON."""
        groups = self.collection.body(given)
        self.itself.check(groups)
        return canonical_json(groups)

    async def follow(self, _context: Context, _asked: str) -> Following:
        """Follow the topic, whatever the client's filter: all subscriptions share it."""
        return Following(self.topic, canonical_json(self.wanted))

    async def values(self, context: Context, asked: str, news: News) -> list[Any]:
        """Return the rows, once for each time that they are told of."""
        told = [(each, update) for each in news.rows if (update := self.reading(each))]
        if not told:
            return []
        groups = orjson.loads(asked)
        if not groups and news.selected <= set.intersection(*(leaves(update) for _, update in told)):
            return [update for _, update in told]
        rows = await self._matching(context, groups, ids(told))
        if others := [each for each in told if each[1]["id"] not in rows]:
            # One that does not fit is there, and as it is told.
            there = await self._matching(context, {}, ids(others)) if groups else {}
            lagging = {update["id"] for _, update in others if self._lags(there.get(update["id"]), update)}
            news.early.extend(each for each, update in others if update["id"] in lagging)
        return [self.merging(rows[update["id"]], update) for _, update in told if update["id"] in rows]

    def _lags(self, row: Row | None, update: Row) -> bool:
        return row is None or self.lagging(row, update)

    async def _matching(self, context: Context, groups: Row, ids: list[str]) -> dict[str, Row]:
        """Read the rows of some ids that fit the filter too."""
        found: dict[str, Row] = {}
        allowed = self.itself.allowed(groups, ids)
        for part in chunks(sorted(allowed), context.page):
            rows = await page(context.rows, self.collection, self.itself.body(groups, list(part)), limit=context.page)
            only(context.rows.column(rows, "id"), "id", allowed, filter_path(self.collection))
            found |= {row["id"]: row for row in rows}
        return found


@dataclass(frozen=True)
class Latest:
    """Rows of a collection that have changed, found by reading them again and again."""

    changes: Changes
    otherwise = None

    def check(self, given: Row) -> str:
        """Return the groups of the client's filter as canonical JSON."""
        return canonical_json(self.changes.collection.body(given))

    async def follow(self, _context: Context, asked: str) -> Following:
        """Follow the rows that fit."""
        return Following(self.changes, asked)

    async def values(self, _context: Context, _asked: str, news: News) -> list[Any]:
        """Send them as they are."""
        return list(news.rows)


@dataclass(frozen=True)
class Summary:
    """One value that is read anew when a topic tells of something, and seldom without."""

    topic: Topic | None
    wanted: Row
    asking: Callable[[Row], Any]
    """Makes what is asked of the arguments."""
    reading: Callable[[Context, Any], Awaitable[Any]]
    pause: float
    every: float
    otherwise: "Summary | None" = None

    def check(self, given: Row) -> Any:
        """Return what is asked."""
        return self.asking(given)

    async def follow(self, _context: Context, _asked: Any) -> Following:
        """Follow the topic; the value that there is comes first."""
        wanted = canonical_json(self.wanted)
        return Following(self.topic, wanted, at_once=True, pause=self.pause, every=self.every)

    async def values(self, context: Context, asked: Any, _news: News) -> list[Any]:
        """Read the value."""
        return [await self.reading(context, asked)]


def ids(told: Sequence[tuple[Row, Row]]) -> list[str]:
    """Name the rows that are told of, each once."""
    return list({update["id"]: None for _, update in told})


def leaves(row: Row) -> set[str]:
    """Name the keys of a row as a client selects them, those of an object within by their path."""
    found = {"__typename"}
    for name, value in row.items():
        key = graphql_name(name)
        found |= {f"{key}.{leaf}" for leaf in leaves(value)} if isinstance(value, dict) else {key}
    return found
