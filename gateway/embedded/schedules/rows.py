"""The schedules of deployments, checked and completed as they are kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from dateutil.rrule import rrulestr
from sqlalchemy import Connection, delete

from gateway.embedded import stored
from gateway.embedded.runs.parameters import invalid
from gateway.embedded.tables import DEPLOYMENT_SCHEDULES
from schema.schedules import DeploymentScheduleCreate, DeploymentScheduleUpdate, ScheduleInput

TABLE = DEPLOYMENT_SCHEDULES

MOST_RUNS = 50
"""Runs that a schedule may ask to be made ahead."""

FIRST = "DTSTART:20200101T000000"
"""Where a rule begins that does not say so."""


def complete(schedule: ScheduleInput) -> dict[str, Any]:
    """Check a schedule and write it as REST shows it, without the fields of the other kinds; a 422 says what is wrong."""
    given = schedule.model_dump(mode="json", exclude_none=True)
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        raise invalid("A schedule has exactly one of interval, cron and rrule", given)
    make = KINDS[kinds[0]]
    zone = given.get("timezone")
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        hint = "(specify in IANA tzdata format, for example, America/New_York)"
        raise invalid(f'Invalid timezone: "{zone}" {hint}', given) from None
    return make(schedule, given)


def _interval(schedule: ScheduleInput, given: dict[str, Any]) -> dict[str, Any]:
    if not schedule.interval or schedule.interval <= 0:
        raise invalid("interval must be positive", given)
    anchor = schedule.anchor_date or datetime.now(UTC)
    anchor = anchor if anchor.tzinfo else anchor.replace(tzinfo=UTC)
    text = anchor.isoformat().replace("+00:00", "Z")
    return {"interval": schedule.interval, "anchor_date": text, "timezone": schedule.timezone or "UTC"}


def _cron(schedule: ScheduleInput, given: dict[str, Any]) -> dict[str, Any]:
    cron = str(schedule.cron)
    # Hashed and random fields ("h", "r") would be due at other times on each server.
    if not croniter.is_valid(cron) or {"h", "r"} & set(cron.lower().split()):
        raise invalid(f'Invalid cron string: "{cron}"', given)
    day_or = True if schedule.day_or is None else schedule.day_or
    return {"cron": cron, "timezone": schedule.timezone, "day_or": day_or}


def _rrule(schedule: ScheduleInput, given: dict[str, Any]) -> dict[str, Any]:
    rule = str(schedule.rrule)
    if fault := _fault(rule):
        raise invalid(f'Invalid RRule string "{rule}": {fault}', given)
    begun = rule if "dtstart" in rule.lower() else f"{FIRST}\n{rule}"
    # A rule that ends at a time in UTC can't begin at one without a zone: it is kept as it is.
    return {"rrule": rule if _fault(begun) else begun, "timezone": schedule.timezone or "UTC"}


def _fault(rule: str) -> ValueError | None:
    try:
        rrulestr(rule, cache=True)
    except ValueError as error:
        return error
    return None


def check_schedules(schedules: Sequence["Given"]) -> None:
    """Check schedules before anything is looked up or written; a 422 says what is wrong."""
    for given in schedules:
        if given.schedule is not None:
            complete(given.schedule)
        if given.max_scheduled_runs is not None and given.max_scheduled_runs > MOST_RUNS:
            message = f"`max_scheduled_runs` must be less than or equal to {MOST_RUNS}."
            raise invalid(message, given.model_dump(mode="json", exclude_unset=True), "max_scheduled_runs")


KINDS = {"interval": _interval, "cron": _cron, "rrule": _rrule}

Given = DeploymentScheduleCreate | DeploymentScheduleUpdate


def replace_schedules(connection: Connection, deployment_id: str, schedules: Sequence[Given]) -> None:
    """Give a deployment these schedules instead of those that it has."""
    connection.execute(delete(TABLE).where(TABLE.c.deployment_id == deployment_id))
    add_schedules(connection, deployment_id, schedules)


def add_schedules(
    connection: Connection, deployment_id: str, schedules: Sequence[Given], *, limited: bool = False
) -> list[str]:
    """Give a deployment more schedules, and return their ids; those that do not say when are left out.

    Their `max_scheduled_runs` are kept if they are `limited`: Prefect forgets it where a whole deployment is written.
    """
    added = []
    for given in schedules:
        if given.schedule is None:
            continue
        row = stored.new_row(TABLE, deployment_id=deployment_id, schedule=complete(given.schedule), slug=given.slug)
        row |= {"active": given.active is not False, "parameters": given.parameters or {}}
        row["max_scheduled_runs"] = given.max_scheduled_runs if limited else None
        stored.add(connection, TABLE, row)
        added.append(row["id"])
    return added


def change_schedule(connection: Connection, id_: str, given: DeploymentScheduleUpdate) -> None:
    """Change what is given of a schedule."""
    values = given.model_dump(mode="json", exclude_unset=True, exclude={"replaces"})
    if given.schedule is not None:
        values["schedule"] = complete(given.schedule)
    stored.change(connection, TABLE, id_, values)
