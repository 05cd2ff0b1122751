"""Each mutation is one REST action: its answer, its effect as REST shows it, its calls; over the embedded server and a real Prefect."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.stack import SCHEMA, Gateway, calls, document, open_gateway, uuid

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

UNKNOWN = uuid(404)


@pytest.fixture(scope="module", params=["embedded", "prefect"])
async def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Gateway]:
    if request.param == "embedded":
        settings: dict[str, Any] = {"database_url": f"sqlite:///{tmp_path_factory.mktemp('embedded') / 'test.db'}"}
    else:
        settings = {"upstream": request.getfixturevalue("prefect_server")}
    async with open_gateway(deadline=60, **settings) as opened:
        yield opened


def name() -> str:
    """Make a name that no other test has."""
    return f"test-{uuid4()}"


async def change(gateway: Gateway, mutation: str, **variables: Any) -> Any:
    """Send `field(arguments) {...}`, its `$input` and others as variables; return the field's value."""
    return (await changes(gateway, mutation, **variables))[0]


async def changes(gateway: Gateway, mutation: str, **variables: Any) -> tuple[Any, list[str]]:
    """Send a mutation that must succeed; return the field's value and the REST calls, ids left out."""
    answered = await gateway.ask(document(mutation, **variables), variables)
    assert "errors" not in answered, answered["errors"]
    [value] = answered["data"].values()
    made = calls(answered)
    for found in variables.values():
        made = [call.replace(str(found), "ID") for call in made]
    return value, made


async def rest(gateway: Gateway, path: str, body: Any = None) -> Any:
    """Read by plain REST: None for 404."""
    response = await (gateway.http.get(f"/api{path}") if body is None else gateway.http.post(f"/api{path}", json=body))
    assert response.status_code in {200, 404}, response.text
    return response.json() if response.status_code == 200 else None


async def new_flow(gateway: Gateway) -> str:
    found: str = (await change(gateway, "createFlow(input: $input) { id }", input={"name": name()}))["id"]
    return found


async def new_run(gateway: Gateway, **input_: Any) -> str:
    given = {"flowId": await new_flow(gateway), "name": name(), **input_}
    found: str = (await change(gateway, "createFlowRun(input: $input) { id }", input=given))["id"]
    return found


async def new_task_run(gateway: Gateway, **input_: Any) -> str:
    given = {"flowRunId": await new_run(gateway), "taskKey": "key", "dynamicKey": "0", "name": name(), **input_}
    found: str = (await change(gateway, "createTaskRun(input: $input) { id }", input=given))["id"]
    return found


async def new_deployment(gateway: Gateway, **input_: Any) -> str:
    given = {"flowId": await new_flow(gateway), "name": name(), **input_}
    found: str = (await change(gateway, "createDeployment(input: $input) { id }", input=given))["id"]
    return found


async def put(gateway: Gateway, run: str, type_: str, **state: Any) -> Any:
    """Propose a state for a flow run; return the verdict."""
    mutation = "setFlowRunState(id: $id, input: $input) { status state { type name } details { reason delaySeconds } }"
    return await change(gateway, mutation, id=run, input={"type": type_, **state})


def test_every_mutation_is_tested() -> None:
    mutations = SCHEMA.mutation_type
    assert mutations is not None
    text = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_mutations*.py"))
    assert [field for field in mutations.fields if not re.search(rf"\b{field}\b", text)] == []


async def test_flows(gateway: Gateway) -> None:
    given = {"name": name(), "tags": ["a"], "labels": {"team": "x"}}
    flow, made = await changes(gateway, "createFlow(input: $input) { id name tags labels created }", input=given)
    assert made == ["POST /flows/"]
    assert (flow["name"], flow["tags"], flow["labels"]) == (given["name"], ["a"], {"team": "x"})
    read = await rest(gateway, f"/flows/{flow['id']}")
    assert {key: read[key] for key in flow} == flow

    again = await change(gateway, "createFlow(input: $input) { id }", input={"name": given["name"]})
    assert again == {"id": flow["id"]}

    assert await changes(
        gateway, "updateFlow(id: $id, input: $input) { id }", id=flow["id"], input={"tags": ["b"]}
    ) == (
        {"id": flow["id"]},
        ["PATCH /flows/ID"],
    )
    updated = "updateFlow(id: $id, input: $input) { id name tags labels }"
    assert await changes(gateway, updated, id=flow["id"], input={"tags": []}) == (
        {"id": flow["id"], "name": given["name"], "tags": [], "labels": {"team": "x"}},
        ["PATCH /flows/ID", "POST /flows/filter"],
    )
    assert (await rest(gateway, f"/flows/{flow['id']}"))["tags"] == []

    assert await changes(gateway, "deleteFlow(id: $id)", id=flow["id"]) == (flow["id"], ["DELETE /flows/ID"])
    assert await rest(gateway, f"/flows/{flow['id']}") is None


