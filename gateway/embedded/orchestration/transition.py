"""A transition of a run between two states, the rules that watch it, and how they are applied in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from sqlalchemy import Connection

from gateway.embedded.orchestration.states import State
from schema.states import StateType

Status = Literal["ACCEPT", "REJECT", "ABORT", "WAIT"]
Row = dict[str, Any]
Types = frozenset[StateType | None]

# None: no state is written, because a rule decided so.
ANY: Types = frozenset({*StateType, None})
TERMINAL: Types = frozenset({StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED})


@dataclass(frozen=True)
class Reject:
    """The run goes to `state` instead, or stays as it is when there is none."""

    reason: str
    state: State | None = None


@dataclass(frozen=True)
class Abort:
    """The run stays as it is, and the client gives it up."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """The run stays as it is, and the client asks again after `seconds`."""

    reason: str
    seconds: int


Verdict = Reject | Abort | Wait | None


@dataclass
class Transition:
    """One run on its way from `initial` to `proposed`; rules change `run` (its row) and `proposed` in place.

    `flow_run` is the row of the flow run that a task run belongs to. `renews_leases` tells whether the client does so while
    a flow run runs. `proposed` is None once a rule decided that no state is written. `status` and `details` are what REST answers.
    """

    connection: Connection
    run: Row
    initial: State | None
    proposed: State | None
    flow_run: Row | None = None
    renews_leases: bool = False
    status: Status = "ACCEPT"
    details: dict[str, Any] = field(default_factory=lambda: {"type": "accept_details"})

    @property
    def proposed_type(self) -> StateType | None:
        return self.proposed.type if self.proposed else None

    def apply(self, verdict: Verdict) -> None:
        """Make a rule's verdict the outcome."""
        match verdict:
            case Reject(reason, state):
                self._decide("REJECT", {"type": "reject_details", "reason": reason}, state)
            case Abort(reason):
                self._decide("ABORT", {"type": "abort_details", "reason": reason})
            case Wait(reason, seconds):
                self._decide("WAIT", {"type": "wait_details", "delay_seconds": seconds, "reason": reason})

    def _decide(self, status: Status, details: dict[str, Any], state: State | None = None) -> None:
        self.status, self.details, self.proposed = status, details, state


class Rule:
    """One concern of orchestration; an instance lives for one transition.

    `before` decides on the proposed state, `after` follows once a state of the type it left is written, and `undo`
    takes back what `before` changed in the run when a later rule sent it elsewhere.
    """

    leaving: ClassVar[Types] = ANY
    entering: ClassVar[Types] = ANY

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        return None

    def after(self, transition: Transition) -> None:
        pass

    def undo(self, transition: Transition) -> None:
        pass


Rules = Sequence[type[Rule]]


def consult(transition: Transition, rules: Rules) -> list[tuple[Rule, StateType | None]]:
    """Ask each rule that watches the transition; return those asked, each with the state type it left behind.

    A run that is created has no state to leave: no rule is asked. Once a rule changed the type of the proposed state,
    this is no longer the transition that later rules watch.
    """
    asked: list[tuple[Rule, StateType | None]] = []
    if transition.initial is None:
        return asked
    leaving, entering = transition.initial.type, transition.proposed_type
    for rule in (kind() for kind in rules if leaving in kind.leaving and entering in kind.entering):
        if transition.proposed is None or transition.proposed.type is not entering:
            break
        transition.apply(rule.before(transition, transition.initial, transition.proposed))
        asked.append((rule, transition.proposed_type))
    return asked


def conclude(transition: Transition, asked: list[tuple[Rule, StateType | None]]) -> None:
    """Tell the rules asked, the last first, how the transition ended."""
    for rule, left in reversed(asked):
        if left not in rule.entering:
            continue
        if transition.proposed_type == left:
            rule.after(transition)
        else:
            rule.undo(transition)
