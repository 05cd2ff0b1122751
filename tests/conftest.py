"""What every test shares: tools from npm, and a skipped test as a failure where `PREFECT_GRAPHQL_TEST_NO_SKIP` is set."""

import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import pytest

ROOT = Path(__file__).parents[1]

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


@pytest.fixture(scope="session")
def npm() -> Callable[..., Path]:
    """A function that installs pinned packages of the npm registry ("dclint@3.1.0") and returns their `node_modules`."""

    def install(*packages: str) -> Path:
        folder = ROOT / ".cache" / "npm" / "+".join(packages).replace("/", "-")
        if not (folder / "installed").exists():
            if not shutil.which("npm"):
                pytest.skip("npm is missing")
            folder.mkdir(parents=True, exist_ok=True)
            command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", *packages]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install {' '.join(packages)}: {done.stderr.strip()}")
            (folder / "installed").touch()
        return folder / "node_modules"

    return install
