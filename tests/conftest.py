"""What every test shares: tools from npm, and a skipped test as a failure where `PREFECT_GRAPHQL_TEST_NO_SKIP` is set."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.postgres import Postgres, find_programs, run_postgres
from tests.services import run_prefect

ROOT = Path(__file__).parents[1]

# What would change rows behind a test's back; tests of the services turn them on.
os.environ["PREFECT_GRAPHQL_SERVICES"] = "false"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _no_skip(report: Report) -> Report:
    if os.environ.get("PREFECT_GRAPHQL_TEST_NO_SKIP") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}, and PREFECT_GRAPHQL_TEST_NO_SKIP is set: nothing may be skipped"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _no_skip((yield))


SHARE_PREFECT = re.compile(r"tests/(gateway/(check/|test_(mutations|remote|demo))|schema/test_schema)")
"""The files whose tests ask the fixture `prefect_server`."""


class _ByServer(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Keeps the tests of a file in one process, and those of all files that share a server which starts or fills slowly."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        server = re.search(r"\[(sqlite|postgresql|prefect)\b", test)
        if server and file.startswith("tests/resolvers/"):
            return server[1]
        return "prefect_server" if SHARE_PREFECT.match(file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    # Not --dist=loadgroup: pytest-xdist 3.8 names its groups where pytest 9.1 does not look.
    return _ByServer(config, log)


def _npm(name: str, *arguments: str, files: Iterable[Path] = ()) -> Path:
    """Run npm where these files are, and keep the `node_modules` that it makes under the name."""
    folder = ROOT / ".cache" / "npm" / name
    if not folder.exists():
        if not shutil.which("npm"):
            pytest.skip("npm is missing")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Made elsewhere and put in place when it is whole: another process may be installing the same.
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        for file in files:
            shutil.copy(file, made)
        command = [
            "npm",
            *arguments,
            "--prefix",
            ".",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
        ]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(made)
            pytest.skip(f"`npm {' '.join(arguments)}` fails: {done.stderr.strip()}")
        with suppress(OSError):
            made.rename(folder)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def npm() -> Callable[..., Path]:
    """A function that installs pinned packages of the npm registry ("dclint@3.1.0") and returns their `node_modules`."""

    def install(*packages: str) -> Path:
        return _npm("+".join(packages).replace("/", "-"), "install", *packages)

    return install


@pytest.fixture(scope="session")
def npm_ci() -> Callable[[Path], Path]:
    """A function that installs what a folder's package-lock.json pins and returns its `node_modules`."""

    def install(project: Path) -> Path:
        files = [project / "package.json", project / "package-lock.json"]
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        return _npm(f"{project.name}-{digest[:12]}", "ci", files=files)

    return install


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    """A PostgreSQL server that makes databases for tests."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is missing: initdb is neither on the path nor in /usr/lib/postgresql/*/bin")
    with run_postgres(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'embedded.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return await server.create_database()


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The URL of a real Prefect server's REST API, for all tests; the first request waits until it has started."""
    with run_prefect(tmp_path_factory.mktemp("prefect")) as url:
        yield url
