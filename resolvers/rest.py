"""The way to the REST API as the resolvers see it: two verbs, decoded JSON."""

from typing import Any, Protocol


class Untold(dict[str, Any]):
    """A body that holds secrets: it is sent, and no trace tells it."""


class Rest(Protocol):
    """The upstream for the length of one operation: one caller, one deadline.

    Both verbs return the decoded JSON body (None where there is none) and raise an `UpstreamError`.
    `path` is relative to the API's root, with its query string: "/flows/filter".
    """

    async def read(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send what changes nothing: it may be repeated after a fault and shared with an identical read in flight."""

    async def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send what changes something: once, never repeated, never shared."""
