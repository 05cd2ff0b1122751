"""The schema and the embedded server against the OpenAPI document of a real Prefect 3.9.1: nothing is missing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.check import ACCEPTED, UNMIRRORED, Operations, differences, documented
from gateway.check.differences import DIFFERENT, LACKING
from gateway.check.operations import Json
from gateway.cli import app

PROGRAM = Path(sys.executable).with_name("prefect-graphql")

MOST_UNMIRRORED = 12


def check(*arguments: str) -> Result:
    """Run the command in this process, which has its modules already."""
    return CliRunner().invoke(app, ["check", *arguments])


def test_the_schema_mirrors_prefect(prefect_server: str, document: Any, mirror: Operations) -> None:
    found = differences(documented(document), mirror, UNMIRRORED, ACCEPTED)
    done = check("--upstream", prefect_server, "--json")
    told = json.loads(done.stdout)
    assert told["differences"] == [vars(each) for each in found]
    assert done.exit_code == bool(found)
    assert found == []


def test_the_embedded_server_has_every_route_and_field_of_prefect(document: Any, embedded: Json) -> None:
    found = differences(documented(document), documented(embedded), accepted=ACCEPTED)
    assert [each for each in found if each.problem != LACKING] == []


def test_what_is_left_out_is_there_to_be_left_out(document: Any, mirror: Operations) -> None:
    routes = {str(each) for each in documented(document).values()}
    assert routes >= UNMIRRORED.keys()
    assert not {str(each) for each in mirror.values()} & UNMIRRORED.keys()
    assert len(UNMIRRORED) <= MOST_UNMIRRORED


def test_what_is_accepted_differs(document: Any, embedded: Json, mirror: Operations) -> None:
    prefect, ours = documented(document), documented(embedded)
    pairs = ((prefect, mirror), (prefect, ours), (ours, mirror))
    found = {each.where for pair in pairs for each in differences(*pair) if each.problem == DIFFERENT}
    assert found == ACCEPTED.keys()


def test_the_embedded_server_is_checked_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = check("--embedded")
    assert "The schema and the embedded server" in done.stdout
    assert done.exit_code == 0, done.stdout
    assert "GET /flow_runs/{id}/logs/download" in done.stdout.replace("\n", "")
    assert list(tmp_path.iterdir()) == []


def test_what_serves_no_document_is_one_line() -> None:
    command = [str(PROGRAM), "check", "--upstream", "http://127.0.0.1:9/api"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1
