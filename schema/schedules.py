"""Schedules of deployments: by interval, cron or rrule."""

from datetime import datetime

import strawberry
from pydantic import BaseModel, Field

from schema.scalars import Id, Object
from schema.types import Detached, Input, Part, absent, resource


class _Schedule(BaseModel):
    interval: float | None = absent("Seconds between runs, for a schedule by interval.")
    anchor_date: datetime | None = absent("A time from which the intervals are counted.")
    cron: str | None = absent("The times, for a schedule by cron.")
    day_or: bool | None = absent("Whether a day matches by its date or its weekday, rather than by both; for cron.")
    rrule: str | None = absent("The rule, for a schedule by rrule (RFC 5545).")
    timezone: str | None = absent("The time zone, such as Europe/Berlin.")


@strawberry.pydantic.type(description="When runs are made: exactly one of `interval`, `cron` and `rrule` is set.")
class Schedule(_Schedule, Part):
    pass


@strawberry.pydantic.input(description="When runs are made: by exactly one of `interval`, `cron` and `rrule`.")
class ScheduleInput(_Schedule, Input):
    pass


@resource("A schedule of a deployment.", resolvable=False)
class DeploymentSchedule(Detached):
    deployment_id: Id | None = absent("The deployment.")
    schedule: Schedule | None = Field(description="When runs are made.")
    active: bool = Field(default_factory=lambda: True, description="Whether it makes runs.")
    max_scheduled_runs: int | None = absent("How many runs are made ahead.")
    parameters: Object = Field(default_factory=dict, description="Parameters beside or instead of the deployment's.")
    slug: str | None = absent("A name that is unique in the deployment.")


class _DeploymentSchedule(Input):
    max_scheduled_runs: int | None = absent("How many runs are made ahead.", gt=0)
    parameters: Object = absent("Parameters beside or instead of the deployment's.")
    slug: str | None = absent("A name that is unique in the deployment.")
    replaces: str | None = absent("The slug of the schedule that this one takes the place of.")


@strawberry.pydantic.input(description="A schedule to create.")
class DeploymentScheduleCreate(_DeploymentSchedule):
    active: bool = absent("Whether it makes runs.")
    schedule: ScheduleInput = Field(description="When runs are made.")


@strawberry.pydantic.input(description="Changes to a schedule.")
class DeploymentScheduleUpdate(_DeploymentSchedule):
    active: bool | None = absent("Whether it makes runs.")
    schedule: ScheduleInput | None = absent("When runs are made.")
