"""Saved searches: filters of runs that Prefect's UI keeps by name."""

from typing import Any

import strawberry
from pydantic import BaseModel, Field

from resolvers.actions import Action, delete, given_input, row
from resolvers.collection import Collection
from schema.scalars import Value
from schema.types import Dated, Input, Part, absent, resource


class _SavedSearchFilter(BaseModel):
    object: str = Field(description="What is filtered, such as flow_run.")
    property: str = Field(description="Which of its fields is asked.")
    type: str = Field(description="The type of the field.")
    operation: str = Field(description="How the field is compared.")
    value: Value = Field(description="What the field is compared with.")


@strawberry.pydantic.type(description="One condition of a saved search.")
class SavedSearchFilter(_SavedSearchFilter, Part):
    pass


@strawberry.pydantic.input(description="One condition of a saved search.")
class SavedSearchFilterInput(_SavedSearchFilter):
    pass


@resource("A saved search: conditions under a name.")
class SavedSearch(Dated):
    name: str = Field(description="The search's name, unique in the workspace.")
    filters: list[SavedSearchFilter] = Field(default_factory=list, description="The conditions.")


@strawberry.pydantic.input(description="A search to save.")
class SavedSearchCreate(Input):
    name: str = Field(description="The search's name; that of a saved search replaces its conditions.")
    filters: list[SavedSearchFilterInput] = absent("The conditions.")


ACTIONS: dict[str, Any] = {
    "create_saved_search": Action(
        "PUT",
        "/",
        row,
        SavedSearch | None,
        "Save a search, or replace the conditions of the one of that name.",
        given_input(SavedSearchCreate),
    ),
    "delete_saved_search": delete(),
}
SAVED_SEARCHES = Collection(
    "saved_searches", SavedSearch, actions=ACTIONS, singular="saved_search", bulk=False, countable=False
)
