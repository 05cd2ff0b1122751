"""Automations through the gateway: every field of a trigger and of an action, written and read; over both kinds of upstream."""

from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.stack import Gateway, calls, document, open_gateway

pytestmark = pytest.mark.usefixtures("no_environment", "no_backoff", "nothing_unseen")

TRIGGER = """
fragment Event on AutomationTrigger { type match matchRelated after expect forEach posture threshold within }
fragment Trigger on AutomationTrigger {
  ...Event require triggers { ...Event require triggers { ...Event } }
}
"""
ACTION = """
fragment Action on AutomationAction {
  type source deploymentId workQueueId workPoolId automationId blockDocumentId parameters jobVariables scheduleAfter
  state name message force subject body payload
}
"""
AUTOMATION = """
fragment Whole on Automation {
  name description enabled tags trigger { ...Trigger }
  actions { ...Action } actionsOnTrigger { ...Action } actionsOnResolve { ...Action }
}
"""
FRAGMENTS = TRIGGER + ACTION + AUTOMATION

EVENT = {
    "type": "EVENT",
    "match": {"prefect.resource.id": ["prefect.flow-run.*", "!x"]},
    "matchRelated": [{"prefect.resource.role": "flow"}, {"a": ["b"]}],
    "after": ["before"],
    "expect": ["never"],
    "forEach": ["prefect.resource.id"],
    "posture": "PROACTIVE",
    "threshold": 2,
    "within": 60.5,
}
SEQUENCE = {"type": "SEQUENCE", "within": None, "triggers": [EVENT]}


@pytest.fixture(scope="module", params=["embedded", "prefect"])
async def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Gateway]:
    if request.param == "embedded":
        settings: dict[str, Any] = {"database_url": f"sqlite:///{tmp_path_factory.mktemp('embedded') / 'test.db'}"}
    else:
        settings = {"upstream": request.getfixturevalue("prefect_server")}
    async with open_gateway(deadline=60, **settings) as opened:
        yield opened


async def change(gateway: Gateway, mutation: str, **variables: Any) -> Any:
    """Send a mutation that must succeed; return the field's value."""
    text = document(mutation, **variables) + (FRAGMENTS if "...Whole" in mutation else "")
    [value] = (await gateway.data(text, variables)).values()
    return value


def given(found: Any) -> Any:
    """Leave out the fields that are not set."""
    if isinstance(found, list):
        return [given(each) for each in found]
    if isinstance(found, dict):
        return {name: given(value) for name, value in found.items() if value is not None}
    return found


async def new_deployment(gateway: Gateway) -> str:
    flow = await change(gateway, "createFlow(input: $input) { id }", input={"name": f"test-{uuid4()}"})
    sent = {"name": "test", "flowId": flow["id"]}
    return str((await change(gateway, "createDeployment(input: $input) { id }", input=sent))["id"])


async def test_every_field_is_written_and_read(gateway: Gateway) -> None:
    deployment, other = await new_deployment(gateway), str(uuid4())
    actions = [
        {"type": "DO_NOTHING"},
        {
            "type": "RUN_DEPLOYMENT",
            "source": "SELECTED",
            "deploymentId": deployment,
            "parameters": {"a": "{{ event.id }}", "b": [1]},
            "jobVariables": {},
            "scheduleAfter": 1.5,
        },
        {"type": "PAUSE_DEPLOYMENT", "source": "INFERRED"},
        {"type": "CANCEL_FLOW_RUN"},
        {"type": "CHANGE_FLOW_RUN_STATE", "state": "FAILED", "name": "Late", "message": "why", "force": True},
        {"type": "PAUSE_WORK_QUEUE", "source": "SELECTED", "workQueueId": other},
        {"type": "RESUME_WORK_POOL", "source": "SELECTED", "workPoolId": other},
        {"type": "PAUSE_AUTOMATION", "source": "SELECTED", "automationId": other},
        {"type": "SEND_NOTIFICATION", "blockDocumentId": other, "subject": "s", "body": "{{ event.id }}"},
        {"type": "CALL_WEBHOOK", "blockDocumentId": other, "payload": "p"},
    ]
    sent = {
        "name": f"test-{uuid4()}",
        "description": "d",
        "enabled": False,
        "tags": ["a"],
        "trigger": {"type": "COMPOUND", "within": 5.0, "require": "all", "triggers": [EVENT, SEQUENCE]},
        "actions": actions,
        "actionsOnTrigger": [{"type": "RESUME_FLOW_RUN"}],
        "actionsOnResolve": [{"type": "SUSPEND_FLOW_RUN"}],
    }
    made = await change(gateway, "createAutomation(input: $input) { id ...Whole }", input=sent)
    id_ = made.pop("id")
    assert given(made) == given(sent)

    # By id, among others, and as the deployment's; the second of these is read by plans, too.
    one = "query ($id: ID!) { automation(id: $id) { ...Whole } }" + FRAGMENTS
    assert (await gateway.data(one, {"id": id_}))["automation"] == made
    many = (
        "query ($ids: [ID!]) { automations(filter: {id: {any: $ids}}) { nodes { ...Whole } totalCount } }" + FRAGMENTS
    )
    assert (await gateway.data(many, {"ids": [id_]}))["automations"] == {"nodes": [made], "totalCount": 1}
    query = "query ($id: ID!) { deployment(id: $id) { automations { nodes { id } totalCount } } }"
    answered = await gateway.ask(query, {"id": deployment})
    assert answered["data"]["deployment"]["automations"] == {"nodes": [{"id": id_}], "totalCount": 1}
    assert f"GET /automations/related-to/prefect.deployment.{deployment}" in calls(answered)
    related = "query ($resource: String!) { automationsRelatedTo(resource: $resource) { id } }"
    found = await gateway.data(related, {"resource": f"prefect.deployment.{deployment}"})
    assert found["automationsRelatedTo"] == [{"id": id_}]

    # What was read can be written.
    changes = {**given(made), "trigger": EVENT, "name": "changed"}
    changed = await change(gateway, "updateAutomation(id: $id, input: $input) { ...Whole }", id=id_, input=changes)
    assert given(changed) == changes
    assert await change(
        gateway, "setAutomationEnabled(id: $id, enabled: $enabled) { enabled }", id=id_, enabled=True
    ) == {"enabled": True}
    assert await change(gateway, "deleteAutomation(id: $id)", id=id_) == id_
    assert (await gateway.data(one, {"id": id_}))["automation"] is None


async def test_automations_go_with_their_owner(gateway: Gateway) -> None:
    owner = f"test.{uuid4()}"
    event = {"type": "EVENT", "posture": "REACTIVE", "expect": ["never"]}
    sent = {"name": "owned", "trigger": event, "actions": [], "ownerResource": owner}
    made = await change(gateway, "createAutomation(input: $input) { id trigger { threshold within } }", input=sent)
    assert made["trigger"] == {"threshold": 1, "within": 0.0}
    assert await change(gateway, "deleteAutomationsOwnedBy(resource: $resource)", resource=owner) is True
    found = await gateway.data("query ($id: ID!) { automation(id: $id) { id } }", {"id": made["id"]})
    assert found["automation"] is None


async def test_what_can_not_be_is_refused(gateway: Gateway) -> None:
    short = {"type": "EVENT", "posture": "PROACTIVE", "within": 1}
    sent = {"name": "refused", "trigger": short, "actions": []}
    refused = await gateway.error("createAutomation(input: $input) { id }", input=sent)
    assert refused["extensions"]["code"] == "BAD_USER_INPUT"
    assert "10 seconds" in refused["message"]
