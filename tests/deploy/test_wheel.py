"""The wheel: what is in it, and that it lives beside PyPI's `schema`, a package of the same import name as one of ours."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "schema", "resolvers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def _install(python: Path, *what: str | Path) -> subprocess.CompletedProcess[str]:
    uv = ["uv", "pip", "install", "--python", python] if shutil.which("uv") else [python, "-m", "pip", "install"]
    return subprocess.run([*uv, "--quiet", *what], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that holds the wheel and PyPI's `schema`."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=not shutil.which("uv"))
    python = folder / "bin" / "python"
    foreign = _install(python, "schema==0.7.8")
    if foreign.returncode:
        pytest.skip(f"PyPI's schema cannot be installed: {foreign.stderr}")
    ours = _install(python, wheel)
    assert ours.returncode == 0, ours.stderr
    return python


def _run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run the code away from the source tree."""
    return subprocess.run([python, "-c", code], cwd=python.parent, capture_output=True, text=True, check=False)


def test_the_wheel_holds_every_module_and_built_file_but_neither_sources_of_the_page_nor_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [*(ROOT / "gateway/http/page/built").rglob("*.*")]
    assert files
    for package in PACKAGES:
        files += (ROOT / package).rglob("*.py")
    expected = {f"prefect_graphql/packages/{file.relative_to(ROOT)}" for file in files}
    assert expected | {"prefect_graphql/__init__.py", "prefect_graphql/py.typed"} <= names
    assert not [name for name in names if {"tests", "source", "node_modules", "__pycache__"} & set(name.split("/"))]


def test_without_us_schema_is_the_one_from_pypi(python: Path) -> None:
    done = _run(python, "import schema; print(schema.Schema({'id': int}).validate({'id': 1}))")
    assert (done.stdout, done.stderr) == ("{'id': 1}\n", "")


def test_with_us_the_three_packages_are_ours_and_the_path_grows_by_one(python: Path) -> None:
    done = _run(
        python,
        "import sys; before = len(sys.path); import prefect_graphql, importlib; importlib.reload(prefect_graphql);"
        "print(len(sys.path) - before); import gateway, schema, resolvers;"
        "[print(package.__file__) for package in (gateway, schema, resolvers)]",
    )
    assert done.stderr == ""
    grown, *files = done.stdout.split()
    assert grown == "1"
    assert [Path(file).parts[-4:] for file in files] == [
        ("prefect_graphql", "packages", package, "__init__.py") for package in PACKAGES
    ]


def test_every_module_is_imported_with_what_the_wheel_alone_requires(python: Path) -> None:
    done = _run(
        python,
        "import prefect_graphql, importlib, pkgutil, sys; folder = sys.path[0];"
        "names = [module.name for module in pkgutil.walk_packages([folder])];"
        "[importlib.import_module(name) for name in names]; print(*names)",
    )
    assert done.stderr == ""
    assert {*PACKAGES, "gateway.settings", "resolvers.errors"} <= set(done.stdout.split())


def test_a_foreign_schema_imported_before_us_is_refused_in_a_clear_line(python: Path) -> None:
    done = _run(python, "import schema, prefect_graphql")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: prefect_graphql has a package named `schema`, but ")
    assert last.endswith("use the two in separate processes")


def test_the_command_of_the_wheel_prints_our_schema(python: Path) -> None:
    command = [python.with_name("prefect-graphql"), "schema"]
    done = subprocess.run(command, cwd=python.parent, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == (ROOT / "schema" / "schema.graphql").read_text("utf-8").strip(), done.stderr
