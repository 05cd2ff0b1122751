"""The plan of an operation, to read."""

from typing import Any

import strawberry
from graphql.execution.values import get_variable_values

from gateway.execution.compiled import Plans
from gateway.execution.documents import Documents, Invalid, graphql_schema
from gateway.settings import Settings


def plan_of(
    schema: strawberry.Schema, settings: Settings, query: str, variables: dict[str, Any], operation_name: str | None
) -> str:
    """Return the source of an operation's plan; a line that tells why where graphql-core executes it.

    Raises Invalid, or a GatewayError for an operation beyond a limit.
    """
    document = Documents(schema, settings).get(query)
    operation = document.operation(operation_name)
    coerced = get_variable_values(graphql_schema(schema), operation.variable_definitions or (), variables)
    if isinstance(coerced, list):
        raise Invalid(coerced)
    plan = Plans(schema, settings.max_first).compile(operation, document.fragments, coerced)
    return f"# Not compiled, graphql-core executes it: {plan}" if isinstance(plan, str) else plan.text
