"""How demo runs go: the states that they pass through, how many go which way, when, and what their last task did."""

from dataclasses import dataclass
from datetime import timedelta

TYPES = {
    "Scheduled": "SCHEDULED",
    "Late": "SCHEDULED",
    "AwaitingRetry": "SCHEDULED",
    "Pending": "PENDING",
    "NotReady": "PENDING",
    "Running": "RUNNING",
    "Retrying": "RUNNING",
    "Paused": "PAUSED",
    "Suspended": "PAUSED",
    "Cancelling": "CANCELLING",
    "Cancelled": "CANCELLED",
    "Completed": "COMPLETED",
    "Cached": "COMPLETED",
    "Failed": "FAILED",
    "TimedOut": "FAILED",
    "Crashed": "CRASHED",
}

MESSAGES = {
    "Completed": "All states completed.",
    "Failed": "Flow run encountered an exception: {failure}",
    "TimedOut": "Flow run exceeded timeout of 3600 second(s)",
    "Crashed": "Flow run infrastructure exited with non-zero status code 137.",
    "Cancelling": "Cancelled by an operator.",
    "Cancelled": "Cancelled by an operator.",
    "Paused": "Waits for an approval.",
    "AwaitingRetry": "Flow run encountered an exception: {failure}",
}
"""What a flow run's state says; the states that are not here say nothing."""


@dataclass(frozen=True)
class Span:
    """The times between which runs were to start, relative to the filling."""

    earliest: timedelta
    latest: timedelta


WEEK = Span(timedelta(days=-7), timedelta(hours=-3))
LATELY = Span(timedelta(minutes=-90), timedelta(minutes=-20))
SOON = Span(timedelta(minutes=10), timedelta(days=1))


@dataclass(frozen=True)
class Story:
    """The names of the states of a flow run, one after the other, and the span in which it was to start."""

    path: str
    span: Span = WEEK

    @property
    def last(self) -> str:
        return self.path.split()[-1]


COMPLETED = Story("Scheduled Pending Running Completed")
FAILED = Story("Scheduled Pending Running Failed")

STORIES = (
    (132, COMPLETED),
    (12, Story("Scheduled Pending Running AwaitingRetry Retrying Completed")),
    (24, FAILED),
    (6, Story("Scheduled Pending Running TimedOut")),
    (10, Story("Scheduled Pending Running Crashed")),
    (9, Story("Scheduled Pending Running Cancelling Cancelled")),
    (3, Story("Scheduled Pending Running Cancelling", LATELY)),
    (12, Story("Scheduled Pending Running", LATELY)),
    (6, Story("Scheduled Pending", LATELY)),
    (18, Story("Scheduled", SOON)),
    (7, Story("Scheduled Late", LATELY)),
    (4, Story("Scheduled Pending Running Paused", LATELY)),
    (3, Story("Scheduled Pending Running Suspended", LATELY)),
    (4, Story("Scheduled Pending Running AwaitingRetry", LATELY)),
)
"""How many flow runs go which way. They are dealt to the flows like cards, so that the counts are those of any seed."""

TASK_COMPLETED = "Scheduled Running Completed"
TASK_RETRIED = "Scheduled Running AwaitingRetry Retrying Completed"
TASK_CACHED = "Scheduled Cached"
TASK_NOT_READY = "Pending NotReady"

LAST_TASK = {
    "Failed": "Scheduled Running Failed",
    "TimedOut": "Scheduled Running Failed",
    "Crashed": "Scheduled Running Crashed",
    "Cancelled": "Scheduled Running Cancelled",
    "Cancelling": "Scheduled Running",
    "Running": "Scheduled Running",
    "AwaitingRetry": "Scheduled Running Failed",
}
"""How the last task run went that a flow run in this state has begun, where it did not just complete."""

NOT_BEGUN = frozenset({"Scheduled", "Late", "Pending"})
"""The last states of flow runs without task runs and logs."""
