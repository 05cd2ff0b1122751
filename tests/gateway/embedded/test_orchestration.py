"""The rules one by one: what each decides, and what it leaves in the run's row."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_mock_engine

from gateway.embedded.moments import now, time_ordered_id
from gateway.embedded.orchestration import bookkeeping, flow_run_rules, policies, shared_rules, task_run_rules
from gateway.embedded.orchestration.states import State, read_state
from gateway.embedded.orchestration.transition import Abort, Rule, Transition, Verdict, conclude, consult
from schema.states import StateDetails, StateType

RUN = "00000000-0000-4000-8000-000000000001"
FLOW_RUN: dict[str, Any] = {
    "id": RUN,
    "deployment_id": None,
    "parent_task_run_id": None,
    "infrastructure_pid": None,
    "empirical_policy": {"retries": None, "retry_delay": None, "pause_keys": [], "resuming": False, "retry_type": None},
    "run_count": 0,
    "start_time": None,
    "end_time": None,
    "expected_start_time": None,
    "next_scheduled_start_time": None,
    "total_run_time": timedelta(0),
}
TASK_RUN: dict[str, Any] = {**FLOW_RUN, "flow_run_id": None, "flow_run_run_count": 0}
NO_DATABASE: Any = create_mock_engine("sqlite://", lambda *_: None)


def transition(initial: State | None, proposed: State, flow_run: Any = None, **run: Any) -> Transition:
    connection: Connection = NO_DATABASE
    return Transition(connection, {**TASK_RUN, **run}, initial, proposed, flow_run)


def ask(rule: type[Rule], asked: Transition) -> Transition:
    conclude(asked, consult(asked, [rule]))
    return asked


def reason(asked: Transition) -> tuple[str, str]:
    return asked.status, asked.details.get("reason", "")


def running(**details: Any) -> State:
    return State(StateType.RUNNING, details=StateDetails(**details))


def test_ids_of_states_follow_time() -> None:
    ids = [time_ordered_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [id_[14] for id_ in ids] == ["7"] * 1000
    milliseconds = [int(id_[:8] + id_[9:13], 16) for id_ in ids]
    assert milliseconds == sorted(milliseconds)
    assert abs(milliseconds[0] / 1000 - now().timestamp()) < 60


def test_a_state_comes_back_as_it_was_written() -> None:
    state = State(StateType.SCHEDULED, message="m", data={"a": 1})
    assert state.name == "Scheduled"
    assert read_state(state.json()) == state


def test_a_created_run_is_asked_nothing() -> None:
    asked = transition(None, State(StateType.PAUSED))
    assert consult(asked, policies.FLOW_RUN) == []
    assert asked.status == "ACCEPT"


@pytest.mark.parametrize("proposed", [StateType.CANCELLING, StateType.PAUSED, StateType.CRASHED])
@pytest.mark.parametrize("initial", [StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED])
def test_what_has_ended_neither_crashes_nor_pauses(initial: StateType, proposed: StateType) -> None:
    for rule in (flow_run_rules.HandleTerminalStates, task_run_rules.HandleTerminalStates):
        asked = ask(rule, transition(State(initial), State(proposed)))
        assert asked.status == "ABORT"
        assert asked.proposed is None


@pytest.mark.parametrize(
    ("data", "status"),
    [({"type": "reference"}, "REJECT"), ({"type": "unpersisted"}, "ACCEPT"), (None, "ACCEPT"), ([1], "ACCEPT")],
)
def test_a_completed_run_runs_again_unless_its_result_was_persisted(data: Any, status: str) -> None:
    completed = State(StateType.COMPLETED, data=data)
    assert ask(flow_run_rules.HandleTerminalStates, transition(completed, running())).status == status


def test_a_run_without_a_deployment_is_not_rescheduled() -> None:
    failed = State(StateType.FAILED)
    alone = ask(flow_run_rules.HandleTerminalStates, transition(failed, State(StateType.SCHEDULED)))
    assert reason(alone) == ("ABORT", "Cannot reschedule a run without an associated deployment.")
    deployed = transition(failed, State(StateType.SCHEDULED), deployment_id=RUN)
    assert ask(flow_run_rules.HandleTerminalStates, deployed).run["empirical_policy"]["retry_type"] == "reschedule"


def test_a_run_waits_for_its_time() -> None:
    due = State(StateType.SCHEDULED, details=StateDetails(scheduled_time=now() + timedelta(minutes=1)))
    waiting = ask(shared_rules.WaitForScheduledTime, transition(due, running()))
    assert waiting.status == "WAIT"
    assert 58 <= waiting.details["delay_seconds"] <= 60
    past = State(StateType.SCHEDULED, details=StateDetails(scheduled_time=now() - timedelta(minutes=1)))
    assert ask(shared_rules.WaitForScheduledTime, transition(past, running())).status == "ACCEPT"


def test_a_pending_run_keeps_its_scheduled_time() -> None:
    due = State(StateType.SCHEDULED)
    asked = ask(shared_rules.CopyScheduledTime, transition(due, State(StateType.PENDING)))
    assert asked.proposed is not None
    assert asked.proposed.details.scheduled_time == due.details.scheduled_time


@pytest.mark.parametrize(("run_count", "status"), [(1, "REJECT"), (2, "REJECT"), (3, "ACCEPT")])
def test_a_flow_run_is_retried_as_often_as_its_policy_says(run_count: int, status: str) -> None:
    policy = {**FLOW_RUN["empirical_policy"], "retries": 2, "retry_delay": 10}
    failed = State(StateType.FAILED, message="why", data={"a": 1})
    asked = transition(running(), failed, run_count=run_count, empirical_policy=policy)
    ask(flow_run_rules.RetryFailedFlowRuns, asked)
    assert asked.status == status
    if status == "REJECT":
        assert asked.proposed is not None
        assert (asked.proposed.name, asked.proposed.message, asked.proposed.data) == ("AwaitingRetry", "why", {"a": 1})
        assert asked.run["empirical_policy"]["retry_type"] == "in_process"


@pytest.mark.parametrize(("delay", "seconds"), [(None, 0), (5, 5), ([1, 20], 20), ([7], 7)])
def test_a_task_run_is_retried_after_its_delay(delay: Any, seconds: int) -> None:
    policy = {"retries": 3, "retry_delay": delay, "retry_jitter_factor": None}
    asked = transition(running(), State(StateType.FAILED), run_count=2, empirical_policy=policy)
    begun = now()
    ask(task_run_rules.RetryFailedTaskRuns, asked)
    assert asked.proposed is not None
    assert asked.proposed.details.scheduled_time is not None
    assert seconds <= (asked.proposed.details.scheduled_time - begun).total_seconds() < seconds + 5


def test_jitter_stays_within_its_factor() -> None:
    policy = {"retries": 1, "retry_delay": 100, "retry_jitter_factor": 0.5}
    for _ in range(50):
        asked = transition(running(), State(StateType.FAILED), run_count=1, empirical_policy=policy)
        begun = now()
        ask(task_run_rules.RetryFailedTaskRuns, asked)
        assert asked.proposed is not None
        assert asked.proposed.details.scheduled_time is not None
        assert 50 <= (asked.proposed.details.scheduled_time - begun).total_seconds() < 155


def test_a_rule_takes_back_what_it_did_when_another_decides_otherwise() -> None:
    class Divert(Rule):
        def before(self, *_: Any) -> Verdict:
            return Abort("no")

    asked = transition(State(StateType.FAILED), running(), run_count=4)
    conclude(asked, consult(asked, [task_run_rules.HandleTerminalStates, Divert]))
    assert (asked.status, asked.run["run_count"]) == ("ABORT", 4)


def test_a_pause_fires_once_for_each_key() -> None:
    paused = State(StateType.PAUSED, details=StateDetails(pause_key="k"))
    asked = ask(flow_run_rules.HandlePausing, transition(running(), paused))
    assert asked.run["empirical_policy"]["pause_keys"] == ["k"]
    again = transition(running(), paused, empirical_policy=asked.run["empirical_policy"])
    assert reason(ask(flow_run_rules.HandlePausing, again)) == ("REJECT", "This pause has already fired.")


def test_a_suspended_run_has_a_deployment_and_no_parent() -> None:
    suspended = State(StateType.PAUSED, "Suspended", details=StateDetails(pause_reschedule=True))
    child = ask(flow_run_rules.HandlePausing, transition(running(), suspended, parent_task_run_id=RUN))
    assert reason(child) == ("ABORT", "Cannot suspend subflows.")
    deployed = ask(flow_run_rules.HandlePausing, transition(running(), suspended, deployment_id=RUN))
    assert deployed.status == "ACCEPT"


def test_a_pause_that_timed_out_fails_the_run() -> None:
    paused = State(StateType.PAUSED, details=StateDetails(pause_timeout=now() - timedelta(seconds=1)))
    asked = ask(flow_run_rules.HandleResuming, transition(paused, running()))
    assert asked.proposed is not None
    assert (asked.status, asked.proposed.type) == ("REJECT", StateType.FAILED)


def test_tasks_do_not_run_in_flow_runs_that_do_not() -> None:
    ended = {"id": RUN, "state_type": "COMPLETED", "run_count": 1}
    asked = ask(task_run_rules.PreventRunningInStoppedFlowRuns, transition(State(StateType.PENDING), running(), ended))
    assert asked.status == "ABORT"
    paused = {"id": RUN, "state_type": "PAUSED", "run_count": 1, "state": State(StateType.PAUSED).json()}
    asked = ask(task_run_rules.PreventRunningInStoppedFlowRuns, transition(State(StateType.PENDING), running(), paused))
    assert asked.proposed is not None
    assert (asked.status, asked.proposed.name) == ("REJECT", "NotReady")


def test_a_cache_key_that_is_too_long_is_refused() -> None:
    completed = State(StateType.COMPLETED, details=StateDetails(cache_key="k" * 2001))
    asked = transition(running(), completed)
    consult(asked, [task_run_rules.InsertCachedState])
    assert asked.status == "REJECT"


def book(run: dict[str, Any], *states: State) -> dict[str, Any]:
    initial = None
    for state in states:
        for entry in bookkeeping.FLOW_RUN:
            entry(run, initial, state)
        initial = state
    return run


def test_a_run_adds_up_the_time_that_it_runs() -> None:
    start = now()
    times = [start + timedelta(seconds=seconds) for seconds in (0, 1, 4, 10, 12)]
    types = [StateType.PENDING, StateType.RUNNING, StateType.FAILED, StateType.RUNNING, StateType.COMPLETED]
    states = [State(type_, timestamp=time) for type_, time in zip(types, times, strict=True)]
    run = book({**FLOW_RUN}, *states)
    assert run["total_run_time"] == timedelta(seconds=3 + 2)
    assert (run["start_time"], run["end_time"]) == (times[1], times[4])
    assert (run["run_count"], run["expected_start_time"]) == (2, times[0])
    assert (run["state_id"], run["state_type"], run["state_name"]) == (states[-1].id, "COMPLETED", "Completed")


def test_a_run_that_is_scheduled_knows_when() -> None:
    due = State(StateType.SCHEDULED, details=StateDetails(scheduled_time=now() + timedelta(hours=1)))
    run = book({**FLOW_RUN}, due)
    assert run["next_scheduled_start_time"] == run["expected_start_time"] == due.details.scheduled_time
    assert book(run, due, State(StateType.PENDING))["next_scheduled_start_time"] is None


def test_states_of_a_run_have_timestamps_of_their_own() -> None:
    first = State(StateType.PENDING)
    second = State(StateType.RUNNING, timestamp=first.timestamp)
    book({**FLOW_RUN}, first, second)
    assert second.timestamp == first.timestamp + timedelta(microseconds=1)


def test_a_resumed_run_is_not_counted_twice() -> None:
    run = {**FLOW_RUN, "run_count": 1, "empirical_policy": {**FLOW_RUN["empirical_policy"], "resuming": True}}
    book(run, State(StateType.PAUSED), running())
    assert (run["run_count"], run["empirical_policy"]["resuming"]) == (1, False)
