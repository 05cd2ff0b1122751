"""What is followed for one operation of some clients, and the answers that are made of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime

from graphql import GraphQLError

from gateway.execution import Answer
from gateway.execution.answers import failed
from gateway.execution.errors import formatted
from gateway.execution.subscription import Subscription
from gateway.live.feeds import AGAIN, PASSING, PATIENCE, backoff, ended
from gateway.live.memory import OVERLAP, moment, now, until_forever
from gateway.live.subscriber import Subscriber
from resolvers.collection import Row
from resolvers.errors import GatewayError, Lacking, NotFound, RateLimited, UpstreamError
from resolvers.live import Following, News
from resolvers.reading import chunks
from resolvers.topics import Followed, Span, Topic

NEVER = datetime.min.replace(tzinfo=UTC)

MOST_WAITING = 20_000
"""New rows that may wait for a stream's reads."""

MERGED = 2.5
"""Seconds in which rows of several places are put in order: Prefect's library keeps logs for up to two before it sends them."""

EARLY = 5.0
"""Seconds for which is looked for what was told of before it is there."""

Pages = Callable[[Followed, str, Span], AsyncIterator[list[Row]]]
Listen = Callable[[Followed, str, "Stream"], Callable[[], None]]


class Stream:
    """What is followed for one operation of some clients, and its answers."""

    def __init__(self, subscription: Subscription, listen: Listen, read: Pages, page: int) -> None:
        self.subscribers: set[Subscriber] = set()
        self._subscription = subscription
        self._listen = listen
        self._read = read
        self._page = page
        self._told: list[Row] = []
        self._early: list[tuple[Row, float]] = []
        self._error: GatewayError | None = None
        self._some = asyncio.Event()
        self._latest: Answer | None = None

    def join(self, subscriber: Subscriber) -> None:
        """Let a client have the answers from now on, the latest too where that is all there is to know."""
        self.subscribers.add(subscriber)
        if self._latest is not None:
            subscriber.put(self._latest)

    def hear(self, rows: Sequence[Row]) -> None:
        """Take new rows."""
        self._told += rows
        if len(self._told) > MOST_WAITING:
            self._told.clear()
            self.fail(RateLimited("The subscription has ended: the Prefect API tells more than can be read back."))
        self._some.set()

    def fail(self, error: GatewayError) -> None:
        """Learn that no more will come, and why."""
        self._error = error
        self._some.set()

    async def run(self) -> None:
        """Answer until it is cancelled, or nothing more comes."""
        try:
            try:
                await self._follow()
            except (Lacking, NotFound):
                if self._subscription.live.otherwise is None:
                    raise
                self._subscription.live, self._error = self._subscription.live.otherwise, None
                await self._follow()
        except GraphQLError as error:
            self.end(Answer(errors=[formatted(error)], executed=False))
        except Exception as error:  # noqa: BLE001 - whatever it is, the clients learn that no more comes
            self.end(failed(error))

    def end(self, answer: Answer) -> None:
        """Give all an answer that is the last."""
        for subscriber in list(self.subscribers):
            subscriber.put(answer, last=True)

    async def _follow(self) -> None:
        following = await self._subscription.follow()
        async with AsyncExitStack() as stack:
            if following.topic:
                stack.callback(self._listen(following.topic, following.wanted, self))
            past = None
            if following.since and isinstance(following.topic, Topic):
                past = _Past(self, self._read, following.topic, following.wanted, following.since)
                async for rows in past.rows():
                    await self._answer(rows)
                stack.push_async_callback(ended, asyncio.create_task(past.again()))
            if following.at_once:
                await self._answer([])
            await self._present(following, past)

    async def _present(self, following: Following, past: "_Past | None") -> None:
        merging = _Merging(following.topic)
        while True:
            if self._early:
                # Each look after as long again.
                await self._wait(max(0.1, asyncio.get_running_loop().time() - self._early[0][1]))
            elif not merging.holds:
                await self._wait(following.every)
            await asyncio.sleep(MERGED if merging.holds else following.pause)
            self._some.clear()
            error, told, self._told = self._error, self._told, []
            rows = merging.ordered(past.new(told) if past else told)
            whole = following.at_once or (self._early and not rows)
            for part in [rows] if whole and not error else chunks(rows, self._page):
                await self._answer(part)
            if error:
                raise error

    async def _wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._some.wait()

    async def _answer(self, told: Sequence[Row]) -> None:
        """Make the answers and hand them out; a value that is always the latest goes out when it has changed."""
        for answer in await self._answers(told):
            if self._subscription.latest_only:
                if self._latest is not None and self._latest.told == answer.told:
                    continue
                self._latest = answer
            for subscriber in list(self.subscribers):
                subscriber.put(answer)

    async def _answers(self, told: Sequence[Row]) -> list[Answer]:
        """Make the answers, as soon as the upstream lets them be read; what else fails is one answer for all of it."""
        failures = 0

        def waits(error: GraphQLError) -> bool:
            return isinstance(error, PASSING) or (type(error) is UpstreamError and failures < PATIENCE)

        while True:
            early, self._early = self._early, []
            news = News([*(row for row, _ in early), *told], self._subscription.selected, [])
            try:
                answers = await self._subscription.answers(news, waits)
            except GraphQLError:
                failures, self._early = failures + 1, early
                await asyncio.sleep(backoff(failures))
            else:
                self._keep(news.early, early)
                return answers

    def _keep(self, rows: Sequence[Row], before: Sequence[tuple[Row, float]]) -> None:
        """Keep rows to look for what they tell of once more, for some time."""
        now_ = asyncio.get_running_loop().time()
        since = {id(row): at for row, at in before}
        kept = [(row, since.get(id(row), now_)) for row in rows]
        self._early = [(row, at) for row, at in kept if now_ - at < EARLY]


