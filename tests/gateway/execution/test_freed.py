"""What an operation read is freed with it, without the garbage collector: pages are megabytes, requests thousands."""

import gc
from collections.abc import Mapping
from typing import Any
from weakref import ref

import orjson
import pytest

from gateway.execution import Execution, GraphQLRequest
from gateway.settings import Settings
from gateway.upstream import Upstream
from gateway.upstream.transport import Reply
from resolvers.context import Context
from resolvers.loaders import Loaders
from resolvers.rows import JsonRows
from schema.build import build

FLOW = {"id": "00000000-0000-0000-0000-000000000001", "name": "first", "created": None, "updated": None}
RUN = {"id": "00000000-0000-0000-0000-000000000002", "name": "run", "flow_id": FLOW["id"]}
ROWS = {"/flow_runs/filter": [RUN], "/flows/filter": [FLOW], "/flow_runs/count": 1}
QUERY = """query Q($id: ID! = "00000000-0000-0000-0000-000000000001") {
  flowRuns { nodes { name flow { name } } totalCount }
  flow(id: $id) { name }
}"""


class Flows:
    """A transport that answers a flow and its run."""

    ends_cancelled = True

    async def send(self, _method: str, path: str, _body: bytes | None, _headers: Mapping[str, str]) -> Reply:
        return 200, {}, orjson.dumps(ROWS[path])

    async def aclose(self) -> None:
        pass


async def test_what_a_plan_read_is_freed_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(upstream=None)
    execution = Execution(build(), Upstream(Flows(), settings), settings, lambda rest: Context(JsonRows(rest)))
    made: list[ref[Loaders]] = []
    begin = Loaders.__init__

    def noted(loaders: Loaders, *given: Any) -> None:
        made.append(ref(loaders))
        begin(loaders, *given)

    for _ in range(2):  # an operation is compiled when it comes again
        await execution.run(GraphQLRequest(QUERY, 1e9))
    monkeypatch.setattr(Loaders, "__init__", noted)
    gc.collect()
    gc.disable()
    try:
        answer = await execution.run(GraphQLRequest(QUERY, 1e9))
        read = orjson.loads(answer.content())["data"]
        alive = [loaders for loaders in made if loaders() is not None]
    finally:
        gc.enable()
    assert read == {
        "flowRuns": {"nodes": [{"name": "run", "flow": {"name": "first"}}], "totalCount": 1},
        "flow": {"name": "first"},
    }
    assert execution.plans is not None
    assert execution.plans.counts["compiled"] == 2
    assert made
    assert not alive
