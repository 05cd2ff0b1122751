"""The routes that put runs into another state."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Body, HTTPException, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from gateway.embedded.failures import Missing
from gateway.embedded.hot import Router
from gateway.embedded.orchestration.runs import FLOW_RUN, Outcome, set_flow_run_state, set_task_run_state
from gateway.embedded.orchestration.states import State, proposed_state
from gateway.embedded.reads import MISSING, NOT_FOUND
from gateway.embedded.runs.resuming import Unfit, fitting, respond
from gateway.embedded.writes import BULK_LIMIT, Limit, Write, answer, chosen, hot
from schema import states
from schema.flow_runs import FLOW_RUNS, FlowRunFilter
from schema.states import StateCreate, StateDetails, StateType

router = Router()


class Details(BaseModel):
    """What a verdict says beside its name."""

    type: Literal["accept_details", "reject_details", "abort_details", "wait_details"]
    reason: str | None = None
    delay_seconds: int | None = Field(None, description="Seconds after which to ask again.")


class OrchestrationResult(BaseModel):
    """The verdict on a proposed state, and the state that the run is in now."""

    state: states.State | None
    status: Literal["ACCEPT", "REJECT", "ABORT", "WAIT"]
    details: Details


class FlowRunResult(OrchestrationResult):
    """The verdict for one of many flow runs."""

    flow_run_id: UUID


class BulkResult(BaseModel):
    """The verdicts for many flow runs."""

    results: list[FlowRunResult]


Proposed = Annotated[StateCreate, Body(description="The state to put the run into.")]
Force = Annotated[bool, Body(description="Whether only the rules that guard results are asked.")]
WRITTEN: dict[int | str, dict[str, Any]] = {**MISSING, 201: {"description": "A state was written."}}


class SetState(BaseModel):
    """The body of the hot routes."""

    state: StateCreate
    force: bool = False


CLIENT = re.compile(r"prefect/(\d+)\.(\d+)\.(\d+)")
"""The header User-Agent of Prefect's clients begins with their version."""

RENEWING = (3, 4, 11)
"""Since this version, clients renew the lease of a deployment's slot while a flow run runs."""


def renews_leases(agent: str | None) -> bool:
    """Tell of a client, by its header User-Agent, whether it renews leases."""
    version = CLIENT.match(agent or "")
    return version is not None and tuple(map(int, version.groups())) >= RENEWING


def _setting(kind: str, set_state: Callable[..., Outcome | None], id_: UUID | str, body: SetState) -> Write:
    def run(connection: Connection) -> tuple[int, Any]:
        outcome = set_state(connection, str(id_), proposed_state(body.state), force=body.force)
        if outcome is None:
            raise Missing(f"{kind} with id {id_} not found")
        return 201 if outcome.written else 200, outcome.json()

    return run


def _set_flow_run(id_: UUID | str, body: SetState, agent: str | None) -> Write:
    return _setting("Flow run", partial(set_flow_run_state, renews_leases=renews_leases(agent)), id_, body)


_set_task_run = partial(_setting, "Task run", set_task_run_state)
router.heat("POST /flow_runs/{id}/set_state", hot(_set_flow_run, SetState, agent=True))
router.heat("POST /task_runs/{id}/set_state", hot(_set_task_run, SetState))


@router.post(
    "/flow_runs/{id:uuid}/set_state", response_model=OrchestrationResult, responses=WRITTEN, tags=["flow_runs"]
)
async def set_state_of_flow_run(request: Request, id: UUID, state: Proposed, force: Force = False) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Put a flow run into a state, as far as orchestration lets it."""
    return await answer(
        request, _set_flow_run(id, SetState(state=state, force=force), request.headers.get("user-agent"))
    )


@router.post(
    "/task_runs/{id:uuid}/set_state", response_model=OrchestrationResult, responses=WRITTEN, tags=["task_runs"]
)
async def set_state_of_task_run(request: Request, id: UUID, state: Proposed, force: Force = False) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Put a task run into a state, as far as orchestration lets it."""
    return await answer(request, _set_task_run(id, SetState(state=state, force=force)))


@router.post("/flow_runs/bulk_set_state", response_model=BulkResult, tags=["flow_runs"])
async def set_state_of_flow_runs(
    request: Request,
    state: Proposed,
    force: Force = False,
    flow_runs: Annotated[FlowRunFilter | None, Body()] = None,
    limit: Limit = BULK_LIMIT,
) -> Response:
    """Put flow runs that a filter chooses into a state, each as far as orchestration lets it."""
    renews = renews_leases(request.headers.get("user-agent"))

    def run(connection: Connection) -> tuple[int, Any]:
        results = []
        for id_ in chosen(connection, FLOW_RUNS, flow_runs, limit):
            outcome = set_flow_run_state(connection, id_, proposed_state(state), force=force, renews_leases=renews)
            if outcome:
                results.append({"flow_run_id": id_, **outcome.json()})
        return 200, {"results": results}

    return await answer(request, run)


RunInput = Annotated[dict[str, Any] | None, Body(embed=True)]


@router.post("/flow_runs/{id:uuid}/resume", response_model=OrchestrationResult, responses=WRITTEN, tags=["flow_runs"])
async def resume_flow_run(request: Request, id: UUID, run_input: RunInput = None) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Let a paused flow run go on, or be scheduled again if it was suspended."""

    def resume(connection: Connection) -> tuple[int, Any]:
        run = FLOW_RUN.load(connection, str(id))
        if run is None:
            raise HTTPException(404, NOT_FOUND["flow_runs"])
        if run["state_type"] != StateType.PAUSED.value:
            return 200, _refused("ABORT", "Cannot resume a flow run that is not paused.", None)
        pause = StateDetails.model_validate(run["state"]["state_details"])
        keyset = pause.run_input_keyset
        try:
            values = fitting(connection, str(id), keyset, run_input) if keyset else {}
        except Unfit as unfit:
            return 200, _refused("REJECT", str(unfit), run["state"])
        state = State(StateType.SCHEDULED, "Resuming") if pause.pause_reschedule else State(StateType.RUNNING)
        outcome = set_flow_run_state(connection, str(id), state)
        if keyset and values and outcome and outcome.status == "ACCEPT":
            respond(connection, str(id), keyset, values)
        return (201 if outcome and outcome.written else 200), outcome and outcome.json()

    return await answer(request, resume)


def _refused(status: str, reason: str, state: Any) -> dict[str, Any]:
    return Outcome(status, {"type": "abort_details", "reason": reason}, state).json()
