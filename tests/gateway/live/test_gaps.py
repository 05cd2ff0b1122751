"""Whatever happens to the upstream and the way to it, what it tells comes once: nothing is lost, nothing told twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from gateway.live import feeds, stream
from tests.gateway.live import behind as servers
from tests.gateway.live.behind import Behind, ago, behind, emit
from tests.gateway.live.talking import Client, client, relay
from tests.gateway.stack import Gateway, open_gateway

pytestmark = pytest.mark.usefixtures("no_backoff", "healed")

EVENTS = 'subscription { events(filter: {event: {prefix: ["fault."]}}) { event } }'


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Let no setting come from the environment, and read again soon."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_GRAPHQL_UPSTREAM"):
            patch.delenv(name, raising=False)
        patch.setattr(feeds, "INTERVAL", 0.05)
        patch.setattr(feeds, "RETRY", 0.5)
        patch.setattr(feeds, "AGAIN", (0.2, 0.5))
        patch.setattr(feeds, "AUDIT", 0.3)
        patch.setattr(feeds, "EVERY_LATE", 0.2)
        patch.setattr(stream, "MERGED", 0.4)
        yield


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, quick: None) -> AsyncIterator[Behind]:
    async with behind(tmp_path_factory.mktemp("gaps")) as made:
        yield made


@pytest.fixture
async def healed(server: Behind) -> AsyncIterator[None]:
    """Spoil nothing, and let whoever was connected leave."""
    yield
    server.spoilt.clear()
    server.spoil = None
    await until(lambda: not server.open)
    server.connections.clear()


@pytest.fixture(scope="module")
async def gateway(server: Behind) -> AsyncIterator[Gateway]:
    async with open_gateway(ws="auto", upstream=server.url, retries=0) as opened:
        yield opened


async def told_until(listener: Client, last: str) -> list[str]:
    """Return the events that come until one of a name."""
    found = []
    while True:
        found.append((await listener.data())["event"])
        if found[-1] == last:
            return found


async def followed(server: Behind, listener: Client) -> None:
    """Wait until a subscription hears of what happens."""
    number = 0
    hearing = asyncio.create_task(listener.data())
    while not hearing.done():
        await emit(server.url, f"fault.begin.{number}")
        number += 1
        await asyncio.wait([hearing], timeout=0.2)
    await emit(server.url, "fault.begun")
    await told_until(listener, "fault.begun")


async def test_a_gap_of_many_pages(server: Behind) -> None:
    """Of one moment; dated back, too; of a server that lets in and drops at once before it can be read."""
    async with (
        relay(server.url) as way,
        open_gateway(ws="auto", upstream=way.url, retries=0) as gateway,
        client(gateway.url) as listener,
    ):
        await listener.begin()
        await listener.subscribe("1", EVENTS)
        await followed(server, listener)
        way.cut(up=False)
        sent = [f"fault.{number}" for number in range(120)]
        await emit(server.url, *sent, occurred=ago(seconds=1))
        late = ["fault.late", "fault.later"]
        await emit(server.url, late[0], occurred=ago(minutes=2))
        await emit(server.url, late[1], occurred=ago(minutes=10))
        server.spoilt["/events/filter"] = 503
        for _ in range(3):
            way.cut(up=True)
            await asyncio.sleep(0.2)
            way.cut(up=False)
        server.spoilt["/events/filter"] = 500
        way.cut(up=True)
        await asyncio.sleep(0.3)
        server.spoilt.clear()
        told = [(await listener.data())["event"] for _ in (*sent, *late)]
        await emit(server.url, "fault.end")
        assert await told_until(listener, "fault.end") == ["fault.end"]
    assert sorted(told) == sorted([*sent, *late])


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 4001])
async def test_a_socket_that_is_closed(server: Behind, gateway: Gateway, code: int) -> None:
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", EVENTS)
        await followed(server, listener)
        await server.close(code)
        await emit(server.url, "fault.1")
        await emit(server.url, "fault.2")
        assert await told_until(listener, "fault.2") == ["fault.1", "fault.2"]


@pytest.mark.parametrize(
    "spoil", [servers.twice, servers.nothing, servers.without_id, lambda _: ["["], lambda _: ["[]"]]
)
async def test_a_socket_that_tells_something_else(
    server: Behind, gateway: Gateway, spoil: Callable[[str], list[str]]
) -> None:
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", EVENTS)
        await followed(server, listener)
        server.spoil = spoil
        for name in ("fault.1", "fault.2", "fault.3"):
            await emit(server.url, name)
        assert await told_until(listener, "fault.3") == ["fault.1", "fault.2", "fault.3"]
        server.spoil = None
        await emit(server.url, "fault.4")
        assert await told_until(listener, "fault.4") == ["fault.4"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_can_t_be_read_back_is_told_when_it_can(server: Behind, gateway: Gateway, status: int) -> None:
    run = await new_run(gateway)
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", "subscription { flowRunUpdated { id name stateName flow { name } } }")
        await asyncio.sleep(0.5)
        server.spoilt["/flow_runs/filter"] = status
        for name in ("One", "Two"):
            await set_state(gateway, run, name)
        await asyncio.sleep(0.3)
        server.spoilt.clear()
        told = [await listener.data(), await listener.data()]
    assert [each["stateName"] for each in told] == ["One", "Two"]
    assert {each["flow"]["name"] for each in told} == {"f"}


async def new_run(gateway: Gateway, **more: Any) -> str:
    flow = (await gateway.http.post("/api/flows/", json={"name": "f"})).json()["id"]
    body = {"flow_id": flow, "state": {"type": "PENDING"}, **more}
    run: str = (await gateway.http.post("/api/flow_runs/", json=body)).json()["id"]
    return run


async def set_state(gateway: Gateway, run: str, name: str) -> None:
    state = {"state": {"type": "RUNNING", "name": name}, "force": True}
    (await gateway.http.post(f"/api/flow_runs/{run}/set_state", json=state)).raise_for_status()


async def log(gateway: Gateway, *lines: tuple[str, str, float]) -> None:
    """Write lines: the run, the text, and how many seconds ago."""
    body = [
        {"name": "n", "level": 20, "message": text, "timestamp": ago(seconds=back).isoformat(), "flow_run_id": run}
        for run, text, back in lines
    ]
    (await gateway.http.post("/api/logs/", json=body)).raise_for_status()


async def test_a_run_that_is_gone_when_it_is_read_back_ends_nothing(server: Behind, gateway: Gateway) -> None:
    run, gone = await new_run(gateway), await new_run(gateway)
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", "subscription { flowRunUpdated { id name } }")
        await asyncio.sleep(0.5)
        server.spoilt["/flow_runs/filter"] = 503
        await set_state(gateway, gone, "Gone")
        (await gateway.http.delete(f"/api/flow_runs/{gone}")).raise_for_status()
        server.spoilt.clear()
        await set_state(gateway, run, "There")
        assert (await listener.data())["id"] == run


async def test_a_task_run_that_is_told_of_before_it_is_there(server: Behind, gateway: Gateway) -> None:
    """As Prefect tells of them: it writes them down some time later."""
    run, task, at = await new_run(gateway), str(uuid4()), ago(seconds=0).isoformat()
    state = {"type": "RUNNING", "name": "Running"}
    labels = {f"prefect.state-{key}": value for key, value in {**state, "timestamp": at}.items()}
    event = {"event": "prefect.task-run.Running", "occurred": at, "id": str(uuid4())}
    resource = {"prefect.resource.id": f"prefect.task-run.{task}", **labels}
    made = {"id": task, "name": "late", "flow_run_id": run, "task_key": "t", "dynamic_key": "0", "state": state}
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", "subscription { taskRunUpdated { id name stateName } }")
        await asyncio.sleep(0.5)
        server.calls.clear()
        (await gateway.http.post("/api/events", json=[{**event, "resource": resource}])).raise_for_status()
        await until(lambda: server.calls["/task_runs/filter"] > 0)
        (await gateway.http.post("/api/task_runs/", json=made)).raise_for_status()
        assert await listener.data() == {"id": task, "name": "late", "stateName": "Running"}


@pytest.mark.parametrize("muted", [False, True])
async def test_logs_that_come_late(server: Behind, gateway: Gateway, muted: bool) -> None:
    """Sent after others though they are older, and where the socket is turned off, as Prefect's is by default."""
    run = await new_run(gateway)
    server.spoil = servers.nothing if muted else None
    async with client(gateway.url) as listener:
        await listener.begin()
        await listener.subscribe("1", f'subscription {{ logs(flowRunId: "{run}") {{ message }} }}')
        await asyncio.sleep(0.5)
        lines = [("new", 0.0), ("late", 40.0), ("later", 300.0), ("last", 0.0)]
        for text, back in lines:
            await log(gateway, (run, text, back))
        told = [(await listener.data())["message"] for _ in lines]
        await log(gateway, (run, "end", 0.0))
        assert await listener.data() == {"message": "end"}
    assert sorted(told) == sorted(text for text, _ in lines)


