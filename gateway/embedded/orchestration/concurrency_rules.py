"""The rules that keep runs to concurrency limits: those of a task run's tags, and that of a flow run's deployment."""

from dataclasses import dataclass
from datetime import timedelta
from random import uniform
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection
from strawberry import ID

from gateway.embedded import stored
from gateway.embedded.concurrency import leases
from gateway.embedded.concurrency.slots import LIMITS, LONGEST_WAIT, TAG, deadlock, read_limits, take, taken
from gateway.embedded.expressions import member
from gateway.embedded.moments import now
from gateway.embedded.orchestration.states import State
from gateway.embedded.orchestration.transition import ANY, Abort, Reject, Row, Rule, Transition, Verdict, Wait
from gateway.embedded.tables import TABLES
from schema.deployments import ConcurrencyLimitStrategy
from schema.states import StateDetails, StateType

DEPLOYMENTS = TABLES["deployments"]

HOLDING = frozenset({StateType.PENDING, StateType.RUNNING, StateType.CANCELLING})
"""States in which a flow run holds its deployment's slot."""

BUSY = frozenset({StateType.RUNNING, StateType.CANCELLING})
"""States in which a task run holds its tags' slots."""

GRACE = 300
"""Seconds that a run has to start before its slot is given away, as by default in Prefect."""

SLOT_WAIT = timedelta(seconds=30)
"""After how long a run that found no slot is due again, as by default in Prefect."""

REACHED = "Deployment concurrency limit reached."


def _limits_of_tags(transition: Transition) -> list[Row]:
    """Read the limits in force of a task run's tags, to take or give back their slots."""
    tags: list[str] = from_json(transition.run.get("tags") or "[]")
    named = member(LIMITS.c.name, [f"{TAG}{tag}" for tag in tags])
    return read_limits(transition.connection, named, LIMITS.c.active.is_(True)) if tags else []


class TakeSlotsOfTags(Rule):
    """A task runs once there is a slot of each of its tags that has a limit."""

    entering = frozenset({StateType.RUNNING})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        self.lease: str | None = None
        connection, run_id = transition.connection, transition.run["id"]
        limits = _limits_of_tags(transition)
        if none := next((limit for limit in limits if limit["limit"] == 0), None):
            return Abort(deadlock(none))
        if not limits or leases.held_by(connection, run_id, limits):
            return None
        if not take(connection, limits, 1):
            tags = ", ".join(limit["name"].removeprefix(TAG) for limit in limits)
            return Wait(f"Concurrency limit reached for tags: {tags}", _delay(limits))
        self.lease = leases.begin(connection, limits, 1, None, leases.task_run(run_id))
        return None

    def undo(self, transition: Transition) -> None:
        leases.end(transition.connection, self.lease)


def _delay(limits: list[Row]) -> int:
    """Seconds until a slot of the fullest limit is given back on average, not the same for all who wait."""
    fullest = max(limits, key=lambda limit: limit["active_slots"] / limit["limit"])
    average = min(fullest["avg_slot_occupancy_seconds"] or LONGEST_WAIT, LONGEST_WAIT)
    return round(average * uniform(0.75, 1.3))  # noqa: S311  nothing secret about it


def release_task_run(transition: Transition, state: State) -> None:
    """Give back the slots of a task run that is in a state without them."""
    if state.type not in BUSY and (limits := _limits_of_tags(transition)):
        for lease in leases.held_by(transition.connection, transition.run["id"], limits):
            leases.end(transition.connection, lease)


@dataclass(frozen=True)
class _Deployment:
    """What a deployment says of how many of its runs may run at once."""

    limit: Row | None
    strategy: str
    grace: float

    @classmethod
    def load(cls, connection: Connection, id_: str) -> "_Deployment | None":
        """Read a deployment with its limit, to take a slot; None if it is not there."""
        row = stored.load(connection, DEPLOYMENTS, id_, json=("concurrency_options",), lock=False)
        if row is None:
            return None
        limit = row["concurrency_limit_id"]
        options: dict[str, Any] = row["concurrency_options"] or {}
        return cls(
            next(iter(read_limits(connection, LIMITS.c.id == limit)), None) if limit else None,
            options.get("collision_strategy") or ConcurrencyLimitStrategy.ENQUEUE.value,
            options.get("grace_period_seconds") or GRACE,
        )

    def take(self, connection: Connection, limit: Row) -> str | None:
        """Take a slot; return its lease, None if there is none."""
        return leases.begin(connection, [limit], 1, self.grace) if take(connection, [limit], 1) else None

    def full(self) -> State:
        """Make the state of a run for which there is no slot."""
        if self.strategy == ConcurrencyLimitStrategy.CANCEL_NEW.value:
            return State(StateType.CANCELLED, message=REACHED)
        details = StateDetails(scheduled_time=now() + SLOT_WAIT)
        return State(StateType.SCHEDULED, "AwaitingConcurrencySlot", details=details)


