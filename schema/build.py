"""The schema: the roots made of the table of collections, the types, the names."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry.federation.schema import Schema as FederationSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type

from resolvers import fields
from schema import COLLECTIONS
from schema.names import Names
from schema.scalars import DATETIME


def value_of(row: Any, key: str) -> Any:
    """Read a field of a row, which is a dict, or of an object of ours."""
    return row.get(key) if isinstance(row, dict) else getattr(row, key)


def roots() -> dict[str, Any]:
    """Make the fields of Query."""
    made: dict[str, Any] = {}
    for collection in COLLECTIONS:
        name = collection.name.removesuffix("s")
        if collection.item:
            made[name] = fields.item(collection)
        if collection.listed:
            made[collection.name] = fields.listing(collection)
        else:
            made[collection.name] = fields.rows(collection)
        if collection.countable:
            made[f"{name}_count"] = fields.count_of(collection)
    return made


def build() -> FederationSchema:
    """Build the schema."""
    made = roots()
    for name, field in made.items():
        field.python_name = name
    query = create_type("Query", [field for field in made.values()], description="What can be read.")
    return FederationSchema(
        query=query,
        types=[collection.row for collection in COLLECTIONS],
        scalar_overrides={datetime: DATETIME},
        config=StrawberryConfig(name_converter=Names(), default_resolver=value_of),
    )
