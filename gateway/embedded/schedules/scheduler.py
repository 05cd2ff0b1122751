"""The scheduler: it makes the runs of deployments' schedules ahead of time, each once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, func, select

from gateway.embedded import stored
from gateway.embedded.database import Database
from gateway.embedded.deployments.rows import DEPLOYMENTS, load_deployment
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.orchestration.runs import RUN_AHEAD, create_run
from gateway.embedded.orchestration.states import State
from gateway.embedded.runs.flow_run_writes import deployment_labels
from gateway.embedded.runs.values import policy, run_name
from gateway.embedded.schedules.dates import dates
from gateway.embedded.services import Service
from gateway.embedded.shapes import Row
from gateway.embedded.tables import DEPLOYMENT_SCHEDULES as SCHEDULES
from gateway.embedded.tables import TABLES
from schema.flow_runs import FlowRunPolicyInput
from schema.states import StateDetails, StateType

RUNS = TABLES["flow_runs"]

MAX_RUNS, MIN_RUNS = 100, 3
"""How many runs of a schedule wait for their time, at most and at least."""

MAX_TIME, MIN_TIME = timedelta(days=100), timedelta(hours=1)
"""How far ahead runs are made, at most and at least."""

EVERY = 60.0
"""Seconds after which every schedule is looked at."""

SOON = 5.0
"""Seconds after which those of deployments that were just changed are."""


def make_runs(
    connection: Connection,
    deployment_id: str,
    start: datetime | None = None,
    end: datetime | None = None,
    min_time: timedelta = MIN_TIME,
    min_runs: int = MIN_RUNS,
    max_runs: int = MAX_RUNS,
) -> None:
    """Make the runs of a deployment's active schedules that are not there yet.

    Of each schedule as few as there can be from `start` on: at least `min_runs`, until `min_time` has passed, but at
    most `max_runs`, and none after `end`.
    """
    deployment = load_deployment(connection, deployment_id)
    if deployment is None:
        return
    start = start or now()
    end = end or start + MAX_TIME
    for schedule in _active(connection, deployment_id):
        due = _few(schedule, start, end, start + min_time, min_runs, max_runs)
        _add(connection, deployment, schedule, {_key(deployment, schedule, date): date for date in due})


def _active(connection: Connection, deployment_id: str) -> list[Row]:
    ours = (SCHEDULES.c.deployment_id == deployment_id, SCHEDULES.c.active.is_(True))
    found = connection.execute(select(SCHEDULES).where(*ours).order_by(SCHEDULES.c.updated.desc())).mappings()
    return [
        {**row, "schedule": from_json(row["schedule"]), "parameters": from_json(row["parameters"] or "{}")}
        for row in found
    ]


def _few(
    schedule: Row, start: datetime, end: datetime, until: datetime, min_runs: int, max_runs: int
) -> Iterator[datetime]:
    for number, date in enumerate(dates(schedule["schedule"], start, end), 1):
        yield date
        if number >= max_runs or (number >= min_runs and date >= until):
            return


def _key(deployment: Row, schedule: Row, date: datetime) -> str:
    return f"scheduled {deployment['id']} {schedule['id']} {date}"


def _add(connection: Connection, deployment: Row, schedule: Row, due: dict[str, datetime]) -> None:
    same = (RUNS.c.flow_id == deployment["flow_id"], member(RUNS.c.idempotency_key, list(due)))
    there = set(connection.scalars(select(RUNS.c.idempotency_key).where(*same)))
    common = _common(deployment, schedule)
    for key, date in due.items():
        if key not in there:
            run = stored.new_row(RUNS, **common, name=run_name(), idempotency_key=key)
            details = StateDetails(scheduled_time=date)
            create_run(
                connection,
                RUN_AHEAD,
                run,
                State(StateType.SCHEDULED, message="Flow run scheduled", details=details),
            )


def _common(deployment: Row, schedule: Row) -> dict[str, Any]:
    kind = next(kind for name, kind in KINDS.items() if name in schedule["schedule"])
    return {
        "flow_id": deployment["flow_id"],
        "deployment_id": deployment["id"],
        "deployment_version": deployment["version"],
        "work_queue_id": deployment["work_queue_id"],
        "work_queue_name": deployment["work_queue_name"],
        "parameters": {**deployment["parameters"], **schedule["parameters"]},
        "infrastructure_document_id": deployment["infrastructure_document_id"],
        "tags": ["auto-scheduled", *deployment["tags"]],
        "job_variables": {},
        "labels": deployment_labels(deployment, None),
        "auto_scheduled": True,
        "empirical_policy": policy(FlowRunPolicyInput()),
        "created_by": {"id": schedule["id"], "type": "SCHEDULE", "display_value": schedule["slug"] or kind},
    }


KINDS = {"interval": "IntervalSchedule", "cron": "CronSchedule", "rrule": "RRuleSchedule"}
"""What a run's creator is called whose schedule has no slug, by the key that tells the kinds apart."""


async def schedule_all(database: Database) -> None:
    """Make runs of every deployment that has a schedule with too few of them, or with none far enough ahead."""
    for deployment_id in await database.read(_in_need):
        await database.write(partial(make_runs, deployment_id=deployment_id))


def _in_need(connection: Connection) -> list[str]:
    moment = now()
    creator = RUNS.c.created_by["id"].as_string()
    waiting = (
        RUNS.c.state_type == StateType.SCHEDULED.value,
        RUNS.c.next_scheduled_start_time >= moment,
        RUNS.c.auto_scheduled.is_(True),
    )
    last = func.max(RUNS.c.next_scheduled_start_time)
    counted = connection.execute(select(creator, func.count(), last).where(*waiting).group_by(creator))
    enough = {id_ for id_, number, date in counted if number >= MIN_RUNS and date >= moment + MIN_TIME}
    schedules = connection.execute(_schedules()).all()
    return sorted({deployment for deployment, schedule in schedules if schedule not in enough})


def _schedules() -> Any:
    active = (SCHEDULES.c.active.is_(True), DEPLOYMENTS.c.paused.is_(False))
    both = SCHEDULES.c.deployment_id == DEPLOYMENTS.c.id
    return select(DEPLOYMENTS.c.id, SCHEDULES.c.id).join_from(SCHEDULES, DEPLOYMENTS, both).where(*active)


async def schedule_changed(database: Database) -> None:
    """Make runs of the deployments that were changed just now: nobody waits a minute for the first."""
    since = now() - timedelta(seconds=SOON + 2)
    changed = _schedules().where(DEPLOYMENTS.c.updated >= since)
    ids = await database.read(lambda connection: sorted({id_ for id_, _ in connection.execute(changed)}))
    for deployment_id in ids:
        await database.write(partial(make_runs, deployment_id=deployment_id))


SERVICES = (Service("schedules", EVERY, schedule_all), Service("changed schedules", SOON, schedule_changed))
