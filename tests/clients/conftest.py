"""Projects of clients: a folder of ours with the npm packages that it needs."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SCHEMA = FOLDER.parents[1] / "schema" / "schema.graphql"


@dataclass(frozen=True)
class Project:
    """A copy of a project, in which commands can be run."""

    path: Path

    def run(self, *command: str) -> str:
        """Run a program of node's packages, or node itself; return what it prints, fail where it does."""
        program = "node" if command[0] == "node" else str(self.path / "node_modules" / ".bin" / command[0])
        done = subprocess.run(
            [program, *command[1:]], cwd=self.path, capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def project(tmp_path: Path, npm: Callable[..., Path]) -> Callable[..., Project]:
    """A function that copies a project of this folder, beside our schema and with pinned npm packages."""

    def make(name: str, *packages: str) -> Project:
        if not shutil.which("node"):
            pytest.skip("node is missing")
        path = tmp_path / name
        shutil.copytree(FOLDER / name, path)
        shutil.copy(SCHEMA, path)
        (path / "node_modules").symlink_to(npm(*packages))
        return Project(path)

    return make