async def test_flow_runs(gateway: Gateway) -> None:
    flow = await new_flow(gateway)
    given = {
        "flowId": flow,
        "name": name(),
        "flowVersion": "1",
        "parameters": {"x": [1, None]},
        "tags": ["a"],
        "state": {"type": "PENDING", "message": "waits"},
        "empiricalPolicy": {"retries": 2},
        "idempotencyKey": name(),
    }
    fields = (
        "{ id name flowVersion parameters tags stateType state { message } empiricalPolicy { retries } flow { id } }"
    )
    run, made = await changes(gateway, f"createFlowRun(input: $input) {fields}", input=given)
    assert made == ["POST /flow_runs/", "POST /flows/filter"]
    assert run["parameters"] == {"x": [1, None]}
    assert (run["stateType"], run["state"], run["empiricalPolicy"]) == ("PENDING", {"message": "waits"}, {"retries": 2})
    assert run["flow"] == {"id": flow}
    again = await change(gateway, "createFlowRun(input: $input) { id }", input=given)
    assert again["id"] == run["id"]

    renamed = await change(
        gateway, f"updateFlowRun(id: $id, input: $input) {fields}", id=run["id"], input={"name": "new"}
    )
    assert renamed == {**run, "name": "new"}
    cleared, made = await changes(
        gateway, "updateFlowRun(id: $id, input: $input) { name flowVersion }", id=run["id"], input={"flowVersion": None}
    )
    assert cleared == {"name": "new", "flowVersion": None}
    assert made == ["PATCH /flow_runs/ID", "POST /flow_runs/filter"]
    read = await rest(gateway, f"/flow_runs/{run['id']}")
    assert (read["name"], read["flow_version"], read["parameters"]) == ("new", None, {"x": [1, None]})

    labelled = "updateFlowRunLabels(id: $id, labels: $labels) { labels }"
    value, made = await changes(gateway, labelled, id=run["id"], labels={"team": "x"})
    assert value["labels"]["team"] == "x"
    assert made == ["PATCH /flow_runs/ID/labels", "POST /flow_runs/filter"]

    assert await changes(gateway, "deleteFlowRun(id: $id)", id=run["id"]) == (run["id"], ["DELETE /flow_runs/ID"])
    assert await rest(gateway, f"/flow_runs/{run['id']}") is None


async def test_a_state_that_is_accepted(gateway: Gateway) -> None:
    run = await new_run(gateway)
    mutation = """setFlowRunState(id: $id, input: $input) {
        status state { type name message data stateDetails { flowRunId } } details { reason } flowRun { id stateName }
    }"""
    proposed = {"type": "COMPLETED", "name": "Done", "message": "well", "data": {"n": 1}}
    value, made = await changes(gateway, mutation, id=run, input=proposed)
    assert value == {
        "status": "ACCEPT",
        "state": {**proposed, "stateDetails": {"flowRunId": run}},
        "details": {"reason": None},
        "flowRun": {"id": run, "stateName": "Done"},
    }
    assert made == ["POST /flow_runs/ID/set_state", "POST /flow_runs/filter"]
    assert (await rest(gateway, f"/flow_runs/{run}"))["state"]["name"] == "Done"


async def test_verdicts_are_data(gateway: Gateway) -> None:
    run = await new_run(gateway)
    later = "2090-01-01T00:00:00Z"  # the seconds until then are an Int
    assert (await put(gateway, run, "SCHEDULED", stateDetails={"scheduledTime": later}))["status"] == "ACCEPT"
    waits = await put(gateway, run, "RUNNING")
    assert (waits["status"], waits["state"]["type"]) == ("WAIT", "SCHEDULED")
    assert waits["details"]["delaySeconds"] > 0

    failed = await new_run(gateway)
    assert (await put(gateway, failed, "FAILED"))["status"] == "ACCEPT"
    aborted = await put(gateway, failed, "SCHEDULED")
    assert (aborted["status"], aborted["state"]["type"]) == ("ABORT", "FAILED")
    assert aborted["details"]["reason"]

    retried = await new_run(gateway, empiricalPolicy={"retries": 1, "retryDelay": 0})
    assert (await put(gateway, retried, "RUNNING"))["status"] == "ACCEPT"
    rejected = await put(gateway, retried, "FAILED")
    assert (rejected["status"], rejected["state"]["name"]) == ("REJECT", "AwaitingRetry")
    assert rejected["details"]["reason"]
    assert (await rest(gateway, f"/flow_runs/{retried}"))["state_name"] == "AwaitingRetry"

    forced = "setFlowRunState(id: $id, input: $input, force: $force) { status }"
    value = await change(gateway, forced, id=failed, input={"type": "SCHEDULED"}, force=True)
    assert value == {"status": "ACCEPT"}


