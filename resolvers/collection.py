"""What a collection of the REST API is: rows, a filter, a sort, and how they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from importlib import import_module
from typing import Annotated, Any

import strawberry
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

Row = dict[str, Any]
"""A row is the JSON object that the upstream sent, decoded."""

DECLARED: list["Collection"] = []
"""Every collection, in the order of declaration."""


@dataclass(frozen=True, eq=False)
class Collection:
    """A REST collection, declared once.

    The path of its routes and the group of its filter in a body are `name`. `filters` is the path of the composite input
    where its `/filter` takes the groups of other collections too; without it, the own filter is the whole argument.
    """

    name: str
    row: type[BaseModel]
    filter: type[BaseModel] | None = None
    sort: type[Enum] | None = None
    default_sort: Enum | None = None
    filters: str | None = None
    actions: Mapping[str, Any] = field(default_factory=dict)
    """The mutations, by their names; see `resolvers.actions`."""
    named: str | None = None
    """Route that reads a row by its name: "/flows/name/{name}"."""
    listed: str | None = None
    """Route that gives the rows of one parent as a whole list, where there is no `/filter`."""
    bulk: bool = True
    """Whether `/filter` reads many by `id.any_`; else each is read by `GET /{name}/{id}`."""
    item: bool = True
    """Whether rows can be read by id at all."""
    countable: bool = True
    """Whether there is a `/count`."""

    def __post_init__(self) -> None:
        """Let relations that name the row type find the collection."""
        DECLARED.append(self)

    @cached_property
    def defaults(self) -> Row:
        """Values of the keys that an older upstream may lack."""
        defaults: Row = {}
        for name, declared in self.row.model_fields.items():
            value = declared.get_default(call_default_factory=True, validated_data={})
            if value is not PydanticUndefined:
                defaults[name] = value.value if isinstance(value, Enum) else value
        return defaults

    @property
    def filter_type(self) -> Any:
        """The annotation of the `filter` argument."""
        return lazy(self.filters) if self.filters else self.filter

    def body(self, filter: BaseModel | None) -> Row:  # noqa: A002  the argument's name in the API
        """Translate the `filter` argument into the groups of a REST body."""
        groups = filter.model_dump(mode="json", exclude_unset=True) if filter is not None else {}
        if not self.filters:
            groups = {self.name: groups} if groups else {}
        return {name: group for name, group in groups.items() if group is not None}

    def completed(self, rows: list[Row]) -> list[Row]:
        """Fill in what an older upstream left out."""
        defaults = self.defaults
        keys = defaults.keys()
        return [row if keys <= row.keys() else {**defaults, **row} for row in rows]


def collection_of(row: type[BaseModel]) -> Collection:
    """Return the collection that rows of a type are read from."""
    return next(collection for collection in DECLARED if collection.row is row)


def lazy(path: str) -> Any:
    """Name a GraphQL type by its path, "schema.flows.Flow", so that modules need not import each other."""
    module, name = path.rsplit(".", 1)
    return Annotated[name, strawberry.lazy(module)]


def named(path: str) -> Any:
    """Find what a path names."""
    module, name = path.rsplit(".", 1)
    return getattr(import_module(module), name)
