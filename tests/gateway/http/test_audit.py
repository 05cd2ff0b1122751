"""GraphQL over HTTP as its reference implementation audits it: `serverAudits` of the npm package graphql-http."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.stack import open_gateway

SOURCE = Path(__file__).parent / "audit"
CACHE = Path(__file__).parents[3] / ".cache" / "graphql-http-audit"


async def run(*command: str | Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CACHE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.fixture(scope="session")
async def audit() -> Path:
    """The audit's script, its packages installed beside it once."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm (apt install nodejs npm)")
    shutil.copytree(SOURCE, CACHE, dirs_exist_ok=True)
    await run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline")
    return CACHE / "audit.js"


async def test_all_audits_pass(audit: Path, tmp_path: Path) -> None:
    everything: dict[str, Any] = {"max_batch": 10, "cors_origins": "*", "trusted_documents": tmp_path / "manifest.json"}
    everything["trusted_documents"].write_text('{"abc": "{ flowCount }"}')
    database = f"sqlite:///{tmp_path / 'embedded.db'}"
    async with open_gateway(upstream=None, database_url=database, **everything) as gateway:
        results = json.loads(await run("node", audit, f"{gateway.url}/graphql"))
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
