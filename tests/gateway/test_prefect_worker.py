"""A real Prefect worker runs a deployment's run from a work pool, of the embedded server and of a real one behind the gateway.

Prefect's CLI sees what is left.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.gateway.test_cli import serving
from tests.services import run_prefect

pytestmark = pytest.mark.long

PREFECT = Path(sys.executable).with_name("prefect")
FLOW = """
from prefect import flow, task

@task
def double(n):
    return 2 * n

@flow(log_prints=True)
def hello(n):
    print("hello from a worker")
    return double(n)
"""
SEEN = """
query ($name: String!) {
  flowRuns(filter: {flowRuns: {name: {any: [$name]}}}) { nodes {
    stateName
    states { nodes { name } }
    taskRuns { nodes { stateName } }
    logs { nodes { message } }
    deployment { name status schedules { slug } }
    workQueue { name status }
    workPool { status workers { nodes { name status workPool { name } } } }
  } }
}
"""


def deploy(client: httpx.Client, folder: Path) -> str:
    """Make a pool and a deployment of a flow in a folder; return the deployment's id."""
    (folder / "hello.py").write_text(FLOW)
    flow = client.post("/api/flows/", json={"name": "hello"}).raise_for_status().json()
    client.post("/api/work_pools/", json={"name": "crew", "type": "process"}).raise_for_status()
    deployment = {
        "name": "d",
        "flow_id": flow["id"],
        "work_pool_name": "crew",
        "path": str(folder),
        "entrypoint": "hello.py:hello",
        "parameters": {"n": 1},
        "enforce_parameter_schema": False,
        "schedules": [{"schedule": {"cron": "0 0 1 1 *"}, "slug": "yearly"}],
    }
    made = client.post("/api/deployments/", json=deployment).raise_for_status()
    return str(made.json()["id"])


@pytest.fixture(params=["embedded", "prefect"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The options that say what the gateway stands before."""
    if request.param == "embedded":
        yield ["--embedded", "--database", f"sqlite:///{tmp_path / 'a.db'}"]
        return
    home = tmp_path / "prefect"
    home.mkdir()
    with run_prefect(home, services_event_persister_enabled="true", services_task_run_recorder_enabled="true") as url:
        yield ["--upstream", url]


def test_a_worker_runs_what_is_scheduled(source: list[str], tmp_path: Path) -> None:
    with serving("serve", *source) as client:
        client.timeout = httpx.Timeout(60)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment |= {
            "PREFECT_API_URL": f"{client.base_url}".rstrip("/") + "/api",
            "PREFECT_HOME": str(tmp_path / "home"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }

        def prefect(*arguments: str, both: bool = False) -> str:
            command = [PREFECT, "--no-prompt", *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout + done.stderr * both

        id_ = deploy(client, tmp_path)
        made = client.post(f"/api/deployments/{id_}/create_flow_run", json={"name": "by-a-worker"}).raise_for_status()
        later = {
            "name": "later",
            "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2090-01-01T00:00:00Z"}},
        }
        other = client.post(f"/api/deployments/{id_}/create_flow_run", json=later).raise_for_status().json()
        environment["PREFECT_LOGGING_LEVEL"] = "DEBUG"
        said = prefect("worker", "start", "--pool", "crew", "--type", "process", "--name", "w", "--run-once", both=True)
        assert "the worker channel is healthy" in said  # over the websocket, that is
        del environment["PREFECT_LOGGING_LEVEL"]

        answer = client.post("/graphql", json={"query": SEEN, "variables": {"name": "by-a-worker"}}).json()
        (run,) = answer["data"]["flowRuns"]["nodes"]
        assert run["stateName"] == "Completed", run
        states = [state["name"] for state in run["states"]["nodes"]]
        assert [name for name in states if name in {"Scheduled", "Pending", "Running", "Completed"}] == [
            "Scheduled",
            "Pending",
            "Running",
            "Completed",
        ]
        assert [task["stateName"] for task in run["taskRuns"]["nodes"]] == ["Completed"]
        assert "hello from a worker" in [log["message"] for log in run["logs"]["nodes"]]
        assert run["deployment"] == {"name": "d", "status": "READY", "schedules": [{"slug": "yearly"}]}
        assert run["workQueue"] == {"name": "default", "status": "READY"}
        assert run["workPool"]["workers"]["nodes"] == [{"name": "w", "status": "ONLINE", "workPool": {"name": "crew"}}]

        commands = (
            ("flow-run", "inspect", made.json()["id"], "--output", "json"),
            ("work-pool", "ls"),
            ("flow-run", "cancel", other["id"]),
        )
        with ThreadPoolExecutor(2) as pool:
            inspected, pools, _ = pool.map(lambda command: prefect(*command), commands)
        assert json.loads(inspected)["state_name"] == "Completed"
        assert "crew" in pools
        assert client.get(f"/api/flow_runs/{other['id']}").json()["state_type"] == "CANCELLED"
