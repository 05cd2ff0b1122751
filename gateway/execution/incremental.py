"""`@defer` and `@stream` as graphql-core executes them: what asks for them, and executors with and without them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from typing import Any, cast

from graphql import DocumentNode
from graphql.execution.executor import Executor, StreamUsage
from graphql.execution.incremental.computation import Computation
from graphql.execution.incremental.incremental_executor import ItemStream
from graphql.language import DirectiveNode, Node
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.variables import children

DIRECTIVES = frozenset({"defer", "stream"})

MOST_ITEMS = 100
"""Items of a list in one part: a client can show the first while others are still written."""


def asks_for_parts(text: str, document: DocumentNode) -> bool:
    """Tell whether a document has `@defer` or `@stream` anywhere; most are told by their text alone."""
    return any(name in text for name in DIRECTIVES) and any(
        isinstance(node, DirectiveNode) and node.name.value in DIRECTIVES for node in _below(document)
    )


def _below(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        yield (node := stack.pop())
        stack += children(node)


class WholeExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor that answers as a whole: it ignores `@defer` and `@stream`, as a server may."""

    execute_collected_root_fields = Executor.execute_collected_root_fields
    execute_collected_subfields = Executor.execute_collected_subfields  # type: ignore[assignment]  # a parameter is named otherwise

    def get_stream_usage(self, *_: Any) -> None:
        """Take every list as one that is not streamed."""


class IncrementalExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor that answers in parts.

    The first items of a streamed list and the others begin together, so that a relation of all of them is one batch.
    Deferred fragments begin when the first part is there (`begin_deferred`), and those found later when they are found,
    whether or not what they are in was delivered: so a relation in all of them is one batch too.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deferred = Deferred()
        self.starts: dict[tuple[str | int, ...], int] = {}
        """The paths of streamed lists, and how many items came with the list itself."""
        self._within_item = False

    def create_sub_executor(self, *args: Any) -> "IncrementalExecutor":
        """Make what executes a deferred fragment or an item."""
        sub: Any = super().create_sub_executor(*args)
        sub._within_item = False  # noqa: SLF001  one of our own
        return cast("IncrementalExecutor", sub)

    def get_stream_usage(self, *args: Any) -> StreamUsage | None:
        """Tell how a list is streamed; one within a streamed item comes whole with that.

        Apollo Client 4 cannot place items of such a list: it knows only how many those had that came in an object.
        """
        usage = super().get_stream_usage(*args)
        return None if self._within_item else usage

    def begin_deferred(self) -> None:
        """Begin the deferred fragments, and from now on each one that is found."""
        waiting, self._deferred.waiting = self._deferred.waiting, None
        for computation in waiting or ():
            self.prime_now(computation)

    def collect_execution_groups(self, *args: Any) -> None:
        """Make what computes deferred fragments."""
        known = len(self.tasks)
        super().collect_execution_groups(*args)
        for task in self.tasks[known:]:
            if self._deferred.waiting is None:
                self.prime_soon(task.computation)
            else:
                self._deferred.waiting.append(task.computation)

    def complete_iterable_value(self, item_type: Any, details: Any, info: Any, path: Path, *rest: Any) -> Any:
        """Complete a list; the first items of one that is streamed begin now, as the others do."""
        items: Any = super().complete_iterable_value(item_type, details, info, path, *rest)
        begins = self.starts and self.is_awaitable(items) and tuple(path.as_list()) in self.starts
        return self._begun(items) if begins else items

    def handle_stream(
        self,
        index: int,
        path: Path,
        iterator: Iterator[Any] | AsyncIterator[Any],
        is_async: bool,
        stream_usage: StreamUsage,
        info: Any,
        item_type: Any,
    ) -> bool:
        """Stream the rest of a list that is there as a whole."""
        if is_async:
            return False
        details = stream_usage.field_details_list

        def begin(position: int, item: Any) -> Any:
            place = path.add_key(position, None)
            executor = self.create_sub_executor()
            executor._within_item = True  # noqa: SLF001  one of our own
            try:
                return executor.complete_stream_item(place, item, details, info, item_type)
            except Exception as failure:  # noqa: BLE001  that of a stream stands where its item would be
                failed = asyncio.get_running_loop().create_future()
                failed.set_exception(failure)
                return failed

        items = [self._begun(begin(position, item)) for position, item in enumerate(iterator, index)]  # type: ignore[arg-type]
        self.streams.append(ItemStream(path, stream_usage.label, Items(items), index))  # type: ignore[arg-type]
        self.starts[tuple(path.as_list())] = index
        return True

    def _begun(self, work: Any) -> Any:
        """Begin what is to be awaited; it ends with the operation, whether or not anybody asks for it."""
        if not self.is_awaitable(work):
            return work
        begun = asyncio.ensure_future(work)
        begun.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.track_incremental_future(begun)
        return begun


class Deferred:
    """The deferred fragments of an operation that wait for the first part; None when it is there."""

    def __init__(self) -> None:
        self.waiting: list[Computation[Any]] | None = []


class Items:
    """The streamed items of a list, in their order (graphql-core's `StreamQueue`)."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items
        self._stopped = not self._items

    async def batches(self) -> AsyncIterator[Sequence[Any]]:
        """Give the items that are done; raises the failure of an item that cannot be null."""
        given = 0
        try:
            while given < len(self._items):
                ready = [await _result(self._items[given])]
                for item in self._items[given + 1 : given + MOST_ITEMS]:
                    if _pending_or_failed(item):
                        break
                    ready.append(await _result(item))
                given += len(ready)
                self._stopped = given == len(self._items)
                yield ready
        finally:
            if (left := self.abort()) is not None:
                await left

    def is_stopped(self) -> bool:
        """Tell whether all items were given."""
        return self._stopped

    def abort(self, _reason: BaseException | None = None) -> Coroutine[Any, Any, None] | None:
        """Cancel the items that are not done; return what waits for their end."""
        left = [item for item in self._items if isinstance(item, asyncio.Future) and not item.done()]
        for item in left:
            item.cancel()
        return _ended(left) if left else None


async def _result(item: Any) -> Any:
    return await item if isinstance(item, asyncio.Future) else item


def _pending_or_failed(item: Any) -> bool:
    return isinstance(item, asyncio.Future) and (not item.done() or item.cancelled() or item.exception() is not None)


async def _ended(items: "Sequence[asyncio.Future[Any]]") -> None:
    await asyncio.gather(*items, return_exceptions=True)
