"""Runs in the database: created with their first state, and put into another by way of the rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Table

from gateway.embedded import stored
from gateway.embedded.events import emit
from gateway.embedded.orchestration import bookkeeping, policies
from gateway.embedded.orchestration.bookkeeping import Entry
from gateway.embedded.orchestration.concurrency_rules import release_flow_run, release_task_run
from gateway.embedded.orchestration.events import state_change
from gateway.embedded.orchestration.states import State, is_kept, read_state
from gateway.embedded.orchestration.transition import Row, Rules, Transition, conclude, consult
from gateway.embedded.runs import task_queue
from gateway.embedded.tables import TABLES
from gateway.embedded.tables.types import dump_json
from schema.states import StateDetails, StateType

JSON = ("state", "empirical_policy")


@dataclass(frozen=True)
class Kind:
    """A kind of run: where its rows and their states are, and what its states leave behind."""

    runs: Table
    states: Table
    key: str
    entries: Sequence[Entry]
    release: Callable[[Transition, State], None]
    """Gives back the slots that a run in the state of a transition holds no more."""

    def load(self, connection: Connection, run_id: str, *, lock: bool = True) -> Row | None:
        return stored.load(connection, self.runs, run_id, json=JSON, lock=lock)


FLOW_RUN = Kind(TABLES["flow_runs"], TABLES["flow_run_states"], "flow_run_id", bookkeeping.FLOW_RUN, release_flow_run)
# Nobody hears of the first state of a run that a schedule makes ahead, and it does not name its run, as in Prefect.
RUN_AHEAD = replace(FLOW_RUN, entries=[entry for entry in FLOW_RUN.entries if entry is not bookkeeping.name_flow_run])
TASK_RUN = Kind(TABLES["task_runs"], TABLES["task_run_states"], "task_run_id", bookkeeping.TASK_RUN, release_task_run)


@dataclass(frozen=True)
class Outcome:
    """What REST answers a proposed state: the verdict, and the state that the run is in now."""

    status: str
    details: dict[str, Any]
    state: dict[str, Any] | None
    written: bool = False

    def json(self) -> dict[str, Any]:
        """Write the outcome as REST does (`OrchestrationResult` in Prefect's OpenAPI document)."""
        state = None if self.state is None else orjson.Fragment(dump_json(self.state))
        return {"state": state, "status": self.status, "details": self.details}


def create_run(connection: Connection, kind: Kind, run: Row, first: State) -> None:
    """Insert a run in its first state, which no rule is asked about."""
    _enter(kind, run, None, first)
    stored.add(connection, kind.runs, run)
    _add_state(connection, kind, run, first)
    _tell(connection, kind, run, None, first)


def set_flow_run_state(
    connection: Connection, run_id: str, proposed: State, *, force: bool = False, renews_leases: bool = False
) -> Outcome | None:
    """Put a flow run into a state, as far as the rules let it; None if there is no such run.

    `renews_leases` tells whether the client renews the lease of a deployment's slot while the run runs.
    """
    run = FLOW_RUN.load(connection, run_id)
    if run is None:
        return None
    transition = Transition(connection, run, read_state(run["state"]), proposed, renews_leases=renews_leases)
    return _transit(FLOW_RUN, transition, policies.FORCED_FLOW_RUN if force else policies.FLOW_RUN)


def mark_late(connection: Connection, run_id: str) -> Outcome | None:
    """Tell of a flow run that it did not start when it was due; None if there is no such run."""
    run = FLOW_RUN.load(connection, run_id)
    if run is None:
        return None
    late = State(StateType.SCHEDULED, "Late", details=StateDetails(scheduled_time=run["next_scheduled_start_time"]))
    return _transit(FLOW_RUN, Transition(connection, run, read_state(run["state"]), late), policies.LATE_FLOW_RUN)


def set_task_run_state(connection: Connection, run_id: str, proposed: State, *, force: bool = False) -> Outcome | None:
    """Put a task run into a state, as far as the rules let it; None if there is no such run."""
    run = TASK_RUN.load(connection, run_id)
    if run is None:
        return None
    runs_in_flow = proposed.type is StateType.RUNNING and run["flow_run_id"] is not None
    flow_run = FLOW_RUN.load(connection, run["flow_run_id"], lock=False) if runs_in_flow else None
    rules = policies.FORCED_TASK_RUN if force else policies.TASK_RUN
    transition = Transition(connection, run, read_state(run["state"]), proposed, flow_run)
    return _transit(TASK_RUN, transition, policies.DEFERRED_TASK_RUN if proposed.details.deferred else rules)


def _transit(kind: Kind, transition: Transition, rules: Rules) -> Outcome:
    connection, run = transition.connection, transition.run
    before = dict(run)
    asked = consult(transition, rules)
    state = transition.proposed
    if state:
        _enter(kind, run, transition.initial, state)
        _add_state(connection, kind, run, state)
    conclude(transition, asked)
    if changes := {name: value for name, value in run.items() if value != before[name]}:
        stored.change(connection, kind.runs, run["id"], changes)
    if state:
        kind.release(transition, state)
        _tell(connection, kind, run, transition.initial, state)
    shown = state.json() if state else run["state"]
    return Outcome(transition.status, transition.details, shown, written=state is not None)


def _enter(kind: Kind, run: Row, initial: State | None, state: State) -> None:
    for entry in kind.entries:
        entry(run, initial, state)
    run["state"] = _kept(state)


def _kept(state: State) -> dict[str, Any]:
    """Write a state without data that says of itself that it is not persisted."""
    return {**state.json(), "data": state.data if is_kept(state.data) else None}


def _add_state(connection: Connection, kind: Kind, run: Row, state: State) -> None:
    row = {**run["state"], "timestamp": state.timestamp, kind.key: run["id"]}
    stored.add(connection, kind.states, stored.new_row(kind.states, **row))


def _tell(connection: Connection, kind: Kind, run: Row, initial: State | None, state: State) -> None:
    """Let others hear of a state: of a flow run's by an event, of a deferred task run's by the queue of task workers.

    The task run that stands for a subflow run is put into the same state.
    """
    if kind is FLOW_RUN:
        emit(connection, state_change(connection, run, initial, state))
    elif kind is TASK_RUN and state.type is StateType.SCHEDULED and state.details.deferred:
        task_queue.put(connection, run)
    if parent := run.get("parent_task_run_id"):
        copy = state.copy()
        copy.details.child_flow_run_id = run["id"]
        set_task_run_state(connection, parent, copy, force=True)
