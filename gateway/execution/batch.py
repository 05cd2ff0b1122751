"""Several operations of one client in one request: admitted one by one and as a sum, then executed together."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby

from graphql import OperationType

from gateway.execution.answers import failed
from gateway.execution.documents import check_length
from gateway.execution.limits import check_sum
from gateway.execution.request import Answer, GraphQLRequest
from gateway.execution.run import Admitted, Execution
from gateway.settings import Settings

Position = tuple[int, Admitted]


async def run_batch(execution: Execution, requests: Sequence[GraphQLRequest], settings: Settings) -> list[Answer]:
    """Answer the requests, in their order; raises QueryTooComplex for a batch whose sum is beyond a limit.

    A mutation is executed by itself, after what stands before it. Queries in a row are executed together, as if they were one:
    what several of them ask for at one level is one call.
    """
    check_length(sum(len(request.query) for request in requests), settings, whose="batch")
    admitted = await asyncio.gather(*map(execution.admit, requests), return_exceptions=True)
    answers = {at: failed(each) for at, each in enumerate(admitted) if isinstance(each, Exception)}
    good = [(at, each) for at, each in enumerate(admitted) if isinstance(each, Admitted)]
    check_sum([each.document.ast for _, each in good], sum(execution.rows(each) for _, each in good), settings)
    for part in _parts(good):
        answers |= zip([at for at, _ in part], await _together(execution, [each for _, each in part]), strict=True)
    return [answers[at] for at in range(len(requests))]


def _parts(admitted: Sequence[Position]) -> list[list[Position]]:
    """Part the operations into queries in a row and single mutations."""
    in_rows = groupby(admitted, key=lambda each: each[1].operation.operation is OperationType.QUERY)
    return [part for queries, row in in_rows for part in ([list(row)] if queries else [[each] for each in row])]


async def _together(execution: Execution, part: Sequence[Admitted]) -> list[Answer]:
    if len(part) == 1:
        return [await execution.whole(*part[0])]
    alike = len({id(each.operation) for each in part}) == 1
    with closing(execution.open(part[0].request, alike=alike)) as opened:
        return await asyncio.gather(
            *(execution.whole(*each[:2], replace(each.request, together=opened)) for each in part)
        )
