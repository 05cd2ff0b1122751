"""The websocket of workers: the embedded server speaks as Prefect does, also with the gateway between."""

import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import connect

from gateway.serving import rest_app
from gateway.settings import Settings
from tests.gateway.test_websockets import PREFECT, before, closed, opened, refused, served
from tests.services import patiently

pytestmark = pytest.mark.usefixtures("no_environment")

TEMPLATE = {
    "job_configuration": {"command": "{{ command }}"},
    "variables": {"type": "object", "properties": {"command": {"type": "string", "default": "run"}}},
}
WORKER = str(uuid4())


@pytest.fixture(params=["embedded", "prefect", "prefect behind the gateway"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of websockets of a server."""
    if request.param == "embedded":
        async with served(rest_app(Settings(database_url=f"sqlite:///{tmp_path / 'embedded.db'}"))) as url:
            yield url
        return
    api = request.getfixturevalue("prefect_server")
    async with before(api) if "gateway" in request.param else nullcontext(api.replace("http", "ws", 1)) as url:
        yield url


@pytest.fixture
def pool() -> str:
    return f"pool-{uuid4()}"


def frame(type_: str, **payload: Any) -> str:
    return json.dumps({"type": type_, "id": str(uuid4()), "sent_at": datetime.now(UTC).isoformat(), "payload": payload})


def hello(**more: Any) -> str:
    said = {
        "consumer_id": WORKER,
        "worker_name": "w",
        "worker_type": "process",
        "heartbeat_interval_seconds": 30,
        "supported_channel_versions": ["work_pool_worker_channel.v1"],
        "requested_capabilities": ["worker_heartbeat.v1", "work_pool_snapshot.v1"],
        "work_queue_names": [],
        "create_pool_if_not_found": True,
        "default_base_job_template": TEMPLATE,
        **more,
    }
    return frame("worker.hello.v1", **said)


heartbeat = partial(frame, "worker.heartbeat.v1", consumer_id=WORKER, worker_name="w")


async def test_a_worker_brings_its_pool_is_heard_of_and_told_of_changes(url: str, pool: str) -> None:
    async with (
        httpx.AsyncClient(base_url=url.replace("ws", "http", 1), timeout=60) as http,
        opened(f"{url}/work_pools/{pool}/workers/connect") as worker,
    ):
        await worker.send(hello(requested_capabilities=["worker_heartbeat.v1", "work_pool_snapshot.v1", "unknown.v1"]))
        ready = json.loads(await worker.recv())
        assert (ready["type"], ready.keys()) == ("worker.ready.v1", {"type", "id", "sent_at", "payload"})
        payload = ready["payload"]
        made = (await http.get(f"/work_pools/{pool}")).raise_for_status().json()
        assert (made["type"], made["base_job_template"], made["status"]) == ("process", TEMPLATE, "READY")
        shown = payload.pop("initial_snapshot")
        (queue,) = payload.pop("resolved_work_queues")
        assert queue == {"id": made["default_queue_id"], "name": "default"}
        assert payload == {
            "consumer_id": WORKER,
            "worker_id": None,
            "selected_channel_version": "work_pool_worker_channel.v1",
            "effective_heartbeat_interval_seconds": 30,
            "accepted_capabilities": ["worker_heartbeat.v1", "work_pool_snapshot.v1"],
            "rejected_capabilities": ["unknown.v1"],
            "effective_max_cleanup_concurrency": 0,
        }
        assert (shown["snapshot_sequence"], shown["reason"]) == (1, "initial")
        assert shown["work_pool"].items() <= made.items()

        await worker.send(heartbeat(heartbeat_interval_seconds=7))
        paused = {"is_paused": True, "concurrency_limit": 3}
        (await patiently(lambda: http.patch(f"/work_pools/{pool}", json=paused))).raise_for_status()
        changed = json.loads(await worker.recv())
        assert changed["type"] == "work_pool.snapshot.v1"
        assert changed["payload"]["snapshot_sequence"] == 2
        told = changed["payload"]["work_pool"]
        assert (told["is_paused"], told["concurrency_limit"], told["active_slots"]) == (True, 3, 0)
        assert told.keys() == shown["work_pool"].keys()
        (known,) = (await http.post(f"/work_pools/{pool}/workers/filter", json={})).json()
        assert (known["name"], known["status"], known["heartbeat_interval_seconds"]) == ("w", "ONLINE", 7)

        (await patiently(lambda: http.delete(f"/work_pools/{pool}"))).raise_for_status()
        assert await closed(worker) == (1008, "authorization_failed")


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (["nothing"], 1002, "protocol_error"),
        ([heartbeat(heartbeat_interval_seconds=7)], 1002, "protocol_error"),
        ([hello(requested_capabilities=["worker_heartbeat.v1"])], 1002, "protocol_error"),
        ([hello(max_cleanup_concurrency=1)], 1002, "protocol_error"),
        ([hello(unknown=1)], 1002, "protocol_error"),
        ([hello(supported_channel_versions=["work_pool_worker_channel.v2"])], 1008, "unsupported_version"),
        ([hello(create_pool_if_not_found=False)], 1008, "authorization_failed"),
        ([hello(work_queue_names=["unknown"])], 1008, "authorization_failed"),
        ([hello(), hello()], 1002, "protocol_error"),
        ([hello(), heartbeat(worker_name="other", heartbeat_interval_seconds=7)], 1002, "protocol_error"),
    ],
)
async def test_what_is_wrong_is_told_by_the_close(
    url: str, pool: str, messages: list[str], code: int, reason: str
) -> None:
    async with opened(f"{url}/work_pools/{pool}/workers/connect") as worker:
        for message in messages:
            await worker.send(message)
        assert await closed(worker) == (code, reason)


async def test_a_worker_that_does_not_shake_hands_is_refused(url: str, pool: str) -> None:
    path = f"{url}/work_pools/{pool}/workers/connect"
    assert await refused(path) == 403
    async with connect(path, subprotocols=PREFECT) as worker:
        await worker.send(hello())
        assert await closed(worker) == (1008, "authentication_failed")


async def test_nobody_brings_a_pool_that_is_reserved(url: str) -> None:
    async with opened(f"{url}/work_pools/prefect-mine/workers/connect") as worker:
        await worker.send(hello())
        assert await closed(worker) == (1008, "authorization_failed")
