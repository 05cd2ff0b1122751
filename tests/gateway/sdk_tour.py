"""A program of Prefect's own library that uses most of what its users do; it prints what it saw as JSON."""

import asyncio
import json
import time
from typing import Any

from prefect import flow, pause_flow_run, task
from prefect.artifacts import Artifact, create_markdown_artifact, create_progress_artifact, create_table_artifact
from prefect.artifacts import update_progress_artifact as update
from prefect.cache_policies import INPUTS
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.responses import SetStateStatus
from prefect.concurrency.sync import concurrency
from prefect.events import emit_event
from prefect.input import RunInput
from prefect.task_worker import TaskWorker
from prefect.transactions import transaction
from prefect.variables import Variable

calls: list[str] = []


class Answer(RunInput):
    """What a paused run waits for."""

    number: int


@task(cache_policy=INPUTS, persist_result=True)
def cached(number: int) -> int:
    calls.append("cached")
    return number


@task
def undone() -> None:
    calls.append("undone")


@undone.on_rollback
def undo(_transaction: Any) -> None:
    calls.append("undo")


@task
def failing() -> None:
    raise ValueError("always")


@task
def double(number: int) -> int:
    return 2 * number


@flow
def tour() -> list[Any]:
    found = [cached(3), cached(3), *double.map([1, 2]).result()]
    try:
        with transaction():
            undone()
            failing()
    except ValueError:
        calls.append("failed")
    Variable.set("tour", {"x": 1})
    with concurrency("tour", occupy=1):
        create_table_artifact([{"a": 1}, {"a": 2}], key="table")
        create_markdown_artifact("# Tour", key="text")
        progress: Any = create_progress_artifact(10, key="progress")
        update(progress, 50)
    emit_event("tour.made", resource={"prefect.resource.id": "tour"})
    return [*found, Variable.get("tour")]


@flow
def asking() -> int:
    answer: Any = pause_flow_run(wait_for_input=Answer, timeout=60, poll_interval=1)
    return int(answer.number)


def resume(client: SyncPrefectClient) -> None:
    """Answer the run that is paused, as soon as it takes an answer: a moment after it is paused it says which."""
    while True:
        paused = client.read_flow_runs(flow_run_filter=FlowRunFilter(state={"type": {"any_": ["PAUSED"]}}))
        if paused and client.resume_flow_run(paused[0].id, run_input={"number": 7}).status == SetStateStatus.ACCEPT:
            return
        time.sleep(0.1)


async def deferred() -> list[Any]:
    """Let a task worker run what is delayed."""
    futures = [double.delay(number) for number in (1, 2)]
    failed = failing.delay()
    worker = asyncio.create_task(TaskWorker(double, failing).start())
    for future in (*futures, failed):
        await asyncio.to_thread(future.wait, 60)
    results = [await asyncio.to_thread(future.result) for future in futures]
    worker.cancel()
    return [*results, failed.state.name]


async def main() -> None:
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="tour", limit=1))
        seen: dict[str, Any] = {"deferred": await deferred(), "tour": await asyncio.to_thread(tour), "calls": calls}
        table = await Artifact.aget("table")
        seen["table"] = table and table.type
        answering = asyncio.create_task(asyncio.to_thread(resume, client))
        seen["asking"] = await asyncio.to_thread(asking)
        await answering
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main())
