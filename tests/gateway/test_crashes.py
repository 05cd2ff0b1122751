"""Whatever `schemathesis run` makes of the schema, the running endpoint answers it: nothing crashes, no answer is ours to explain.

`PREFECT_GRAPHQL_TEST_EXAMPLES` and `PREFECT_GRAPHQL_TEST_SEED` choose how many operations of each root field, and which.
"""

import asyncio
import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.gateway.stack import SCHEMA, open_gateway

EXAMPLES = os.environ.get("PREFECT_GRAPHQL_TEST_EXAMPLES", "1")
SEED = os.environ.get("PREFECT_GRAPHQL_TEST_SEED", "0")
COMMAND = Path(sys.executable).with_name("schemathesis")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
OPTIONS = [
    "--phases=fuzzing", "--continue-on-failure", "--generation-database=none", "--report=ndjson", "--no-color",
    "--request-timeout=60", "--suppress-health-check=all",
]  # fmt: skip
OURS = {"INTERNAL", "UPSTREAM_ERROR"}
"""Codes of errors that no client makes: a defect of the gateway, or an answer of its own server that it does not expect."""


async def run(url: str, folder: Path) -> str:
    """Let schemathesis ask the endpoint; return what it printed."""
    command = [COMMAND, "run", f"{url}/graphql", *OPTIONS, f"--max-examples={EXAMPLES}", f"--seed={SEED}"]
    process = await asyncio.create_subprocess_exec(
        *command,
        f"--report-dir={folder}",
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return printed.decode()


def interactions(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """Read the field, the case and the response of each request that was made."""
    [report] = folder.glob("*.ndjson")
    for line in report.read_text().splitlines():
        finished = json.loads(line).get("ScenarioFinished")
        if finished:
            recorder = finished["recorder"]
            for name, made in recorder["interactions"].items():
                yield recorder["label"], recorder["cases"][name]["value"], made["response"]


def defect(response: Any) -> str | None:
    """Tell what a response shows that should not be."""
    if response is None:
        return "no response"
    content = base64.b64decode(response["content"]["$base64"])
    if response["status_code"] >= 500:
        return f"{response['status_code']} {content.decode()}"
    ours = [error for error in json.loads(content).get("errors", ()) if error["extensions"]["code"] in OURS]
    return str(ours) if ours else None


async def test_nothing_crashes(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    async with open_gateway(upstream=None, database_url=f"sqlite:///{tmp_path / 'embedded.db'}") as gateway:
        printed = await run(gateway.url, reports)
    seen = list(interactions(reports))
    assert SCHEMA.query_type
    assert SCHEMA.mutation_type
    fields = {f"Query.{name}" for name in SCHEMA.query_type.fields if not name.startswith("_")}
    fields |= {f"Mutation.{name}" for name in SCHEMA.mutation_type.fields}
    assert fields - {field for field, _, _ in seen} == set(), printed[-2_000:]
    defects = {(field, case["body"]): found for field, case, response in seen if (found := defect(response))}
    assert defects == {}
