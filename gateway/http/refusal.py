"""Requests that never reach GraphQL: what is wrong with them as HTTP."""

from typing import Any

from resolvers.errors import BadUserInput


class Refusal(Exception):
    """A request that is answered with an HTTP error status; the message says what to send instead."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def body(self) -> dict[str, Any]:
        """Return the refusal in the shape of a GraphQL response without data."""
        return {"errors": [{"message": str(self), "extensions": {"code": BadUserInput.code}}]}
