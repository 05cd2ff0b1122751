"""A program of Prefect's own library: a flow with a task that is retried, one that fails, a subflow and logs."""

from prefect import flow, get_run_logger, task


@task(retries=1, retry_delay_seconds=0)
def shaky(attempts: list[int]) -> int:
    attempts.append(1)
    if len(attempts) == 1:
        raise ValueError("once")
    return 1


@task
def failing() -> None:
    raise ValueError("always")


@flow
def inner(number: int) -> int:
    get_run_logger().warning("inner got %s", number)
    return number + 1


@flow
def outer() -> None:
    inner(shaky([]))
    failing()


if __name__ == "__main__":
    outer(return_state=True)
