"""The same requests go to a real Prefect server and to the embedded one; status and body must be the same.

The requests are in `like_prefect/*.http`, one a line, and the transitions between all states below. Ids are compared by
what they refer to, times and durations by whether they are there, random names not at all.

Where the embedded server differs from Prefect 3.9.1 on purpose, and no request here asks:
- a flow run may be created in a state with data, and an unknown run resumed is a 404: Prefect fails with 500;
- `POST /task_runs/paginate` shows every field of a row, Prefect leaves out those that have their defaults;
- a body's datetime, UUID or schedule that cannot be read is a 422 too, but pydantic says why in words of its own, and a
  history without its start is told with the whole body as input;
- ties in a sort are broken by id;
- an input's key that is none is a 422, and a graph may be asked since a time without a zone: Prefect fails with 500;
- an edge of a flow run's graph is told once, Prefect tells it as often as the task run at its other end has inputs;
- what is in a secret value of a block that is an object is hidden: Prefect shows it; a document of an unknown type or schema
  is a 409, and a nested schema that is nowhere a 400: Prefect fails with 500;
- a pool's default queue is not deleted by itself, which is a 409 that says so: Prefect fails with 500 where it is named;
- runs of a queue are found and counted by the queue, Prefect's `get_runs` goes by its name in whatever pool;
- parameters are not made of templates (`__prefect_kind`);
- in bulk, a deployment that is not in a work pool is named by its id in the error;
- a tag's limit that is reset has its slots free again, with what was held of other limits left alone, and a page of limits
  by tag is full: Prefect keeps slots taken, ends whole leases, and counts other limits into the page;
- a task run that runs keeps its slots when it is told to run again, a deployment's limit that is not in force limits
  nothing, and a run gives back only a slot that it holds: Prefect takes more, refuses all, and gives back any.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path

import httpx
import pytest

from gateway.embedded import create_app
from schema.states import StateType
from tests.gateway.embedded.comparison import Request, Talk, parse
from tests.services import run_prefect

SCRIPTS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "like_prefect").glob("*.http"))}
STATES = [state.value for state in StateType]

AT_LEAST = 2_000
sent: list[Request] = []

Servers = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture(scope="module")
def own_prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect with nobody else's rows: some requests count all there are."""
    with run_prefect(tmp_path_factory.mktemp("like-prefect")) as url:
        yield url


@pytest.fixture(scope="module")
async def servers(own_prefect: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """Clients of both servers; Prefect needs some time to start."""
    app = create_app(f"sqlite:///{tmp_path_factory.mktemp('embedded') / 'embedded.db'}")
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url=own_prefect, timeout=60) as prefect,
        httpx.AsyncClient(transport=transport, base_url="http://embedded") as embedded,
    ):
        yield prefect, embedded


async def compare(servers: Servers, text: str) -> None:
    prefect, embedded = (Talk(client) for client in servers)
    for request in parse(text):
        expected = await prefect.send(request)
        assert await embedded.send(request) == expected, str(request)
        sent.append(request)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_answers_are_those_of_prefect(servers: Servers, script: str) -> None:
    await compare(servers, SCRIPTS[script])


@pytest.mark.parametrize("initial", STATES)
async def test_flow_runs_change_state_as_in_prefect(servers: Servers, initial: str) -> None:
    text = 'flow = POST /flows/ {"name": "transitions"}\n'
    for proposed, force in product(STATES, ("false", "true")):
        text += f"""
run = POST /flow_runs/ {{"flow_id": "$flow", "state": {{"type": "{initial}"}}}}
POST /flow_runs/$run/set_state {{"state": {{"type": "{proposed}", "message": "now"}}, "force": {force}}}
GET /flow_runs/$run
"""
    await compare(servers, text)


@pytest.mark.parametrize("initial", STATES)
async def test_task_runs_change_state_as_in_prefect(servers: Servers, initial: str) -> None:
    text = """
flow = POST /flows/ {"name": "transitions"}
flow_run = POST /flow_runs/ {"flow_id": "$flow", "state": {"type": "RUNNING"}}
"""
    for proposed in STATES:
        key = f'"task_key": "{initial}", "dynamic_key": "{proposed}"'
        text += f"""
run = POST /task_runs/ {{"flow_run_id": "$flow_run", "name": "t", {key}, "state": {{"type": "{initial}"}}}}
POST /task_runs/$run/set_state {{"state": {{"type": "{proposed}", "data": {{"type": "unpersisted"}}}}}}
GET /task_runs/$run
"""
    await compare(servers, text)


def test_many_requests_were_compared(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{len(sent)} requests were answered alike by Prefect and by the embedded server")
    assert len(sent) >= AT_LEAST
