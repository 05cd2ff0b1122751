"""Subscriptions before each kind of upstream: the embedded server, a real Prefect, one without sockets, one without events."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.live import feeds
from tests.gateway.live.talking import Client, client, relay
from tests.gateway.stack import Gateway, open_gateway, open_upstream, uuid
from tests.services import patiently

pytestmark = pytest.mark.usefixtures("no_environment")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read again soon."""
    monkeypatch.setattr(feeds, "INTERVAL", 0.05)
    monkeypatch.setattr(feeds, "AGAIN", (0.2, 0.5))


@pytest.fixture
async def embedded(tmp_path: Path, quick: None) -> AsyncIterator[Gateway]:
    async with open_gateway(ws="auto", database_url=f"sqlite:///{tmp_path / 'live.db'}") as gateway:
        yield gateway


@pytest.fixture(params=["embedded", "prefect", "without sockets"])
async def gateway(request: pytest.FixtureRequest, tmp_path: Path, quick: None) -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        settings: dict[str, Any] = {"database_url": f"sqlite:///{tmp_path / 'live.db'}"}
        if request.param == "prefect":
            settings = {"upstream": request.getfixturevalue("prefect_server")}
            async with httpx.AsyncClient(trust_env=False, timeout=120) as http:
                await http.get(f"{settings['upstream']}/health")
        elif request.param == "without sockets":
            behind = await stack.enter_async_context(open_gateway(**settings))
            settings = {"upstream": f"{behind.url}/api"}
        yield await stack.enter_async_context(open_gateway(ws="auto", **settings))


async def rest(gateway: Gateway, path: str, body: Any) -> Any:
    response = await patiently(lambda: gateway.http.post(f"/api{path}", json=body, timeout=120))
    assert response.is_success, response.text
    return response.json() if response.content else None


async def run_of(gateway: Gateway, flow: str) -> str:
    made = await rest(gateway, "/flows/", {"name": flow})
    run: str = (await rest(gateway, "/flow_runs/", {"flow_id": made["id"], "state": {"type": "PENDING"}}))["id"]
    return run


async def set_state(gateway: Gateway, run: str, name: str) -> None:
    await rest(gateway, f"/flow_runs/{run}/set_state", {"state": {"type": "RUNNING", "name": name}, "force": True})


async def log(gateway: Gateway, run: str, *messages: str) -> None:
    # Each at a moment of its own: those of one moment have no order.
    lines = [
        {"name": "n", "level": 20, "message": text, "timestamp": datetime.now(UTC).isoformat(), "flow_run_id": run}
        for text in messages
    ]
    await rest(gateway, "/logs/", lines)


async def heard(listener: Client, mark: str, value: Any) -> list[Any]:
    """Return what comes until a field has a value."""
    found = []
    while True:
        found.append(await listener.data())
        if found[-1][mark] == value:
            return found


UPDATES = """
subscription ($name: String!) {
  flowRunUpdated(filter: {flows: {name: {any: [$name]}}}) { id stateName state { name type } flow { name } }
}
"""


async def test_runs_that_fit_are_told_with_the_state_of_each_change(gateway: Gateway) -> None:
    flow = secrets.token_hex(4)
    run, other = await run_of(gateway, flow), await run_of(gateway, f"not {flow}")
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", UPDATES, name=flow)
        # A first change tells that it is followed by now.
        while True:
            await set_state(gateway, run, "Begun")
            try:
                async with asyncio.timeout(1):
                    await heard(listener, "stateName", "Begun")
                    break
            except TimeoutError:
                continue
        for name in ("One", "Two", "Three"):
            await set_state(gateway, other, name)
            await set_state(gateway, run, name)
        told = [each for each in await heard(listener, "stateName", "Three") if each["stateName"] != "Begun"]
    expected = [
        {"id": run, "stateName": name, "state": {"name": name, "type": "RUNNING"}, "flow": {"name": flow}}
        for name in ("One", "Two", "Three")
    ]
    assert told == expected


