"""Names as clients see them, for the schema and for messages."""

from strawberry.utils.str_converters import to_camel_case


def graphql_name(name: str) -> str:
    """Turn a REST name into its GraphQL name, camelCase without trailing underscores: `not_any_` is `notAny`."""
    return to_camel_case(name.rstrip("_"))
