"""The kinds of action: what a client says of each, and how it is carried out through the REST API.

See https://docs.prefect.io/v3/automate/events/automations-triggers#actions.
"""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Discriminator, Field, Tag, model_validator

from gateway.embedded.automations import templates
from gateway.embedded.automations.acting import Acting, ActionBase, Failed, Json, id_of
from gateway.embedded.automations.block_actions import CallWebhook, SendNotification
from gateway.embedded.automations.spans import Span
from schema.states import StateType

PAUSE_SECONDS = 3_600
"""How long a run stays suspended before it fails."""


class DoNothing(ActionBase):
    type: Literal["do-nothing"] = "do-nothing"

    async def act(self, acting: Acting) -> None:
        pass


class _OnChosen(ActionBase):
    """About a row whose id is given, or that the event is about or related to."""

    kind: ClassVar[str]
    source: Literal["selected", "inferred"] = "selected"

    @classmethod
    def key(cls) -> str:
        """Return the name of the field with the id."""
        return f"{cls.kind.replace('-', '_')}_id"

    @model_validator(mode="after")
    def _either(self) -> "_OnChosen":
        given = getattr(self, self.key()) is not None
        if given is not (self.source == "selected"):
            msg = f"{self.key()} is {'not allowed' if given else 'required'}"
            raise ValueError(msg)
        return self

    def chosen(self, acting: Acting) -> str:
        """Return the row's id; raises Failed."""
        if self.source == "selected":
            return str(getattr(self, self.key()))
        name = self.kind.replace("-", " ")
        if acting.event is None:
            msg = f"No event to infer the {name}"
            raise Failed(msg)
        if found := acting.found(self.kind):
            return found
        msg = f"No {name} could be inferred"
        raise Failed(msg)

    async def act(self, acting: Acting) -> None:
        await self.change(acting, self.chosen(acting))

    @abstractmethod
    async def change(self, acting: Acting, id_: str) -> None:
        """Change the row, and tell that the action is about it; raises Failed."""


class _OnDeployment(_OnChosen):
    kind: ClassVar[str] = "deployment"
    deployment_id: UUID | None = None


class RunDeployment(_OnDeployment):
    type: Literal["run-deployment"] = "run-deployment"
    parameters: Json | None = None
    job_variables: Json | None = None
    schedule_after: Annotated[Span, Field(ge=timedelta(0))] = timedelta(0)

    async def change(self, acting: Acting, id_: str) -> None:
        acting.about(self.kind, id_)
        due = datetime.now(UTC) + self.schedule_after
        state = {"type": "SCHEDULED", "name": "Scheduled", "state_details": {"scheduled_time": due.isoformat()}}
        body = {
            "state": state,
            "parameters": await self._parameters(acting),
            "idempotency_key": acting.key,
            **({} if self.job_variables is None else {"job_variables": self.job_variables}),
        }
        run = await acting.order(self.type, "POST", f"/deployments/{id_}/create_flow_run", body)
        acting.about("flow-run", run["id"], "flow-run", run["name"])

    async def _parameters(self, acting: Acting) -> Json:
        given = list(templates.templates_in(self.parameters))
        try:
            variables = await acting.variables() if self.parameters else {}
            filled: Json = templates.filled(self.parameters or {}, await acting.context(given), variables)
        except Exception as error:  # an expression may raise anything
            msg = f"Unable to create flow run from deployment: {error!r}"
            raise Failed(msg) from error
        return filled


class PauseDeployment(_OnDeployment):
    type: Literal["pause-deployment", "resume-deployment"] = "pause-deployment"

    async def change(self, acting: Acting, id_: str) -> None:
        acting.about(self.kind, id_)
        await acting.order(self.type, "POST", f"/deployments/{id_}/{self.type.replace('-', '_')}")


class PauseWorkQueue(_OnChosen):
    kind: ClassVar[str] = "work-queue"
    type: Literal["pause-work-queue", "resume-work-queue"] = "pause-work-queue"
    work_queue_id: UUID | None = None

    async def change(self, acting: Acting, id_: str) -> None:
        acting.about(self.kind, id_)
        paused = {"is_paused": self.type.startswith("pause")}
        await acting.order(self.type, "PATCH", f"/work_queues/{id_}", paused)


class PauseWorkPool(_OnChosen):
    kind: ClassVar[str] = "work-pool"
    type: Literal["pause-work-pool", "resume-work-pool"] = "pause-work-pool"
    work_pool_id: UUID | None = None

    async def change(self, acting: Acting, id_: str) -> None:
        pool = await acting.pool(id_)
        if pool is None:
            msg = f"Work pool {id_} not found"
            raise Failed(msg)
        acting.about(self.kind, id_, name=pool["name"])
        paused = {"is_paused": self.type.startswith("pause")}
        await acting.order(self.type, "PATCH", f"/work_pools/{pool['name']}", paused)


