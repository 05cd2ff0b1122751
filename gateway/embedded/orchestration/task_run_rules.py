"""The rules of task runs."""

import random
from datetime import timedelta
from typing import Any

from gateway.embedded.moments import now
from gateway.embedded.orchestration.cache import cached_state, remember
from gateway.embedded.orchestration.states import State, awaiting_retry, has_result
from gateway.embedded.orchestration.transition import TERMINAL, Abort, Reject, Row, Rule, Transition, Verdict
from schema.states import StateDetails, StateType

MAX_CACHE_KEY = 2_000
"""Characters in a cache key, as by default in Prefect."""

_RUNNING = frozenset({StateType.RUNNING})


class RetrieveCachedState(Rule):
    """A run whose result is cached takes the cached state instead of running."""

    entering = _RUNNING

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        details = proposed.details
        if not details.cache_key or details.refresh_cache:
            return None
        cached = cached_state(transition.connection, details.cache_key)
        if cached is None:
            return None
        state = cached.copy()
        state.name = "Cached"
        return Reject("Retrieved state from cache", state)


class InsertCachedState(Rule):
    """A state that completed with a cache key is found by it."""

    entering = frozenset({StateType.COMPLETED})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        if len(proposed.details.cache_key or "") > MAX_CACHE_KEY:
            return Reject(f"Cache key exceeded maximum allowed length of {MAX_CACHE_KEY} characters.", proposed)
        return None

    def after(self, transition: Transition) -> None:
        state = transition.proposed
        if state and state.details.cache_key:
            remember(transition.connection, state.details.cache_key, state.details.cache_expiration, state)


class HandleTerminalStates(Rule):
    """A run that ended does not crash or pause; one that runs again has all its retries again."""

    leaving = TERMINAL

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        run = transition.run
        self.run_count = run["run_count"]
        if proposed.type in {StateType.CANCELLING, StateType.PAUSED, StateType.CRASHED}:
            return Abort(f"Run is already {initial.type.value}.")
        if initial.type is StateType.COMPLETED and initial.data and has_result(initial.data):
            return Reject("This run is already completed.")
        if proposed.type not in TERMINAL:
            run["run_count"] = 0
        flow_run = transition.flow_run
        if proposed.type is StateType.RUNNING and flow_run and run["flow_run_run_count"] < flow_run["run_count"]:
            proposed.name = "Retrying"
        return None

    def undo(self, transition: Transition) -> None:
        transition.run["run_count"] = self.run_count


class PreventRunningInStoppedFlowRuns(Rule):
    """A task runs only while its flow run does; it waits while its flow run is paused."""

    entering = _RUNNING

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        flow_run = transition.flow_run
        if flow_run is None or flow_run["state_type"] == StateType.RUNNING.value:
            return None
        if flow_run["state_type"] != StateType.PAUSED.value:
            return Abort("The enclosing flow must be running to begin task execution.")
        reason = f"The flow is paused, new tasks can execute after resuming flow run: {flow_run['id']}."
        return Reject(reason, self._paused_with(flow_run))

    @staticmethod
    def _paused_with(flow_run: Row) -> State:
        pause = StateDetails.model_validate(flow_run["state"]["state_details"])
        details = StateDetails(pause_timeout=pause.pause_timeout, pause_reschedule=pause.pause_reschedule)
        return State(StateType.PAUSED, "NotReady", details=details)


class CopyTaskParametersId(Rule):
    """A deferred run keeps its stored parameters on its way to RUNNING."""

    leaving = frozenset({StateType.SCHEDULED, StateType.PENDING})
    entering = frozenset({StateType.PENDING, StateType.RUNNING})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        if proposed.details.task_parameters_id is None:
            proposed.details.task_parameters_id = initial.details.task_parameters_id
        return None


class RetryFailedTaskRuns(Rule):
    """A run that fails with retries left is scheduled again instead, unless it says that it cannot be retried."""

    leaving = _RUNNING
    entering = frozenset({StateType.FAILED})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        policy, run_count = transition.run["empirical_policy"], transition.run["run_count"]
        retries = policy.get("retries")
        if proposed.details.retriable is False or retries is None or run_count > retries:
            return None
        due = now() + timedelta(seconds=_delay(policy, run_count))
        return Reject("Retrying", awaiting_retry(proposed, due))


def _delay(policy: dict[str, Any], run_count: int) -> float:
    """Seconds before the next attempt: a number for all, or one for each; jitter spreads it around that."""
    delay = policy.get("retry_delay") or 0
    if isinstance(delay, list):
        delay = delay[min(run_count - 1, len(delay) - 1)]
    jitter = policy.get("retry_jitter_factor") or 0
    return float(delay * random.uniform(max(0, 1 - jitter), 1 + jitter))  # noqa: S311  nothing secret about it


class RenameReruns(Rule):
    """A run that has run before says so in its state's name."""

    entering = _RUNNING

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        if transition.run["run_count"] > 0:
            proposed.name = "Retrying" if initial.name == "AwaitingRetry" else "Rerunning"
        return None


class TrackFlowRunCount(Rule):
    """A run remembers which attempt of its flow run it belongs to."""

    entering = _RUNNING

    def after(self, transition: Transition) -> None:
        if transition.flow_run:
            transition.run["flow_run_run_count"] = transition.flow_run["run_count"]
