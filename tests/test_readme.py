"""The README keeps its word: its example has its answer, its commands exist, its settings are those of the code."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from gateway.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PROGRAM = Path(sys.executable).with_name("prefect-graphql")


def block(name: str) -> str:
    """Return the code that follows `<!-- example: name -->`."""
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no example {name!r}"
    return found[1]


def run(*arguments: str) -> str:
    done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_query_has_the_answer(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'demo.db'}"
    run("demo", "--embedded", "--database", database)
    answer = run("query", "--embedded", "--database", database, block("query"))
    assert json.loads(answer) == json.loads(block("answer"))


def test_explain_prints_what_stands_there() -> None:
    command, *lines = block("explain").splitlines()
    assert command.startswith("$ prefect-graphql ")
    printed = run(*shlex.split(command)[2:])
    assert [line.rstrip() for line in printed.splitlines()] == lines


@pytest.mark.parametrize("document", re.findall(r"^```graphql\n(.*?)```", README, re.MULTILINE | re.DOTALL))
def test_each_operation_is_valid(document: str) -> None:
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text("utf-8"), assume_valid_sdl=True)
    assert validate(schema, parse(document)) == []


@pytest.mark.parametrize("command", re.findall(r"^\| `prefect-graphql ([\w-]+)", README, re.MULTILINE))
def test_each_command_exists(command: str) -> None:
    assert f"prefect-graphql {command}" in run(command, "--help")


@pytest.mark.parametrize("test", re.findall(r"`(test_\w+)`", README))
def test_each_test_that_proves_a_word_exists(test: str) -> None:
    found = [path for path in ROOT.glob("tests/**/test_*.py") if f"def {test}(" in path.read_text("utf-8")]
    assert found


@pytest.mark.parametrize("target", ["serve", "test"])
def test_the_two_commands_are_targets(target: str) -> None:
    assert f"make {target} " in README
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_told_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    row = re.search(rf"^\| `PREFECT_GRAPHQL_{name.upper()}`.*$", README, re.MULTILINE)
    assert row, f"README.md has no row of {name}"
    default = "" if field.default is None else f"`{field.default}`"
    assert row[0].endswith(f"| {default} | {field.description} |")
