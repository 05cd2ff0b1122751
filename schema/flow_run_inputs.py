"""Inputs of flow runs: what a run was sent, or waits for, by key."""

import strawberry
from pydantic import Field
from strawberry.scalars import JSON

from resolvers.actions import Action, Done, given_input
from resolvers.collection import Collection
from resolvers.fields import belongs_to
from resolvers.readings import Reading
from schema.scalars import Id
from schema.types import Detached, Input, absent, resource

KEY_PATTERN = "^[a-z0-9-]*$"


@resource("A text that a flow run was sent, or waits for, under a key.", resolvable=False)
class FlowRunInput(Detached):
    flow_run_id: Id | None = absent("The flow run that it is for.")
    key: str = Field(description="The key, unique in the flow run.")
    value: str | None = absent("The text, mostly JSON.")
    sender: str | None = absent("Who sent it.")

    flow_run = belongs_to("schema.flow_runs.FlowRun", key="flow_run_id", description="The flow run that it is for.")


@strawberry.pydantic.input(description="An input for a flow run.")
class FlowRunInputCreate(Input):
    key: str = Field(pattern=KEY_PATTERN, description="The key: lowercase letters, numbers and dashes.")
    value: str = Field(description="The text.")
    sender: str | None = absent("Who sends it.")


async def _key_created(done: Done) -> str:
    key: str = done.arguments["input"].key
    return key


async def _key_deleted(done: Done) -> str:
    return str(done.arguments["key"])


FLOW_RUN_INPUTS = Collection(
    "flow_run_inputs",
    FlowRunInput,
    within="/flow_runs/{flow_run_id}/input/filter",
    route="/flow_runs/{flow_run_id}/input",
    base={"prefix": ""},
    options={
        "prefix": (str | None, "How the key begins."),
        "exclude_keys": (list[str] | None, "Keys to leave out."),
    },
    actions={
        "create_flow_run_input": Action(
            "POST",
            "",
            _key_created,
            str | None,
            "Send a flow run an input; the key is returned.",
            given_input(FlowRunInputCreate),
        ),
        "delete_flow_run_input": Action(
            "DELETE", "/{key}", _key_deleted, str | None, "Delete an input of a flow run; the key is returned."
        ),
    },
    reads={
        "flow_run_input": Reading(
            "GET", "/{key}", JSON | None, "The value of an input that is JSON, as those are that Prefect writes."
        )
    },
    bulk=False,
    item=False,
    offsets=False,
    countable=False,
)
