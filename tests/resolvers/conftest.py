"""Three servers with the same rows: the embedded one on SQLite and on PostgreSQL, and a real Prefect."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from graphql import GraphQLError
from graphql.execution.values import get_variable_values
from hypothesis import HealthCheck, settings

from gateway import embedded, upstream
from gateway.execution import Execution, GraphQLRequest
from gateway.execution.documents import Invalid
from gateway.settings import Settings
from gateway.upstream import Transport, Upstream
from resolvers.context import Context
from resolvers.rows import JsonRows
from schema.build import build
from tests.postgres import Postgres
from tests.resolvers.world import Plain, World, fill
from tests.services import run_prefect

SEED = 7
SCHEMA = build()
WANTED = int(os.environ.get("PREFECT_GRAPHQL_TEST_EXAMPLES", "0"))
EXAMPLES = settings(
    max_examples=WANTED or 8,
    derandomize=not WANTED,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""A few random examples, the same each time; as many others as the environment asks for."""
FAR = 1e9
"""A deadline that never comes."""


@dataclass
class Place:
    """A server, as plain REST and through the gateway.

    `exact` where it closes every order by the id; `compares` where each operation is executed twice.
    """

    rest: Plain
    transport: Transport
    exact: bool
    compares: bool
    world: World

    async def ask(self, query: str, variables: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
        """Execute an operation by its plan; where `compares`, by graphql-core too, which must be alike.

        Return the whole answer, the REST calls in `extensions.upstream`.
        """
        chosen = Settings(upstream=None, **settings)

        def context(rest: Any) -> Context:
            return Context(JsonRows(rest), page=chosen.page_size, max_first=chosen.max_first)

        execution = Execution(SCHEMA, Upstream(self.transport, chosen), chosen, context)
        request = GraphQLRequest(query, FAR, variables or {}, trace=True)
        interpreted = (
            orjson.loads((await execution.run(request)).content()) if self.compares else see(execution, request)
        )
        compiled: dict[str, Any] = orjson.loads((await execution.run(request)).content())
        assert not self.compares or alike(compiled) == alike(interpreted)
        return compiled

    async def data(self, query: str, variables: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
        """Execute an operation that must succeed; return its data."""
        answer = await self.ask(query, variables, **settings)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data


def see(execution: Execution, request: GraphQLRequest) -> None:
    """Have an operation seen once, so that it is compiled when it comes; one that is refused stays unseen."""
    with suppress(GraphQLError, Invalid):
        document = execution.documents.get(request.query)
        operation = document.operation(None)
        declared = operation.variable_definitions or ()
        variables = get_variable_values(SCHEMA._schema, declared, request.variables)
        if execution.plans and not isinstance(variables, list):
            execution.plans.of(operation, document.fragments, variables)


def still(data: Any) -> Any:
    """Leave out what REST works out anew at every read."""
    if isinstance(data, list):
        return [still(each) for each in data]
    if isinstance(data, dict):
        return {key: still(value) for key, value in data.items() if "estimated" not in key.lower()}
    return data


def alike(answer: dict[str, Any]) -> Any:
    """Return what two executors must have in common: data, errors and calls, in whatever order these came."""
    calls = [(call["method"], call["path"], call["body"]) for call in answer.get("extensions", {}).get("upstream", ())]
    errors = answer.get("errors", [])
    return still(answer.get("data")), *(sorted(map(orjson.dumps, part)) for part in (errors, calls))


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "prefect"])
async def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Place]:
    """Each of the three servers in turn, filled once."""
    folder = tmp_path_factory.mktemp(request.param)
    async with AsyncExitStack() as stack:
        if request.param == "prefect":
            url = stack.enter_context(run_prefect(folder))
            http = httpx.AsyncClient(base_url=url, timeout=120, trust_env=False)
            transport = upstream.remote(url)
        else:
            postgres: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
            app = embedded.create_app(
                await postgres.create_database() if postgres else f"sqlite:///{folder / 'rows.db'}"
            )
            await stack.enter_async_context(app.router.lifespan_context(app))
            http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://embedded")
            transport = upstream.embedded(app)
        stack.push_async_callback(transport.aclose)
        rest = Plain(await stack.enter_async_context(http))
        yield Place(rest, transport, request.param != "prefect", request.param == "sqlite", await fill(rest, SEED))