async def test_logs_of_nested_subflow_runs_are_in_order_of_time(gateway: Gateway) -> None:
    runs = [await new_run(gateway)]

    async def call() -> None:
        body = {"flow_run_id": runs[-1], "task_key": "t", "dynamic_key": "0"}
        task = (await gateway.http.post("/api/task_runs/", json=body)).json()["id"]
        runs.append(await new_run(gateway, parent_task_run_id=task))

    await call()
    await log(gateway, (runs[0], "a", 20), (runs[1], "b", 20), (runs[0], "c", 19), (runs[1], "too old", 99))
    async with client(gateway.url) as listener:
        await listener.begin()
        query = "subscription ($run: ID!, $since: DateTime) { logs(flowRunId: $run, since: $since, includeSubflows: true) { message flowRunId } }"
        await listener.subscribe("1", query, run=runs[0], since=ago(seconds=30).isoformat())
        first = [(await listener.data())["message"] for _ in range(3)]
        assert sorted(first[:2]) == ["a", "b"]
        assert first[2] == "c"
        # Two more begin while it is followed; what the deepest says comes after what was said later above it.
        await call()
        await call()
        await log(gateway, (runs[0], "3", 1), (runs[0], "1", 4))
        await log(gateway, (runs[3], "2", 2), (runs[2], "0", 5))
        told = [await listener.data() for _ in range(4)]
    assert [each["message"] for each in told] == ["0", "1", "2", "3"]
    assert told[2]["flowRunId"] == runs[3]


