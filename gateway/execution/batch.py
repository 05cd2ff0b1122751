"""Several operations of one client in one request: admitted one by one and as a sum, then executed together."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from graphql import OperationType

from gateway.execution.answers import failed
from gateway.execution.limits import check_sum
from gateway.execution.recorded import Key
from gateway.execution.request import Answer, GraphQLRequest
from gateway.execution.run import Admitted, Execution
from gateway.settings import Settings

Position = tuple[int, Admitted]


async def run_batch(execution: Execution, requests: Sequence[GraphQLRequest], settings: Settings) -> list[Answer]:
    """Answer the requests, in their order; raises QueryTooComplex for a batch whose sum is beyond a limit.

    A mutation is executed by itself, after what stands before it. Queries in a row are executed together, and what one of
    them has read another does not read again.
    """
    admitted = await asyncio.gather(*map(execution.admit, requests), return_exceptions=True)
    answers = {at: failed(each) for at, each in enumerate(admitted) if isinstance(each, Exception)}
    good = [(at, each) for at, each in enumerate(admitted) if isinstance(each, Admitted)]
    check_sum([each.document.ast for _, each in good], sum(execution.rows(each) for _, each in good), settings)
    for part in _parts(good):
        answers |= zip([at for at, _ in part], await _together(execution, part), strict=True)
    return [answers[at] for at in range(len(requests))]


def _parts(admitted: Sequence[Position]) -> list[list[Position]]:
    """Part the operations into queries in a row and single mutations."""
    in_rows = groupby(admitted, key=lambda each: each[1].operation.operation is OperationType.QUERY)
    return [part for queries, row in in_rows for part in ([list(row)] if queries else [[each] for each in row])]


async def _together(execution: Execution, part: Sequence[Position]) -> list[Answer]:
    reads: dict[Key, Any] = {}
    return await asyncio.gather(
        *(execution.whole(*each[:2], replace(each.request, together=reads)) for _, each in part)
    )
