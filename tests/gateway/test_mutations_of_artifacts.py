"""Artifacts, variables, saved searches and inputs of runs through the gateway; over the embedded server and a real Prefect."""

import csv
import io
from typing import Any

import pytest

from tests.gateway.stack import Gateway, uuid
from tests.gateway.test_mutations import change, changes, gateway, name, new_run, new_task_run, put, rest

__all__ = ["gateway"]
pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

ARTIFACT = "{ id key type description data metadata flowRun { id } taskRun { id } }"


async def test_artifacts(gateway: Gateway) -> None:
    task_run = await new_task_run(gateway)
    run = (await rest(gateway, f"/task_runs/{task_run}"))["flow_run_id"]
    given = {"key": name(), "type": "table", "data": [{"a": 1}], "metadata": {"by": "me"}, "description": "# One"}
    of_run = {"flowRunId": run, "taskRunId": task_run}
    create = f"createArtifact(input: $input) {ARTIFACT}"
    first, made = await changes(gateway, create, input=given | of_run)
    assert first == {**given, "id": first["id"], "flowRun": {"id": run}, "taskRun": {"id": task_run}}
    assert made[0] == "POST /artifacts/"
    second = await change(gateway, create, input={"key": given["key"], "data": "two", **of_run})

    found = await gateway.data(
        """query ($run: ID!, $key: String!, $keys: [String!]) {
          flowRun(id: $run) { artifacts(sort: CREATED_DESC) { totalCount nodes { id } } latestArtifacts { nodes { key latestId } } }
          artifactCollections(filter: {artifacts: {key: {any: $keys}}}) { totalCount nodes { latest { data } } }
          latestArtifact(key: $key) { key data latestId latest { id } }
        }""",
        {"run": run, "key": given["key"], "keys": [given["key"]]},
    )
    assert found == {
        "flowRun": {
            "artifacts": {"totalCount": 2, "nodes": [{"id": second["id"]}, {"id": first["id"]}]},
            "latestArtifacts": {"nodes": [{"key": given["key"], "latestId": second["id"]}]},
        },
        "artifactCollections": {"totalCount": 1, "nodes": [{"latest": {"data": "two"}}]},
        "latestArtifact": {"key": given["key"], "data": "two", "latestId": None, "latest": None},
    }

    update = "updateArtifact(id: $id, input: $input) { id data description }"
    changed = await changes(gateway, update, id=second["id"], input={"data": {"n": 3}, "description": None})
    assert changed == (
        {"id": second["id"], "data": {"n": 3}, "description": None},
        ["PATCH /artifacts/ID", "POST /artifacts/filter"],
    )
    assert await change(gateway, "deleteArtifact(id: $id)", id=second["id"]) == second["id"]
    assert (await rest(gateway, f"/artifacts/{given['key']}/latest"))["description"] == "# One"
    assert await rest(gateway, f"/artifacts/{second['id']}") is None


async def test_variables(gateway: Gateway) -> None:
    given = {"name": name(), "value": {"a": [1, None]}, "tags": ["x"]}
    fields = "{ id name value tags }"
    variable, made = await changes(gateway, f"createVariable(input: $input) {fields}", input=given)
    assert (variable, made) == ({**given, "id": variable["id"]}, ["POST /variables/"])
    update = f"updateVariable(id: $id, input: $input) {fields}"
    assert await change(gateway, update, id=variable["id"], input={"value": None}) == {**variable, "value": None}

    renamed = {"name": name(), "value": 7}
    by_name = f"updateVariableByName(name: $name, input: $input) {fields}"
    assert await change(gateway, by_name, name=given["name"], input={"tags": []}) == {
        **variable,
        "value": None,
        "tags": [],
    }
    assert await change(gateway, by_name, name=given["name"], input=renamed) == {**variable, **renamed, "tags": []}
    one = f"query ($name: String) {{ variable(name: $name) {fields} }}"
    assert (await gateway.data(one, {"name": renamed["name"]}))["variable"]["value"] == 7
    assert (await gateway.data(one, {"name": given["name"]}))["variable"] is None

    assert await change(gateway, "deleteVariableByName(name: $name)", name=renamed["name"]) == renamed["name"]
    other = (await change(gateway, "createVariable(input: $input) { id }", input=given))["id"]
    assert await change(gateway, "deleteVariable(id: $id)", id=other) == other
    assert await rest(gateway, f"/variables/{other}") is None


