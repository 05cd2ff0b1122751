"""The embedded server, assembled: a Prefect REST API over a database of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI
from pydantic import SecretStr

from gateway.embedded import (
    artifact_writes,
    conformity,
    flow_writes,
    log_writes,
    named_reads,
    reads,
    saved_search_writes,
    server_reads,
    server_settings,
    ui_reads,
    variable_writes,
)
from gateway.embedded.automations import routes as automations
from gateway.embedded.automations.engine import Engine
from gateway.embedded.blocks import document_writes as block_document_writes
from gateway.embedded.blocks import schema_writes as block_schema_writes
from gateway.embedded.blocks import type_writes as block_type_writes
from gateway.embedded.concurrency import global_limits as global_concurrency_limits
from gateway.embedded.concurrency import leases as concurrency_leases
from gateway.embedded.concurrency import tag_limits as concurrency_limits
from gateway.embedded.deployments import runs as deployment_runs
from gateway.embedded.deployments import writes as deployment_writes
from gateway.embedded.events import order, retention, sockets
from gateway.embedded.events import routes as events
from gateway.embedded.failures import add_failures
from gateway.embedded.hot import Router, Server
from gateway.embedded.runs import (
    cancelled_children,
    flow_run_reads,
    flow_run_writes,
    observed_states,
    overdue,
    state_writes,
    task_run_writes,
    task_workers,
)
from gateway.embedded.runs import graph as flow_run_graph
from gateway.embedded.runs import inputs as flow_run_inputs
from gateway.embedded.schedules import scheduler
from gateway.embedded.schedules import writes as schedule_writes
from gateway.embedded.services import Service, working
from gateway.embedded.store import open_store
from gateway.embedded.work import channel as worker_channel
from gateway.embedded.work import foreman, handed_out, slots, workers
from gateway.embedded.work import pool_writes as work_pool_writes
from gateway.embedded.work import queue_writes as work_queue_writes
from gateway.http.page.docs import add_docs
from gateway.settings import Settings
from resolvers.collection import Collection
from schema import COLLECTIONS

READS = (named_reads, server_reads, server_settings, observed_states, conformity)
WRITES = (
    flow_writes,
    flow_run_writes,
    task_run_writes,
    state_writes,
    deployment_writes,
    deployment_runs,
    log_writes,
    work_pool_writes,
    work_queue_writes,
    handed_out,
    slots,
    workers,
    worker_channel,
    schedule_writes,
    task_workers,
    artifact_writes,
    block_type_writes,
    block_schema_writes,
    block_document_writes,
    variable_writes,
    saved_search_writes,
    flow_run_inputs,
    flow_run_graph,
    flow_run_reads,
    ui_reads,
    concurrency_limits,
    global_concurrency_limits,
    events,
    sockets,
    automations,
)
SERVICES = tuple(
    service
    for module in (scheduler, overdue, cancelled_children, foreman, concurrency_leases, order)
    for service in module.SERVICES
)
"""What works in the background."""
RUNS = frozenset({"flow_runs", "task_runs"})
PAGINATED = frozenset({"flows", "flow_runs", "task_runs", "deployments"})
STATES = {"flow_run_states": "flow_run_id", "task_run_states": "task_run_id"}


def create_app(
    database_url: str | None = None,
    *,
    services: bool | None = None,
    event_days: float | None = None,
    encryption_key: SecretStr | None = None,
) -> FastAPI:
    """Make a server that speaks the REST API of Prefect 3.9 (https://docs.prefect.io/v3/api-ref/rest-api).

    Its lifespan opens the database at the URL (`PREFECT_GRAPHQL_DATABASE_URL` where none is given), makes missing tables
    and closes it at the end; a DatabaseError says why it can't be opened. Meanwhile `services` do what nobody asks for,
    unless they are turned off (`PREFECT_GRAPHQL_SERVICES` where nothing is given), and keep events for `event_days`
    (`PREFECT_GRAPHQL_EVENT_DAYS`). The values of blocks are encrypted by the `encryption_key`
    (`PREFECT_GRAPHQL_ENCRYPTION_KEY`).
    """
    settings = Settings()
    lifespan = _lifespan(
        database_url or settings.database_url,
        encryption_key or settings.encryption_key,
        settings.services if services is None else services,
        settings.event_days if event_days is None else event_days,
    )
    app = Server(
        title="Prefect REST API, embedded in prefect-graphql",
        version=version("prefect-graphql"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    add_failures(app)
    add_docs(app)
    routers = [_reads(collection) for collection in COLLECTIONS if collection.stored]
    routers += [routes.router for routes in (*READS, *WRITES)]
    for router in routers:
        app.include_router(router)
        app.hot |= router.hot
    return app


def create_configured_app(settings: Settings) -> FastAPI:
    """Make the server that settings describe."""
    return create_app(
        settings.database_url,
        services=settings.services,
        event_days=settings.event_days,
        encryption_key=settings.encryption_key,
    )


def _lifespan(
    url: str, key: SecretStr | None, services: bool, event_days: float
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = app.state.database = await open_store(url, key)
        await block_type_writes.install_once(database)
        try:
            async with working(database, _services(app, event_days) if services else ()):
                yield
        finally:
            await database.close()

    return lifespan


def _services(app: FastAPI, event_days: float) -> tuple[Service, ...]:
    return (*SERVICES, *Engine(app).services, retention.forgetting(timedelta(days=event_days)))


def _reads(collection: Collection) -> Router:
    router = Router(prefix=collection.path, tags=[collection.name])
    if not (collection.listed or collection.within):
        reads.add_filter(router, collection)
    if collection.countable:
        reads.add_count(router, collection)
    if collection.name in PAGINATED:
        reads.add_paginate(router, collection)
    if collection.name in reads.NOT_FOUND:
        reads.add_item(router, collection)
    if collection.name in RUNS:
        reads.add_history(router, collection)
    if collection.name in STATES:
        reads.add_states(router, collection, STATES[collection.name])
    return router