async def test_resuming(gateway: Gateway) -> None:
    run = await new_run(gateway, deploymentId=await new_deployment(gateway), state={"type": "RUNNING"})
    mutation = "resumeFlowRun(id: $id) { status details { reason } state { type } flowRun { stateType } }"
    running = await change(gateway, mutation, id=run)
    assert running["status"] != "ACCEPT"
    assert running["details"]["reason"]
    paused = "setFlowRunState(id: $id, input: $input, force: true) { status }"
    details = {"pauseTimeout": "2100-01-01T00:00:00Z", "pauseReschedule": True}
    assert (await change(gateway, paused, id=run, input={"type": "PAUSED", "stateDetails": details}))[
        "status"
    ] == "ACCEPT"
    value, made = await changes(gateway, mutation, id=run)
    assert (value["status"], value["state"]) == ("ACCEPT", {"type": "SCHEDULED"})
    assert value["flowRun"] == {"stateType": "SCHEDULED"}
    assert made == ["POST /flow_runs/ID/resume", "POST /flow_runs/filter"]


async def test_many_flow_runs_at_once(gateway: Gateway) -> None:
    runs = {await new_run(gateway) for _ in range(3)}
    among = {"id": {"any": sorted(runs)}}
    mutation = "bulkSetFlowRunState(filter: $filter, input: $input) { status flowRun { id stateType } }"
    verdicts = await change(gateway, mutation, filter=among, input={"type": "COMPLETED"})
    assert {verdict["flowRun"]["id"] for verdict in verdicts} == runs
    assert {(verdict["status"], verdict["flowRun"]["stateType"]) for verdict in verdicts} == {("ACCEPT", "COMPLETED")}
    one, made = await changes(gateway, "bulkDeleteFlowRuns(filter: $filter, limit: 1)", filter=among)
    assert made == ["POST /flow_runs/bulk_delete"]
    rest_ = await change(gateway, "bulkDeleteFlowRuns(filter: $filter)", filter=among)
    assert {*one, *rest_} == runs
    assert await rest(gateway, "/flow_runs/count", {"flow_runs": {"id": {"any_": sorted(runs)}}}) == 0


async def test_many_flows_and_deployments_at_once(gateway: Gateway) -> None:
    deployment = await new_deployment(gateway)
    flow = (await rest(gateway, f"/deployments/{deployment}"))["flow_id"]
    one = {"id": {"any": [deployment]}}
    assert await changes(gateway, "bulkDeleteDeployments(filter: $filter)", filter=one) == (
        [deployment],
        ["POST /deployments/bulk_delete"],
    )
    assert await rest(gateway, f"/deployments/{deployment}") is None
    assert await changes(gateway, "bulkDeleteFlows(filter: $filter)", filter={"id": {"any": [flow]}}) == (
        [flow],
        ["POST /flows/bulk_delete"],
    )
    assert await rest(gateway, f"/flows/{flow}") is None


async def test_task_runs(gateway: Gateway) -> None:
    run = await new_run(gateway)
    given = {"flowRunId": run, "taskKey": "key", "dynamicKey": "1", "name": name(), "tags": ["a"]}
    task, made = await changes(
        gateway, "createTaskRun(input: $input) { id name tags taskKey flowRun { id } }", input=given
    )
    assert made == ["POST /task_runs/", "POST /flow_runs/filter"]
    assert task == {"id": task["id"], "name": given["name"], "tags": ["a"], "taskKey": "key", "flowRun": {"id": run}}

    mutation = "updateTaskRun(id: $id, input: $input) { name tags }"
    value, made = await changes(gateway, mutation, id=task["id"], input={"name": "new"})
    assert value == {"name": "new", "tags": ["a"]}
    assert made == ["PATCH /task_runs/ID", "POST /task_runs/filter"]

    assert (await put(gateway, run, "RUNNING"))["status"] == "ACCEPT"
    mutation = "setTaskRunState(id: $id, input: $input) { status state { type } taskRun { stateType } }"
    value, made = await changes(gateway, mutation, id=task["id"], input={"type": "RUNNING"})
    assert (value["status"], value["taskRun"]) == ("ACCEPT", {"stateType": "RUNNING"})
    assert made == ["POST /task_runs/ID/set_state", "POST /task_runs/filter"]
    assert (await rest(gateway, f"/task_runs/{task['id']}"))["state_type"] == "RUNNING"

    assert await changes(gateway, "deleteTaskRun(id: $id)", id=task["id"]) == (task["id"], ["DELETE /task_runs/ID"])
    assert await rest(gateway, f"/task_runs/{task['id']}") is None


