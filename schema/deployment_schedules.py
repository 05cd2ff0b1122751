"""What is done with the schedules of deployments, one by one."""

from typing import Any

import strawberry

from resolvers.actions import Action, Done, answered_rows, at, given_input, reads_back
from resolvers.collection import Row
from resolvers.ids import id_argument
from resolvers.reading import fill
from resolvers.readings import Reading
from schema.schedules import DeploymentSchedule, DeploymentScheduleCreate, DeploymentScheduleUpdate

ALL = "/deployments/{id}/schedules"


async def created(done: Done) -> list[Row]:
    """Return the schedules that were created."""
    return answered_rows(done, DeploymentSchedule)


@reads_back(at(ALL))
async def changed(done: Done) -> Any:
    """Return the schedule that was changed, found among those of its deployment."""
    path = fill(ALL, id_argument("id", done.arguments["id"]))
    key = id_argument("schedule_id", done.arguments["schedule_id"])
    schedules = await done.context.rows.read(DeploymentSchedule, "GET", path)
    found = (schedule for schedule in schedules if schedule.get("id") == key)
    return next(found, None)


async def deleted(done: Done) -> str:
    """Return the id of the schedule that was deleted."""
    return id_argument("schedule_id", done.arguments["schedule_id"])


ACTIONS = {
    "create_deployment_schedules": Action(
        "POST",
        "/{id}/schedules",
        created,
        list[DeploymentSchedule | None] | None,
        "Give a deployment more schedules.",
        given_input(list[DeploymentScheduleCreate]),
    ),
    "update_deployment_schedule": Action(
        "PATCH",
        "/{id}/schedules/{schedule_id}",
        changed,
        DeploymentSchedule | None,
        "Change a schedule of a deployment; the runs to come that it made are made anew.",
        given_input(DeploymentScheduleUpdate),
    ),
    "delete_deployment_schedule": Action(
        "DELETE",
        "/{id}/schedules/{schedule_id}",
        deleted,
        strawberry.ID | None,
        "Delete a schedule of a deployment, with the runs to come that it made.",
    ),
}
READS = {
    "deployment_schedules": Reading(
        "GET",
        "/{id}/schedules",
        list[DeploymentSchedule | None] | None,
        "The schedules of a deployment.",
        DeploymentSchedule,
        many=True,
    )
}
