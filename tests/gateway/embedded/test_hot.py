"""Hot routes answer what FastAPI's answer, and leave to these whatever is not regular."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from gateway.embedded import create_app, expressions
from gateway.embedded.hot import Server
from gateway.embedded.tables.types import MICROSECOND, microseconds

FLOWS = [{"name": "first", "tags": ["a"]}, {"name": "second"}]
JSON = {"content-type": "application/json"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    app = create_app(f"sqlite:///{tmp_path / 'hot.db'}")
    assert isinstance(app, Server)
    async with app.router.lifespan_context(app):
        for flow in FLOWS:
            assert (await ask(app, "POST", "/flows/", json=flow)).status_code == 201
        yield app


async def ask(app: Server, method: str, path: str, **content: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded") as client:
        return await client.request(method, path, **content)


async def ask_cold(app: Server, method: str, path: str, **content: Any) -> httpx.Response:
    hot, app.hot = app.hot, {}
    try:
        return await ask(app, method, path, **content)
    finally:
        app.hot = hot


def test_every_hot_route_is_documented(tmp_path: Path) -> None:
    app = create_app(f"sqlite:///{tmp_path / 'hot.db'}")
    assert isinstance(app, Server)
    documented = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    assert app.hot
    assert app.hot.keys() - documented == set()


REQUESTS = {
    "page": ("POST", "/flows/filter", b'{"limit": 1, "sort": "NAME_ASC"}', JSON),
    "no body": ("POST", "/flows/filter", b"", JSON),
    "null": ("POST", "/flows/filter", b"null", JSON),
    "count": ("POST", "/flows/count", b'{"flows": {"name": {"any_": ["first"]}}}', JSON),
    "numbered page": ("POST", "/flows/paginate", b'{"limit": 1, "page": 2}', JSON),
    "with a charset": ("POST", "/flows/count", b"{}", {"content-type": "application/json; charset=utf-8"}),
    "no content type": ("POST", "/flows/count", b"{}", {}),
    "text": ("POST", "/flows/count", b"{}", {"content-type": "text/plain"}),
    "broken JSON": ("POST", "/flows/filter", b'{"limit": ', JSON),
    "unknown word": ("POST", "/flows/filter", b'{"flows": {"name": {"is_": "x"}}}', JSON),
    "limit too high": ("POST", "/flows/filter", b'{"limit": 201}', JSON),
    "offset too low": ("POST", "/flows/filter", b'{"offset": -1}', JSON),
    "unknown id": ("GET", "/flows/00000000-0000-0000-0000-000000000000", b"", {}),
    "no id": ("GET", "/flows/nothing", b"", {}),
    "run of no flow": ("POST", "/flow_runs/", b'{"flow_id": "00000000-0000-0000-0000-000000000000"}', JSON),
    "state of no run": (
        "POST",
        "/flow_runs/00000000-0000-0000-0000-000000000000/set_state",
        b'{"state": {"type": "RUNNING"}}',
        JSON,
    ),
    "state of no type": (
        "POST",
        "/task_runs/00000000-0000-0000-0000-000000000000/set_state",
        b'{"state": {"type": "WALKING"}}',
        JSON,
    ),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_hot_and_cold_are_alike(server: Server, request_: tuple[str, str, bytes, dict[str, str]]) -> None:
    method, path, content, headers = request_
    hot = await ask(server, method, path, content=content, headers=headers)
    cold = await ask_cold(server, method, path, content=content, headers=headers)
    assert hot.status_code == cold.status_code
    assert hot.headers == cold.headers
    assert hot.json() == cold.json()


async def test_a_body_in_pieces_is_put_together(server: Server) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"flows": {"name": ', b'{"any_": ["second"', b"]}}}"):
            yield piece

    response = await ask(server, "POST", "/flows/filter", content=pieces(), headers=JSON)
    assert [row["name"] for row in response.json()] == ["second"]


async def test_a_client_that_leaves_within_its_body_changes_nothing(server: Server) -> None:
    messages = iter([{"type": "http.request", "body": b'{"name": "third"}', "more_body": True}])
    scope = {"type": "http", "method": "POST", "path": "/flows/", "headers": [(b"content-type", b"application/json")]}
    scope |= {"query_string": b"", "root_path": "", "http_version": "1.1", "scheme": "http", "server": ("embedded", 80)}

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(_message: Any) -> None:
        pass

    await server(scope, receive, send)
    assert (await ask(server, "POST", "/flows/count", json={})).json() == 2


async def test_a_body_that_came_before_sees_what_was_written_since(server: Server) -> None:
    counted = [(await ask(server, "POST", "/flows/count", json={})).json()]
    await ask(server, "POST", "/flows/", json={"name": "third"})
    counted.append((await ask(server, "POST", "/flows/count", json={})).json())
    assert counted == [2, 3]


async def test_a_remembered_sort_by_duration_goes_on_with_the_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on overtakes one that ended, in the answers to one and the same body."""
    going, ended = "RUNNING", "COMPLETED"
    for state in (going, ended):
        body = {"flow_run_id": None, "task_key": state, "dynamic_key": "0", "state": {"type": state}}
        assert (await ask(server, "POST", "/task_runs/", json=body)).status_code == 201
    hour = timedelta(hours=1)
    await server.state.database.write(
        lambda connection: connection.exec_driver_sql(
            "UPDATE task_runs SET total_run_time = ? WHERE state_type = ?", (hour // MICROSECOND, ended)
        ).close()
    )

    async def longest_first() -> list[str]:
        answer = await ask(server, "POST", "/task_runs/filter", json={"sort": "DURATION_DESC"})
        return [row["state_type"] for row in answer.json()]

    assert await longest_first() == [ended, going]
    monkeypatch.setattr(expressions, "microseconds", lambda moment: microseconds(moment + 2 * hour))
    assert await longest_first() == [going, ended]


async def test_a_write_whose_commit_nobody_saw_is_not_written_twice(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = server.state.database.write

    async def lost(fn: Any) -> None:
        await write(fn)
        raise DBAPIError("COMMIT", None, ConnectionError(), connection_invalidated=True)

    flow_id = (await ask(server, "GET", "/flows/name/first")).json()["id"]
    with monkeypatch.context() as fault:
        fault.setattr(server.state.database, "write", lost)
        response = await ask(server, "POST", "/flow_runs/", json={"flow_id": flow_id})
    assert response.status_code == 503
    assert (await ask(server, "POST", "/flow_runs/count", json={})).json() == 1
