"""The errors of an answer as the client sees them: each with a code, none with what is ours alone."""

import logging
import traceback
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError, located_error
from graphql.execution.executor import Executor
from graphql.execution.values import get_argument_values
from strawberry.exceptions import StrawberryInputCoercionError

from gateway.execution.compiled.failures import Failure
from resolvers.errors import BadUserInput, UpstreamError

logger = logging.getLogger("gateway")

MAX_MESSAGE = 2_000

INTERNAL = "INTERNAL"

ARGUMENTS = {get_argument_values.__code__, Executor.get_stream_usage.__code__}

COMPLETION = {
    function.__code__
    for function in (
        Executor.complete_leaf_value,
        Executor.complete_list_value,
        Executor.complete_object_value,
        Executor.ensure_valid_runtime_type,
    )
}


def formatted(error: GraphQLError) -> dict[str, Any]:
    """Return an error in the shape of the specification's section "Errors", `extensions.code` always there.

    graphql-core gives its own errors no code. Those of the request, of arguments and of pydantic's validation are the
    client's: BAD_USER_INPUT. One raised while a resolved value is completed is about the upstream's row:
    UPSTREAM_ERROR. All else is a defect of ours: INTERNAL, logged, its text kept from the client.
    """
    shown = dict(error.formatted)
    code = _code(error)
    if code == INTERNAL:
        cause = error.original_error or error
        logger.error("Internal error at %s", error.path, exc_info=(type(cause), cause, cause.__traceback__))
        return shown | internal()
    shown["message"] = _bounded(error.message)
    shown["extensions"] = {"code": code, **(error.extensions or {})}
    return shown


def formatted_failures(failures: Iterable[Failure]) -> list[dict[str, Any]]:
    """Return failed reads as the errors of the fields that they leave null; those of one read differ by their path."""
    of_reads: dict[tuple[int, int], dict[str, Any]] = {}
    shown = []
    for error, nodes, path in failures:
        place = (id(error), id(nodes))
        if place not in of_reads:
            of_reads[place] = formatted(located_error(error, nodes, path))
        shown.append({**of_reads[place], "path": path})
    return shown


def internal() -> dict[str, Any]:
    """Return what a client sees of a defect of ours."""
    return {"message": "Internal error.", "extensions": {"code": INTERNAL}}


def _code(error: GraphQLError) -> str:
    if code := (error.extensions or {}).get("code"):
        return str(code)
    cause = error.original_error or error
    if error.path is None or isinstance(cause, StrawberryInputCoercionError):
        return BadUserInput.code
    return _code_by_origin(cause)


def _code_by_origin(cause: BaseException) -> str:
    """Tell by the functions of graphql-core that the error passed through; none of them calls a resolver of ours."""
    passed = {frame.f_code for frame, _ in traceback.walk_tb(cause.__traceback__)}
    if not passed.isdisjoint(ARGUMENTS):
        return BadUserInput.code
    # A null is found by the function that also raises the exceptions that resolvers return.
    unexpected_null = str(cause).startswith("Cannot return null for non-nullable field")
    if not passed.isdisjoint(COMPLETION) or (unexpected_null and Executor.complete_value.__code__ in passed):
        return UpstreamError.code
    return INTERNAL


def _bounded(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "..."
