"""The whole gateway, served over sockets as in production, and a small upstream whose answers a test may spoil."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import httpx
import uvicorn

from gateway.app import create_app
from gateway.execution.documents import graphql_schema
from gateway.settings import Settings
from schema.build import build
from tests.gateway.upstream.scripted import Exchange, Step, answer, scripted

SCHEMA = graphql_schema(build())

Rows = list[dict[str, Any]]


class Quiet(uvicorn.Server):
    """A uvicorn that leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Gateway:
    """A client of the gateway."""

    url: str
    http: httpx.AsyncClient

    async def ask(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> Any:
        """Send an operation; return the whole answer, `extensions.upstream` included."""
        body = {"query": query, "variables": variables or {}}
        response = await self.http.post("/graphql", json=body, headers={"x-upstream-trace": "1", **headers})
        assert response.status_code == 200, response.text
        return response.json()

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """Send an operation that must succeed; return its data."""
        answered = await self.ask(query, variables)
        assert "errors" not in answered, answered["errors"]
        return answered["data"]

    async def error(self, mutation: str, **variables: Any) -> Any:
        """Send a mutation that must fail; return its one error."""
        [error] = (await self.ask(document(mutation, **variables), variables))["errors"]
        return error


def document(mutation: str, **variables: Any) -> str:
    """Write the document of one mutation, `field(arguments) {...}`, whose arguments are variables of the same names."""
    assert SCHEMA.mutation_type
    field = SCHEMA.mutation_type.fields[mutation.partition("(")[0]]
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in variables)
    return f"mutation ({declared}) {{ {mutation} }}" if declared else f"mutation {{ {mutation} }}"


@asynccontextmanager
async def open_gateway(ws: Literal["none", "auto"] = "none", at: int = 0, **settings: Any) -> AsyncGenerator[Gateway]:
    """Serve the gateway for as long as the block lasts, on a free port or `at` one; its websockets too where `ws` is "auto"."""
    app = create_app(Settings(**{"services": False, **settings}))
    with socket.create_server(("127.0.0.1", at)) as listening:
        server = Quiet(uvicorn.Config(app, log_config=None, ws=ws, lifespan="on"))
        serving = asyncio.create_task(server.serve([listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
                yield Gateway(url, http)
        finally:
            server.should_exit = True
            await serving


def uuid(number: int) -> str:
    return str(UUID(int=number))


def calls(answered: Any) -> list[str]:
    """Name the REST calls behind an answer, in their order."""
    return [f"{call['method']} {call['path']}" for call in answered["extensions"]["upstream"]]


@dataclass
class Upstream:
    """A REST API of three collections, and what it does instead at some paths."""

    rows: dict[str, Rows]
    spoilt: dict[str, Step] = field(default_factory=dict)
    """`path` -> the step that answers there."""
    url: str = ""
    requests: list[Exchange] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def step(self, exchange: Exchange) -> None:
        async with self._arrived:
            self.requests.append(exchange)
            self._arrived.notify_all()
        await self.spoilt.get(self._path(exchange), self.right)(exchange)

    async def right(self, exchange: Exchange) -> None:
        """Answer as a good upstream does."""
        await self._answer(exchange, self._path(exchange))(exchange)

    def asked(self) -> list[str]:
        """Return the paths of all requests."""
        return [self._path(exchange) for exchange in self.requests]

    async def until_asked(self, path: str, times: int = 1) -> None:
        """Wait for requests to a path."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.asked().count(path) >= times)

    def _path(self, exchange: Exchange) -> str:
        return exchange.target.removeprefix("/api")

    def _answer(self, exchange: Exchange, path: str) -> Step:
        if exchange.method == "GET":
            return answer({}) if path == "/health" else answer({"detail": "Not found"}, "404 Not Found")
        collection, verb = path.strip("/").rsplit("/", 1)
        if collection not in self.rows:
            return answer({"detail": "Not found"}, "404 Not Found")
        chosen = self.chosen(collection, exchange.json)
        return answer(len(chosen) if verb == "count" else chosen[: exchange.json.get("limit", 200)])

    def chosen(self, collection: str, body: dict[str, Any]) -> Rows:
        """Filter as REST does, by ids: the rows' own, and those of the parents that they name."""
        rows = self.rows[collection]
        for group, filtered in body.items():
            if isinstance(filtered, dict):
                key = "id" if group == collection else f"{group.removesuffix('s')}_id"
                rows = [row for row in rows if row[key] in filtered["id"]["any_"]]
        return rows


def three_flows() -> dict[str, Rows]:
    """Return flows 1 to 3, each with a deployment (10 more) and two runs (100 and 200 more)."""
    flows = [{"id": uuid(n), "name": f"flow {n}"} for n in (1, 2, 3)]
    deployments = [{"id": uuid(10 + n), "name": f"deployment {n}", "flow_id": uuid(n)} for n in (1, 2, 3)]
    runs = [
        {"id": uuid(hundred + n), "name": f"run {hundred + n}", "flow_id": uuid(n), "deployment_id": uuid(10 + n)}
        for hundred in (100, 200)
        for n in (1, 2, 3)
    ]
    return {"flows": flows, "deployments": deployments, "flow_runs": runs}


@asynccontextmanager
async def open_upstream() -> AsyncGenerator[Upstream]:
    """Run the small upstream."""
    upstream = Upstream(three_flows())
    async with scripted(upstream.step) as server:
        upstream.url = server.url
        yield upstream
