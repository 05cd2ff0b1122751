"""A write through the gateway that fails is told, never repeated; an answer that makes no sense is an error."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.gateway.stack import Gateway, Upstream, document, open_gateway, open_upstream, uuid
from tests.gateway.upstream.scripted import Step, answer, cut, hang, hang_up, reset

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

FAULTS: dict[str, tuple[Step, str]] = {
    "503": (answer({"detail": "busy"}, "503 Service Unavailable"), "UPSTREAM_UNAVAILABLE"),
    "429": (answer({"detail": "slowly"}, "429 Too Many Requests", {"retry-after": "0"}), "RATE_LIMITED"),
    "500": (answer({"detail": "broken"}, "500 Internal Server Error"), "UPSTREAM_ERROR"),
    "hangs up": (hang_up, "UPSTREAM_UNAVAILABLE"),
    "resets": (reset, "UPSTREAM_UNAVAILABLE"),
    "breaks off": (cut, "UPSTREAM_ERROR"),
    "hangs": (hang, "UPSTREAM_TIMEOUT"),
    "HTML": (answer(b"<html>", headers={"content-type": "text/html"}), "UPSTREAM_ERROR"),
}
WRITES = {
    "/flows/": ("createFlow(input: $input) { id }", {"input": {"name": "x"}}),
    f"/flows/{uuid(1)}": ("updateFlow(id: $id, input: $input) { name }", {"id": uuid(1), "input": {"tags": []}}),
    f"/flow_runs/{uuid(1)}": ("deleteFlowRun(id: $id)", {"id": uuid(1)}),
    f"/flow_runs/{uuid(1)}/set_state": (
        "setFlowRunState(id: $id, input: $input) { status flowRun { id } }",
        {"id": uuid(1), "input": {"type": "RUNNING"}},
    ),
}


@pytest.fixture(scope="module")
async def served() -> AsyncGenerator[tuple[Upstream, Gateway]]:
    async with open_upstream() as upstream, open_gateway(upstream=upstream.url, deadline=1) as gateway:
        await upstream.until_asked("/health")
        yield upstream, gateway


@pytest.fixture
def faulty(served: tuple[Upstream, Gateway]) -> tuple[Upstream, Gateway]:
    """An upstream, good until a test spoils it, and a gateway before it."""
    upstream, _ = served
    upstream.spoilt.clear()
    upstream.requests.clear()
    return served


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", WRITES)
async def test_a_write_that_fails_is_not_repeated(faulty: tuple[Upstream, Gateway], path: str, fault: str) -> None:
    upstream, gateway = faulty
    step, code = FAULTS[fault]
    mutation, variables = WRITES[path]
    upstream.spoilt[path] = step
    error = await gateway.error(mutation, **variables)
    assert error["extensions"]["code"] == code
    assert error["extensions"]["upstream"]["path"] == path
    assert ("may or may not have happened" in error["message"]) == (fault != "429")
    assert upstream.asked() == [path]


@pytest.mark.parametrize("bad", [None, [], ["a"], "nonsense", 5, True], ids=repr)
@pytest.mark.parametrize(
    ("path", "mutation", "variables"),
    [
        ("/flows/", *WRITES["/flows/"]),
        (f"/flow_runs/{uuid(1)}/set_state", *WRITES[f"/flow_runs/{uuid(1)}/set_state"]),
        ("/flow_runs/bulk_delete", "bulkDeleteFlowRuns(filter: $filter)", {"filter": {}}),
        ("/flow_runs/bulk_set_state", "bulkSetFlowRunState(input: $input) { status }", {"input": {"type": "RUNNING"}}),
    ],
)
async def test_an_answer_that_makes_no_sense(
    faulty: tuple[Upstream, Gateway], path: str, mutation: str, variables: dict[str, Any], bad: Any
) -> None:
    upstream, gateway = faulty
    upstream.spoilt[path] = answer(bad)
    error = await gateway.error(mutation, **variables)
    assert error["extensions"]["code"] == "UPSTREAM_ERROR"
    assert error["extensions"]["upstream"]["path"] == path


async def test_a_bad_verdict_costs_itself(faulty: tuple[Upstream, Gateway]) -> None:
    upstream, gateway = faulty
    good = {"flow_run_id": uuid(101), "status": "ACCEPT", "state": {"id": uuid(1), "type": "RUNNING"}, "details": {}}
    upstream.spoilt["/flow_runs/bulk_set_state"] = answer({"results": [good, "bad", {**good, "status": "MAYBE"}]})
    mutation = "bulkSetFlowRunState(input: $input) { status flowRun { name } }"
    answered = await gateway.ask(document(mutation, input={}), {"input": {"type": "RUNNING"}})
    run = {"name": "run 101"}
    assert answered["data"] == {
        "bulkSetFlowRunState": [{"status": "ACCEPT", "flowRun": run}, None, {"status": None, "flowRun": run}]
    }
    assert [error["path"][1] for error in answered["errors"]] == [1, 2]
