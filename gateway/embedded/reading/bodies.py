"""The bodies of the reading routes, made from what the collections take: filter groups, a sort, a page."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, Field, create_model

from gateway.embedded.reading.queries import Groups
from resolvers.collection import Collection, named

LIMIT = 200
"""Rows in one page, at most and by default."""

T = TypeVar("T")


class Paginated(BaseModel, Generic[T]):
    """A numbered page of rows, and how many pages there are."""

    results: list[T]
    count: int
    limit: int
    pages: int
    page: int


class Body(BaseModel):
    """A body; unknown keys are ignored, as Prefect does."""

    @property
    def groups(self) -> Groups:
        """The filter groups that the body gives."""
        return {name: value for name, value in self if isinstance(value, BaseModel)}


class Page(Body):
    """A body that asks for rows from an offset on."""

    limit: int | None = Field(None, description=f"Rows at most; {LIMIT} by default and at most.")
    offset: int | None = Field(None, ge=0, description="Rows to pass over.")


class NumberedPage(Body):
    """A body that asks for a page by its number."""

    limit: int | None = Field(None, description=f"Rows at most; {LIMIT} by default and at most.")
    page: int | None = Field(None, ge=1, description="The page's number, from 1.")


class History(Body):
    """A body that asks for the history of runs."""

    history_start: datetime = Field(description="When the history starts.")
    history_end: datetime = Field(description="When the history ends.")
    history_interval_seconds: float = Field(
        description="Seconds of each interval, at least 1.", json_schema_extra={"format": "time-delta"}
    )


def page_limit(limit: int | None) -> int:
    """Check the limit of a page, whose refusal has a body of its own in Prefect."""
    if limit is None:
        return LIMIT
    if limit < 0:
        raise HTTPException(422, "Invalid limit: must be greater than or equal to 0.")
    if limit > LIMIT:
        raise HTTPException(422, f"Invalid limit: must be less than or equal to {LIMIT}.")
    return limit


def groups_of(collection: Collection) -> dict[str, Any]:
    """Return the groups that a collection's bodies take, with their filters, all optional."""
    if collection.filters:
        fields = named(collection.filters).model_fields
        return {name: (field.annotation, Field(None, description=field.description)) for name, field in fields.items()}
    return {collection.own: (collection.filter | None, None)} if collection.filter else {}


def sort_of(collection: Collection) -> dict[str, Any]:
    """Return the sort that a collection's bodies take; none, or null, is its default."""
    sort: type[Enum] | None = collection.sort
    return (
        {"sort": (sort | None, Field(None, description=f"The order; {collection.default_sort} by default."))}
        if sort
        else {}
    )


def options_of(collection: Collection) -> dict[str, Any]:
    """Return the further keys that a collection's `/filter` takes, each false by default."""
    return {name: (bool, Field(False, description=about)) for name, (_, about) in collection.options.items()}


def body(collection: Collection, suffix: str, base: type[Body], fields: Mapping[str, Any]) -> type[Any]:
    """Make a body of a collection's route."""
    return create_model(f"{collection.row.__name__}{suffix}", __base__=base, **fields)