COUNTS = "subscription { flowRunCounts { total } }"


async def test_one_connection_and_no_more_reads_than_are_needed(server: Behind, gateway: Gateway) -> None:
    """Whoever wants the same over whatever transport, however it is written; others' credentials are not shared."""
    run, other = await new_run(gateway), await new_run(gateway)
    literal = 'subscription { events(filter: {event: {prefix: ["a."]}, id: {id: []}}) { event } }'
    swapped = 'subscription { events(filter: {id: {id: []}, event: {prefix: ["a."]}}) { id } }'
    variable = "subscription ($filter: EventFilter) { events(filter: $filter) { event } }"
    async with client(gateway.url) as listener, client(gateway.url) as stranger:
        await listener.begin()
        await stranger.begin(Authorization="Bearer other")
        for number, query in enumerate((literal, swapped)):
            await listener.subscribe(str(number), query)
        await listener.subscribe("v", variable, filter={"event": {"prefix": ["a."]}, "id": {"id": []}})
        body, headers = {"query": f"# \n{literal}"}, {"accept": "text/event-stream"}
        async with gateway.http.stream("POST", "/graphql", json=body, headers=headers) as response:
            assert await anext(response.aiter_raw()) == b":\n\n"
            await until(lambda: server.connections["/events/out"] == 1)
            await stranger.subscribe("1", literal)
            await until(lambda: server.connections["/events/out"] == 2)
            await asyncio.sleep(0.3)
            assert server.connections["/events/out"] == len(server.open) == 2
        for id_ in ("0", "1", "v"):
            await listener.say(type="complete", id=id_)
        await stranger.say(type="complete", id="1")
        await until(lambda: not server.open)

        await listener.subscribe("told", "subscription { flowRunUpdated { id stateName state { type } } }")
        await until(lambda: len(server.open) == 1)
        await asyncio.sleep(0.3)
        server.calls.clear()
        await set_state(gateway, run, "Told")
        assert (await listener.data())["stateName"] == "Told"
        assert server.calls.keys() <= {f"/flow_runs/{run}/set_state", "/events/filter"}

        await listener.say(type="complete", id="told")
        await listener.subscribe("read", "subscription { flowRunUpdated { id name } }")
        await asyncio.sleep(0.5)
        server.calls.clear()
        await asyncio.gather(set_state(gateway, run, "Read"), set_state(gateway, other, "Read"))
        assert {(await listener.data())["id"] for _ in range(2)} == {run, other}
        assert server.calls["/flow_runs/filter"] in {1, 2}


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  the server counts, and tells nobody
        await asyncio.sleep(0.02)
