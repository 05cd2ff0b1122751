"""A program of Prefect's own library that keeps to concurrency limits; it prints what it saw as JSON.

Run with `PREFECT_API_URL` at a server that has the limits `guarded` (1), `rate` (with decay), and `tag:single` (1).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.flow_engine import run_flow
from prefect.runtime import flow_run
from prefect.states import Pending

seen: dict[str, Any] = {"tagged": 0, "guarded": 0}
lock = threading.Lock()
at_once = dict.fromkeys(seen, 0)


@contextmanager
def counted(kind: str) -> Iterator[None]:
    """Count who is here at once."""
    with lock:
        at_once[kind] += 1
        seen[kind] = max(seen[kind], at_once[kind])
    threading.Event().wait(0.05)
    yield
    with lock:
        at_once[kind] -= 1


@task(tags=["single"])
def tagged(number: int) -> int:
    with counted("tagged"):
        return number


@task
def guarded(number: int) -> int:
    with concurrency("guarded", occupy=1), counted("guarded"):
        return number


@flow
def limited() -> list[int]:
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run.id)
        limit = client.read_deployment(run.deployment_id).global_concurrency_limit
    seen["slots"] = limit and limit.active_slots
    seen["leased"] = run.state is not None and run.state.state_details.deployment_concurrency_lease_id is not None
    rate_limit("rate")
    found = [*tagged.map(range(2)), *guarded.map(range(2))]
    return [each.result() for each in found]


def main() -> None:
    with get_client(sync_client=True) as client:
        made = client.create_deployment(client.create_flow(limited), name="limited", concurrency_limit=1)
        run = client.create_flow_run_from_deployment(made)
        client.set_flow_run_state(run.id, Pending())
        seen["result"] = run_flow(limited, flow_run=client.read_flow_run(run.id))
        seen["state"] = client.read_flow_run(run.id).state_name
        limit = client.read_deployment(made).global_concurrency_limit
        seen["slots_at_end"] = limit and limit.active_slots
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
