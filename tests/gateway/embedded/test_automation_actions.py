"""What automations do: each kind of action changes what it says, or calls whom it says, and an event tells of it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn import Config

from gateway.embedded.automations.engine import Engine
from gateway.embedded.automations.tables import WINDOWS
from tests.gateway.embedded.automated import World, open_world, reactive
from tests.gateway.stack import Quiet

DONE, FAILED = "prefect.automation.action.executed", "prefect.automation.action.failed"
HOUR = timedelta(hours=1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(f"sqlite:///{tmp_path / 'embedded.db'}") as world:
        yield world


async def made(world: World, path: str, **body: Any) -> Any:
    return (await world.send("POST", path, body))["id"]


async def test_flow_runs_are_put_into_states_and_deleted(world: World) -> None:
    flow = await made(world, "/flows/", name="f")
    kinds: dict[str, dict[str, Any]] = {
        "change-flow-run-state": {"state": "CRASHED", "name": "Gone", "message": "it is"},
        "cancel-flow-run": {},
        "suspend-flow-run": {},
        "resume-flow-run": {},
        "delete-flow-run": {},
    }
    deployment = await made(world, "/deployments/", name="d", flow_id=flow)
    runs = {}
    for kind, more in kinds.items():
        state = {"type": "PAUSED" if kind == "resume-flow-run" else "RUNNING"}
        runs[kind] = await made(world, "/flow_runs/", flow_id=flow, deployment_id=deployment, state=state)
        await world.automate(kind, reactive(kind), {"type": kind, **more})
        await world.tell(kind, f"prefect.flow-run.{runs[kind]}")
    await world.turn()
    assert [each["payload"].get("reason") for each in await world.events(DONE, FAILED)] == [None] * len(kinds)
    found = {each["id"]: each for each in await world.send("POST", "/flow_runs/filter", {})}
    states = [found[id_]["state"] if id_ in found else None for id_ in runs.values()]
    assert [state and (state["type"], state["name"]) for state in states] == [
        ("CRASHED", "Gone"),
        ("CANCELLING", "Cancelling"),
        ("PAUSED", "Suspended"),
        ("RUNNING", "Running"),
        None,
    ]
    assert states[0]["message"] == "it is"


async def test_deployments_are_run_with_what_is_filled_in_and_paused(world: World) -> None:
    flow = await made(world, "/flows/", name="f")
    deployment = await made(world, "/deployments/", name="d", flow_id=flow, parameters={"kept": 1})
    await world.send("POST", "/variables/", {"name": "city", "value": "Pisa"})
    parameters = {
        "who": "{{ event.resource.id }}",
        "number": "{{ event.resource['size'] | int }}",
        "where": {"__prefect_kind": "workspace_variable", "variable_name": "city"},
    }
    mine = {"deployment_id": deployment}
    run = {"type": "run-deployment", "parameters": parameters, "job_variables": {"a": "b"}, "schedule_after": 3_600}
    automation = await world.automate("run", reactive("go"), {**run, **mine})
    for word in ("pause", "resume"):
        await world.automate(word, reactive(word), {"type": f"{word}-deployment", **mine})
    before = datetime.now(UTC)
    await world.tell("go", "x.1", size="7")
    await world.tell("pause")
    await world.turn()
    (found,) = await world.send("POST", "/flow_runs/filter", {})
    assert found["parameters"] == {"kept": 1, "who": "x.1", "number": 7, "where": "Pisa"}
    assert (found["state_name"], found["job_variables"]) == ("Scheduled", {"a": "b"})
    assert datetime.fromisoformat(found["next_scheduled_start_time"]) >= before + HOUR
    assert (found["created_by"]["type"], found["created_by"]["id"]) == ("AUTOMATION", automation)
    assert (await world.send("GET", f"/deployments/{deployment}"))["paused"]
    await world.tell("resume")
    await world.turn()
    assert not (await world.send("GET", f"/deployments/{deployment}"))["paused"]


async def test_automations_are_paused_and_go_on(world: World) -> None:
    other = await world.automate("other", reactive("tick"))
    for word in ("pause", "resume"):
        await world.automate(word, reactive(word), {"type": f"{word}-automation", "automation_id": other})
    for word, enabled in (("pause", False), ("resume", True)):
        await world.tell(word)
        await world.turn()
        assert (await world.send("GET", f"/automations/{other}"))["enabled"] is enabled


async def test_actions_when_it_is_set_off_come_last_and_none_when_it_is_resolved(world: World) -> None:
    body = {"name": "both", "trigger": reactive("tick"), "actions": [{"type": "do-nothing"}]}
    flow = await made(world, "/flows/", name="f")
    run = await made(world, "/flow_runs/", flow_id=flow, state={"type": "RUNNING"})
    # What sets it off is about the automation, not about the run.
    more = {"actions_on_trigger": [{"type": "cancel-flow-run"}], "actions_on_resolve": [{"type": "do-nothing"}]}
    made_ = await world.send("POST", "/automations/", {**body, **more})
    assert (await world.send("GET", f"/automations/{made_['id']}"))["actions_on_resolve"] == more["actions_on_resolve"]
    await world.tell("tick", f"prefect.flow-run.{run}")
    await world.turn()
    told = [(each["event"], each["payload"]["action_index"]) for each in await world.events(DONE, FAILED)]
    assert sorted(told) == [(DONE, 0), (FAILED, 1)]


async def test_silence_sets_off_what_waits_for_anything(world: World) -> None:
    await world.automate("quiet", {"posture": "Proactive", "expect": ["tick"], "within": 10}, {"type": "do-nothing"})
    assert await world.fired() == []
    age = {name: datetime.now(UTC) - ago for name, ago in (("start", 2 * HOUR), ("end", HOUR))}
    await world.database.write(lambda connection: connection.execute(update(WINDOWS).values(age)) and None)
    # The server was started anew: nothing is remembered but what is written down.
    world.engine = Engine(world.engine.app)
    assert await world.fired() == [("quiet", [])]
    assert await world.fired() == [("quiet", [])]
    (done,) = await world.events(DONE)
    assert done["resource"]["prefect.posture"] == "Proactive"


async def test_triggers_that_only_prefect_cloud_knows_are_refused(world: World) -> None:
    metric = {"name": "successes", "operator": "<", "threshold": 0.5, "range": 300, "firing_for": 300}
    body = {"name": "m", "trigger": {"type": "metric", "posture": "Metric", "metric": metric}, "actions": []}
    answer = await world.client.post("/automations/", json=body)
    assert answer.status_code == 422
    assert "'event', 'compound', 'sequence'" in answer.text


class Receiver:
    """A server of someone else's, which notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url, self.status = "", 200

    async def hear(self, request: Request) -> Response:
        self.asked.append((request.method, str(request.url.query), dict(request.headers), await request.body()))
        return PlainTextResponse("thanks", self.status, {"x-kind": "tea", "x-prefect-more": "untold"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.hear, methods=["POST", "PUT"])])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Quiet(Config(app, log_config=None, ws="none", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        receiver.url = f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        try:
            yield receiver
        finally:
            server.should_exit = True
            await serving


async def block(world: World, slug: str, data: dict[str, Any], *capabilities: str, **fields: Any) -> str:
    """Make a block document, with the type and the schema that it needs unless they are there."""
    kinds = await world.send("POST", "/block_types/filter", {})
    kind = next((each["id"] for each in kinds if each["slug"] == slug), None)
    kind = kind or await made(world, "/block_types/", name=slug.title(), slug=slug)
    schema = await made(
        world, "/block_schemas/", block_type_id=kind, fields={"title": slug, **fields}, capabilities=capabilities
    )
    return str(await made(world, "/block_documents/", name="b", data=data, block_type_id=kind, block_schema_id=schema))


async def test_webhooks_are_called(world: World, receiver: Receiver) -> None:
    data = {"method": "PUT", "url": f"{receiver.url}?token=s3cret", "headers": {"x-from": "us"}}
    id_ = await block(world, "webhook", data, secret_fields=["url", "headers.*"])
    payload = {"text": "{{ event.event }} of {{ automation.name }}"}
    await world.automate(
        "call", reactive("tick"), {"type": "call-webhook", "block_document_id": id_, "payload": payload}
    )
    await world.tell("tick")
    await world.turn()
    ((method, query, headers, content),) = receiver.asked
    assert (method, query, headers["x-from"]) == ("PUT", "token=s3cret", "us")
    assert content == b'{\n  "text": "tick of call"\n}'
    (done,) = await world.events(DONE)
    assert (done["payload"]["status_code"], done["payload"]["response_body"]) == (200, "thanks")
    assert done["payload"]["response_headers"]["x-kind"] == "tea"
    assert "x-prefect-more" not in done["payload"]["response_headers"]
    assert {each["prefect.resource.role"]: each.get("prefect.resource.name") for each in done["related"]}[
        "block"
    ] == "b"
    assert "s3cret" not in str(await world.events(DONE, "prefect.block-document.created"))


async def notify(world: World, block_document_id: str) -> Any:
    """Let an automation send a notification; return the event that tells how that ended."""
    action = {"type": "send-notification", "block_document_id": block_document_id, "subject": "{{ event.event }}!"}
    await world.automate("notify", reactive("tick"), {**action, "body": "about {{ event.resource.id }}"})
    await world.tell("tick", "tea")
    await world.turn()
    (told,) = await world.events(DONE, FAILED)
    return told


SENT: dict[str, Callable[[Any], Any]] = {
    "slack-webhook": lambda sent: sent["text"],
    "ms-teams-webhook": lambda sent: "\n".join(each["text"] for each in sent["attachments"][0]["content"]["body"]),
    "custom-webhook": lambda sent: sent,
}


@pytest.mark.parametrize(
    ("slug", "more", "expected"),
    [
        ("slack-webhook", {}, "*tick!*\nabout tea"),
        ("ms-teams-webhook", {}, "tick!\nabout tea"),
        (
            "custom-webhook",
            {
                "name": "n",
                "json_data": {"all": "{{subject}} {{ body }} {{name}}", "key": "{{k}}"},
                "secrets": {"k": "s"},
            },
            {"all": "tick! about tea n", "key": "s"},
        ),
    ],
)
async def test_notifications_are_sent(
    world: World, receiver: Receiver, slug: str, more: dict[str, Any], expected: Any
) -> None:
    told = await notify(world, await block(world, slug, {"url": receiver.url, **more}, "notify"))
    assert told["event"] == DONE, told["payload"]
    ((_, _, _, content),) = receiver.asked
    assert SENT[slug](from_json(content)) == expected


@pytest.mark.parametrize(
    ("slug", "more", "status", "reason"),
    [
        ("slack-webhook", {}, 500, "Notification failed: it was answered with the status 500"),
        ("slack-webhook", {"allow_private_urls": False}, 200, "the block must allow private URLs"),
        ("custom-webhook", {"json_data": {"a": "{{ unknown.name }}"}}, 200, "The notification block was invalid"),
        ("twilio-sms", {}, 200, "no notifications by blocks of the type 'twilio-sms'"),
    ],
)
async def test_notifications_that_fail_tell_what_to_do(
    world: World, receiver: Receiver, slug: str, more: dict[str, Any], status: int, reason: str
) -> None:
    receiver.status = status
    told = await notify(world, await block(world, slug, {"url": f"{receiver.url}?t=s3cret", **more}, "notify"))
    assert told["event"] == FAILED
    assert reason in told["payload"]["reason"]
    assert "s3cret" not in str(told)
