"""Setting the state of runs: what the orchestration made of it."""

from enum import Enum
from typing import Any

import strawberry
from pydantic import Field
from strawberry import UNSET

from resolvers.actions import Action, Done, answered
from resolvers.collection import Row, completed, completed_within
from resolvers.fields import belongs_to, told
from resolvers.ids import id_argument
from resolvers.rows import objects
from schema.scalars import Id
from schema.states import State, StateCreate
from schema.types import ADDED, Part, absent, choice


@strawberry.enum(description="What the orchestration made of a proposed state.")
class SetStateStatus(Enum):
    ACCEPT = choice("ACCEPT", "The run has the proposed state.")
    REJECT = choice("REJECT", "The run has another state than the proposed one.")
    ABORT = choice("ABORT", "The run keeps its state, and is to be left alone.")
    WAIT = choice("WAIT", "The run keeps its state; propose it again after `delaySeconds`.")


@strawberry.pydantic.type(description="Why the orchestration decided as it did.")
class SetStateDetails(Part):
    type: str | None = absent("The kind of details, such as reject_details.")
    reason: str | None = absent("The reason, where the state was not accepted.")
    delay_seconds: int | None = absent("Seconds to wait before trying again.")


@strawberry.pydantic.type(description="What became of a proposed state; a verdict is no error.")
class SetStateResult(Part):
    status: SetStateStatus | None = Field(description="The verdict.")
    state: State | None = absent("The state that the run is in now.")
    details: SetStateDetails | None = absent("Why.")
    flow_run_id: Id | None = absent("The flow run.", json_schema_extra=ADDED)
    task_run_id: Id | None = absent("The task run.", json_schema_extra=ADDED)

    flow_run = belongs_to("schema.flow_runs.FlowRun", key="flow_run_id", description="The flow run as it is now.")
    task_run = belongs_to("schema.task_runs.TaskRun", key="task_run_id", description="The task run as it is now.")


def _key(done: Done) -> str:
    return f"{done.collection.one}_id"


async def verdict(done: Done) -> Row:
    """Return an OrchestrationResult with the run that it is about."""
    (answer,) = objects([done.answer], done.path)
    return {**completed(SetStateResult, answer), _key(done): id_argument("id", done.arguments["id"])}


async def verdicts(done: Done) -> Any:
    """Return the verdicts of a bulk_set_state."""
    return completed_within(SetStateResult, answered(done, "results"))


STATE: dict[str, tuple[Any, Any, str]] = {
    "input": (told(StateCreate, "The proposed state."), ..., "state"),
    "force": (told(bool | None, "Whether the rules are skipped."), UNSET, "force"),
}


def set_state() -> Action:
    """Declare POST /{runs}/{id}/set_state."""
    return Action(
        "POST",
        "/{id}/set_state",
        verdict,
        SetStateResult | None,
        "Propose a state for a run; `force` skips the rules.",
        STATE,
    )
