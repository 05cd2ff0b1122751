"""What an automation does when it is set off.

REST has 17 kinds of action, told apart by `type`. Here they are one type with the fields of all, for the reasons told in
`schema.automation_triggers`.
"""

from enum import Enum

import strawberry
from pydantic import BaseModel, Field

from schema.scalars import Id, OptionalObject
from schema.states import StateType
from schema.types import Input, Part, absent, choice


@strawberry.enum(description="The kinds of action.")
class ActionType(Enum):
    DO_NOTHING = choice("do-nothing", "Nothing; that it was set off is told by an event.")
    RUN_DEPLOYMENT = choice("run-deployment", "Make a run of a deployment.")
    PAUSE_DEPLOYMENT = choice("pause-deployment", "Pause the schedules of a deployment.")
    RESUME_DEPLOYMENT = choice("resume-deployment", "Resume the schedules of a deployment.")
    CANCEL_FLOW_RUN = choice("cancel-flow-run", "Cancel the flow run that the event is about.")
    DELETE_FLOW_RUN = choice("delete-flow-run", "Delete the flow run that the event is about.")
    CHANGE_FLOW_RUN_STATE = choice("change-flow-run-state", "Put the flow run that the event is about into a state.")
    SUSPEND_FLOW_RUN = choice("suspend-flow-run", "Suspend the flow run that the event is about.")
    RESUME_FLOW_RUN = choice("resume-flow-run", "Resume the flow run that the event is about.")
    PAUSE_WORK_QUEUE = choice("pause-work-queue", "Let a work queue hand out nothing.")
    RESUME_WORK_QUEUE = choice("resume-work-queue", "Let a work queue hand out runs again.")
    PAUSE_WORK_POOL = choice("pause-work-pool", "Let a work pool hand out nothing.")
    RESUME_WORK_POOL = choice("resume-work-pool", "Let a work pool hand out runs again.")
    PAUSE_AUTOMATION = choice("pause-automation", "Disable an automation.")
    RESUME_AUTOMATION = choice("resume-automation", "Enable an automation.")
    SEND_NOTIFICATION = choice("send-notification", "Send a message by a block.")
    CALL_WEBHOOK = choice("call-webhook", "Call a webhook by a block.")


@strawberry.enum(description="What an action is about.")
class ActionSource(Enum):
    SELECTED = choice("selected", "The row whose id is given.")
    INFERRED = choice("inferred", "The row that the event is about or related to.")


class _Action(BaseModel):
    source: ActionSource | None = absent("What an action on a deployment, queue, pool or automation is about.")
    deployment_id: Id | None = absent("The deployment, where it is SELECTED.")
    work_queue_id: Id | None = absent("The work queue, where it is SELECTED.")
    work_pool_id: Id | None = absent("The work pool, where it is SELECTED.")
    automation_id: Id | None = absent("The automation, where it is SELECTED.")
    block_document_id: Id | None = absent("SEND_NOTIFICATION, CALL_WEBHOOK: the block document.")
    parameters: OptionalObject = absent(
        "RUN_DEPLOYMENT: parameters beside or instead of the deployment's; texts may be Jinja templates."
    )
    job_variables: OptionalObject = absent("RUN_DEPLOYMENT: variables of the work pool's job template.")
    schedule_after: float | None = absent("RUN_DEPLOYMENT: seconds to wait before the run is due.")
    state: StateType | None = absent("CHANGE_FLOW_RUN_STATE: the kind of state.")
    name: str | None = absent("CHANGE_FLOW_RUN_STATE: the state's name; made from the kind by default.")
    message: str | None = absent("CHANGE_FLOW_RUN_STATE: the state's message.")
    force: bool | None = absent("CHANGE_FLOW_RUN_STATE: whether the rules of orchestration are skipped.")
    subject: str | None = absent("SEND_NOTIFICATION: the subject, a Jinja template.")
    body: str | None = absent("SEND_NOTIFICATION: the text, a Jinja template.")
    payload: str | None = absent("CALL_WEBHOOK: what is sent, a Jinja template.")


@strawberry.pydantic.type(description="What an automation does; which fields are set depends on `type`.")
class AutomationAction(_Action, Part):
    type: ActionType | None = absent("The kind of action.")


@strawberry.pydantic.input(description="What an automation does; `type` says which fields can be given.")
class AutomationActionInput(_Action, Input):
    type: ActionType = Field(description="The kind of action.")