async def test_deployments(gateway: Gateway) -> None:
    flow = await new_flow(gateway)
    given = {
        "flowId": flow,
        "name": name(),
        "description": "what",
        "version": "1",
        "parameters": {"x": 1},
        "tags": ["a"],
        "schedules": [{"schedule": {"cron": "0 0 * * *", "timezone": "UTC"}, "active": False}],
    }
    fields = "{ id name description version parameters tags paused schedules { active schedule { cron } } flow { id } }"
    made_one, made = await changes(gateway, f"createDeployment(input: $input) {fields}", input=given)
    assert made == ["POST /deployments/", "POST /flows/filter"]
    assert made_one["schedules"] == [{"active": False, "schedule": {"cron": "0 0 * * *"}}]
    assert (made_one["flow"], made_one["paused"]) == ({"id": flow}, False)
    deployment = made_one["id"]

    changed = await change(
        gateway, f"updateDeployment(id: $id, input: $input) {fields}", id=deployment, input={"description": None}
    )
    assert changed == {**made_one, "description": None}
    read = await rest(gateway, f"/deployments/{deployment}")
    assert (read["description"], read["version"], read["parameters"]) == (None, "1", {"x": 1})

    assert await changes(gateway, "pauseDeployment(id: $id) { paused }", id=deployment) == (
        {"paused": True},
        ["POST /deployments/ID/pause_deployment", "POST /deployments/filter"],
    )
    assert await change(gateway, "resumeDeployment(id: $id) { paused }", id=deployment) == {"paused": False}
    assert (await rest(gateway, f"/deployments/{deployment}"))["paused"] is False

    assert await change(gateway, "deleteDeployment(id: $id)", id=deployment) == deployment
    assert await rest(gateway, f"/deployments/{deployment}") is None


async def test_runs_of_a_deployment(gateway: Gateway) -> None:
    deployment = await new_deployment(gateway, parameters={"x": 1, "y": 2}, tags=["a"])
    mutation = "createFlowRunFromDeployment(id: $id, input: $input) { id parameters stateType deployment { id } }"
    run, made = await changes(gateway, mutation, id=deployment, input={"parameters": {"y": 3}})
    assert run["parameters"] == {"x": 1, "y": 3}
    assert (run["stateType"], run["deployment"]) == ("SCHEDULED", {"id": deployment})
    assert made == ["POST /deployments/ID/create_flow_run", "POST /deployments/filter"]
    assert (await rest(gateway, f"/flow_runs/{run['id']}"))["deployment_id"] == deployment

    many = "bulkCreateFlowRunsFromDeployment(id: $id, input: $input) { status error flowRun { name } }"
    names = [name(), name()]
    results = await change(gateway, many, id=deployment, input=[{"name": each} for each in names])
    assert sorted(result["flowRun"]["name"] for result in results) == sorted(names)
    assert {(result["status"], result["error"]) for result in results} == {("CREATED", None)}


async def test_logs(gateway: Gateway) -> None:
    run = await new_run(gateway)
    lines = [
        {"name": "test", "level": 20, "message": text, "timestamp": f"2026-01-01T00:00:0{second}Z", "flowRunId": run}
        for second, text in enumerate(["one", "two"])
    ]
    assert await changes(gateway, "createLogs(input: $input)", input=lines) == (2, ["POST /logs/"])
    found = await rest(gateway, "/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"})
    assert [row["message"] for row in found] == ["one", "two"]


