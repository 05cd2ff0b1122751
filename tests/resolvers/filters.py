"""Random filters as REST bodies, made of the schema's filter models and of values that a world's rows have."""

import types
from collections.abc import Callable
from enum import Enum
from typing import Any, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from strawberry.utils.str_converters import to_camel_case

from schema import COLLECTIONS
from schema.filters import (
    ArtifactCollectionFilters,
    ArtifactFilters,
    DeploymentFilters,
    FlowFilters,
    FlowRunFilters,
    TaskRunFilters,
)
from tests.resolvers.world import NAMES, START, STATES, TAGS, UNKNOWN, WORDS, Row, World

COMPOSITE: dict[str, type[BaseModel]] = {
    "flows": FlowFilters,
    "flow_runs": FlowRunFilters,
    "task_runs": TaskRunFilters,
    "deployments": DeploymentFilters,
    "artifacts": ArtifactFilters,
    "artifact_collections": ArtifactCollectionFilters,
}
OWN = {collection.name: collection.filter for collection in COLLECTIONS}
PARTS = ["a", "bet", "%", "_", "LPH", "nothing"]
IDS = {
    "deployment_id": "deployments",
    "parent_flow_run_id": "flow_runs",
    "parent_task_run_id": "task_runs",
    "flow_run_id": "flow_runs",
    "task_run_id": "task_runs",
    "latest_id": "artifacts",
    "created_by": "deployments",
}
STRINGS = {
    "tags": TAGS,
    "flow_version": ["1", "2", "3"],
    "idempotency_key": ["none"],
    "work_queue_name": ["fast", "slow", "default"],
    "type": ["process", "docker", "markdown", "table"],
    "key": ["key-1", "key-2", "key-3", "key-200"],
    "created_by": ["DEPLOYMENT", "AUTOMATION"],
    "state": ["Scheduled", "Pending", "Running", "Completed", "Failed", "Late"],
}


def bodies(world: World, collection: str) -> st.SearchStrategy[Row]:
    """Draw the groups of a body for a collection's `/filter`, none of them often."""
    models = groups_of(collection)
    some = st.lists(st.sampled_from(sorted(models)), max_size=3, unique=True)
    return some.flatmap(
        lambda names: st.fixed_dictionaries({name: _filter(world, name, models[name]) for name in names})
    )


def groups_of(collection: str) -> dict[str, type[BaseModel]]:
    """Return the filter model of each group that a collection's `/filter` takes."""
    if composite := COMPOSITE.get(collection):
        return {name: _model(field.annotation) for name, field in composite.model_fields.items()}
    own = OWN[collection]
    return {collection: own} if own else {}


def graphql(body: Row, collection: str) -> Row:
    """Write the groups of a body as the value of the GraphQL argument `filter`."""
    value = body if collection in COMPOSITE else body.get(collection, {})
    renamed: Row = _renamed(value)
    return renamed


def uses_or(body: Row, group: str, leaf: str) -> bool:
    """Tell whether a client combines conditions by OR where the gateway must add one."""
    own = body.get(group) or {}
    return "or_" in (own.get("operator"), (own.get(leaf) or {}).get("operator"))


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {to_camel_case(key.rstrip("_")): _renamed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_renamed(part) for part in value]
    return {"and_": "AND", "or_": "OR"}.get(value, value) if isinstance(value, str) else value


def _model(annotation: Any) -> type[BaseModel]:
    return next(part for part in (annotation, *get_args(annotation)) if isinstance(part, type))


def _filter(world: World, group: str, model: type[BaseModel]) -> st.SearchStrategy[Row]:
    names = sorted(set(model.model_fields) - {"operator"})

    def conditions(chosen: list[str]) -> st.SearchStrategy[Row]:
        fixed = {name: _condition(world, group, name, _model(model.model_fields[name].annotation)) for name in chosen}
        return st.fixed_dictionaries(fixed, optional=_operator(model))

    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).flatmap(conditions)


def _condition(world: World, group: str, field: str, model: type[BaseModel]) -> st.SearchStrategy[Row]:
    names = sorted(set(model.model_fields) - {"operator"})

    def values(chosen: list[str]) -> st.SearchStrategy[Row]:
        made = {name: _value(world, group, field, name, model.model_fields[name].annotation) for name in chosen}
        return st.fixed_dictionaries(made, optional=_operator(model))

    return st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).flatmap(values)


def _operator(model: type[BaseModel]) -> Any:
    return {"operator": st.sampled_from(["and_", "or_"])} if "operator" in model.model_fields else {}


def _value(world: World, group: str, field: str, operator: str, annotation: Any) -> st.SearchStrategy[Any]:
    if isinstance(model := _inner(annotation), type) and issubclass(model, BaseModel):
        return _condition(world, group, field, model)
    makers: list[tuple[Callable[[], bool], Callable[[], st.SearchStrategy[Any]]]] = [
        (lambda: operator in {"is_null_", "exists_", "eq_"}, st.booleans),
        (lambda: operator in {"ge_", "le_"}, lambda: st.sampled_from([10, 20, 30])),
        (lambda: operator in {"before_", "after_"}, lambda: _time(world, group, field)),
        (lambda: operator == "like_", lambda: st.sampled_from(PARTS)),
        (lambda: operator == "startswith_", lambda: st.lists(st.sampled_from(["f", "slow", "x"]), min_size=1)),
        (lambda: operator == "query", lambda: st.sampled_from([*WORDS, '"connection timeout"', "-debug", "!100%"])),
    ]
    for suits, make in makers:
        if suits():
            return make()
    return _some(_pool(world, group, field, annotation, operator))


def _inner(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, types.UnionType}:
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _some(pool: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw a few values, or most of them: a random handful of many ids selects next to nothing."""
    most = st.sets(st.sampled_from(pool), max_size=3).map(lambda out: [value for value in pool if value not in out])
    return st.one_of(st.lists(st.sampled_from(pool), max_size=4, unique=True), most)


def _pool(world: World, group: str, field: str, annotation: Any, operator: str) -> list[Any]:
    inner = get_args(_inner(annotation))[0]
    if isinstance(inner, type) and issubclass(inner, Enum):
        return STATES
    collection = "work_queues" if group == "work_pool_queues" else group
    if field == "id":
        return [*world.values(collection, "id"), UNKNOWN]
    if field in IDS and operator != "type_":
        return [*world.values(IDS[field], "id"), UNKNOWN]
    if field == "name":
        return [*world.values(collection, "name")[:6], *NAMES]
    return STRINGS[field]


def _time(world: World, group: str, field: str) -> st.SearchStrategy[str]:
    """Draw a time at which some row has something, or one between."""
    known = sorted(world.values(group, field))
    return st.sampled_from([*known[:: max(1, len(known) // 8)], START.isoformat()])
