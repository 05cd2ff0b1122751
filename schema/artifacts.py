"""Artifacts: what runs made to be looked at, and the latest of each key."""

from enum import Enum
from typing import Annotated

import strawberry
from pydantic import AfterValidator, BaseModel, Field
from strawberry.scalars import JSON

from resolvers.actions import create, delete, update
from resolvers.collection import Collection
from resolvers.fields import belongs_to
from resolvers.readings import Reading
from schema.operators import AnyIdFilter, AnyStringExceptFilter, KeyFilter, Operator, combined
from schema.scalars import Id, OptionalObject, Value
from schema.types import Dated, Detached, Input, absent, choice, dashed, resource

LONGEST_WORD = 500
"""Characters of a text in an artifact's metadata; Prefect cuts off what is longer."""


def _cut(words: dict[str, str] | None) -> dict[str, str] | None:
    return words and {
        name: f"{word[:LONGEST_WORD]}..." if len(word) > LONGEST_WORD else word for name, word in words.items()
    }


Words = Annotated[dict[str, str] | None, AfterValidator(_cut), strawberry.field(graphql_type=JSON | None)]


class _Made(BaseModel):
    type: str | None = absent("What the data is, such as markdown, table, link, image or progress.")
    description: str | None = absent("A description for people, in Markdown.")
    data: Value = absent("The data; its type says how to read it.")
    metadata_: OptionalObject = absent("The client's own words about it: texts by name.")
    flow_run_id: Id | None = absent("The flow run that made it.")
    task_run_id: Id | None = absent("The task run that made it.")

    flow_run = belongs_to("schema.flow_runs.FlowRun", key="flow_run_id", description="The flow run that made it.")
    task_run = belongs_to("schema.task_runs.TaskRun", key="task_run_id", description="The task run that made it.")


@resource("What a run made to be looked at: a table, a link, a text, an image, a progress.")
class Artifact(_Made, Dated):
    key: str | None = absent("What artifacts that are versions of one another have in common.")


@resource("The latest artifact of a key. Its own id is not the artifact's.", resolvable=False)
class ArtifactCollection(_Made, Detached):
    key: str = Field(description="What artifacts that are versions of one another have in common.")
    latest_id: Id | None = absent("The latest artifact.")

    latest = belongs_to("schema.artifacts.Artifact", key="latest_id", description="The latest artifact.")


class _ArtifactFilter(Input):
    operator: Operator = combined()
    key: KeyFilter | None = absent("The artifact's key.")
    flow_run_id: AnyIdFilter | None = absent("The flow run that made it.")
    task_run_id: AnyIdFilter | None = absent("The task run that made it.")
    type: AnyStringExceptFilter | None = absent("What the data is.")


@strawberry.pydantic.input(description="Which artifacts.")
class ArtifactFilter(_ArtifactFilter):
    id: AnyIdFilter | None = absent("The artifact's id.")


@strawberry.pydantic.input(description="Which latest artifacts.")
class ArtifactCollectionFilter(_ArtifactFilter):
    latest_id: AnyIdFilter | None = absent("The latest artifact's id.")


@strawberry.enum(description="Orders of artifacts. ID_DESC is total; the others leave the order of equal values open.")
class ArtifactSort(Enum):
    CREATED_DESC = choice("CREATED_DESC", "By when it was created, the latest first.")
    UPDATED_DESC = choice("UPDATED_DESC", "By when it was last updated, the latest first.")
    ID_DESC = choice("ID_DESC", "By id, descending; total.")
    KEY_DESC = choice("KEY_DESC", "By key, from Z to A.")
    KEY_ASC = choice("KEY_ASC", "By key, from A to Z.")


@strawberry.enum(description="Orders of latest artifacts. ID_DESC and those by key are total: keys are unique here.")
class ArtifactCollectionSort(Enum):
    CREATED_DESC = choice("CREATED_DESC", "By when the key was first used, the latest first.")
    UPDATED_DESC = choice("UPDATED_DESC", "By when it was last updated, the latest first.")
    ID_DESC = choice("ID_DESC", "By id, descending; total.")
    KEY_DESC = choice("KEY_DESC", "By key, from Z to A.")
    KEY_ASC = choice("KEY_ASC", "By key, from A to Z.")


class _ArtifactInput(Input):
    data: Value = absent("The data; its type says how to read it.")
    description: str | None = absent("A description for people, in Markdown.")
    metadata_: Words = absent("Words of one's own about it: texts by name, cut off after 500 characters.")


@strawberry.pydantic.input(description="An artifact to create: with a key, the latest of that key.")
class ArtifactCreate(_ArtifactInput):
    key: Annotated[str | None, dashed("Artifact key")] = absent("Its key: lowercase letters, numbers and dashes.")
    type: str | None = absent("What the data is, such as markdown, table, link, image or progress.")
    flow_run_id: Id | None = absent("The flow run that made it.")
    task_run_id: Id | None = absent("The task run that made it.")


@strawberry.pydantic.input(description="Changes to an artifact.")
class ArtifactUpdate(_ArtifactInput):
    pass


ARTIFACTS = Collection(
    "artifacts",
    Artifact,
    ArtifactFilter,
    ArtifactSort,
    ArtifactSort.ID_DESC,
    filters="schema.filters.ArtifactFilters",
    actions={
        "create_artifact": create(Artifact, ArtifactCreate),
        "update_artifact": update(Artifact, ArtifactUpdate),
        "delete_artifact": delete(),
    },
    reads={
        "latest_artifact": Reading(
            "GET",
            "/{key}/latest",
            ArtifactCollection | None,
            "The latest artifact of a key; this route leaves `latestId` out.",
            model=ArtifactCollection,
        )
    },
)
ARTIFACT_COLLECTIONS = Collection(
    "artifact_collections",
    ArtifactCollection,
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactCollectionSort.ID_DESC,
    filters="schema.filters.ArtifactCollectionFilters",
    route="/artifacts/latest",
    group="artifacts",
    bulk=False,
    item=False,
)
