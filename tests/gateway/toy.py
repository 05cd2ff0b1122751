"""A small schema over an upstream in memory: what the execution and the HTTP edge are tested with."""

# ruff: noqa: ARG002 - the resolvers answer the same whatever they are asked

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

import strawberry
from graphql import GraphQLError
from pydantic import BaseModel
from pydantic import Field as Bounded
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from gateway.execution import Execution
from gateway.settings import Settings
from gateway.upstream.sharing import Flights
from gateway.upstream.writes import Writes
from resolvers.errors import Forbidden


@strawberry.enum
class Color(Enum):
    RED = "RED"


@strawberry.type
class Flow:
    id: strawberry.ID
    name: str
    count: int | None = None
    color: Color | None = None
    tags: list[str] | None = None
    extra: strawberry.scalars.JSON | None = None

    @strawberry.field
    async def flows(self, info: Info, first: int | None = 20) -> "FlowConnection":
        return await read_flows(info, first)

    @strawberry.field
    def parent(self) -> "Flow | None":
        return None


@strawberry.type
class FlowConnection:
    nodes: list[Flow | None]
    total_count: int | None


@strawberry.input
class AnyOf:
    any: list[str] | None = None
    deeper: "AnyOf | None" = None


@strawberry.pydantic.input
class FlowCreate(BaseModel):
    name: Annotated[str, Bounded(min_length=2)]
    parameters: Annotated[dict[str, Any] | None, strawberry.field(graphql_type=strawberry.scalars.JSON | None)] = None


async def read_flows(info: Info, first: int | None) -> Any:
    rows = await info.context["rest"].read("POST", "/flows/filter", {"limit": first})
    return {"nodes": rows, "totalCount": len(rows), "total_count": len(rows)}


@strawberry.type
class Query:
    @strawberry.field
    async def flows(self, info: Info, filter: AnyOf | None = None, first: int | None = 20) -> FlowConnection:  # noqa: A002 - its name in GraphQL
        return await read_flows(info, first)

    @strawberry.field
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Flow | None]:
        return (await read_flows(info, len(ids)))["nodes"]

    @strawberry.field
    def echo(
        self,
        text: str = "",
        number: int = 0,
        names: list[str] | None = None,
        json: strawberry.scalars.JSON | None = None,
    ) -> str:
        return text

    @strawberry.field
    async def flow(self, info: Info, name: str = "one") -> Flow | None:
        return (await info.context["rest"].read("POST", f"/flows/{name}", None))[0]

    @strawberry.field
    async def forbidden(self) -> str | None:
        raise Forbidden("Not for you.", status=403, method="POST", path="/flows/filter")

    @strawberry.field
    async def defect(self) -> str | None:
        raise ValueError("the password is swordfish")

    @strawberry.field
    async def uncoded(self) -> str | None:
        raise GraphQLError("the password is swordfish")

    @strawberry.field
    async def returned(self) -> list[Flow | None]:
        return [
            {"id": "1", "name": "one"},
            TypeError("the password is swordfish"),
            Forbidden("Not this one.", status=403),
        ]

    @strawberry.field
    async def slow(self, info: Info) -> str | None:
        await info.context["rest"].read("POST", "/slow", None)
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def create_flow(self, info: Info, input: FlowCreate) -> Flow | None:  # noqa: A002 - its name in GraphQL
        return await info.context["rest"].write("POST", "/flows/", input.model_dump())


@dataclass
class Upstream:
    """Answers every path with `rows[path]`, or what stands for all flows; waits for `gate` before each answer."""

    rows: dict[str, Any] = field(default_factory=dict)
    sessions: list["Session"] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def session(self, *, authorization: str | None, deadline: float, trace: bool) -> "Session":
        self.sessions.append(Session(self, authorization, deadline, trace))
        return self.sessions[-1]

    def flights(self) -> Flights[Any, Any]:
        return Flights(Writes())


@dataclass
class Session:
    upstream: Upstream
    authorization: str | None
    deadline: float
    trace: bool
    calls: list[dict[str, Any]] = field(default_factory=list)

    def close(self) -> None:
        pass

    async def read(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        self.calls.append({"method": method, "path": path, "body": body})
        self.upstream.calls.append(self.calls[-1])
        self.upstream.called.set()
        try:
            await self.upstream.gate.wait()
        except asyncio.CancelledError:
            self.upstream.ended.put_nowait("cancelled")
            raise
        self.upstream.ended.put_nowait("answered")
        return self.upstream.rows.get(path, [{"id": "1", "name": "one"}])

    answer = read

    def decoded(self, _method: str, _path: str, answer: Any) -> Any:
        return answer

    async def write(self, method: str, path: str, body: Any = None) -> Any:
        return (await self.read(method, path, body))[0]


def rows_are_dicts(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, dict) else getattr(source, name)


CONFIG = StrawberryConfig(default_resolver=rows_are_dicts, enable_experimental_incremental_execution=True)
SCHEMA = strawberry.Schema(Query, Mutation, config=CONFIG)


def upstream() -> Upstream:
    """Return an upstream whose answers come at once."""
    made = Upstream()
    made.gate.set()
    return made


def execution(upstream: Upstream, **settings: Any) -> Execution:
    return Execution(SCHEMA, upstream, Settings(**settings), lambda session: {"rest": session})
