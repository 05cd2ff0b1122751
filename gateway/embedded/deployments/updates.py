"""Changes to a deployment, and to its schedules, one by one where they have slugs."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import HTTPException
from sqlalchemy import Connection, select, update

from gateway.embedded import stored
from gateway.embedded.deployments.events import deployment_row, tell_deployment_change
from gateway.embedded.deployments.rows import (
    DEPLOYMENTS,
    delete_scheduled_runs,
    limit_values,
    load_deployment,
    queue_values,
    set_limit,
)
from gateway.embedded.runs.parameters import check_job_variables, check_parameters, invalid
from gateway.embedded.schedules.rows import TABLE, add_schedules, change_schedule, replace_schedules
from gateway.embedded.shapes import Row
from gateway.embedded.work.pools import pool_named
from schema.deployments import DeploymentCreate, DeploymentUpdate
from schema.schedules import DeploymentScheduleUpdate

Schedules = Sequence[DeploymentScheduleUpdate]


def check_limits(deployment: DeploymentCreate | DeploymentUpdate) -> None:
    """Refuse a deployment that shall keep to a limit of its own and to a global one."""
    if deployment.concurrency_limit and deployment.global_concurrency_limit_id:
        given = deployment.model_dump(mode="json", exclude_unset=True)
        raise invalid("A deployment cannot have both a concurrency limit and a global concurrency limit.", given)


def update_deployment_row(connection: Connection, id_: str, deployment: DeploymentUpdate) -> bool:
    """Change what is given of a deployment; tell whether it is there."""
    there = load_deployment(connection, id_, lock=True)
    if there is None:
        return False
    given = deployment.model_dump(mode="json", exclude_unset=True, exclude={"schedules", "version_info"})
    if deployment.job_variables is None:  # null changes nothing, as in Prefect
        given.pop("job_variables", None)
    _check(connection, there, deployment)
    if deployment.concurrency_options:
        given["concurrency_options"] = deployment.concurrency_options.model_dump(mode="json")
    values = limit_values(connection, queue_values(connection, given))
    if given.get("work_pool_name", "") is None:
        values["work_queue_id"] = None
    before = deployment_row(connection, id_)
    if deployment.schedules is not None:
        _update_schedules(connection, id_, deployment.schedules)
    stored.change(connection, DEPLOYMENTS, id_, values)
    delete_scheduled_runs(connection, id_, scheduled_by_server=True, future=True)
    if "concurrency_limit" in given:
        set_limit(connection, id_, given["concurrency_limit"])
    if before:
        tell_deployment_change(connection, before)
    return True


def _check(connection: Connection, there: Row, deployment: DeploymentUpdate) -> None:
    if deployment.work_pool_name:
        template = pool_named(connection, deployment.work_pool_name)["base_job_template"]
        variables = deployment.job_variables
        if variables:
            check_job_variables(template, variables, doing="updating deployment", complete=False)
    enforced = deployment.enforce_parameter_schema
    if there["enforce_parameter_schema"] if enforced is None else enforced:
        parameters = there["parameters"] if deployment.parameters is None else deployment.parameters
        schema = deployment.parameter_openapi_schema or there["parameter_openapi_schema"]
        check_parameters(parameters, schema, refusal="Error updating deployment", complete=False)


def _update_schedules(connection: Connection, deployment_id: str, given: Schedules) -> None:
    """Change schedules by slug if all those there have one, else replace them all."""
    there = connection.execute(select(TABLE.c.slug, TABLE.c.id).where(TABLE.c.deployment_id == deployment_id)).all()
    if not there or any(slug is None for slug, _ in there):
        replace_schedules(connection, deployment_id, given)
        return
    if any(schedule.slug is None for schedule in given):
        raise HTTPException(
            422,
            "Please provide a slug for each schedule in your request to ensure schedules are updated correctly.",
        )
    by_slug: dict[str, str] = dict(there)
    _check_renames(by_slug, given)
    changed = [(by_slug[slug], schedule) for schedule in given if (slug := _target(schedule)) in by_slug]
    added = [schedule for schedule in given if _target(schedule) not in by_slug]
    if any(schedule.schedule is None for schedule in added):
        raise HTTPException(422, "Unable to create new deployment schedules without a schedule configuration.")
    # Slugs are unique in a deployment: those to be renamed let go of theirs before another takes it.
    renamed = [id_ for id_, schedule in changed if schedule.replaces]
    connection.execute(update(TABLE).where(TABLE.c.id.in_(renamed)).values(slug=None))
    for id_, schedule in changed:
        change_schedule(connection, id_, schedule)
    add_schedules(connection, deployment_id, added)


def _target(schedule: DeploymentScheduleUpdate) -> str:
    return schedule.replaces or schedule.slug or ""


def _check_renames(there: Mapping[str, Any], given: Schedules) -> None:
    replaced = [schedule.replaces for schedule in given if schedule.replaces]
    if twice := next((slug for slug in replaced if replaced.count(slug) > 1), None):
        raise HTTPException(422, f"Multiple schedules have 'replaces' targeting the same slug: {twice}")
    for schedule in given:
        if schedule.replaces and schedule.slug in there and schedule.slug not in replaced:
            raise HTTPException(
                422,
                f"Cannot rename schedule from '{schedule.replaces}' to '{schedule.slug}':"
                f" a schedule with slug '{schedule.slug}' already exists.",
            )
