"""What the resolvers of one operation share."""

from dataclasses import dataclass, field
from typing import Any

from resolvers.loaders import Loaders
from resolvers.rest import Rest


@dataclass
class Context:
    """One operation: its way upstream, its bounds and its loaders."""

    rest: Rest
    page: int = 200
    """Rows in a page of the upstream's API."""
    max_first: int = 1_000
    """Largest `first`; also how many rows are counted by paging where REST has no count."""
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing read."""
        self.forget()

    def forget(self) -> None:
        """Forget what was read: after a write it may be out of date."""
        self.loaders = Loaders(self.rest, self.page)


def context_of(info: Any) -> Context:
    """Return the operation's context."""
    context: Context = info.context
    return context
