"""Services for flow runs whose time has passed: that did not start, were not resumed, or were not cancelled."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select

from gateway.embedded.database import Database
from gateway.embedded.moments import now
from gateway.embedded.orchestration.runs import FLOW_RUN, mark_late, set_flow_run_state
from gateway.embedded.orchestration.states import State
from gateway.embedded.services import Service
from gateway.embedded.tables import TABLES
from schema.states import StateType

RUNS = TABLES["flow_runs"]

LATE_AFTER = timedelta(seconds=15)
CANCELLED_AFTER = timedelta(minutes=5)
AT_ONCE = 400
"""Runs that are looked at in one go."""

EVERY = 5.0


async def mark_late_runs(database: Database) -> None:
    """Mark the runs that did not start in time as late."""
    scheduled = (RUNS.c.state_type == StateType.SCHEDULED.value, RUNS.c.state_name == "Scheduled")

    def due(connection: Connection) -> list[str]:
        late = RUNS.c.next_scheduled_start_time <= now() - LATE_AFTER
        return list(connection.scalars(select(RUNS.c.id).where(late, *scheduled).limit(AT_ONCE)))

    for id_ in await database.read(due):
        await database.write(partial(mark_late, run_id=id_))


async def fail_expired_pauses(database: Database) -> None:
    """Fail the paused runs that nobody resumed in time."""

    def due(connection: Connection) -> list[str]:
        timeout = RUNS.c.state["state_details"]["pause_timeout"].as_string()
        paused = select(RUNS.c.id, timeout).where(RUNS.c.state_type == StateType.PAUSED.value, timeout.is_not(None))
        return [id_ for id_, text in connection.execute(paused) if datetime.fromisoformat(text) < now()]

    for id_ in await database.read(due):
        await database.write(partial(_fail, id_=id_))


def _fail(connection: Connection, id_: str) -> None:
    run = FLOW_RUN.load(connection, id_)
    if run and run["state_type"] == StateType.PAUSED.value:
        failed = State(StateType.FAILED, message="The flow was paused and never resumed.")
        set_flow_run_state(connection, id_, failed, force=True)


async def end_cancelling(database: Database) -> None:
    """Take the runs that have been cancelling for minutes for cancelled: whoever should have ended them did not."""

    def due(connection: Connection) -> list[str]:
        long = RUNS.c.state_timestamp <= now() - CANCELLED_AFTER
        cancelling = RUNS.c.state_type == StateType.CANCELLING.value
        return list(connection.scalars(select(RUNS.c.id).where(cancelling, long).limit(AT_ONCE)))

    for id_ in await database.read(due):
        await database.write(partial(_cancel, id_=id_))


def _cancel(connection: Connection, id_: str) -> None:
    run = FLOW_RUN.load(connection, id_)
    if run and run["state_type"] == StateType.CANCELLING.value:
        message = "Flow run cancellation timed out; marked this flow run as Cancelled."
        set_flow_run_state(connection, id_, State(StateType.CANCELLED, message=message))


SERVICES = (
    Service("late runs", EVERY, mark_late_runs),
    Service("expired pauses", EVERY, fail_expired_pauses),
    Service("cancelling", 20.0, end_cancelling),
)
