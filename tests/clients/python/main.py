"""Reads failed runs, renames the first and starts the last, by the typed client; prints the names and what it is told live."""

import asyncio
import sys
from datetime import datetime

from board import Client, FlowRunFilters


async def started(client: Client, id_: str) -> str:
    """Start a run, again and again until a subscription tells of it: it may begin after the first."""
    changes = client.changes()
    told = asyncio.ensure_future(anext(changes))
    while not told.done():
        await client.start(id=id_)
        await asyncio.wait([told], timeout=0.5)
    run = told.result().flow_run_updated
    await changes.aclose()
    assert isinstance(run.start_time, datetime)
    return f"{run.name}/{run.state_type.value}"


async def main() -> None:
    url = sys.argv[1]
    async with Client(url=url, ws_url=f"ws{url.removeprefix('http')}") as client:
        failed = FlowRunFilters.model_validate({"flowRuns": {"state": {"type": {"any": ["FAILED"]}}}})
        found = (await client.failed(filter_=failed, first=5)).flow_runs
        runs = [run for run in found.nodes if run]
        renamed = (await client.rename(id=runs[0].id, name="renamed")).update_flow_run
        print(*(f"{run.flow.name}/{run.name}/{run.state_type.value}" for run in runs), renamed.name, found.total_count)
        print(await started(client, runs[-1].id))


asyncio.run(main())
