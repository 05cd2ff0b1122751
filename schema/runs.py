"""What flow runs and task runs have in common."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from schema.scalars import Id, OptionalObject
from schema.states import State, StateType
from schema.types import Computed, Copied, Dated, absent


class Run(Dated):
    """A run: its name and tags, its state, its times."""

    name: Annotated[str, Copied] = Field(default_factory=str, description="The run's name.")
    tags: list[str] = Field(default_factory=list, description="The run's tags.")
    labels: OptionalObject = absent("The run's labels.")
    state_id: Id | None = absent("Id of the current state.")
    state_type: Annotated[StateType | None, Copied] = absent("The kind of the current state.")
    state_name: Annotated[str | None, Copied] = absent("The name of the current state.")
    state: State | None = absent("The current state.")
    run_count: int = Field(default_factory=int, description="How often it has been started.")
    expected_start_time: datetime | None = absent("When it is expected to start.")
    next_scheduled_start_time: datetime | None = absent("When it is scheduled to start next.")
    start_time: datetime | None = absent("When it started.")
    end_time: datetime | None = absent("When it ended.")
    total_run_time: float = Field(
        default_factory=float, description="Seconds that it has been running, up to its last change of state."
    )
    estimated_run_time: Annotated[float, Computed] = Field(
        default_factory=float, description="Seconds that it has been running, up to now."
    )
    estimated_start_time_delta: Annotated[float, Computed] = Field(
        default_factory=float, description="Seconds that it is late."
    )
