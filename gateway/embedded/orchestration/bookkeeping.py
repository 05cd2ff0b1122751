"""What every written state leaves behind in its run's row: type, times, counts, and whom the state belongs to."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from gateway.embedded.orchestration.states import State
from gateway.embedded.orchestration.transition import TERMINAL, Row
from schema.states import StateType

Entry = Callable[[Row, State | None, State], None]
"""Enters one thing into the run's row, or into the proposed state: `(run, initial, proposed)`."""


def keep_timestamps_apart(run: Row, initial: State | None, proposed: State) -> None:
    if initial and initial.timestamp == proposed.timestamp:
        proposed.timestamp += timedelta(microseconds=1)


def set_state_columns(run: Row, initial: State | None, proposed: State) -> None:
    run.update(
        state_id=proposed.id,
        state_type=proposed.type.value,
        state_name=proposed.name,
        state_timestamp=proposed.timestamp,
    )


def set_start_time(run: Row, initial: State | None, proposed: State) -> None:
    if proposed.type is StateType.RUNNING and run["start_time"] is None:
        run["start_time"] = proposed.timestamp


def set_end_time(run: Row, initial: State | None, proposed: State) -> None:
    if proposed.type not in TERMINAL:
        if initial and initial.type in TERMINAL:
            run["end_time"] = None
    elif run["end_time"] is None:
        run["start_time"] = run["start_time"] or proposed.timestamp
        run["end_time"] = proposed.timestamp


def add_run_time(run: Row, initial: State | None, proposed: State) -> None:
    if initial and initial.type is StateType.RUNNING:
        run["total_run_time"] += proposed.timestamp - initial.timestamp


def set_expected_start_time(run: Row, initial: State | None, proposed: State) -> None:
    if run["expected_start_time"] is None:
        scheduled = proposed.details.scheduled_time if proposed.type is StateType.SCHEDULED else None
        run["expected_start_time"] = scheduled or proposed.timestamp


def set_next_scheduled_start_time(run: Row, initial: State | None, proposed: State) -> None:
    if proposed.type is StateType.SCHEDULED:
        run["next_scheduled_start_time"] = proposed.details.scheduled_time
    elif initial and initial.type is StateType.SCHEDULED:
        run["next_scheduled_start_time"] = None


def name_flow_run(run: Row, initial: State | None, proposed: State) -> None:
    proposed.details.flow_run_id = run["id"]
    if run["parent_task_run_id"] is not None:
        proposed.details.task_run_id = run["parent_task_run_id"]


def name_task_run(run: Row, initial: State | None, proposed: State) -> None:
    proposed.details.flow_run_id = run["flow_run_id"]
    proposed.details.task_run_id = run["id"]


def count_flow_run(run: Row, initial: State | None, proposed: State) -> None:
    if proposed.type is StateType.RUNNING and not run["empirical_policy"].get("resuming"):
        run["run_count"] += 1


def end_resuming(run: Row, initial: State | None, proposed: State) -> None:
    begun_or_ended = proposed.type is StateType.RUNNING or proposed.type in TERMINAL
    if begun_or_ended and run["empirical_policy"].get("resuming"):
        run["empirical_policy"] = {**run["empirical_policy"], "resuming": False}


def count_task_run(run: Row, initial: State | None, proposed: State) -> None:
    if proposed.type is StateType.RUNNING:
        run["run_count"] += 1


_RUN: Sequence[Entry] = (
    keep_timestamps_apart,
    set_state_columns,
    set_start_time,
    set_end_time,
    add_run_time,
    set_expected_start_time,
    set_next_scheduled_start_time,
)
FLOW_RUN: Sequence[Entry] = (*_RUN, name_flow_run, count_flow_run, end_resuming)
TASK_RUN: Sequence[Entry] = (*_RUN, name_task_run, count_task_run)
