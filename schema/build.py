"""The schema: its roots made of the table of collections, its scalars and names."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.federation import Schema
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type
from strawberry.types.execution import ExecutionContext
from strawberry.types.field import StrawberryField

from resolvers import fields, root_fields
from resolvers.actions import action_field
from resolvers.context import Context
from resolvers.ids import id_argument
from resolvers.nodes import Found, asked, find
from resolvers.readings import read_fields
from resolvers.roots import Root, by_id
from schema import COLLECTIONS, federation, server
from schema.live import subscriptions
from schema.names import Names
from schema.scalars import DATETIME
from schema.types import Node


def value_of(row: Any, key: str) -> Any:
    """Read a field of a row, which is a dict, or of an object of ours."""
    return row.get(key) if isinstance(row, dict) else getattr(row, key)


async def find_many(context: Context, ids: list[str], types: set[str]) -> list[Found | None]:
    """Find rows by their ids alone."""
    return await asyncio.gather(*(find(context, key, types) for key in ids))


def nodes() -> dict[str, Any]:
    """Make the fields that find rows of any type (Relay's object identification)."""
    hint = "null where there is none. Fragments on types say which collections are asked."
    one = {"id": (fields.told(strawberry.ID, "The row's id."), ...)}
    many = {"ids": (fields.told(list[strawberry.ID], "The rows' ids."), ...)}
    return {
        "node": fields.root(
            Root(
                lambda given: id_argument("id", given["id"]),
                find,
                routes=lambda _id, types: [by_id(each, 1) for each in asked(types)],
            ),
            Node | None,
            one,
            f"The row with an id; {hint}",
        ),
        "nodes": fields.root(
            Root(
                lambda given: [id_argument("ids", each) for each in given["ids"]],
                find_many,
                routes=lambda ids, types: [by_id(each, len(set(ids))) for each in asked(types)],
            ),
            list[Node | None],
            many,
            f"The rows with some ids, in their order; {hint}",
        ),
    }


def queries() -> dict[str, Any]:
    """Make the fields of Query."""
    made: dict[str, Any] = {
        "_entities": federation.entities(COLLECTIONS),
        "_service": federation.service(),
        **nodes(),
        **read_fields(server.READS),
    }
    for collection in COLLECTIONS:
        if collection.item:
            made[collection.one] = root_fields.item(collection)
        made[collection.name] = root_fields.listing(collection) if collection.listed else root_fields.rows(collection)
        if collection.countable:
            made[f"{collection.one}_count"] = root_fields.count_of(collection)
        made |= read_fields(collection.reads, collection.path)
    return made


def mutations() -> dict[str, Any]:
    """Make the fields of Mutation."""
    of_server = {name: action_field(None, action) for name, action in server.ACTIONS.items()}
    return of_server | {
        name: action_field(collection, action)
        for collection in COLLECTIONS
        for name, action in collection.actions.items()
    }


def root(name: str, fields: Mapping[str, StrawberryField], description: str) -> type:
    """Make a root type of its fields."""
    for python_name, field in fields.items():
        field.python_name = python_name
    return create_type(name, list(fields.values()), description=description)


class _Schema(Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: most are the client's or the upstream's; who shows them logs what is a defect of ours."""


def build(extensions: Sequence[Callable[[], SchemaExtension]] = ()) -> Schema:
    """Build the schema; `extensions` are Strawberry's, as classes or what makes them."""
    return _Schema(
        query=root("Query", queries(), "What can be read."),
        mutation=root("Mutation", mutations(), "What can be changed: each field is one action of the REST API."),
        subscription=root("Subscription", subscriptions(), "What is told as it happens, over a websocket or as SSE."),
        types=[collection.row for collection in COLLECTIONS],
        extensions=extensions,
        scalar_overrides={datetime: DATETIME},
        config=StrawberryConfig(
            name_converter=Names(), default_resolver=value_of, enable_experimental_incremental_execution=True
        ),
        federation_version="2.0",  # the lowest with all that is used: composers refuse what is newer than they are
    )
