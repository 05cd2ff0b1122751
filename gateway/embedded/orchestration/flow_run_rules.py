"""The rules of flow runs."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import delete

from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.orchestration.states import State, awaiting_retry, has_result
from gateway.embedded.orchestration.transition import ANY, TERMINAL, Abort, Reject, Rule, Transition, Verdict
from gateway.embedded.tables import TABLES
from schema.states import StateType

INPUTS = TABLES["flow_run_inputs"]


def _set_policy(transition: Transition, **changes: Any) -> None:
    transition.run["empirical_policy"] = {**transition.run["empirical_policy"], **changes}


def _result_of(state: State) -> bool:
    return bool(state.data) and has_result(state.data)


def _loses_result(initial: State, proposed: State) -> bool:
    both_completed = initial.type is proposed.type is StateType.COMPLETED
    return both_completed and _result_of(initial) and not has_result(proposed.data)


_KEEPS_RESULT = Reject("Cannot overwrite a COMPLETED state that carries persisted result data with one that does not.")


class PreventDuplicateTransitions(Rule):
    """A transition whose answer was lost and that is sent again, with the same `transition_id`, happens once."""

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        last = initial.details.transition_id
        if last is not None and last == proposed.details.transition_id:
            return Reject("This run has already made this state transition.")
        return None


class HandleTerminalStates(Rule):
    """A run that ended stays so, except to run again; one that does run again forgets its pauses."""

    leaving = TERMINAL

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        self.policy = transition.run["empirical_policy"]
        if proposed.type in {StateType.CANCELLING, StateType.PAUSED, StateType.CRASHED}:
            return Abort(f"Run is already in terminal state {initial.type.value}.")
        if initial.type is StateType.COMPLETED and proposed.type not in TERMINAL and _result_of(initial):
            return Reject("Run is already COMPLETED.")
        if _loses_result(initial, proposed):
            return _KEEPS_RESULT
        return self._run_again(transition, proposed)

    def _run_again(self, transition: Transition, proposed: State) -> Verdict:
        scheduled = proposed.type is StateType.SCHEDULED
        if scheduled and not transition.run["deployment_id"]:
            return Abort("Cannot reschedule a run without an associated deployment.")
        if proposed.type not in TERMINAL:
            _set_policy(transition, resuming=False, pause_keys=[], retry_type="reschedule" if scheduled else None)
        return None

    def undo(self, transition: Transition) -> None:
        transition.run["empirical_policy"] = self.policy


class PreventResultDataLoss(Rule):
    """Even a forced transition does not replace a persisted result by none."""

    leaving = TERMINAL
    entering = TERMINAL

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        return _KEEPS_RESULT if _loses_result(initial, proposed) else None


class EnforceCancelling(Rule):
    """A run that is being cancelled becomes CANCELLED and nothing else."""

    leaving = frozenset({StateType.CANCELLING})
    entering = ANY - {StateType.CANCELLED}

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        return Reject("Cannot transition flows that are cancelling to a state other than Cancelled.")


class CancelAtOnceWithoutInfrastructure(Rule):
    """A run that occupies no infrastructure is cancelled at once."""

    leaving = frozenset({StateType.SCHEDULED, StateType.PAUSED})
    entering = frozenset({StateType.CANCELLING})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        unstarted = initial.type is StateType.SCHEDULED and not transition.run["infrastructure_pid"]
        if unstarted or initial.name == "Resuming":
            kind = "Scheduled"
        elif initial.type is StateType.PAUSED and initial.details.pause_reschedule:
            kind = "Suspended"
        else:
            return None
        return Reject(f"{kind} flow run has no infrastructure to terminate.", State(StateType.CANCELLED))


class EnsureOnlyScheduledRunsMarkedLate(Rule):
    """Only a scheduled run can be late, and only once."""

    entering = frozenset({StateType.SCHEDULED})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        if initial is None or proposed.name != "Late":
            return None
        if initial.type is not StateType.SCHEDULED:
            return Reject("Only scheduled flows can be marked late.")
        return Reject("This flow run is already marked late.") if initial.name == "Late" else None


class HandlePausing(Rule):
    """A run is paused while it runs, once for each key; suspended only if its deployment can start it again."""

    entering = frozenset({StateType.PAUSED})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        verb = "suspend" if proposed.name == "Suspended" else "pause"
        if initial.type is not StateType.RUNNING:
            return Reject(f"Cannot {verb} flows that are not currently running.")
        self.key = proposed.details.pause_key or str(uuid.uuid4())
        if self.key in transition.run["empirical_policy"].get("pause_keys", ()):
            return Reject(f"This {verb} has already fired.")
        return self._leave_process(transition, verb) if proposed.details.pause_reschedule else None

    @staticmethod
    def _leave_process(transition: Transition, verb: str) -> Verdict:
        if transition.run["parent_task_run_id"]:
            return Abort(f"Cannot {verb} subflows.")
        if transition.run["deployment_id"] is None:
            return Abort(f"Cannot {verb} flows without a deployment.")
        return None

    def after(self, transition: Transition) -> None:
        keys = transition.run["empirical_policy"].get("pause_keys", ())
        _set_policy(transition, pause_keys=[*keys, self.key])
        # A pause that has not fired in this attempt finds no input of an earlier one.
        if keyset := transition.proposed and transition.proposed.details.run_input_keyset:
            of_pause = (INPUTS.c.flow_run_id == transition.run["id"]) & member(INPUTS.c.key, list(keyset.values()))
            transition.connection.execute(delete(INPUTS).where(of_pause))


class HandleResuming(Rule):
    """A paused run goes on, is scheduled, cancelled or ended, as long as its pause has not timed out."""

    leaving = frozenset({StateType.PAUSED})

    _NEXT = TERMINAL | {StateType.RUNNING, StateType.SCHEDULED, StateType.CANCELLING}

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        if proposed.type not in self._NEXT:
            # Clients of the REST API know this message as it is, enum's name included.
            return Reject(
                f"This run cannot transition to the StateType.{proposed.type.name} state"
                f" from the StateType.{initial.type.name} state."
            )
        name = (proposed.name or proposed.type.value).lower()
        if initial.details.pause_reschedule and not transition.run["deployment_id"]:
            return Reject(f"Cannot reschedule a {name} flow run without a deployment.")
        # The process of a paused run is alive until a worker hears of the cancelling, however late.
        return None if proposed.type is StateType.CANCELLING else self._in_time(initial, proposed, name)

    @staticmethod
    def _in_time(initial: State, proposed: State, name: str) -> Verdict:
        timeout = initial.details.pause_timeout
        if timeout is None or timeout >= now():
            return None
        verb = "suspend" if proposed.name == "Suspended" else "pause"
        failed = State(StateType.FAILED, message=f"The flow was {name} and never resumed.")
        return Reject(f"The flow run {verb} has timed out and can no longer resume.", failed)

    def after(self, transition: Transition) -> None:
        in_process = transition.initial is not None and not transition.initial.details.pause_reschedule
        if in_process and transition.proposed_type is StateType.SCHEDULED:
            # The process is gone: the next attempt begins at the top, and its pauses fire again.
            _set_policy(transition, resuming=False, pause_keys=[], retry_type="reschedule")
        else:
            _set_policy(transition, resuming=True)


class RetryFailedFlowRuns(Rule):
    """A run that fails with retries left is scheduled again instead."""

    leaving = frozenset({StateType.RUNNING})
    entering = frozenset({StateType.FAILED})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        policy = transition.run["empirical_policy"]
        retries = policy.get("retries")
        if retries is None or transition.run["run_count"] > retries:
            _set_policy(transition, retry_type=None)
            return None
        _set_policy(transition, resuming=False, pause_keys=[], retry_type="in_process")
        due = now() + timedelta(seconds=policy.get("retry_delay") or 0)
        retry = awaiting_retry(proposed, due)
        # The process goes on, and with it the lease of the deployment's slot.
        retry.details.deployment_concurrency_lease_id = initial.details.deployment_concurrency_lease_id
        return Reject("Retrying", retry)
