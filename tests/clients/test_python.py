"""A typed Python client: ariadne-codegen makes it, in an environment of its own as it wants another graphql-core."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import anyio.to_thread
import pytest

from tests.clients.conftest import FOLDER, SCHEMA
from tests.gateway.stack import open_gateway

CODEGEN = "ariadne-codegen[subscriptions]==0.19.0"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment() -> Path:
    """The folder of programs of an environment that has the generator."""
    folder = FOLDER.parents[1] / ".cache" / CODEGEN
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        run(sys.executable, "-m", "venv", made)
        run(made / "bin" / "python", "-m", "pip", "install", "--quiet", CODEGEN)
        with suppress(OSError):
            made.rename(folder)
    return folder / "bin"


async def test_a_typed_client_is_made_and_runs(environment: Path, tmp_path: Path) -> None:
    path = tmp_path / "python"
    shutil.copytree(FOLDER / "python", path)
    shutil.copy(SCHEMA, path)
    python = environment / "python"
    run(python, "-m", "ariadne_codegen", cwd=path)
    async with open_gateway("auto", upstream=None, database_url=f"sqlite:///{tmp_path / 'embedded.db'}") as gateway:
        flow = (await gateway.http.post("/api/flows/", json={"name": "nightly"})).json()["id"]
        for name, state in (("a", "FAILED"), ("b", "COMPLETED"), ("c", "FAILED")):
            body = {"flow_id": flow, "name": name, "state": {"type": state}}
            assert (await gateway.http.post("/api/flow_runs/", json=body)).status_code == 201
        printed = await anyio.to_thread.run_sync(lambda: run(python, "main.py", f"{gateway.url}/graphql", cwd=path))
    assert printed.split() == ["nightly/a/FAILED", "nightly/c/FAILED", "renamed", "2", "c/RUNNING"]
