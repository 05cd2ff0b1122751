"""`--workers 2`: real processes before a scripted upstream."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import stamina

from tests.gateway.stack import Upstream, open_upstream, uuid
from tests.gateway.upstream.scripted import Exchange, answer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets of a port")

PROGRAM = Path(sys.executable).with_name("prefect-graphql")
COUNT = {"query": "{ flowCount }"}
WRITE = {"query": 'mutation { createFlow(input: {name: "mine"}) { id } }'}


@dataclass
class Gateway:
    process: asyncio.subprocess.Process
    url: str

    @asynccontextmanager
    async def connections(self, number: int) -> AsyncGenerator[list[httpx.AsyncClient]]:
        """Clients with a connection each, opened at once."""
        async with AsyncExitStack() as stack:
            clients = [httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False) for _ in range(number)]
            for client in clients:
                await stack.enter_async_context(client)
            yield clients

    def workers(self) -> set[int]:
        """The processes that serve."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@asynccontextmanager
async def serving(upstream: Upstream) -> AsyncGenerator[Gateway]:
    command = [PROGRAM, "serve", "--upstream", upstream.url, "--workers", "2", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    while "/api" not in (line := (await process.stdout.readline()).decode()):
        assert line
    try:
        yield Gateway(process, line.split()[-1].removesuffix("/api"))
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@pytest.fixture(scope="module")
async def upstream() -> AsyncGenerator[Upstream]:
    async with open_upstream() as opened:
        yield opened


@pytest.fixture(scope="module")
async def gateway(upstream: Upstream) -> AsyncGenerator[Gateway]:
    async with serving(upstream) as opened:
        yield opened


def patience() -> AsyncIterator[stamina.Attempt]:
    return aiter(stamina.retry_context(on=(AssertionError, OSError), attempts=None, timeout=60, wait_max=0.2))


async def listens(url: str) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def counts(clients: list[httpx.AsyncClient]) -> list[int]:
    """Ask for the number of flows by all clients at once."""
    responses = await asyncio.gather(*(client.post("/graphql", json=COUNT) for client in clients))
    return [response.json()["data"]["flowCount"] for response in responses]


async def test_a_client_reads_its_own_write_by_whichever_worker(upstream: Upstream, gateway: Gateway) -> None:
    by_both, done = asyncio.Event(), asyncio.Event()

    async def before(exchange: Exchange) -> None:
        if upstream.asked().count("/flows/count") == 2:
            by_both.set()
        await done.wait()
        await answer(3)(exchange)

    upstream.spoilt = {"/flows/count": before, "/flows/": answer({"id": uuid(4)})}
    async with gateway.connections(32) as early, gateway.connections(32) as late:
        # Each worker shares one read among its clients, so the second that arrives is the other worker's.
        reading = asyncio.create_task(counts(early))
        await by_both.wait()
        upstream.spoilt["/flows/count"] = answer(4)
        written = await late[0].post("/graphql", json=WRITE)
        assert written.json() == {"data": {"createFlow": {"id": uuid(4)}}}
        assert await counts(late) == [4] * 32
        done.set()
        assert set(await reading) <= {3, 4}
    upstream.spoilt.clear()


async def test_workers_that_die_are_started_again(gateway: Gateway) -> None:
    before = gateway.workers()
    assert len(before) == 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    async for attempt in patience():
        with attempt:
            assert len(gateway.workers() - before) == 2
            assert await listens(gateway.url)
    async with gateway.connections(8) as clients:
        assert await counts(clients) == [3] * 8


async def test_what_was_asked_is_answered_before_the_end() -> None:
    go = asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await go.wait()
        await upstream.right(exchange)

    async with open_upstream() as upstream, serving(upstream) as gateway, gateway.connections(1) as clients:
        upstream.spoilt["/flows/count"] = slowly
        waiting = asyncio.create_task(counts(clients))
        await upstream.until_asked("/flows/count")
        gateway.process.terminate()
        async for attempt in patience():
            with attempt:
                assert not await listens(gateway.url)
        go.set()
        assert await waiting == [3]
        assert await gateway.process.wait() == 0


async def test_its_port_is_its_own(gateway: Gateway) -> None:
    port = httpx.URL(gateway.url).port
    second = await asyncio.create_subprocess_exec(
        PROGRAM, "serve", "--upstream", "http://127.0.0.1:9/api", "--workers", "2", "--port", str(port),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await second.communicate()
    assert second.returncode == 1
    assert said.decode().splitlines() == [
        f"Error: 127.0.0.1:{port} can't be listened on: the port is taken: give another --port."
    ]


async def test_settings_that_no_worker_can_use_are_one_line() -> None:
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "serve", "--upstream", "http://127.0.0.1:9/api", "--workers", "2", "--port", "0",
        env={**os.environ, "PREFECT_GRAPHQL_API_KEY": "key\n"}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 1
    assert len(said.splitlines()) == 1
    assert b"PREFECT_GRAPHQL_API_KEY" in said
