"""What the resolvers of one operation share."""

from dataclasses import dataclass, field
from typing import Any

from resolvers.loaders import KeyLoader, Loader, Loaders
from resolvers.rest import Rest
from resolvers.rows import Rows


@dataclass
class Context:
    """One operation: its way upstream, its bounds and its loaders."""

    rows: Rows
    page: int = 200
    """Rows in a page of the upstream's API."""
    max_first: int = 1_000
    """Largest `first`; also how many rows are counted by paging where REST has no count."""
    loader: type[Loader] = KeyLoader
    beside: dict[Any, "Context"] = field(default_factory=dict)
    """Contexts of the same operation, or of others that are executed with it, that read rows in shapes of their own."""
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing read."""
        self.loaders = Loaders(self.rows, self.page, self.loader)

    @property
    def rest(self) -> Rest:
        """The way upstream."""
        return self.rows.rest

    def forget(self) -> None:
        """Forget what was read: after a write it may be out of date, and at the end nobody needs it."""
        for context in self.beside.values():
            context.forget()
        self.beside.clear()
        self.loaders.clear()
        self.loaders = Loaders(self.rows, self.page, self.loader)


def context_of(info: Any) -> Context:
    """Return the operation's context."""
    context: Context = info.context
    return context
