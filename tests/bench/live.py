"""Many subscribers on one process: what memory they take, and how long after a change each of them hears of it.

`python -m tests.bench.live [SUBSCRIBERS] [OPERATIONS]`: so many clients of the embedded server, with so many distinct operations.
"""

import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import psutil

from tests.bench.processes import refuse_taken
from tests.gateway.live.talking import Client, client

PORT = 4391
CHANGES = 20
PAUSE = 0.5
QUERY = """
subscription Number%d {
  flowRunUpdated(filter: {flows: {name: {any: ["measured"]}}}) { id stateName flow { name } }
}
"""


async def started(http: httpx.AsyncClient) -> None:
    while True:
        try:
            await http.get("/health")
        except httpx.HTTPError:
            await asyncio.sleep(0.2)
        else:
            return


async def measure(url: str, process: psutil.Process, subscribers: int, operations: int) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http, AsyncExitStack() as stack:
        await started(http)
        flow = (await http.post("/api/flows/", json={"name": "measured"})).json()["id"]
        body = {"flow_id": flow, "state": {"type": "PENDING"}}
        run = (await http.post("/api/flow_runs/", json=body)).json()["id"]
        before = process.memory_info().rss
        clients = [await stack.enter_async_context(client(url, compression=None)) for _ in range(subscribers)]
        for number, each in enumerate(clients):
            await each.begin()
            await each.subscribe("1", QUERY % (number % operations))
        await asyncio.sleep(2)
        after = process.memory_info().rss
        sent: dict[str, float] = {}
        hearing = asyncio.gather(*(lags(each, sent) for each in clients))
        for number in range(CHANGES):
            name = f"Number{number}"
            sent[name] = time.perf_counter()
            state = {"state": {"type": "RUNNING", "name": name}, "force": True}
            await http.post(f"/api/flow_runs/{run}/set_state", json=state)
            await asyncio.sleep(PAUSE)
        found = sorted(lag for part in await hearing for lag in part)
    print(f"{subscribers} subscribers, {operations} operations, {len(found)} answers")
    print(f"memory: {before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB with them")
    median, most, worst = (found[int((len(found) - 1) * part)] * 1000 for part in (0.5, 0.99, 1))
    print(f"lag: median {median:.0f} ms, 99% {most:.0f} ms, worst {worst:.0f} ms")


async def lags(listener: Client, sent: dict[str, float]) -> list[float]:
    """Return how long after each change the client heard of it."""
    names = ((await listener.data())["stateName"] for _ in range(CHANGES))
    return [time.perf_counter() - sent[name] async for name in names]


def main(subscribers: int = 1_000, operations: int = 1) -> None:
    with tempfile.TemporaryDirectory() as folder:
        refuse_taken(PORT)
        command = [Path(sys.executable).with_name("prefect-graphql"), "serve", "--embedded", "--port", str(PORT)]
        with psutil.Popen([*command, "--database", f"sqlite:///{folder}/live.db"]) as process:
            try:
                asyncio.run(measure(f"http://127.0.0.1:{PORT}", process, subscribers, operations))
            finally:
                process.terminate()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
