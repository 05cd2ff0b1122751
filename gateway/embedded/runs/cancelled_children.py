"""Services that end what a cancelled flow run has begun: its task runs, and its subflow runs with theirs."""

from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, select

from gateway.embedded.database import Database
from gateway.embedded.moments import now
from gateway.embedded.orchestration.runs import FLOW_RUN, TASK_RUN, set_flow_run_state, set_task_run_state
from gateway.embedded.orchestration.states import State
from gateway.embedded.orchestration.transition import TERMINAL
from gateway.embedded.services import Service
from gateway.embedded.tables import TABLES
from schema.states import StateType

RUNS, TASKS = TABLES["flow_runs"], TABLES["task_runs"]
PARENTS = RUNS.alias()

ENDED = [state.value for state in StateType if state in TERMINAL]
MESSAGE = "The parent flow run was cancelled."

WITHIN = timedelta(days=1)
"""How long ago a flow run was cancelled at most whose children are looked for."""
AT_ONCE = 400
"""Children that are ended in one go."""

EVERY = 20.0


async def cancel_task_runs(database: Database) -> None:
    """Cancel the task runs of cancelled flow runs that have not ended."""

    def left(connection: Connection) -> list[str]:
        begun = select(TASKS.c.id).join_from(RUNS, TASKS, TASKS.c.flow_run_id == RUNS.c.id)
        cancelled = (RUNS.c.state_type == StateType.CANCELLED.value, RUNS.c.end_time >= now() - WITHIN)
        return list(connection.scalars(begun.where(*cancelled, TASKS.c.state_type.not_in(ENDED)).limit(AT_ONCE)))

    for id_ in await database.read(left):
        await database.write(partial(_cancel_task_run, id_=id_))


def _cancel_task_run(connection: Connection, id_: str) -> None:
    run = TASK_RUN.load(connection, id_)
    if run and run["state_type"] not in ENDED:
        set_task_run_state(connection, id_, State(StateType.CANCELLED, message=MESSAGE), force=True)


async def cancel_subflow_runs(database: Database) -> None:
    """Cancel the subflow runs of cancelled flow runs that have not ended; one that a worker runs, by way of the worker."""

    def left(connection: Connection) -> list[str]:
        begun = [state.value for state in StateType if state not in TERMINAL]
        children = select(RUNS.c.id).join_from(RUNS, TASKS, RUNS.c.parent_task_run_id == TASKS.c.id)
        chosen = children.join(PARENTS, TASKS.c.flow_run_id == PARENTS.c.id).where(
            RUNS.c.state_type.in_(begun),
            PARENTS.c.state_type == StateType.CANCELLED.value,
            RUNS.c.deployment_id.is_(None) | (RUNS.c.state_type != StateType.CANCELLING.value),
        )
        return list(connection.scalars(chosen.limit(AT_ONCE)))

    for id_ in await database.read(left):
        await database.write(partial(_cancel_subflow_run, id_=id_))


def _cancel_subflow_run(connection: Connection, id_: str) -> None:
    run = FLOW_RUN.load(connection, id_)
    if run and run["state_type"] not in ENDED:
        state = StateType.CANCELLING if run["deployment_id"] else StateType.CANCELLED
        set_flow_run_state(connection, id_, State(state, message=MESSAGE))


SERVICES = (
    Service("subflow runs of cancelled flow runs", EVERY, cancel_subflow_runs),
    Service("task runs of cancelled flow runs", EVERY, cancel_task_runs),
)
