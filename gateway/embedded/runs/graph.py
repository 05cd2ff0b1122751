"""The graph of a flow run: its task runs and subflow runs, and which of them waited for which."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any
from uuid import UUID

from fastapi import HTTPException, Query, Request, Response
from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, case, func, select

from gateway.embedded.expressions import start
from gateway.embedded.failures import Missing
from gateway.embedded.hot import Router
from gateway.embedded.reading.queries import order
from gateway.embedded.reads import JSON, MISSING, database_of
from gateway.embedded.rows import dump, read_rows
from gateway.embedded.shapes import Row
from gateway.embedded.tables import TABLES
from schema.flow_run_graph import FlowRunDependencies, FlowRunGraph, FlowRunGraphNode

MOST_NODES = 10_000
MOST_ARTIFACTS = 10_000
TAKEN_BY_A_TASK = "__parents__"
"""The key, among a task run's inputs, of the task runs within which it was called."""
EDGES = ("parents", "children", "encapsulating")

router = Router(prefix="/flow_runs/{id:uuid}", tags=["flow_runs"])

FLOWS, RUNS, TASK_RUNS = TABLES["flows"], TABLES["flow_runs"], TABLES["task_runs"]
ARTIFACTS, LATEST, STATES = TABLES["artifacts"], TABLES["artifact_collections"], TABLES["flow_run_states"]


class Graph(FlowRunGraph):
    """A graph, each node beside its id."""

    nodes: list[tuple[UUID, FlowRunGraphNode]]  # type: ignore[assignment]  # as REST has it


@router.get("/graph-v2", response_model=Graph, responses=MISSING)
async def read_graph(
    request: Request,
    id: UUID,  # noqa: A002 (the parameter's name in the API)
    since: Annotated[datetime | None, Query(description="Only runs that ended after this time, or go on.")] = None,
) -> Response:
    """Read the graph of a flow run's task runs and subflow runs."""
    after = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    return JSON(await database_of(request).read(lambda connection: dump(_graph(connection, str(id), after))))


def _graph(connection: Connection, run_id: str, since: datetime | None) -> Row:
    run = connection.execute(select(start(RUNS), RUNS.c.end_time).where(RUNS.c.id == run_id)).first()
    if run is None:
        raise Missing(f"Flow run {run_id} not found")
    artifacts = _artifacts(connection, run_id)
    nodes = [
        {**node, "artifacts": artifacts.get(node["id"], [])}
        for node in _nodes(connection, run_id)
        if since is None or node["end_time"] is None or node["end_time"] >= since
    ]
    if len(nodes) > MOST_NODES:
        raise HTTPException(400, f"The graph of flow run {run_id} has more than {MOST_NODES} nodes.")
    states = select(STATES).where(STATES.c.flow_run_id == run_id).order_by(*order("flow_run_states"))
    return {
        "start_time": run[0],
        "end_time": run[1],
        "root_node_ids": [node["id"] for node in nodes if not node["parents"]],
        "nodes": [(node["id"], node) for node in nodes],
        "artifacts": artifacts.get(None, []),
        "states": [
            {key: state[key] for key in ("id", "timestamp", "type", "name")}
            for state in read_rows(connection, "flow_run_states", states)
        ],
    }


def _nodes(connection: Connection, run_id: str) -> list[Row]:
    """Return the nodes by when they started, with their edges: a subflow run stands for the task run that called it."""
    nodes: dict[str, Row] = {}
    inputs: dict[str, Any] = {}
    for *values, taken in connection.execute(_node_columns(run_id)):
        node: Row = dict(zip(("kind", "id", "label", "state_type", "start_time", "end_time"), values, strict=True))
        nodes[node["id"]] = {**node, **{edges: [] for edges in EDGES}}
        inputs[node["id"]] = from_json(taken)
    for id_, node in nodes.items():
        for key, parent in _taken(inputs[id_]):
            if parent not in nodes:
                continue
            if key == TAKEN_BY_A_TASK:
                _add(node["encapsulating"], parent)
            else:
                _add(node["parents"], parent)
                _add(nodes[parent]["children"], id_)
    return list(nodes.values())


