"""What became of a request, as an answer."""

from collections.abc import Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError

from gateway.execution.compiled import Outcome
from gateway.execution.documents import Invalid, NestedBeyondParsing
from gateway.execution.errors import formatted, formatted_failures, internal, logger
from gateway.execution.persisted import HashMismatch
from gateway.execution.request import Answer
from gateway.execution.values import NestedTooDeeply
from resolvers.errors import BadUserInput, GatewayError


class ReadOnly(BadUserInput):
    """A mutation where only queries are allowed: HTTP status 405."""


MALFORMED = (ReadOnly, NestedTooDeeply, NestedBeyondParsing, HashMismatch)
"""Errors of requests that no server would take, whatever its schema: their HTTP status says so to all clients."""


def failed(error: Exception) -> Answer:
    """Return the answer to a request that came to no execution; what is no error of the client is logged."""
    if isinstance(error, Invalid):
        return refused(error.errors)
    if isinstance(error, GatewayError):
        return refused([error])
    logger.error("Internal error", exc_info=error)
    return Answer(errors=[internal()], executed=False, status=500, well_formed=False)


def refused(errors: Sequence[GraphQLError]) -> Answer:
    """Return the answer to a request that the client must mend."""
    status = 405 if any(isinstance(error, ReadOnly) for error in errors) else 400
    malformed = any(isinstance(error, MALFORMED) for error in errors)
    return Answer(
        errors=[formatted(error) for error in errors], executed=False, status=status, well_formed=not malformed
    )


def answered(result: ExecutionResult | Outcome, calls: list[dict[str, Any]] | None) -> Answer:
    """Return the answer that an execution came to, with the upstream calls where they are asked for."""
    if isinstance(result, Outcome):
        shown = formatted_failures(result.failures())
    else:
        shown = [formatted(error) for error in result.errors or ()]
    extensions = getattr(result, "extensions", None) or {}
    return Answer(result.data, shown, extensions if calls is None else {**extensions, "upstream": calls})
