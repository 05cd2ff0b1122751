"""The printed schema keeps to the rules that @graphql-eslint recommends; `lint/eslint.config.cjs` lists the exceptions."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schema.build import build

CONFIG = Path(__file__).parent / "lint" / "eslint.config.cjs"
PACKAGES = ("eslint@9.39.1", "@graphql-eslint/eslint-plugin@4.4.1", "graphql@16.11.0")

Problems = list[dict[str, Any]]


@pytest.fixture
def lint(npm: Callable[..., Path], tmp_path: Path) -> Callable[[str], Problems]:
    """A function that lints the text of a schema."""
    modules = npm(*PACKAGES)
    if not shutil.which("node"):
        pytest.skip("node is missing")

    def run(text: str) -> Problems:
        (tmp_path / "schema.graphql").write_text(text)
        done = subprocess.run(
            [modules / ".bin" / "eslint", "--config", CONFIG, "--format", "json", "schema.graphql"],
            cwd=tmp_path,
            env={**os.environ, "NODE_PATH": str(modules)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        [report] = json.loads(done.stdout)
        problems: Problems = report["messages"]
        return problems

    return run


def told(problem: dict[str, Any]) -> str:
    return f"{problem.get('line')}: {problem['message']} ({problem['ruleId']})"


def test_the_schema_keeps_to_the_rules(lint: Callable[[str], Problems]) -> None:
    assert [told(problem) for problem in lint(build().as_str())] == []


def test_another_schema_does_not(lint: Callable[[str], Problems]) -> None:
    found = {problem["ruleId"] for problem in lint("type Query { get_rows(Id: Int): Int } type Lost { a: Int }")}
    rules = ("naming-convention", "no-unreachable-types", "require-description")
    assert found >= {f"@graphql-eslint/{rule}" for rule in rules}
