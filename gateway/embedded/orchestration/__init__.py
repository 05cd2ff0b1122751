"""Orchestration: what becomes of a run when a client wants it in another state."""

from gateway.embedded.orchestration.runs import (
    FLOW_RUN,
    RUN_AHEAD,
    TASK_RUN,
    Outcome,
    create_run,
    mark_late,
    set_flow_run_state,
    set_task_run_state,
)
from gateway.embedded.orchestration.states import State, proposed_state

__all__ = [
    "FLOW_RUN",
    "RUN_AHEAD",
    "TASK_RUN",
    "Outcome",
    "State",
    "create_run",
    "mark_late",
    "proposed_state",
    "set_flow_run_state",
    "set_task_run_state",
]
