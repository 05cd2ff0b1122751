"""Queries over collections: related groups of a body to one condition, orders, pages and counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, Table, exists, func, select

from gateway.embedded.expressions import estimated_run_time, now, start
from gateway.embedded.reading.filters import Condition, condition, one_of
from gateway.embedded.tables import TABLES
from schema import COLLECTIONS
from schema.block_document_filters import BlockDocumentFilter

Groups = Mapping[str, BaseModel | None]
"""The filter groups of a body: by the name of the group, `flow_runs`."""


@dataclass(frozen=True)
class Related:
    """A collection on the way from another, with what is reached through it.

    `group` names it in a body. Its rows refer to ours by `key` if `many`, else ours to its.
    """

    group: str
    key: str
    many: bool = False
    through: tuple["Related", ...] = ()

    @property
    def table(self) -> Table:
        return TABLES["work_queues" if self.group == "work_pool_queues" else self.group]


_FLOW = Related("flows", "flow_id")
_QUEUE = Related("work_pool_queues", "work_queue_id", through=(Related("work_pools", "work_pool_id"),))
_DEPLOYMENT = Related("deployments", "deployment_id")
_TASK_RUNS = Related("task_runs", "flow_run_id", many=True)
_MAKERS = (Related("flow_runs", "flow_run_id", through=(_FLOW, _DEPLOYMENT)), Related("task_runs", "task_run_id"))

# What Prefect joins before it asks whether there is one: groups on one path mean the same row on the way.
RELATED: dict[str, tuple[Related, ...]] = {
    "flows": (
        Related("deployments", "flow_id", many=True, through=(_QUEUE,)),
        Related("flow_runs", "flow_id", many=True, through=(_TASK_RUNS,)),
    ),
    "flow_runs": (_DEPLOYMENT, _QUEUE, _FLOW, _TASK_RUNS),
    "task_runs": (Related("flow_runs", "flow_run_id", through=(_FLOW, _DEPLOYMENT, _QUEUE)),),
    "deployments": (
        _FLOW,
        Related("flow_runs", "deployment_id", many=True, through=(_TASK_RUNS,)),
        _QUEUE,
    ),
    "block_types": (Related("block_schemas", "block_type_id", many=True),),
    "block_documents": (Related("block_types", "block_type_id"), Related("block_schemas", "block_schema_id")),
    "artifacts": _MAKERS,
    "artifact_collections": _MAKERS,
}

# Collections whose REST routes take no sort.
ORDER = {
    "work_pools": "NAME_ASC",
    "work_queues": "NAME_ASC",
    "workers": "LAST_HEARTBEAT_TIME_DESC",
    "flow_run_states": "TIMESTAMP_ASC",
    "task_run_states": "TIMESTAMP_ASC",
    "saved_searches": "NAME_ASC",
    "block_types": "NAME_ASC",
    "block_schemas": "CREATED_DESC",
}

COLUMNS = {"BLOCK_TYPE_AND_NAME": ("block_type_name", "name")}
"""The columns of sorts by several."""

OWN = {collection.name: collection.own for collection in COLLECTIONS}
"""The group of a collection's own filter in a body."""

UNFILTERED = {"block_documents": BlockDocumentFilter()}
"""The filters that leave rows out where a body has none."""


def conditions(collection: str, groups: Groups) -> list[Condition]:
    """Return the conditions that the groups of a body put on a collection, all of which must hold."""
    own = groups.get(OWN[collection]) or UNFILTERED.get(collection)
    parts = [] if own is None else [condition(collection, own)]
    return parts + _related(TABLES[collection], RELATED.get(collection, ()), groups)


def _related(table: Table, related: tuple[Related, ...], groups: Groups) -> list[Condition]:
    return [part for one in related if (part := _one_related(table, one, groups)) is not None]


def _one_related(table: Table, related: Related, groups: Groups) -> Condition | None:
    group, target = groups.get(related.group), related.table
    further = _related(target, related.through, groups)
    if group is None and not further:
        return None
    if not related.many and not further and (ids := _only_ids(group)) is not None and table.c[related.key].foreign_keys:
        return one_of(table.c[related.key], ids)
    inner = further if group is None else [condition(target.name, group), *further]
    if related.many:
        return exists(select(1).where(target.c[related.key] == table.c.id, *inner))
    return table.c[related.key].in_(select(target.c.id).where(*inner))


def _only_ids(group: BaseModel | None) -> list[str] | None:
    """Return the ids that are all that a filter asks for: a foreign key is compared with them without a look at its table."""
    given = {} if group is None else group.model_dump(exclude_none=True, exclude={"operator"})
    match given:
        case {"id": {"any_": list(ids), **others}, **more} if not others and not more:
            return ids
    return None


def order(collection: str, sort: str | None = None) -> list[ColumnElement[Any]]:
    """Return the order that a sort names, closed by the id; nulls come first ascending and last descending."""
    table = TABLES[collection]
    name, _, direction = (sort or ORDER[collection]).rpartition("_")
    if name == "DURATION":
        duration = estimated_run_time(table, now())
        return [
            _directed(duration, direction),
            _directed(table.c.expected_start_time, "DESC"),
            _directed(table.c.id, "DESC"),
        ]
    keys: list[ColumnElement[Any]] = [table.c[column] for column in COLUMNS.get(name, (name.lower(),))]
    if (collection, name) == ("flow_runs", "START_TIME"):
        keys = [start(table)]
    return [_directed(key, direction) for key in (keys if keys[-1] is table.c.id else [*keys, table.c.id])]


def _directed(key: ColumnElement[Any], direction: str) -> ColumnElement[Any]:
    return key.asc().nulls_first() if direction == "ASC" else key.desc().nulls_last()


def page(collection: str, groups: Groups, sort: Enum | None, limit: int, offset: int) -> Select[Any]:
    """Select a page of rows."""
    ordered = order(collection, sort.value if sort else None)
    return (
        select(TABLES[collection]).where(*conditions(collection, groups)).order_by(*ordered).limit(limit).offset(offset)
    )


def count(collection: str, groups: Groups) -> Select[Any]:
    """Count rows."""
    return select(func.count()).select_from(TABLES[collection]).where(*conditions(collection, groups))
