"""What is asked of the server as a whole: its version and settings, and what belongs to no collection."""

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry
from pydantic import BaseModel, ConfigDict, Field
from strawberry import UNSET
from strawberry.federation.schema_directives import Inaccessible
from strawberry.scalars import JSON

from resolvers.actions import Action, Done, given_input
from resolvers.collection import completed
from resolvers.fields import told
from resolvers.readings import Reading
from resolvers.rows import objects
from schema.scalars import Id, Value
from schema.states import StateType
from schema.task_workers import READS as TASK_WORKERS
from schema.types import INTERNAL, Detached, Input, Part, absent
from schema.ui import READS as UI
from schema.work_queues import WorkQueue


@strawberry.enum(description="The order of observed states.")
class ObservedStateSort(Enum):
    NAME_ASC = strawberry.enum_value("NAME_ASC", description="By type and name; total.")
    LAST_SEEN_DESC = strawberry.enum_value("LAST_SEEN_DESC", description="Those seen last come first.")


@strawberry.pydantic.type(description="A kind of state that runs have been in, with its name.")
class ObservedState(Part):
    state_type: StateType | None = Field(description="The kind of state.")
    state_name: str | None = Field(description="The state's name.")
    first_seen: datetime | None = Field(description="When a run that is still there first entered it.")
    last_seen: datetime | None = Field(description="When a run that is still there last entered it.")


@strawberry.pydantic.type(description="Whether values conform to a JSON schema.")
class SchemaValidation(Part):
    valid: bool | None = Field(description="Whether they do.")
    errors: Value = Field(
        description="What does not conform: texts, `{property, errors}` and `{index, errors}`, the latter two nested."
    )


@strawberry.pydantic.type(
    description="A token against forged requests, where the server asks for one.", directives=[Inaccessible()]
)
class CsrfToken(Detached):
    token: str | None = Field(description="The token, sent as the header `Prefect-Csrf-Token`.")
    client: str | None = Field(description="Whose it is, sent as the header `Prefect-Csrf-Client`.")
    expiration: datetime | None = Field(description="Until when it is good.")


class _DefaultResultStorage(BaseModel):
    default_result_storage_block_id: Id | None = absent("The block document where results are stored.")


@strawberry.pydantic.type(description="Where results are stored unless a work pool or a flow says otherwise.")
class ServerDefaultResultStorage(_DefaultResultStorage, Part):
    pass


@strawberry.pydantic.input(description="Where results are stored by default.")
class ServerDefaultResultStorageUpdate(Input):
    model_config = ConfigDict(extra="ignore")

    default_result_storage_block_id: Id = Field(description="The block document where results are stored.")


async def storage(done: Done) -> Any:
    """Return the storage that was set."""
    (answer,) = objects([done.answer], done.path, "PUT")
    return completed(ServerDefaultResultStorage, answer)


async def yes(_done: Done) -> bool:
    """Say that it was done."""
    return True


READS = {
    **UI,
    **TASK_WORKERS,
    "deployment_work_queue_check": Reading(
        "GET",
        "/deployments/{id}/work_queue_check",
        list[WorkQueue | None] | None,
        "The work queues whose filters let them hand out a deployment's runs.",
        WorkQueue,
        many=True,
    ),
    "block_capabilities": Reading(
        "GET", "/block_capabilities/", list[str] | None, "What the blocks of some schema can do, such as `read-path`."
    ),
    "api_version": Reading("GET", "/version", str | None, "The version of the REST API."),
    "server_version": Reading("GET", "/admin/version", str | None, "The version of Prefect."),
    "server_settings": Reading("GET", "/admin/settings", JSON | None, "The server's settings, its secrets hidden."),
    "server_default_result_storage": Reading(
        "GET",
        "/admin/storage",
        ServerDefaultResultStorage | None,
        "Where results are stored by default.",
        ServerDefaultResultStorage,
    ),
    "health": Reading("GET", "/health", bool | None, "Whether the server runs."),
    "ready": Reading("GET", "/ready", JSON | None, "Whether the server's database answers."),
    "hello": Reading("GET", "/hello", str | None, "A greeting."),
    "csrf_token": Reading(
        "GET",
        "/csrf-token",
        CsrfToken | None,
        "A token against forged requests; refused where the server asks for none. The gateway gets its own.",
        CsrfToken,
        body={"client": (told(str, "Whose token it is."), ..., "client")},
        directives=[Inaccessible()],
    ),
    "collection_view": Reading(
        "GET",
        "/collections/views/{view}",
        JSON | None,
        "What a view of Prefect's registry of integrations holds, such as aggregate-worker-metadata.",
    ),
    "observed_states": Reading(
        "GET",
        "/observed-states",
        list[ObservedState | None] | None,
        "The states that runs have been in.",
        ObservedState,
        many=True,
        body={
            "search": (told(str | None, "How the type or the name begins, case ignored."), UNSET, "query"),
            "sort": (told(ObservedStateSort | None, "The order."), ObservedStateSort.LAST_SEEN_DESC, "order_by"),
            "limit": (told(int | None, "At most how many, from 1 to 200."), UNSET, "limit"),
        },
    ),
    "validate_template": Reading(
        "POST",
        "/templates/validate",
        bool | None,
        "Whether the text is a Jinja template that automations can use; it is refused with what is wrong where it is none.",
        body={"template": (told(str, "The template."), ..., "")},
        silent=True,
    ),
    "validate_values": Reading(
        "POST",
        "/ui/schemas/validate",
        SchemaValidation | None,
        "Whether values conform to a JSON schema.",
        SchemaValidation,
        body={
            "schema": (told(JSON, "The JSON schema."), ..., "schema"),
            "values": (told(JSON, "The values."), ..., "values"),
        },
        directives=[INTERNAL],
    ),
}
"""The root fields."""

ACTIONS = {
    "update_server_default_result_storage": Action(
        "PUT",
        "/admin/storage",
        storage,
        ServerDefaultResultStorage | None,
        "Set where results are stored by default.",
        given_input(ServerDefaultResultStorageUpdate),
    ),
    "delete_server_default_result_storage": Action(
        "DELETE", "/admin/storage", yes, bool | None, "Have results stored nowhere by default."
    ),
}
"""The mutations."""
