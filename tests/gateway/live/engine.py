"""A flow with tasks, by Prefect's own library; it prints the ids of its task runs as JSON."""

import json
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.runtime import task_run


@task(name="double")
def double(number: int) -> tuple[int, Any]:
    get_run_logger().info("doubling %s", number)
    return 2 * number, task_run.id


@flow(name="engine")
def doubled() -> list[Any]:
    return [future.result()[1] for future in [double.submit(number) for number in range(3)]]


if __name__ == "__main__":
    print(json.dumps(doubled()))
