"""The promises that the project makes about itself: documents, sizes, the direction of imports."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from gateway.settings import Settings

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for package in ("gateway", "schema", "resolvers") for path in (ROOT / package).rglob("*.py"))


def _functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def test_the_changelog_has_what_is_unreleased_and_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert "## [Unreleased]" in changelog
    assert version == "0.1.0" or f"## [{version}]" in changelog  # 0.1.0 is the one that is not released yet


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    variables = [f"`PREFECT_GRAPHQL_{name.upper()}`" for name in Settings.model_fields]
    assert [variable for variable in variables if variable not in readme] == []


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    assert lengths
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_every_module_opens_by_saying_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_function_is_longer_than_40_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.name}" for path, node in _functions() if node.end_lineno - node.lineno >= 40
    ]
    assert long == []


def test_imports_go_from_gateway_to_schema_to_resolvers() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
