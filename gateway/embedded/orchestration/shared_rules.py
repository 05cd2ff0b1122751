"""The rules that hold for flow runs and task runs alike."""

import math

from gateway.embedded.moments import now
from gateway.embedded.orchestration.states import State
from gateway.embedded.orchestration.transition import Abort, Rule, Transition, Verdict, Wait
from schema.states import StateType


class CopyScheduledTime(Rule):
    """A run that becomes PENDING keeps the time that it was scheduled for."""

    leaving = frozenset({StateType.SCHEDULED})
    entering = frozenset({StateType.PENDING})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        details = proposed.details
        if details.scheduled_time is None:
            details.scheduled_time = initial.details.scheduled_time
        return None


class WaitForScheduledTime(Rule):
    """A run does not start before its time."""

    leaving = frozenset({StateType.SCHEDULED, StateType.PENDING})
    entering = frozenset({StateType.RUNNING})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        scheduled = initial.details.scheduled_time
        if scheduled is None:
            return None
        seconds = math.floor((scheduled - now()).total_seconds() + 0.5)
        return Wait("Scheduled time is in the future", seconds) if seconds > 0 else None


class PreventPendingTransitions(Rule):
    """A run is submitted once: while it is pending, running or cancelled, only its PENDING state's name may move on."""

    leaving = frozenset({StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.CANCELLED})
    entering = frozenset({StateType.PENDING})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        if initial.type is StateType.PENDING and proposed.name not in {initial.name, "Pending"}:
            proposed.details.scheduled_time = initial.details.scheduled_time
            return None
        return Abort(f"This run is in a {initial.type.name} state and cannot transition to a PENDING state.")
