"""Reads failed runs and renames the first, by the typed client; prints the names before and after."""

import asyncio
import sys

from board import Client, FlowRunFilters


async def main() -> None:
    async with Client(url=sys.argv[1]) as client:
        failed = FlowRunFilters.model_validate({"flowRuns": {"state": {"type": {"any": ["FAILED"]}}}})
        found = (await client.failed(filter_=failed, first=5)).flow_runs
        runs = [run for run in found.nodes if run]
        renamed = (await client.rename(id=runs[0].id, name="renamed")).update_flow_run
        print(*(f"{run.flow.name}/{run.name}/{run.state_type.value}" for run in runs), renamed.name, found.total_count)


asyncio.run(main())
