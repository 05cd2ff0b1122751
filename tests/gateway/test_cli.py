"""The command line as a user meets it: real processes, free ports, wrong input."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import stamina

from schema.build import build
from schema.printing import public_sdl, subgraph_sdl

PROGRAM = Path(sys.executable).with_name("prefect-graphql")
ROOT = Path(__file__).parents[2]


def run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def refused(*arguments: str, folder: Path | None = None) -> str:
    """Run what must fail; return the one line that it says."""
    done = run(*arguments, folder=folder)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


@contextmanager
def serving(*arguments: str) -> Iterator[httpx.Client]:
    """Serve on a port that the system chose; yield a client once its address is told."""
    command = [PROGRAM, *arguments, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if "/api" in line)
        with httpx.Client(base_url=line.split()[-1].removesuffix("/api"), timeout=30, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_serve_fills_demo_data_and_then_is_ready(tmp_path: Path) -> None:
    with serving("serve", "--embedded", "--demo", "--database", f"sqlite:///{tmp_path / 'a.db'}") as client:
        assert client.get("/health").status_code == 200
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=60):
            with attempt:
                assert client.get("/ready").status_code == 200
        answer = client.post("/graphql", json={"query": "{ flowCount flowRunCount taskRunCount }"}).json()
    assert answer["data"]["flowCount"] == 12
    assert answer["data"]["flowRunCount"] > 200
    assert answer["data"]["taskRunCount"] > 500


def test_serve_rest_serves_the_api_alone(tmp_path: Path) -> None:
    with serving("serve-rest", "--database", f"sqlite:///{tmp_path / 'a.db'}") as client:
        assert client.post("/api/flows/", json={"name": "mine"}).status_code == 201
        assert client.post("/api/flows/count", json={}).json() == 1
        assert client.get("/graphql").status_code == 404


def test_an_upstream_that_is_down_is_served_but_not_ready() -> None:
    with serving("serve", "--upstream", "http://127.0.0.1:9/api") as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503


def test_schema_prints_what_is_committed() -> None:
    assert run("schema").stdout.strip() == (ROOT / "schema" / "schema.graphql").read_text("utf-8").strip()


def test_schema_prints_what_composers_and_clients_read() -> None:
    assert run("schema", "--federation").stdout.strip() == subgraph_sdl(build()).strip()
    assert run("schema", "--public").stdout.strip() == public_sdl(build()).strip()
    assert "not both" in refused("schema", "--federation", "--public")


def test_query_prints_the_answer_and_fails_with_its_errors(tmp_path: Path) -> None:
    database = ("--embedded", "--database", f"sqlite:///{tmp_path / 'a.db'}")
    assert json.loads(run("query", *database, "{ flowCount }").stdout) == {"data": {"flowCount": 0}}
    failed = run("query", *database, "{ nonsense }")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_plan_prints_what_is_read_and_the_generated_source() -> None:
    told = run("plan", "query ($n: Int) { flowRuns(first: $n) { nodes { name flow { name } } } }").stdout
    assert "#   flowRuns: /flow_runs\n#     flow: /flows by id, all keys in one read\n" in told
    assert "FlowRun {id, name, flow_id}" in told
    assert (
        "def make_FlowRun(rows, all_flow):\n    return [FlowRun(row.name, flow) for row, flow in zip(rows, all_flow)]"
        in told
    )
    assert "graphql-core executes it: the field __schema" in run("plan", "{ __schema { types { name } } }").stdout
    refused = run("plan", "{ nonsense }")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "nonsense" in refused.stderr


def test_explain_prints_the_calls_of_a_query_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs.graphql").write_text("query ($n: Int) { flowRuns(first: $n) { nodes { flow { name } } } }")
    asked = ("explain", "@runs.graphql", "--variables", '{"n": 400}')
    table = run(*asked, folder=tmp_path).stdout
    assert re.search(r"^1 +flow +POST /flows/filter +2 +400 *\n +by key, all in one *$", table, re.MULTILINE)
    told = json.loads(run(*asked, "--json", folder=tmp_path).stdout)
    assert [(read["level"], read["path"]) for read in told["reads"]] == [(0, "/flow_runs/filter"), (1, "/flows/filter")]
    assert told["calls"] == 4
    assert "(line 2, column 3)" in run("explain", "{\n  nonsense }").stderr
    assert "can't be read" in refused("explain", "@nowhere.graphql", folder=tmp_path)


def test_a_port_that_is_taken_is_told_before_the_database_is_touched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = refused("serve", "--embedded", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert "taken" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--database", "sqlite:////nowhere/at/all.db"), "can't be opened"),
        (("--database", "mysql://host/name"), "not supported"),
        (("--workers", "2"), "SQLite"),
        (("--port", "99999"), "--port"),
    ],
)
def test_what_is_in_the_way_is_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in refused("serve", "--embedded", *arguments, folder=tmp_path)


def test_variables_that_are_no_json_are_one_line(tmp_path: Path) -> None:
    assert "--variables" in refused("query", "--embedded", "{ flowCount }", "--variables", "{", folder=tmp_path)
