"""The routes that read by name: a flow, a deployment, a work pool and its queues."""

from typing import Any

from fastapi import HTTPException, Request, Response
from sqlalchemy import ColumnElement, Connection, select

from gateway.embedded.hot import Router
from gateway.embedded.reading.bodies import Page, body, groups_of, page_limit
from gateway.embedded.reading.queries import conditions
from gateway.embedded.reads import JSON, MISSING, NOT_FOUND, database_of, found
from gateway.embedded.rows import dump, read_row, read_rows
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from schema.deployments import Deployment
from schema.flows import Flow
from schema.work_pools import WorkPool
from schema.work_queues import WORK_QUEUES, WorkQueue

DEFAULT_POOL = "default-agent-pool"
"""Where work queues without a pool belong."""

router = Router()

FLOWS, DEPLOYMENTS, POOLS, QUEUES = (TABLES[name] for name in ("flows", "deployments", "work_pools", "work_queues"))
QueuesBody: Any = body(WORK_QUEUES, "InPoolQuery", Page, groups_of(WORK_QUEUES))


def in_pool(name: str) -> ColumnElement[bool]:
    """Tell whether a work queue belongs to the pool of a name."""
    return QUEUES.c.work_pool_id.in_(select(POOLS.c.id).where(POOLS.c.name == name))


@router.get("/flows/name/{name}", response_model=Flow, responses=MISSING, tags=["flows"])
async def read_flow(request: Request, name: str) -> Response:
    """Read a flow by name."""
    row = await database_of(request).read(lambda connection: read_row(connection, "flows", FLOWS.c.name == name))
    return JSON(dump(found(row, NOT_FOUND["flows"])))


@router.get(
    "/deployments/name/{flow_name}/{deployment_name}",
    response_model=Deployment,
    responses=MISSING,
    tags=["deployments"],
)
async def read_deployment(request: Request, flow_name: str, deployment_name: str) -> Response:
    """Read a deployment by its flow's name and its own."""
    flow = DEPLOYMENTS.c.flow_id.in_(select(FLOWS.c.id).where(FLOWS.c.name == flow_name))
    row = await database_of(request).read(
        lambda connection: read_row(connection, "deployments", flow, DEPLOYMENTS.c.name == deployment_name)
    )
    return JSON(dump(found(row, NOT_FOUND["deployments"])))


@router.get("/work_queues/name/{name}", response_model=WorkQueue, responses=MISSING, tags=["work_queues"])
async def read_queue_of_default_pool(request: Request, name: str) -> Response:
    """Read a work queue of the default pool by name."""
    row = await database_of(request).read(
        lambda connection: read_row(connection, "work_queues", QUEUES.c.name == name, in_pool(DEFAULT_POOL))
    )
    return JSON(dump(found(row, NOT_FOUND["work_queues"])))


@router.get("/work_pools/{name}", response_model=WorkPool, responses=MISSING, tags=["work_pools"])
async def read_pool(request: Request, name: str) -> Response:
    """Read a work pool by name."""
    row = await database_of(request).read(lambda connection: read_row(connection, "work_pools", POOLS.c.name == name))
    return JSON(dump(found(row, f'Work pool "{name}" not found.')))


@router.get(
    "/work_pools/{work_pool_name}/queues/{name}", response_model=WorkQueue, responses=MISSING, tags=["work_pools"]
)
async def read_queue(request: Request, work_pool_name: str, name: str) -> Response:
    """Read a work queue by its pool's name and its own."""
    row = await database_of(request).read(
        lambda connection: read_row(connection, "work_queues", QUEUES.c.name == name, in_pool(work_pool_name))
    )
    return JSON(dump(found(row, f"Work pool queue '{work_pool_name}/{name}' not found.")))


@router.post(
    "/work_pools/{work_pool_name}/queues/filter", response_model=list[WorkQueue], responses=MISSING, tags=["work_pools"]
)
async def read_queues(request: Request, work_pool_name: str, query: QueuesBody | None = None) -> Response:
    """Read the work queues of a pool, by priority."""
    query = query or QueuesBody()
    page = select(QUEUES).where(in_pool(work_pool_name), *conditions("work_queues", query.groups))
    page = page.order_by(QUEUES.c.priority, QUEUES.c.id).limit(page_limit(query.limit)).offset(query.offset or 0)

    def run(connection: Connection) -> list[Row]:
        if connection.scalar(select(POOLS.c.id).where(POOLS.c.name == work_pool_name)) is None:
            raise HTTPException(404, f'Work pool "{work_pool_name}" not found.')
        return read_rows(connection, "work_queues", page)

    return JSON(dump(await database_of(request).read(run)))