def _node_columns(run_id: str) -> Any:
    subflow = RUNS.c.id.is_not(None)
    begun = func.coalesce(RUNS.c.start_time, RUNS.c.expected_start_time, start(TASK_RUNS), type_=RUNS.c.start_time.type)
    done = case((TASK_RUNS.c.state_type == "COMPLETED", TASK_RUNS.c.expected_start_time))
    ended = func.coalesce(RUNS.c.end_time, TASK_RUNS.c.end_time, done, type_=RUNS.c.end_time.type)
    columns: tuple[ColumnElement[Any], ...] = (
        case((subflow, "flow-run"), else_="task-run"),
        func.coalesce(RUNS.c.id, TASK_RUNS.c.id),
        func.coalesce(FLOWS.c.name + " / " + RUNS.c.name, TASK_RUNS.c.name),
        func.coalesce(RUNS.c.state_type, TASK_RUNS.c.state_type),
        begun,
        ended,
        TASK_RUNS.c.task_inputs,
    )
    return (
        select(*columns)
        .select_from(TASK_RUNS)
        .outerjoin(RUNS, RUNS.c.parent_task_run_id == TASK_RUNS.c.id)
        .outerjoin(FLOWS, FLOWS.c.id == RUNS.c.flow_id)
        .where(TASK_RUNS.c.flow_run_id == run_id, begun.is_not(None))
        .order_by(begun, ended.nulls_first(), columns[1])
    )


def _taken(inputs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, arguments in inputs.items():
        for argument in arguments:
            yield key, argument.get("id")


def _add(edges: list[Row], id_: str) -> None:
    if {"id": id_} not in edges:
        edges.append({"id": id_})


def _artifacts(connection: Connection, run_id: str) -> dict[str | None, list[Row]]:
    """Return the artifacts of a flow run by their task run, without results."""
    told = (ARTIFACTS.c.task_run_id, ARTIFACTS.c.id, ARTIFACTS.c.created, ARTIFACTS.c.key, ARTIFACTS.c.type)
    statement = (
        select(*told, LATEST.c.id, ARTIFACTS.c.data)
        .outerjoin(LATEST, LATEST.c.latest_id == ARTIFACTS.c.id)
        .where(ARTIFACTS.c.flow_run_id == run_id, ARTIFACTS.c.type != "result")
        .order_by(ARTIFACTS.c.created, ARTIFACTS.c.id)
        .limit(MOST_ARTIFACTS)
    )
    by_task_run: dict[str | None, list[Row]] = defaultdict(list)
    for task_run_id, id_, created, key, kind, latest, data in connection.execute(statement):
        row = {"id": id_, "created": created, "key": key, "type": kind, "is_latest": key is None or latest is not None}
        by_task_run[task_run_id].append({**row, "data": _progress(kind, data)})
    return by_task_run


def _progress(kind: str, data: str | None) -> Any:
    return from_json(data) if kind == "progress" and data is not None else None


@router.get("/graph", response_model=list[FlowRunDependencies], responses=MISSING)
async def read_dependencies(request: Request, id: UUID) -> Response:  # noqa: A002 (the parameter's name in the API)
    """Read the task runs of a flow run, and those whose results each took."""
    return JSON(await database_of(request).read(lambda connection: dump(_dependencies(connection, id))))


def _dependencies(connection: Connection, run_id: UUID) -> list[Row]:
    if connection.scalar(select(RUNS.c.id).where(RUNS.c.id == str(run_id))) is None:
        raise Missing(f"Flow run with id {run_id} not found")
    of_run = select(TASK_RUNS).where(TASK_RUNS.c.flow_run_id == str(run_id)).order_by(*order("task_runs", "ID_DESC"))
    parts = connection.execute(of_run.with_only_columns(TASK_RUNS.c.task_inputs, TASK_RUNS.c.state)).all()
    return [
        {
            **{key: row[key] for key in FlowRunDependencies.model_fields if key in row},
            "upstream_dependencies": _results(from_json(inputs)),
            "untrackable_result": bool(state and from_json(state)["state_details"].get("untrackable_result")),
        }
        for row, (inputs, state) in zip(read_rows(connection, "task_runs", of_run), parts, strict=True)
    ]


def _results(inputs: dict[str, Any]) -> list[Row]:
    ids = {taken["id"]: None for taken in chain(*inputs.values()) if taken.get("input_type") == "task_run"}
    return [{"input_type": "task_run", "id": id_} for id_ in ids]
