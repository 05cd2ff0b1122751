"""States as orchestration handles them: always of a type, with ids that follow time."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.embedded.moments import in_utc, now, time_ordered_id
from schema.states import StateCreate, StateDetails, StateType


@dataclass
class State:
    """A state of a run; its name defaults to its type's, and a SCHEDULED one is due at once if nothing says when."""

    type: StateType
    name: str | None = None
    message: str | None = None
    data: Any = None
    details: StateDetails = field(default_factory=StateDetails)
    timestamp: datetime = field(default_factory=now)
    id: str = field(default_factory=time_ordered_id)

    def __post_init__(self) -> None:
        if self.name is None:
            self.name = self.type.value.capitalize()
        if self.type is StateType.SCHEDULED and self.details.scheduled_time is None:
            self.details.scheduled_time = now()

    def copy(self) -> "State":
        """Copy the state as one that begins now."""
        return State(self.type, self.name, self.message, self.data, self.details.model_copy())

    def json(self) -> dict[str, Any]:
        """Write the state as REST does (`State` in Prefect's OpenAPI document)."""
        return {
            "id": self.id,
            "type": self.type.value,
            "name": self.name,
            "timestamp": self.timestamp.isoformat().replace("+00:00", "Z"),
            "message": self.message,
            "data": self.data,
            "state_details": self.details.model_dump(mode="json"),
        }


def read_state(json: dict[str, Any] | None) -> State | None:
    """Read a state back from what `State.json` wrote."""
    if json is None:
        return None
    return State(
        type=StateType(json["type"]),
        name=json["name"],
        message=json["message"],
        data=json["data"],
        details=StateDetails.model_validate(json["state_details"]),
        timestamp=datetime.fromisoformat(json["timestamp"]),
        id=json["id"],
    )


def proposed_state(body: StateCreate) -> State:
    """Make the state that a client asks for."""
    given = body.state_details.model_dump() if body.state_details else {}
    details = {name: in_utc(value) if isinstance(value, datetime) else value for name, value in given.items()}
    return State(body.type, body.name, body.message, body.data, StateDetails.model_validate(details))


def awaiting_retry(failed: State, due: datetime) -> State:
    """Make the state of a run that failed and is tried again at `due`."""
    return State(StateType.SCHEDULED, "AwaitingRetry", failed.message, failed.data, StateDetails(scheduled_time=due))


def is_kept(data: object) -> bool:
    """Tell whether a state's data is stored: it is, unless it says of itself that it is not."""
    return data is not None and not (isinstance(data, dict) and data.get("type") == "unpersisted")


def has_result(data: object) -> bool:
    """Tell whether a state's data refers to a result that was persisted."""
    return isinstance(data, dict) and data.get("type") != "unpersisted"