async def test_saved_searches(gateway: Gateway) -> None:
    condition = {"object": "flow_run", "property": "tags", "type": "list", "operation": "any", "value": ["a"]}
    given = {"name": name(), "filters": [condition]}
    save = "createSavedSearch(input: $input) { id name filters { object property type operation value } }"
    saved, made = await changes(gateway, save, input=given)
    assert (saved, made) == ({**given, "id": saved["id"]}, ["PUT /saved_searches/"])
    assert await change(gateway, save, input={"name": given["name"]}) == {**saved, "filters": []}
    found = await gateway.data(
        "query ($id: ID!) { savedSearch(id: $id) { name } savedSearches(first: 200) { nodes { id } } }",
        {"id": saved["id"]},
    )
    assert found["savedSearch"] == {"name": given["name"]}
    assert {"id": saved["id"]} in found["savedSearches"]["nodes"]
    assert await change(gateway, "deleteSavedSearch(id: $id)", id=saved["id"]) == saved["id"]
    assert await rest(gateway, f"/saved_searches/{saved['id']}") is None


async def test_inputs_of_a_run(gateway: Gateway) -> None:
    run = await new_run(gateway)
    create = "createFlowRunInput(flowRunId: $flowRunId, input: $input)"
    for number in range(5):
        given = {"key": f"key-{number}", "value": f'{{"n": {number}}}', "sender": "me"}
        assert await change(gateway, create, flowRunId=run, input=given) == given["key"]
    found = await gateway.data(
        """query ($run: ID!) {
          flowRun(id: $run) { inputs(first: 2, offset: 1) { totalCount nodes { key value sender flowRun { id } } pageInfo { hasNextPage } } }
          some: flowRunInputs(flowRunId: $run, prefix: "key-", excludeKeys: ["key-1"], first: 2) { nodes { key } }
          none: flowRunInputs(flowRunId: $run, prefix: "other") { totalCount nodes { key } }
          flowRunInput(flowRunId: $run, key: "key-3")
          missing: flowRunInput(flowRunId: $run, key: "key-9")
        }""",
        {"run": run},
    )
    nodes = [
        {"key": f"key-{number}", "value": f'{{"n": {number}}}', "sender": "me", "flowRun": {"id": run}}
        for number in (1, 2)
    ]
    assert found == {
        "flowRun": {"inputs": {"totalCount": 5, "nodes": nodes, "pageInfo": {"hasNextPage": True}}},
        "some": {"nodes": [{"key": "key-0"}, {"key": "key-2"}]},
        "none": {"totalCount": 0, "nodes": []},
        "flowRunInput": {"n": 3},
        "missing": None,
    }
    delete = "deleteFlowRunInput(flowRunId: $flowRunId, key: $key)"
    assert await change(gateway, delete, flowRunId=run, key="key-0") == "key-0"
    assert await rest(gateway, f"/flow_runs/{run}/input/key-0") is None


async def test_a_run_is_resumed_with_input_that_fits(gateway: Gateway) -> None:
    run = await new_run(gateway, state={"type": "RUNNING"})
    schema = '{"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}'
    details = {
        "pauseTimeout": "2099-01-01T00:00:00Z",
        "pauseKey": "1",
        "runInputKeyset": {"schema": "asked", "response": "answered"},
    }
    assert (await put(gateway, run, "PAUSED", stateDetails=details))["status"] == "ACCEPT"
    # What is there before the pause is of an earlier attempt, and forgotten.
    create = "createFlowRunInput(flowRunId: $flowRunId, input: $input)"
    await change(gateway, create, flowRunId=run, input={"key": "asked", "value": schema})
    resume = "resumeFlowRun(id: $id, runInput: $runInput) { status details { reason } }"
    refused = await change(gateway, resume, id=run, runInput={"x": "one"})
    assert refused["status"] == "REJECT"
    assert "'one' is not of type 'integer'" in refused["details"]["reason"]
    assert (await change(gateway, resume, id=run, runInput={"x": 1}))["status"] == "ACCEPT"
    assert await rest(gateway, f"/flow_runs/{run}/input/answered") == {"x": 1}