class PauseAutomation(_OnChosen):
    kind: ClassVar[str] = "automation"
    type: Literal["pause-automation", "resume-automation"] = "pause-automation"
    automation_id: UUID | None = None

    async def change(self, acting: Acting, id_: str) -> None:
        acting.about(self.kind, id_)
        enabled = {"enabled": self.type.startswith("resume")}
        await acting.order(self.type, "PATCH", f"/automations/{id_}", enabled)


class _OnFlowRun(ActionBase):
    """About the flow run that events were counted by, or that the event is about or related to."""

    async def act(self, acting: Acting) -> None:
        counted = id_of(acting.firing.triggering_labels.get("prefect.resource.id", ""), "flow-run")
        id_ = counted or acting.found("flow-run")
        if id_ is None:
            msg = "No flow run could be inferred"
            raise Failed(msg)
        acting.about("flow-run", id_)
        await self.change(acting, id_)

    @abstractmethod
    async def change(self, acting: Acting, id_: str) -> None:
        """Change the run; raises Failed."""

    async def set_state(self, acting: Acting, id_: str, state: Json, *, force: bool = False) -> None:
        """Put the run into a state; raises Failed."""
        body = {"state": state, "force": force}
        result = await acting.order(self.type, "POST", f"/flow_runs/{id_}/set_state", body)
        if result["details"]["type"] != "accept_details":
            msg = f"Failed to set state: {result['details']['reason']}"
            raise Failed(msg)


class ChangeFlowRunState(_OnFlowRun):
    type: Literal["change-flow-run-state"] = "change-flow-run-state"
    name: str | None = None
    state: StateType
    message: str | None = None
    force: bool = False

    async def change(self, acting: Acting, id_: str) -> None:
        message = self.message or f"State changed by Automation {acting.automation['id']}"
        state = {"type": self.state.value, "name": self.name, "message": message}
        await self.set_state(acting, id_, state, force=self.force)


class CancelFlowRun(_OnFlowRun):
    type: Literal["cancel-flow-run"] = "cancel-flow-run"

    async def change(self, acting: Acting, id_: str) -> None:
        message = f"Cancelled by Automation {acting.automation['id']}"
        await self.set_state(acting, id_, {"type": "CANCELLING", "message": message})


class SuspendFlowRun(_OnFlowRun):
    type: Literal["suspend-flow-run"] = "suspend-flow-run"

    async def change(self, acting: Acting, id_: str) -> None:
        until = datetime.now(UTC) + timedelta(seconds=PAUSE_SECONDS)
        state = {
            "type": "PAUSED",
            "name": "Suspended",
            "message": f"Suspended by Automation {acting.automation['id']}",
            "state_details": {"pause_timeout": until.isoformat(), "pause_reschedule": True},
        }
        await self.set_state(acting, id_, state)


class ResumeFlowRun(_OnFlowRun):
    type: Literal["resume-flow-run"] = "resume-flow-run"

    async def change(self, acting: Acting, id_: str) -> None:
        result = await acting.order(self.type, "POST", f"/flow_runs/{id_}/resume")
        acting.details.pop("status_code")
        if result["details"]["type"] != "accept_details":
            msg = f"Failed to resume flow run: {result['details']['reason']}"
            raise Failed(msg)


class DeleteFlowRun(_OnFlowRun):
    type: Literal["delete-flow-run"] = "delete-flow-run"

    async def change(self, acting: Acting, id_: str) -> None:
        await acting.order(self.type, "DELETE", f"/flow_runs/{id_}")


Kind = (
    DoNothing
    | RunDeployment
    | PauseDeployment
    | CancelFlowRun
    | DeleteFlowRun
    | ChangeFlowRunState
    | PauseWorkQueue
    | SendNotification
    | CallWebhook
    | PauseAutomation
    | SuspendFlowRun
    | ResumeFlowRun
    | PauseWorkPool
)


def _is_typed(value: Any) -> str:
    return "typed" if not isinstance(value, Mapping) or "type" in value else "untyped"


Action = Annotated[
    Annotated[Annotated[Kind, Field(discriminator="type")], Tag("typed")] | Annotated[Kind, Tag("untyped")],
    Discriminator(_is_typed),
]
"""An action; without a type it is the kind that most of its keys belong to, the first of several, as in Prefect."""
