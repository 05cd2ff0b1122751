"""What a worker sends over its websocket: who it is, and that it is still there."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, StringConstraints, model_validator

VERSION = "work_pool_worker_channel.v1"
REQUIRED = ("worker_heartbeat.v1", "work_pool_snapshot.v1")
"""What a worker and its server must both be able to do."""
CLEANUP = "cleanup_delivery.v1"

Name = Annotated[str, StringConstraints(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hello(_Strict):
    """Who a worker is, what it can do, and what its pool shall be where there is none."""

    consumer_id: UUID
    worker_name: Name
    worker_type: Name
    heartbeat_interval_seconds: PositiveInt
    supported_channel_versions: list[Name] = Field(min_length=1)
    requested_capabilities: list[Name] = Field(min_length=1)
    work_queue_names: list[Name] = Field(default_factory=list)
    handled_cleanup_kinds: list[Literal["cancelling_timeout_teardown.v1", "pending_claim_teardown.v1"]] = Field(
        default_factory=list
    )
    max_cleanup_concurrency: NonNegativeInt = 0
    create_pool_if_not_found: bool = False
    default_base_job_template: dict[str, Any] = Field(default_factory=dict)
    worker_metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> "Hello":
        asked = {*self.requested_capabilities}
        if missing := sorted({*REQUIRED} - asked):
            msg = f"A worker must ask for {missing}."
            raise ValueError(msg)
        if CLEANUP not in asked and (self.handled_cleanup_kinds or self.max_cleanup_concurrency):
            msg = f"A worker that cleans up must ask for {CLEANUP}."
            raise ValueError(msg)
        return self


class Heartbeat(_Strict):
    """A worker is still there."""

    consumer_id: UUID
    worker_name: Name
    heartbeat_interval_seconds: PositiveInt

    def is_of(self, hello: Hello) -> bool:
        """Tell whether it comes from the worker that said hello."""
        return (self.consumer_id, self.worker_name) == (hello.consumer_id, hello.worker_name)


class _Frame(_Strict):
    id: UUID
    sent_at: datetime


class HelloFrame(_Frame):
    """The first message."""

    type: Literal["worker.hello.v1"]
    payload: Hello


class HeartbeatFrame(_Frame):
    """Each message after it."""

    type: Literal["worker.heartbeat.v1"]
    payload: Heartbeat
