"""The benchmark measures what it says: right answers are told from wrong ones, tables say what was measured."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from prefect.server.schemas.core import Flow, TaskRun
from prefect.server.schemas.responses import DeploymentResponse, FlowRunResponse
from rich.console import Console

from tests.bench import dialects, report, tables
from tests.bench.chart import chart
from tests.bench.peers import GATEWAYS, OURS
from tests.bench.processes import ROOT, Unusable, refuse_taken, running
from tests.bench.queries import MAIN, OPERATIONS, first_run
from tests.bench.results import Results
from tests.bench.selection import Answer, Answers, Level
from tests.bench.stand import SERVER, difference
from tests.bench.world import PAGE, PAGES, World, make_world, write_world
from tests.gateway.stack import Gateway, open_gateway


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def upstream(world: World, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    if shutil.which("node") is None:
        pytest.skip("node is missing")
    data = tmp_path_factory.mktemp("bench") / "world.json"
    write_world(world, data)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with running("test-upstream", ["node", SERVER, data, str(port)], port, sorted(os.sched_getaffinity(0))):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
async def gateway(upstream: str) -> AsyncGenerator[Gateway]:
    async with open_gateway(upstream=f"{upstream}/api", max_first=10_000) as served:
        yield served


SMALL: World = {
    "flows": [{"id": "F", "name": "a flow"}, {"id": "G", "name": "another"}],
    "flow_runs": [
        {"id": "1", "name": "one", "flow_id": "F", "work_queue_id": "Q"},
        {"id": "2", "name": "two", "flow_id": "F", "work_queue_id": "Q"},
        {"id": "3", "name": "three", "flow_id": None, "work_queue_id": "Q"},
    ],
}
NAME = Level(("name",))


def test_answers_follow_parents() -> None:
    level = Level(("name",), {"flow": NAME}, first=2)
    answer = Answers(SMALL).of("flow_runs", level, offset=1)
    assert answer == Answer([{"name": "two", "flow": {"name": "a flow"}}, {"name": "three", "flow": None}])


def test_answers_follow_children_up_to_the_first() -> None:
    level = Level(("name",), {"flow_runs": Level(("id",), first=1)}, first=5)
    answer = Answers(SMALL).of("flows", level)
    assert answer == Answer([{"name": "a flow", "flow_runs": [{"id": "1"}]}, {"name": "another", "flow_runs": []}])


def test_answers_have_an_error_for_each_forbidden_relation() -> None:
    answer = Answers(SMALL).of("flow_runs", Level((), {"work_queue": NAME}, first=2))
    assert answer == Answer([{"work_queue": None}] * 2, frozenset({(0, "work_queue"), (1, "work_queue")}))


def test_answers_of_all_gateways_are_compared_as_rest_names_them() -> None:
    flow = {"name": "a flow", "flowRuns": {"nodes": [{"stateType": "FAILED"}]}}
    error = {"message": "Forbidden", "path": ["flows", "nodes", 3, "workQueue"]}
    assert dialects.comparable({"data": {"flows": {"nodes": [flow]}}, "errors": [error]}) == Answer(
        [{"name": "a flow", "flow_runs": [{"state_type": "FAILED"}]}], frozenset({(3, "work_queue")})
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer([{"id": "1"}, {"id": "3"}]), "row 1 is {'id': '3'}, not {'id': '2'}"),
        (Answer([{"id": "1"}]), "another answer: [{'id': '1'}]"),
        (Answer(None), "another answer: None"),
        (Answer([{"id": "1"}, {"id": "2"}], frozenset({(0, "flow")})), "errors differ: 0 missing, 1 unexpected"),
        (TimeoutError("late"), "TimeoutError: late"),
        (Answer([{"id": "1"}, {"id": "2"}]), None),
    ],
)
def test_a_wrong_answer_is_told(answer: Answer | Exception, words: str | None) -> None:
    assert difference(answer, Answer([{"id": "1"}, {"id": "2"}])) == words


def test_the_rows_have_the_keys_of_prefects(world: World) -> None:
    models: dict[str, Any] = {
        "flows": Flow,
        "deployments": DeploymentResponse,
        "flow_runs": FlowRunResponse,
        "task_runs": TaskRun,
    }
    assert {name: {frozenset(row) for row in rows} for name, rows in world.items()} == {
        name: {frozenset(model.model_fields)} for name, model in models.items()
    }
    assert 1_700 < len(orjson.dumps(world["flow_runs"][:PAGE])) / PAGE < 1_950


def test_pages_share_no_flow_and_no_deployment(world: World) -> None:
    for key in ("flow_id", "deployment_id"):
        pages = [{run[key] for run in world["flow_runs"][PAGE * n : PAGE * (n + 1)]} - {None} for n in range(PAGES)]
        assert sum(map(len, pages)) == len(set.union(*pages))


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_gateway_answers_right(name: str, gateway: Gateway, world: World) -> None:
    operation, answers = OPERATIONS[name], Answers(world)
    for offset in (operation.offsets[0], operation.offsets[-1]):
        body = dialects.GATEWAY.body(operation, offset, first_run(world))
        for _ in range(2):  # interpreted, then compiled
            response = await gateway.http.post("/graphql", json=body)
            assert difference(dialects.comparable(response.json()), operation.expected(answers, offset)) is None


@pytest.mark.parametrize(
    "body", [{"limit": 201}, {"flow_runs": {"name": {"any_": ["x"]}}}, {"logs": {"id": {"any_": []}}}]
)
async def test_the_upstream_refuses_what_it_does_not_know(body: dict[str, Any], upstream: str) -> None:
    async with httpx.AsyncClient() as http:
        assert (await http.post(f"{upstream}/api/flow_runs/filter", json=body)).status_code == 422


async def test_the_upstream_counts_its_calls(upstream: str) -> None:
    async with httpx.AsyncClient(base_url=upstream) as http:
        before = (await http.get("/stats")).json()["calls"]
        await http.post("/api/flows/filter", json={"limit": 1})
        await http.get("/api/flows", params={"limit": 1})
        assert (await http.get("/stats")).json()["calls"] == before + 2


def test_new_documents_are_measured_beside_graphql_core(upstream: str) -> None:
    command = [sys.executable, "-m", "tests.bench.documents", f"{upstream}/api", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {name: len(spent) for name, spent in json.loads(done.stdout).items()} == {"ours": 2, "graphql_core": 2}


def test_a_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Unusable, match="is taken"):
        refuse_taken(taken.getsockname()[1])


def _sample(gateway: str, turn: int, requests: int, cpu: float, operation: str = "a") -> dict[str, Any]:
    seen = {"gateway": gateway, "operation": operation, "round": turn, "requests": requests, "cpu": cpu}
    return {**seen, "seconds": 2.0, "p50": 5.0, "p99": 9.0, "memory": 2**27, "busiest": 0.5, "calls": 6, "failed": 0}


ABOUT = {"date": "2026-01-01", "rounds": 3, "cores": 2, "processor": "a processor", "python": "3.11"}
RUNS = [
    *(_sample(OURS, turn, requests, cpu=1.0) for turn, requests in enumerate((800, 1_000, 400))),
    *(_sample("hive", turn, requests, cpu=2.0) for turn, requests in enumerate((100, 100, 100))),
]
RESULTS = Results(
    ABOUT, RUNS, {"hive a": "row 5 is another"}, {"ours": [3.0, 1.0, 2.0], "graphql_core": [1.0, 4.0, 1.0]}
)


def test_figures_are_medians_and_ratios_medians_of_rounds() -> None:
    figures = RESULTS.figures(OURS, "a")
    assert figures
    assert (figures.rate, figures.cpu, figures.memory) == (400, 1.25, 128)
    assert RESULTS.faster("hive", "a", OURS) == (8, 16)
    assert RESULTS.document_ratio() == 2
    assert RESULTS.figures("naive", "a") is None


def test_two_workers_are_judged_by_what_free_cores_would_give() -> None:
    one = [_sample("1 worker", 0, 100, cpu=1.0, operation="e")]
    two = [_sample("2 workers", 0, 150, cpu=1.5, operation="e")]
    assert Results(ABOUT, one + two, {}, {}).two_workers("1 worker", "2 workers") == (1.5, 2)


def test_results_are_the_same_when_they_are_read_again(tmp_path: Path) -> None:
    RESULTS.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == RESULTS


def test_the_readme_gets_the_table_and_the_chart(tmp_path: Path) -> None:
    readme, picture, details = tmp_path / "README.md", tmp_path / "speed.svg", tmp_path / "results.md"
    readme.write_text(f"before\n{report.BEGIN}old\n{report.END}\nafter\n")
    report.write(RESULTS, readme, picture, details)
    text = readme.read_text()
    assert text.startswith(f"before\n{report.BEGIN}| requests/s (CPU) | {OURS} | {GATEWAYS['hive'].title} |\n")
    assert "| (a) 50 runs with flow and deployment | **400** | 50 (16x) † |" in text
    assert f"† {GATEWAYS['hive'].title} answers with rows of others (a)." in text
    assert text.endswith(f"{report.END}\nafter\n")
    assert ">400</text>" in picture.read_text()
    assert "| yes |" not in details.read_text()
    assert "| (a) CPU against Hive Gateway | 16.00 | at least 20 | NO |" in details.read_text()


def test_the_readme_says_what_was_measured() -> None:
    results, readme = Results.load(report.RESULTS), report.README.read_text("utf-8")
    assert report.filled(readme, results) == readme
    assert chart(results) == report.CHART.read_text("utf-8")
    assert report.all_tables(results) == report.DETAILS.read_text("utf-8")


def test_the_terminal_shows_ratios_and_targets() -> None:
    console = Console(width=200, file=io.StringIO(), record=True)
    report.show(RESULTS, console)
    shown = console.export_text()
    assert [title in shown for title in (f"(a) {MAIN[0].title}", "Also", "Targets")] == [True, True, True]
    assert "† hive a: row 5 is another" in shown
    assert [row[1:] for row in tables.targets(RESULTS).rows] == [
        ("8.00", "at least 20", "NO"),
        ("16.00", "at least 20", "NO"),
        ("2.00", "at most 1.3", "NO"),
        ("1.00", "at most 0.25", "NO"),
    ]