@pytest.mark.parametrize(
    ("mutation", "variables", "method", "path"),
    [
        ("updateFlow(id: $id, input: $input) { id }", {"input": {"tags": []}}, "PATCH", "/flows/{}"),
        ("deleteFlow(id: $id)", {}, "DELETE", "/flows/{}"),
        ("updateFlowRun(id: $id, input: $input) { id }", {"input": {"name": "x"}}, "PATCH", "/flow_runs/{}"),
        ("deleteFlowRun(id: $id)", {}, "DELETE", "/flow_runs/{}"),
        ("deleteTaskRun(id: $id)", {}, "DELETE", "/task_runs/{}"),
        ("updateDeployment(id: $id, input: $input) { id }", {"input": {"tags": []}}, "PATCH", "/deployments/{}"),
        ("deleteDeployment(id: $id)", {}, "DELETE", "/deployments/{}"),
        ("pauseDeployment(id: $id) { id }", {}, "POST", "/deployments/{}/pause_deployment"),
    ],
)
async def test_what_is_not_there(
    gateway: Gateway, mutation: str, variables: dict[str, Any], method: str, path: str
) -> None:
    error = await gateway.error(mutation, id=UNKNOWN, **variables)
    assert error["extensions"] == {
        "code": "NOT_FOUND",
        "upstream": {"status": 404, "method": method, "path": path.format(UNKNOWN)},
    }


@pytest.mark.parametrize(
    ("mutation", "input_"),
    [
        ("createFlowRun(input: $input) { id }", {"flowId": UNKNOWN}),
        ("createDeployment(input: $input) { id }", {"flowId": UNKNOWN, "name": "x"}),
        ("createTaskRun(input: $input) { id }", {"flowRunId": UNKNOWN, "taskKey": "k", "dynamicKey": "0"}),
    ],
)
async def test_a_parent_that_is_not_there_is_a_conflict(
    gateway: Gateway, mutation: str, input_: dict[str, Any]
) -> None:
    error = await gateway.error(mutation, input=input_)
    assert error["extensions"]["code"] == "CONFLICT"
    assert error["extensions"]["upstream"]["status"] == 409


@pytest.mark.parametrize(
    ("mutation", "variables", "named"),
    [
        ("createFlow(input: $input) { id }", {"input": {"name": "a/b"}}, "name"),
        ("createFlow(input: $input) { id }", {"input": {"name": "a", "nonsense": 1}}, "nonsense"),
        ("createFlow(input: $input) { id }", {"input": {"tags": []}}, "name"),
        ("createFlowRun(input: $input) { id }", {"input": {"flowId": "nonsense"}}, "flow"),
        ("deleteFlow(id: $id)", {"id": "nonsense"}, "id"),
        ("setFlowRunState(id: $id, input: $input) { status }", {"id": uuid(1), "input": {"type": "NONSENSE"}}, "type"),
        (
            "createDeployment(input: $input) { id }",
            {"input": {"flowId": uuid(1), "name": "x", "concurrencyLimit": 0}},
            "limit",
        ),
        ("bulkDeleteFlowRuns(filter: $filter, limit: 51)", {"filter": {"id": {"any": [uuid(1)]}}}, "limit"),
    ],
)
async def test_a_bad_input_names_its_field(
    gateway: Gateway, mutation: str, variables: dict[str, Any], named: str
) -> None:
    error = await gateway.error(mutation, **variables)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert named in error["message"].lower()


async def test_mutations_of_a_document_run_in_order_and_see_each_other(gateway: Gateway) -> None:
    flow = await new_flow(gateway)
    answered = await gateway.ask(
        """mutation ($id: ID!, $name: String!) {
            a: updateFlow(id: $id, input: {tags: ["a"]}) { tags deployments { totalCount } }
            made: createDeployment(input: {flowId: $id, name: $name}) { flow { tags deployments { totalCount } } }
            b: updateFlow(id: $id, input: {tags: ["b"]}) { tags deployments { nodes { name } } }
            failed: deleteFlowRun(id: "00000000-0000-0000-0000-000000000404")
            c: updateFlow(id: $id, input: {tags: ["c"]}) { tags }
        }""",
        {"id": flow, "name": "made"},
    )
    assert answered["data"] == {
        "a": {"tags": ["a"], "deployments": {"totalCount": 0}},
        "made": {"flow": {"tags": ["a"], "deployments": {"totalCount": 1}}},
        "b": {"tags": ["b"], "deployments": {"nodes": [{"name": "made"}]}},
        "failed": None,
        "c": {"tags": ["c"]},
    }
    assert [error["path"] for error in answered["errors"]] == [["failed"]]
    writes = [call.split(" ")[0] for call in calls(answered) if not call.endswith(("/filter", "/count"))]
    assert writes == ["PATCH", "POST", "PATCH", "DELETE", "PATCH"]