class _Past:
    """The rows of a topic from a moment on, which are read; those that are told of meanwhile are known by it."""

    def __init__(self, stream: Stream, read: Pages, topic: Topic, wanted: str, since: str) -> None:
        self._stream = stream
        self._read = read
        self._topic = topic
        self._wanted = wanted
        self._since = moment({"since": since}, "since") or now()
        self._begun = now()
        self._known: set[str | None] = set()
        self._whole = False

    async def rows(self) -> AsyncIterator[list[Row]]:
        """Give the pages of the past; a failure that may pass is waited for."""
        failures = 0
        while True:
            try:
                async for rows in self._read(self._topic, self._wanted, self._span(self._since)):
                    if new := self.new(rows):
                        yield new
            except PASSING:
                failures += 1
                await asyncio.sleep(backoff(failures))
            else:
                return

    async def again(self) -> None:
        """Read the last of the past again: a server writes down some seconds later what it told before."""
        waited = 0.0
        for pause in AGAIN:
            await asyncio.sleep(pause - waited)
            waited = pause
            with suppress(UpstreamError):
                async for rows in self._read(
                    self._topic, self._wanted, self._span(max(self._since, self._begun - OVERLAP))
                ):
                    self._stream.hear([row for row in rows if self._topic.known_by(row) not in self._known])
        self._whole = True

    def new(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that are new, and of the time."""
        found = []
        for row in rows:
            key, at = self._topic.known_by(row), moment(row, self._topic.moment)
            if key in self._known or (at and at < self._since):
                continue
            if not self._whole:
                self._known.add(key)
            found.append(row)
        return found

    def _span(self, since: datetime) -> Span:
        return Span(since.isoformat(), until_forever())


class _Merging:
    """Puts in order of time what comes from several places: what is told waits for what is told up to MERGED seconds later."""

    def __init__(self, topic: Followed | None) -> None:
        self._topic = topic
        self._held: list[Row] = []

    @property
    def holds(self) -> bool:
        """Tell whether rows wait."""
        return bool(self._held)

    def ordered(self, rows: list[Row]) -> list[Row]:
        """Return what is to be told now, in its order."""
        if not isinstance(self._topic, Topic):
            return rows
        if self._topic.merges:
            ready = self._held + rows
            latest = max((self._at(row) for row in self._held), default=NEVER)
            self._held = [row for row in ready if self._at(row) > latest]
            rows = [row for row in ready if self._at(row) <= latest]
        return sorted(rows, key=self._at)

    def _at(self, row: Row) -> datetime:
        return (isinstance(self._topic, Topic) and moment(row, self._topic.moment)) or NEVER