async def test_logs_since_a_moment_and_from_now_on(gateway: Gateway) -> None:
    run = await run_of(gateway, secrets.token_hex(4))
    since = datetime.now(UTC).isoformat()
    await log(gateway, run, "before")
    query = "subscription ($run: ID!, $since: DateTime) { logs(flowRunId: $run, since: $since) { message } }"
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", query, run=run, since=since)
        assert await listener.data() == {"message": "before"}
        await log(gateway, run, "after", "last")
        assert [each["message"] for each in await heard(listener, "message", "last")] == ["after", "last"]


async def test_counts_come_at_once_and_when_they_have_changed(gateway: Gateway) -> None:
    flow = secrets.token_hex(4)
    run = await run_of(gateway, flow)
    query = """
    subscription ($name: String!) {
      flowRunCounts(filter: {flows: {name: {any: [$name]}}}) { total states { stateName countRuns } }
    }
    """
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", query, name=flow)
        assert await listener.data() == {"total": 1, "states": [{"stateName": "Pending", "countRuns": 1}]}
        await set_state(gateway, run, "Running")
        assert await listener.data() == {"total": 1, "states": [{"stateName": "Running", "countRuns": 1}]}


async def test_logs_of_subflow_runs_come_too(embedded: Gateway) -> None:
    run = await run_of(embedded, "parent")
    task = await rest(embedded, "/task_runs/", {"flow_run_id": run, "task_key": "t", "dynamic_key": "0"})
    flow = await rest(embedded, "/flows/", {"name": "child"})
    async with client(embedded.url) as listener:
        await listener.begin()
        query = "subscription ($run: ID!, $since: DateTime) { logs(flowRunId: $run, since: $since, includeSubflows: true) { message flowRunId } }"
        await listener.subscribe("1", query, run=run, since=datetime.now(UTC).isoformat())
        await log(embedded, run, "parent")
        assert await listener.data() == {"message": "parent", "flowRunId": run}
        child = (await rest(embedded, "/flow_runs/", {"flow_id": flow["id"], "parent_task_run_id": task["id"]}))["id"]
        await log(embedded, child, "child")
        assert await listener.data() == {"message": "child", "flowRunId": child}


async def test_what_an_event_tells_is_not_read(embedded: Gateway) -> None:
    run = await run_of(embedded, "f")
    async with client(embedded.url) as listener:
        await listener.begin()
        await listener.subscribe("1", "subscription { flowRunUpdated { id stateName state { type timestamp } } }")
        await listener.subscribe("2", "subscription { events { event } }")
        await asyncio.sleep(0.2)
        # The run is gone when the event is heard of: what it told is all there is.
        await set_state(embedded, run, "Last")
        told = {message["id"]: message["payload"]["data"] for message in [await listener.hear(), await listener.hear()]}
    assert told["1"]["flowRunUpdated"]["stateName"] == "Last"
    assert told["2"] == {"events": {"event": "prefect.flow-run.Last"}}


