"""Ids: UUIDs, checked on the way in and brought into the form that REST sends."""

import uuid

from resolvers.errors import BadUserInput
from resolvers.names import graphql_name


def canonical(value: str) -> str:
    """Bring a UUID into the form that REST sends; a ValueError says what was given."""
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        msg = f"{str(value)[:50]!r} is not a UUID"
        raise ValueError(msg) from None


def path_argument(name: str, value: str) -> str:
    """Check an argument that stands in a route, an id where its name says so; else it may not be empty: REST has no such route."""
    if is_id(name):
        return id_argument(name, value)
    if not value:
        msg = f"`{graphql_name(name)}` is empty."
        raise BadUserInput(msg)
    return value


def is_id(name: str) -> bool:
    """Tell whether a parameter of a route is an id."""
    return name == "id" or name.endswith("_id")


def id_argument(name: str, value: str) -> str:
    """Check an argument that is an id, or raise BadUserInput."""
    try:
        return canonical(value)
    except ValueError as error:
        msg = f"`{graphql_name(name)}`: {error}."
        raise BadUserInput(msg) from None
