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


def id_argument(name: str, value: str) -> str:
    """Check an argument that is an id, or raise BadUserInput."""
    try:
        return canonical(value)
    except ValueError as error:
        msg = f"`{graphql_name(name)}`: {error}."
        raise BadUserInput(msg) from None