async def test_what_the_ui_asks(gateway: Gateway) -> None:
    """The graph of a run too, through both executors."""
    task_run = await new_task_run(gateway, state={"type": "RUNNING"})
    run = await rest(gateway, f"/flow_runs/{(await rest(gateway, f'/task_runs/{task_run}'))['flow_run_id']}")
    query = """query ($run: ID!, $flow: ID!, $runs: [ID!], $after: DateTime) {
      flowRun(id: $run) { graph { rootNodeIds nodes { id kind label stateType parents { id } } } }
      flowRunGraph(id: $run, since: "2099-01-01T00:00:00Z") { nodes { id endTime } states { name } }
      nothing: flowRunGraph(id: $flow) { startTime }
      flowRunDependencies(id: $run) { id upstreamDependencies { id } state { name } untrackableResult }
      uiNextFlowRuns(flowIds: [$flow])
      uiFlowRunPoints(filter: {flowRuns: {id: {any: $runs}}}, limit: 1) { id stateType duration }
      uiTaskRunCounts(filter: {flowRuns: {id: {any: $runs}}})
      uiTaskRunBars(filter: {flowRuns: {id: {any: $runs}}, taskRuns: {startTime: {after: $after}}}) { completed failed }
    }"""
    variables = {"run": run["id"], "flow": run["flow_id"], "runs": [run["id"]], "after": run["created"]}
    node = {"id": task_run, "kind": "TASK_RUN", "stateType": "RUNNING", "parents": []}
    for _ in range(3):
        found = await gateway.data(query, variables)
        (seen,) = found["flowRun"]["graph"]["nodes"]
        assert {key: seen[key] for key in node} == node
        assert found["flowRun"]["graph"]["rootNodeIds"] == [task_run]
        assert found["flowRunGraph"] == {"nodes": [{"id": task_run, "endTime": None}], "states": [{"name": "Pending"}]}
        assert found["nothing"] is None
        assert found["flowRunDependencies"] == [
            {"id": task_run, "upstreamDependencies": [], "state": {"name": "Running"}, "untrackableResult": False}
        ]
        assert found["uiNextFlowRuns"] == {run["flow_id"]: None}
        assert found["uiFlowRunPoints"] == [{"id": run["id"], "stateType": "PENDING", "duration": 0}]
        assert {kind: count for kind, count in found["uiTaskRunCounts"].items() if count} == {"RUNNING": 1}
        assert found["uiTaskRunBars"] == [{"completed": 0, "failed": 0}] * 20


async def test_logs_are_downloaded(gateway: Gateway) -> None:
    """By REST alone: the proxy passes it, the embedded server makes the same file."""
    run = await new_run(gateway)
    line = {"name": "n", "level": 20, "message": 'a, "b"\nc', "timestamp": "2026-11-27T01:02:03.000004Z"}
    lines: list[dict[str, Any]] = [{**line, "flowRunId": run}, {**line, "flowRunId": run, "taskRunId": uuid(7)}]
    assert await change(gateway, "createLogs(input: $input)", input=lines) == 2
    response = await gateway.http.get(f"/api/flow_runs/{run}/logs/download")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "filename*=UTF-8''test-" in response.headers["content-disposition"]
    head, *rows = csv.reader(io.StringIO(response.text, newline=""))
    assert head == ["timestamp", "level", "flow_run_id", "task_run_id", "message"]
    time = "2026-11-27 01:02:03.000004+00:00"
    assert sorted(rows) == [[time, "20", run, "", line["message"]], [time, "20", run, uuid(7), line["message"]]]
