"""The engine of automations, turn by turn, on both databases; that it does as Prefect is seen in `test_automations_like_prefect`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from gateway.embedded.automations import templates
from tests.gateway.embedded.automated import World, open_world, reactive


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        yield world


async def test_enough_events_in_time_set_it_off_once(world: World) -> None:
    await world.automate("three", reactive("tick.*", threshold=3, within=60))
    for after in (0, 10):
        await world.tell("tick.a", after=after)
    assert await world.fired() == []
    await world.tell("tock.a", after=15)
    await world.tell("tick.b", after=20)
    assert await world.fired() == [("three", [])]
    # The next window begins where this one ends.
    for after in (30, 40, 50):
        await world.tell("tick.a", after=after)
    assert await world.fired() == [("three", [])]
    for after in (1_000, 1_010, 1_020):
        await world.tell("tick.a", after=after)
    assert await world.fired() == [("three", [])] * 2


async def test_events_are_counted_apart(world: World) -> None:
    await world.automate("each", reactive("tick", threshold=2, for_each=["prefect.resource.id"]))
    for resource in ("a", "b", "a", "c", "a"):
        await world.tell("tick", resource)
    assert await world.fired() == [("each", ["a"])]
    await world.tell("tick", "b")
    assert await world.fired() == [("each", ["a"]), ("each", ["b"])]


async def test_resources_must_fit(world: World) -> None:
    await world.automate("fit", reactive("tick", match={"prefect.resource.id": "a.*", "color": ["red", "!b*"]}))
    await world.tell("tick", "b.1", color="red")
    await world.tell("tick", "a.1")
    await world.tell("tick", "a.1", color="blue")
    assert await world.fired() == []
    await world.tell("tick", "a.1", color="green")
    assert await world.fired() == [("fit", [])]


async def test_what_must_happen_first_opens_the_window(world: World) -> None:
    await world.automate("after", reactive("answer", after=["question"], within=60))
    await world.tell("answer", after=0)
    await world.tell("question", after=10)
    assert await world.fired() == []
    await world.tell("answer", after=20)
    assert await world.fired() == [("after", [])]
    await world.tell("answer", after=30)
    assert await world.fired() == [("after", [])]


async def test_absence_is_noticed_when_time_is_over(world: World) -> None:
    trigger = {"posture": "Proactive", "after": ["start"], "expect": ["end"], "within": 60}
    await world.automate("missing", {**trigger, "for_each": ["prefect.resource.id"]})
    for resource in ("a", "b"):
        await world.tell("start", resource, after=0)
    await world.tell("end", "a", after=30)
    assert await world.fired() == [("missing", ["b"])]
    assert await world.fired() == [("missing", ["b"])]


async def test_time_is_not_over_before_its_end(world: World) -> None:
    trigger = {"posture": "Proactive", "after": ["start"], "expect": ["end"], "within": 7_200}
    await world.automate("missing", {**trigger, "for_each": ["prefect.resource.id"]})
    await world.automate("quiet", {"posture": "Proactive", "expect": ["end"], "within": 7_200})
    await world.tell("start", "a")
    assert await world.fired() == []


@pytest.mark.parametrize(
    ("require", "told", "times"),
    [
        ("any", ["b"], 1),
        ("all", ["a", "b"], 0),
        ("all", ["b", "c", "a"], 1),
        (2, ["c", "c"], 0),
        (2, ["c", "a", "b"], 1),
    ],
)
async def test_triggers_within_a_compound_one_fire_it(
    world: World, require: str | int, told: list[str], times: int
) -> None:
    inner = [reactive(name) for name in ("a", "b", "c")]
    await world.automate("some", {"type": "compound", "require": require, "within": 60, "triggers": inner})
    for name in told:
        await world.tell(name)
    assert await world.fired() == [("some", [])] * times


async def test_triggers_within_a_sequence_fire_it_in_their_order(world: World) -> None:
    inner: list[Any] = [reactive("a"), {"type": "sequence", "within": None, "triggers": [reactive("b"), reactive("c")]}]
    await world.automate("order", {"type": "sequence", "within": 60, "triggers": inner})
    for name in ("b", "c", "a", "c"):
        await world.tell(name)
    assert await world.fired() == []
    for name in ("b", "c"):
        await world.tell(name)
    assert await world.fired() == [("order", [])]


async def test_one_that_waits_for_anything_comes_to_an_end(world: World) -> None:
    await world.automate("any", reactive())
    await world.automate("told", reactive("prefect.automation.triggered"))
    await world.tell("tick")
    assert ("any", []) in await world.fired()
    for _ in range(3):
        await world.turn()
    before = await world.fired()
    assert await world.fired() == before


async def test_a_disabled_one_or_a_deleted_one_does_nothing(world: World) -> None:
    ids = [await world.automate(name, reactive("tick")) for name in ("disabled", "deleted", "there")]
    await world.tell("tick")
    assert len(await world.fired()) == 3
    await world.send("PATCH", f"/automations/{ids[0]}", {"enabled": False})
    await world.send("DELETE", f"/automations/{ids[1]}")
    await world.tell("tick")
    assert [name for name, _ in (await world.fired())[3:]] == ["there"]
    await world.send("PATCH", f"/automations/{ids[0]}", {"enabled": True})
    await world.tell("tick")
    assert sorted(name for name, _ in (await world.fired())[4:]) == ["disabled", "there"]


async def test_what_was_set_off_is_done_once_by_several(world: World) -> None:
    await world.automate("once", reactive("tick"), {"type": "do-nothing"})
    for _ in range(5):
        await world.tell("tick")
    await asyncio.gather(*(world.turn() for _ in range(3)))
    assert await world.fired() == [("once", [])] * 5
    assert len(await world.events("prefect.automation.action.executed")) == 5


async def test_actions_say_why_they_failed(world: World) -> None:
    unknown = str(uuid4())
    actions = [
        {"type": "pause-deployment", "deployment_id": unknown},
        {"type": "cancel-flow-run"},
        {"type": "pause-work-queue", "source": "inferred"},
        {"type": "pause-work-pool", "work_pool_id": unknown},
        {"type": "call-webhook", "block_document_id": unknown},
        {"type": "run-deployment", "deployment_id": unknown, "parameters": {"a": "{{ 1 / 0 }}"}},
    ]
    await world.automate("failing", reactive("tick"), *actions)
    await world.tell("tick")
    await world.turn()
    told = await world.events("prefect.automation.action.failed")
    reasons = [(each["payload"]["action_index"], each["payload"]["reason"]) for each in told]
    assert reasons == [
        (0, "Unexpected status from 'pause-deployment' action: 404"),
        (1, "No flow run could be inferred"),
        (2, "No work queue could be inferred"),
        (3, f"Work pool {unknown} not found"),
        (4, "Unexpected status from 'call-webhook' action: 404"),
        (5, "Unable to create flow run from deployment: ZeroDivisionError('division by zero')"),
    ]


async def test_queues_and_pools_are_paused_and_go_on(world: World) -> None:
    pool = await world.send("POST", "/work_pools/", {"name": "pool", "type": "process"})
    ids = {"work_pool_id": pool["id"]}, {"work_queue_id": pool["default_queue_id"]}
    for word in ("pause", "resume"):
        actions = [
            {"type": f"{word}-{kind}", **id_} for kind, id_ in zip(("work-pool", "work-queue"), ids, strict=True)
        ]
        await world.automate(word, reactive(word), *actions)
    for word, paused in (("pause", True), ("resume", False)):
        await world.tell(word)
        await world.turn()
        found = [
            await world.send("GET", path) for path in ("/work_pools/pool", f"/work_queues/{pool['default_queue_id']}")
        ]
        assert [each["is_paused"] for each in found] == [paused] * 2


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("plain", "plain"),
        ("{{ n }}", 3),
        ("{{ n + 1 }} of {{ n }}", "4 of 3"),
        ("{{ n + 1 }}", 4),
        ({"a": ["{{ n }}", 1.5, "of {{ missing.more }}"]}, {"a": [3, 1.5, "of "]}),
        ({"__prefect_kind": "none", "value": "{{ n }}"}, "{{ n }}"),
        ({"__prefect_kind": "json", "value": "[1, 2]"}, [1, 2]),
        ({"__prefect_kind": "workspace_variable", "variable_name": "v"}, {"x": 1}),
    ],
)
def test_parameters_are_filled_in(value: Any, filled: Any) -> None:
    assert templates.filled(value, {"n": 3}, {"v": {"x": 1}}) == filled


def test_a_name_that_is_not_known_is_no_parameter() -> None:
    with pytest.raises(TypeError):
        templates.filled("{{ missing.more }}", {}, {})
