"""An answer in parts, in the shape of incremental delivery."""

import inspect
from collections.abc import Callable
from typing import Any, cast

from graphql import ExecutionResult, ExperimentalIncrementalExecutionResults

from gateway.execution.errors import formatted, internal, logger
from gateway.execution.incremental import IncrementalExecutor

Part = dict[str, Any]
"""A payload of incremental delivery as graphql-core 3.3 makes it: `pending`, `incremental`, `completed`, `hasNext`."""


async def execute_in_parts(
    executor: IncrementalExecutor, calls: list[dict[str, Any]] | None, release: Callable[[], None]
) -> "ExecutionResult | Parts":
    """Execute an operation; return its parts, or the result where nothing is deferred or streamed in the end."""
    try:
        result: Any = executor.execute_operation()
        if inspect.isawaitable(result):
            result = await result
    except BaseException:
        await executor.cancel_incremental_work()
        raise
    if isinstance(result, ExperimentalIncrementalExecutionResults):
        return Parts(result, executor, calls, release)
    return cast("ExecutionResult", result)


class Parts:
    """An answer in parts, to be iterated once; `aclose` ends it, and is due even where nothing was taken.

    `starts` tells of each streamed list how many items came with it, before any part names it as pending.
    With `calls` the first part and the last tell them in `extensions.upstream`.
    """

    def __init__(
        self,
        results: ExperimentalIncrementalExecutionResults,
        executor: IncrementalExecutor,
        calls: list[dict[str, Any]] | None,
        release: Callable[[], None],
    ) -> None:
        self.starts = executor.starts
        self._first: Any = results.initial_result
        self._rest = results.subsequent_results
        self._executor = executor
        self._calls = calls
        self._release = release

    def __aiter__(self) -> "Parts":
        return self

    async def __anext__(self) -> Part:
        """Return the next part; a defect of ours is the last one."""
        first, self._first = self._first, None
        try:
            if not first:
                self._executor.begin_deferred()
            part = _shown(first or await anext(self._rest))
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            logger.error("Internal error", exc_info=error)
            part = {"errors": [internal()], "hasNext": False}
        if self._calls is not None and (first or not part["hasNext"]):
            part["extensions"] = {"upstream": list(self._calls)}
        return part

    async def aclose(self) -> None:
        """End what is still executed, and the calls in flight."""
        try:
            await self._rest.aclose()
            await self._executor.cancel_incremental_work()
        finally:
            self._release()


def _shown(result: Any) -> Part:
    """Return a payload with its errors as ours."""
    part = _with_errors(result)
    for name in ("incremental", "completed"):
        if inner := getattr(result, name, None):
            part[name] = [_with_errors(each) for each in inner]
    return part


def _with_errors(result: Any) -> Part:
    errors = {"errors": [formatted(error) for error in result.errors]} if getattr(result, "errors", None) else {}
    return {**result.formatted, **errors}
