"""The naive gateway, as one writes it in an hour: FastAPI, Strawberry, aiodataloader and httpx, all by default."""

import asyncio
import os
from typing import Any

import httpx
import strawberry
from aiodataloader import DataLoader
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter

client = httpx.AsyncClient(base_url=os.environ["UPSTREAM"], timeout=60)
PAGE = 200
RUN = (
    *("id", "name", "created", "updated", "flow_id", "deployment_id", "work_queue_id"),
    *("state_type", "state_name", "run_count", "start_time", "end_time", "total_run_time"),
)


async def read(collection: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = await client.post(f"/{collection}/filter", json=body)
    response.raise_for_status()
    rows: list[dict[str, Any]] = response.json()
    return rows


def taken(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


@strawberry.type
class Named:
    id: str
    name: str


@strawberry.type
class TaskRun(Named):
    state_type: str | None
    start_time: str | None


@strawberry.type
class Deployment(Named):
    pass


@strawberry.type
class WorkQueue(Named):
    pass


@strawberry.type
class FlowRun(Named):
    created: str | None
    updated: str | None
    flow_id: str | None
    deployment_id: str | None
    work_queue_id: str | None
    state_type: str | None
    state_name: str | None
    run_count: int
    start_time: str | None
    end_time: str | None
    total_run_time: float

    @strawberry.field
    async def flow(self, info: strawberry.Info) -> "Flow | None":
        return await info.context["flows"].load(self.flow_id) if self.flow_id else None

    @strawberry.field
    async def deployment(self, info: strawberry.Info) -> Deployment | None:
        return await info.context["deployments"].load(self.deployment_id) if self.deployment_id else None

    @strawberry.field
    async def work_queue(self, info: strawberry.Info) -> WorkQueue | None:
        return await info.context["work_queues"].load(self.work_queue_id) if self.work_queue_id else None

    @strawberry.field
    async def task_runs(self, first: int) -> list[TaskRun]:
        rows = await read("task_runs", {"flow_runs": {"id": {"any_": [self.id]}}, "limit": first})
        return [TaskRun(**taken(row, "id", "name", "state_type", "start_time")) for row in rows]


@strawberry.type
class Flow(Named):
    tags: list[str]

    @strawberry.field
    async def flow_runs(self, first: int) -> list[FlowRun]:
        rows = await read("flow_runs", {"flows": {"id": {"any_": [self.id]}}, "limit": first})
        return [FlowRun(**taken(row, *RUN)) for row in rows]


@strawberry.type
class State:
    type: str
    name: str


@strawberry.type
class Verdict:
    status: str
    state: State


class ById(DataLoader[str, Any]):
    def __init__(self, collection: str, row: type, *names: str) -> None:
        super().__init__()
        self.collection, self.row, self.names = collection, row, names

    async def batch_load_fn(self, keys: list[str]) -> list[Any]:
        rows = await read(self.collection, {self.collection: {"id": {"any_": keys}}})
        found = {row["id"]: self.row(**taken(row, *self.names)) for row in rows}
        return [found.get(key) for key in keys]


@strawberry.type
class Query:
    @strawberry.field
    async def flow_runs(self, limit: int, offset: int | None = None) -> list[FlowRun]:
        pages = [
            read("flow_runs", {"limit": min(PAGE, limit - start), "offset": (offset or 0) + start})
            for start in range(0, limit, PAGE)
        ]
        return [FlowRun(**taken(row, *RUN)) for rows in await asyncio.gather(*pages) for row in rows]

    @strawberry.field
    async def flows(self, limit: int) -> list[Flow]:
        return [Flow(**taken(row, "id", "name", "tags")) for row in await read("flows", {"limit": limit})]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def set_flow_run_state(self, id: strawberry.ID, type: str) -> Verdict:  # noqa: A002
        response = await client.post(f"/flow_runs/{id}/set_state", json={"state": {"type": type}})
        answer = response.json()
        return Verdict(status=answer["status"], state=State(**taken(answer["state"], "type", "name")))


async def context() -> dict[str, Any]:
    return {
        "flows": ById("flows", Flow, "id", "name", "tags"),
        "deployments": ById("deployments", Deployment, "id", "name"),
        "work_queues": ById("work_queues", WorkQueue, "id", "name"),
    }


app = FastAPI()
app.include_router(GraphQLRouter(strawberry.Schema(Query, Mutation), context_getter=context), prefix="/graphql")