async def test_an_or_that_would_let_other_runs_in_is_refused(embedded: Gateway) -> None:
    async with client(embedded.url) as listener:
        await listener.begin()
        await listener.subscribe(
            "1", 'subscription { flowRunUpdated(filter: {flowRuns: {operator: OR, name: {any: ["a"]}}}) { id } }'
        )
        message = await listener.hear()
    assert (message["type"], message["id"]) == ("error", "1")
    assert message["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_older_server_is_read_again_and_again(quick: None) -> None:
    async with (
        open_upstream() as upstream,
        open_gateway(ws="auto", upstream=upstream.url) as gateway,
        client(gateway.url) as listener,
    ):
        await listener.begin()
        await listener.subscribe("1", "subscription { flowRunUpdated { name stateName } }")
        await upstream.until_asked("/flow_runs/filter", times=2)
        upstream.rows["flow_runs"][1] |= {"state_name": "Late", "state_id": uuid(9)}
        assert await listener.data() == {"name": "run 102", "stateName": "Late"}


async def test_nothing_is_lost_or_told_twice_when_the_socket_dies(embedded: Gateway) -> None:
    """The way to the server is cut again and again, and is down for a time as when a server restarts."""
    async with (
        relay(f"{embedded.url}/api") as way,
        open_gateway(ws="auto", upstream=way.url) as gateway,
        client(gateway.url) as listener,
    ):
        await listener.begin()
        await listener.subscribe("1", 'subscription { events(filter: {event: {prefix: ["fault."]}}) { event } }')
        await asyncio.sleep(0.5)
        sent = []
        for number in range(60):
            if number % 20 == 5:
                way.cut(up=True)
            if number % 20 in {10, 15}:
                way.cut(up=number % 20 == 15)
            sent.append(f"fault.{number}")
            event = {"event": sent[-1], "occurred": datetime.now(UTC).isoformat(), "id": str(uuid4())}
            await rest(embedded, "/events", [{**event, "resource": {"prefect.resource.id": "r"}}])
        told = [(await listener.data())["event"] for _ in sent]
        # What follows is the next, not one of them again.
        event = {"event": "fault.end", "occurred": datetime.now(UTC).isoformat(), "id": str(uuid4())}
        await rest(embedded, "/events", [{**event, "resource": {"prefect.resource.id": "r"}}])
        last = (await listener.data())["event"]
    assert sorted(told) == sorted(sent)
    assert last == "fault.end"


async def test_one_connection_serves_all_who_want_the_same(embedded: Gateway) -> None:
    async with (
        relay(f"{embedded.url}/api") as way,
        open_gateway(ws="auto", upstream=way.url) as gateway,
        AsyncExitStack() as stack,
    ):
        listeners = [await stack.enter_async_context(client(gateway.url)) for _ in range(10)]
        run = await run_of(embedded, "f")
        for number, listener in enumerate(listeners):
            await listener.begin()
            await listener.subscribe("1", f"subscription Number{number} {{ flowRunUpdated {{ id stateName }} }}")
        await asyncio.sleep(0.5)
        await set_state(embedded, run, "Told")
        assert [await listener.data() for listener in listeners] == [{"id": run, "stateName": "Told"}] * 10
        # One of the socket, the others of reads, which are kept.
        assert len(way._writers) < 10


async def test_a_slow_client_is_told_so(tmp_path: Path, quick: None) -> None:
    database = f"sqlite:///{tmp_path / 'slow.db'}"
    async with (
        open_gateway(ws="auto", database_url=database, max_waiting=5) as gateway,
        client(gateway.url, max_queue=1) as listener,
    ):
        await listener.begin()
        await listener.subscribe("1", "subscription { events { payload } }")
        await asyncio.sleep(0.3)
        for _ in range(20):
            # What does not compress, else buffers on the way would hold it.
            event = {"event": "e", "occurred": datetime.now(UTC).isoformat(), "resource": {"prefect.resource.id": "r"}}
            batch = [{**event, "id": str(uuid4()), "payload": {"text": secrets.token_hex(40_000)}} for _ in range(20)]
            await rest(gateway, "/events", batch)
        while (message := await listener.hear())["type"] == "next":
            pass
    assert message["type"] == "error"
    [error] = message["payload"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert "PREFECT_GRAPHQL_MAX_WAITING" in error["message"]


async def test_events_as_sse(embedded: Gateway) -> None:
    body = {"query": "subscription { flowRunCounts { total } }"}
    async with embedded.http.stream("POST", "/graphql", json=body, headers={"accept": "text/event-stream"}) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        content = b""
        async for part in response.aiter_raw():
            content += part
            if b"event: next" in content:
                break
    assert content == b':\n\nevent: next\ndata: {"data":{"flowRunCounts":{"total":0}}}\n\n'


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/json, text/event-stream", "application/json"),
        ("text/event-stream, */*;q=0.1", "application/json"),
        ("text/event-stream", "text/event-stream"),
    ],
)
async def test_a_query_is_answered_as_json_where_that_is_accepted(embedded: Gateway, accept: str, media: str) -> None:
    response: httpx.Response = await embedded.http.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"accept": accept}
    )
    assert response.headers["content-type"].partition(";")[0] == media
    assert '{"data":{"__typename":"Query"}}' in response.text
