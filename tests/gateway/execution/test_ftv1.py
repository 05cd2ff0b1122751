"""The times of fields in traces for Apollo's routers, by both executors; a real router reads them in ../federation."""

import asyncio
import base64
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.execution import Answer, Execution, GraphQLRequest
from gateway.upstream.transport import Reply
from tests.gateway.execution.compiled.alike import BASE, FAR, execution
from tests.gateway.execution.compiled.upstream import RandomUpstream

QUERY = """{
  flows(first: 2) { totalCount edges { node { id } } nodes { called: name flowRuns(first: 1) { nodes { name flow { id } deployment { name } } } } }
  flowRunCount
}"""
WORLD = 2

Node = Mapping[int, list[Any]]
"""A protobuf message: its values by the numbers of their fields."""
Spans = dict[tuple[str, ...], tuple[int, int]]


def message(content: bytes) -> Node:
    """Decode varints and what is delimited by its length."""
    found: dict[int, list[Any]] = defaultdict(list)
    rest = iter(content)
    for head in rest:
        tag = _varint(rest, head)
        number = _varint(rest, next(rest))
        found[tag >> 3].append(bytes(next(rest) for _ in range(number)) if tag & 7 else number)
    return found


def _varint(rest: Iterator[int], byte: int) -> int:
    value, shift = byte & 127, 7
    while byte > 127:
        byte = next(rest)
        value |= (byte & 127) << shift
        shift += 7
    return value


def spans(node: Node, keys: tuple[str, ...] = ()) -> Spans:
    """Return start and end of each field by its response keys, the same for all rows of a level."""
    found: Spans = {}
    for child in map(message, node[12]):
        here = (*keys, child[1][0].decode()) if child[1] else keys
        inner = spans(child, here)
        if child[1]:
            inner[here] = ((child[8] or [0])[0], (child[9] or [0])[0])
        for key, span in inner.items():
            assert found.setdefault(key, span) == span
    return found


@dataclass
class Slow(RandomUpstream):
    """Takes some time for each answer, and remembers how long in nanoseconds, by the path."""

    took: dict[str, int] = field(default_factory=dict)

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        start = time.perf_counter_ns()
        await asyncio.sleep(0.002)
        self.took[path] = time.perf_counter_ns() - start
        return await super().send(method, path, body, headers)


async def asked(made: Execution, query: str = QUERY) -> Answer:
    return await made.run(GraphQLRequest(query, FAR, ftv1=True))


def trace(answer: Answer) -> Node:
    return message(base64.b64decode(answer.extensions["ftv1"]))


@pytest.mark.parametrize("compiled", [False, True])
async def test_a_field_that_reads_has_the_time_of_its_read(compiled: bool) -> None:
    upstream = Slow(WORLD)
    made = execution(upstream, BASE, compiled=compiled)
    for _ in range(1 + compiled):  # an operation is compiled when it comes again
        answer = await asked(made)
    assert answer.errors == []
    assert (made.plans.counts if made.plans else {}) == ({"interpreted": 1, "compiled": 1} if compiled else {})
    told = trace(answer)
    (duration,) = told[11]
    times = spans(message(told[14][0]))
    runs = ("flows", "nodes", "flowRuns")
    reads = {
        ("flows",): "/flows/filter",
        ("flows", "totalCount"): "/flows/count",
        runs: "/flow_runs/filter",
        (*runs, "nodes", "deployment"): "/deployments/filter",
        ("flowRunCount",): "/flow_runs/count",
    }
    for keys, path in reads.items():
        start, end = times[keys]
        assert end - start >= upstream.took[path], path
        assert end <= duration
    assert times["flows",][1] <= times[runs][0] <= times[runs][1] <= times[*runs, "nodes", "deployment"][0]
    plain = times.keys() - reads.keys() - {(*runs, "nodes", "flow")}
    for keys in plain:
        assert times[keys] == (times[keys[:-1]][1],) * 2, keys
    assert len(plain) == 9


@pytest.mark.parametrize("compiled", [False, True])
async def test_entities_have_the_time_of_their_read(compiled: bool) -> None:
    upstream = Slow(WORLD)
    made = execution(upstream, BASE, compiled=compiled)
    query = '{ all: _entities(representations: [{__typename: "Flow", id: "%s"}]) { ... on Flow { name } } }'
    row = upstream.worlds(WORLD).rows["flows"][0]
    for _ in range(1 + compiled):
        answer = await asked(made, query % row["id"])
    times = spans(message(trace(answer)[14][0]))
    start, end = times["all",]
    assert end - start >= upstream.took["/flows/filter"]
    assert times["all", "name"] == (end, end)
    assert answer.body()["data"]


async def test_what_graphql_core_takes_over_keeps_the_time_of_the_reads() -> None:
    upstream = Slow(WORLD)
    made = execution(upstream, BASE, compiled=True)
    query = "{ flows { nodes { name } } }"
    await asked(made, query)
    row = upstream.worlds(WORLD).rows["flows"][0]
    name, row["name"] = row["name"], None
    try:
        answer = await asked(made, query)
    finally:
        row["name"] = name
    assert made.plans
    assert made.plans.counts == {"interpreted": 1, "replayed": 1}
    assert [error["path"][-1] for error in answer.errors] == ["name"]
    times = spans(message(trace(answer)[14][0]))
    assert times["flows",][1] - times["flows",][0] >= upstream.took["/flows/filter"]


async def test_no_times_are_taken_for_others() -> None:
    made = execution(RandomUpstream(WORLD), BASE, compiled=True)
    answer = await made.run(GraphQLRequest(QUERY, FAR))
    assert answer.extensions == {}
