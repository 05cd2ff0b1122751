"""The first request of a new document of 30 fields, beside graphql-core's parse, validate and execute of such a one.

    python -m tests.bench.documents http://127.0.0.1:9000/api [documents]

Both in this process, over the same upstream and client, in turns; it prints the microseconds of processor time of each.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from graphql import GraphQLSchema, execute, parse, specified_directives, validate
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.execution.documents import graphql_schema
from gateway.settings import Settings
from gateway.upstream import Upstream, remote
from resolvers.context import Context
from resolvers.rows import JsonRows
from schema.build import build
from tests.bench.dialects import camel
from tests.bench.queries import TWELVE

RUN = (
    *TWELVE,
    *("run_count", "tags", "labels", "parameters", "context", "auto_scheduled", "state_id", "work_queue_id"),
    *("expected_start_time", "estimated_run_time", "work_queue_name", "flow_version", "idempotency_key"),
)
FLOW = ("id", "name", "tags", "created", "updated", "labels")
DEPLOYMENT = ("id", "name", "tags", "created", "updated", "paused", "path", "entrypoint", "version", "description")
DOCUMENTS = 300
Ask = Callable[[str], Awaitable[Any]]


def document(number: int) -> str:
    """Write a document of 30 fields, another one for each number."""
    chance = random.Random(number)  # noqa: S311 - a choice of fields, no secret

    def some(names: tuple[str, ...], count: int) -> str:
        return " ".join(camel(name) for name in chance.sample(sorted(set(names)), count))

    flow, deployment = some(FLOW, 4), some(DEPLOYMENT, 5)
    nodes = f"{some(RUN, 17)} flow {{ {flow} }} deployment {{ {deployment} }}"
    return f"query New{number} {{ flowRuns(first: 1) {{ nodes {{ {nodes} }} }} }}"


def through_endpoint(app: Starlette) -> Ask:
    """Return what posts a document to the gateway's ASGI application."""

    async def ask(text: str) -> Any:
        content: list[bytes] = []
        messages = [{"type": "http.request", "body": json.dumps({"query": text}).encode()}]

        async def receive() -> Any:
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            content.append(message.get("body", b""))

        await app(_SCOPE, receive, send)
        return json.loads(b"".join(content))

    return ask


def by_graphql_core(upstream: Upstream, settings: Settings) -> Ask:
    """Return what executes a document by graphql-core, with the gateway's client and resolvers."""
    made = graphql_schema(build()).to_kwargs()
    # `execute` refuses a schema that has @defer and @stream.
    schema = GraphQLSchema(**{**made, "directives": specified_directives})

    async def ask(text: str) -> Any:
        session = upstream.session(authorization=None, deadline=asyncio.get_running_loop().time() + 30)
        context = Context(JsonRows(session), page=settings.page_size, max_first=settings.max_first)
        try:
            tree = parse(text)
            errors = validate(schema, tree)
            result: Any = execute(schema, tree, context_value=context)
            data = (await result).data
        finally:
            session.close()
        return {"errors": errors} if errors else {"data": json.loads(json.dumps(data))}

    return ask


async def compare(url: str, count: int) -> dict[str, list[float]]:
    """Ask both for new documents, in turns."""
    settings = Settings(upstream=url)
    app, upstream = create_app(settings), Upstream(remote(url, settings.deadline), settings)
    ways = {"ours": through_endpoint(app), "graphql_core": by_graphql_core(upstream, settings)}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    async with app.router.lifespan_context(app):
        _same([await ask(document(0)) for ask in ways.values()])
        for number in range(1, count * len(ways) + 1):
            name = list(ways)[number % len(ways)]
            text = document(number)
            before = time.process_time()
            answer = await ways[name](text)
            spent[name].append((time.process_time() - before) * 1e6)
            assert "errors" not in answer, answer
        await upstream.aclose()
    return spent


def _same(answers: list[Any]) -> None:
    first, *others = answers
    assert "errors" not in first, first
    assert all(other == first for other in others), answers


_SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/graphql",
    "raw_path": b"/graphql",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 2),
}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(compare(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else DOCUMENTS))))
