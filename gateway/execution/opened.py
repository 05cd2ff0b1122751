"""What an operation is executed with: its way upstream and its resolvers' context, one for the queries of a batch."""

from dataclasses import dataclass, field
from typing import Any

from gateway.execution.seams import Session
from resolvers.context import Context


@dataclass
class Opened:
    """A session and the context over it.

    Several queries of one caller that are executed at one time may have it together: then their loaders read together too.
    """

    session: Session
    context: Any
    alike: bool = True
    """Whether all are the same operation, but for its variables: rows of other selections have other shapes in plans."""
    _untold: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Have told nobody of the calls."""
        self._untold = self.session.calls

    def calls(self) -> list[dict[str, Any]]:
        """Return the list of the calls, which grows, to the first who asks: each call is told in one answer."""
        calls, self._untold = self._untold, []
        return calls

    def close(self) -> None:
        """End the calls in flight and let go of what was read."""
        self.session.close()
        if isinstance(self.context, Context):
            self.context.forget()