def _deployment(transition: Transition) -> _Deployment | None:
    id_ = transition.run["deployment_id"]
    return _Deployment.load(transition.connection, id_) if id_ else None


def _name_lease(transition: Transition, lease: str | None) -> None:
    """Write the lease of the deployment's slot into the proposed state."""
    if transition.proposed:
        transition.proposed.details.deployment_concurrency_lease_id = ID(lease) if lease else None


class KeepLease(Rule):
    """A run keeps the lease of its deployment's slot, also where a client's state does not name it."""

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        if proposed.details.deployment_concurrency_lease_id is None:
            proposed.details.deployment_concurrency_lease_id = initial.details.deployment_concurrency_lease_id
        return None


class TakeSlotOfDeployment(Rule):
    """A run is submitted once there is a slot of its deployment's limit; else it waits or is cancelled."""

    leaving = ANY - HOLDING
    entering = frozenset({StateType.PENDING})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        self.lease: str | None = None
        if not transition.run["deployment_id"]:
            return None
        deployment = _deployment(transition)
        if deployment is None:
            return Abort("Deployment not found.")
        if deployment.limit and deployment.limit["limit"] == 0:
            return Abort("The deployment concurrency limit is 0. The flow will deadlock if submitted again.")
        # A run that is tried again in the same process still has its slot.
        kept = leases.renew(transition.connection, initial.details.deployment_concurrency_lease_id, deployment.grace)
        return None if kept or deployment.limit is None else self._take(transition, deployment, deployment.limit)

    def _take(self, transition: Transition, deployment: _Deployment, limit: Row) -> Verdict:
        self.lease = deployment.take(transition.connection, limit)
        _name_lease(transition, self.lease)
        return None if self.lease else Reject(REACHED, deployment.full())

    def undo(self, transition: Transition) -> None:
        leases.end(transition.connection, self.lease)
        if self.lease:
            _name_lease(transition, None)


class RenewLeaseOfDeployment(Rule):
    """A run that starts still has its slot, or takes another; from then on its client renews the lease.

    A client that cannot do so holds the slot until the run ends.
    """

    leaving = frozenset({StateType.PENDING})
    entering = BUSY

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        self.lease: str | None = None
        connection, lease = transition.connection, initial.details.deployment_concurrency_lease_id
        if lease is None or proposed.type is StateType.CANCELLING:
            return None
        proposed.details.deployment_concurrency_lease_id = lease
        deployment = _deployment(transition) if transition.renews_leases else None
        if deployment is None or deployment.limit is None or leases.renew(connection, lease, deployment.grace):
            return None
        self.lease = deployment.take(connection, deployment.limit)
        if self.lease is None:
            message = "Deployment concurrency slot lost during provisioning - no slots available to continue execution"
            state = State(StateType.CANCELLED, message=message)
            return Reject("Deployment concurrency limit reached after lease expiry.", state)
        _name_lease(transition, self.lease)
        return None

    def after(self, transition: Transition) -> None:
        if transition.initial and not transition.renews_leases:
            leases.renew(transition.connection, transition.initial.details.deployment_concurrency_lease_id, None)

    def undo(self, transition: Transition) -> None:
        leases.end(transition.connection, self.lease)


class CancelLateWhereFull(Rule):
    """A run that is late is cancelled where its deployment has no slot and wants no run to wait for one."""

    leaving = frozenset({StateType.SCHEDULED})
    entering = frozenset({StateType.SCHEDULED})

    def before(self, transition: Transition, initial: State, proposed: State) -> Verdict:
        deployment = _deployment(transition) if proposed.name == "Late" else None
        if deployment is None or deployment.limit is None:
            return None
        full = taken(deployment.limit, now()) >= deployment.limit["limit"]
        if not full or deployment.strategy != ConcurrencyLimitStrategy.CANCEL_NEW.value:
            return None
        return Reject("Deployment concurrency limit is full and uses the CANCEL_NEW strategy.", deployment.full())


def release_flow_run(transition: Transition, state: State) -> None:
    """Give back the slot of a flow run that is in a state without one, unless it is tried again in the same process."""
    initial = transition.initial
    if initial is None or initial.type not in HOLDING or state.type in HOLDING:
        return
    if not (transition.status == "REJECT" and state.name == "AwaitingRetry"):
        leases.end(transition.connection, initial.details.deployment_concurrency_lease_id)
