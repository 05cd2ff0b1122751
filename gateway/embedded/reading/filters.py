"""Filters to SQL: what each operator word means on a column, and the fields that mean something of their own."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, exists, or_, select, true
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from gateway.embedded.expressions import has_all, has_any, like, member, start, tagged_all, tagged_any
from gateway.embedded.reading.search import search
from gateway.embedded.tables import TABLES
from gateway.embedded.tables.tags import TAGS
from gateway.embedded.tables.types import Tags
from schema.operators import Operator

Condition = ColumnElement[bool]
Column = ColumnElement[Any]
Columns = ReadOnlyColumnCollection[str, Any]


def condition(collection: str, filter_: BaseModel) -> Condition:
    """Turn the filter of a collection into a condition on its table, as Prefect 3.9's filters behave.

    A condition is left out where its word is null; a field without a word holds for every row. An empty `any_` fits no
    row, an empty `not_any_`, `all_` or `like_` every row.
    """
    parts: list[Condition] = []
    for field, leaf in _given(filter_):
        if special := SPECIAL.get((collection, field)):
            parts += special(TABLES[collection].c, leaf)
        else:
            parts += _leaf(TABLES[collection].c, field, leaf)
    return _combine(parts, filter_)


def _given(model: BaseModel) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in model if value is not None and name != "operator"]


def _combine(parts: list[Condition], filter_: BaseModel) -> Condition:
    if not parts:
        return true()
    return or_(*parts) if getattr(filter_, "operator", None) is Operator.OR else and_(*parts)


def _leaf(columns: Columns, field: str, leaf: BaseModel) -> list[Condition]:
    if any(not name.endswith("_") and name != "operator" for name in type(leaf).model_fields):
        # A group of columns, `state: {type, name}`: what says nothing of them is no condition, not even in an OR.
        inner = [_words(columns[f"{field}_{name}"], words) for name, words in _given(leaf)]
        return [_combine([part for part in inner if part is not None], leaf)]
    return [_or_true(_words(columns[field], leaf))]


def _words(column: Column, leaf: BaseModel) -> Condition | None:
    words = LIST_WORDS if isinstance(column.type, Tags) else WORDS
    parts = [part for word, value in _given(leaf) if (part := words[word](column, value)) is not None]
    return _combine(parts, leaf) if parts else None


def _or_true(part: Condition | None) -> Condition:
    return true() if part is None else part


def one_of(column: Column, values: list[Any]) -> Condition:
    """Tell whether a column's text is one of the values; for one value that is an equation, which indexes like best."""
    texts = [value.value if isinstance(value, Enum) else value for value in values]
    return column == texts[0] if len(texts) == 1 else member(column, texts)


def _none_of(column: Column, values: list[Any]) -> Condition | None:
    return ~one_of(column, values) if values else None


def _like(column: Column, part: str) -> Condition | None:
    return like(column, f"%{part}%") if part else None


def _starts_with(column: Column, prefixes: list[str]) -> Condition | None:
    return or_(*(like(column, f"{prefix}%") for prefix in prefixes)) if prefixes else None


def _is_null(column: Column, yes: bool) -> Condition:
    return column.is_(None) if yes else column.is_not(None)


Word = Callable[[Column, Any], Condition | None]

WORDS: dict[str, Word] = {
    "any_": one_of,
    "not_any_": _none_of,
    "like_": _like,
    "startswith_": _starts_with,
    "is_null_": _is_null,
    "exists_": lambda column, yes: _is_null(column, not yes),
    "before_": lambda column, moment: column <= moment,
    "after_": lambda column, moment: column >= moment,
    "ge_": lambda column, value: column >= value,
    "le_": lambda column, value: column <= value,
    "eq_": lambda column, value: column == value,
}

# A list is never null in the database: `is_null_` asks whether it is empty.
LIST_WORDS: dict[str, Word] = {
    "any_": lambda column, values: (tagged_any if column.table.name in TAGS else has_any)(column, values),
    "all_": lambda column, values: (
        (tagged_all if column.table.name in TAGS else has_all)(column, values) if values else None
    ),
    "is_null_": lambda column, yes: column == [] if yes else column != [],
}

Special = Callable[[Columns, Any], list[Condition]]


def _flow_deployment(columns: Columns, leaf: Any) -> list[Condition]:
    deployments = TABLES["deployments"].alias()
    found = exists(select(1).where(deployments.c.flow_id == columns["id"]))
    return [true() if leaf.is_null_ is None else ~found if leaf.is_null_ else found]


def _run_start(columns: Columns, leaf: Any) -> list[Condition]:
    parts = [
        WORDS[word](columns["start_time"] if word == "is_null_" else start(TABLES["flow_runs"]), value)
        for word, value in _given(leaf)
    ]
    return [_combine([part for part in parts if part is not None], leaf)]


def _parent_flow_run(columns: Columns, leaf: Any) -> list[Condition]:
    if leaf.any_ is None:
        return [true()]
    parents = TABLES["task_runs"].alias()
    return [columns["parent_task_run_id"].in_(select(parents.c.id).where(one_of(parents.c.flow_run_id, leaf.any_)))]


def _creator(columns: Columns, leaf: Any) -> list[Condition]:
    creator = columns["created_by"]
    words: dict[str, Word] = {
        "id_": lambda column, ids: one_of(column["id"].as_string(), ids),
        "type_": lambda column, types: one_of(column["type"].as_string(), types),
        "is_null_": _is_null,
    }
    parts = [words[word](creator, value) for word, value in _given(leaf)]
    return [_combine([part for part in parts if part is not None], leaf)]


def _task_flow_run(columns: Columns, leaf: Any) -> list[Condition]:
    """Task runs of a flow run; unlike elsewhere `is_null_` is false unless it is given, and its truth excludes `any_`."""
    is_null = leaf.is_null_ if "is_null_" in leaf.model_fields_set else False
    if is_null or (is_null is False and leaf.any_ is None):
        return [_is_null(columns["flow_run_id"], is_null)]
    return [true() if leaf.any_ is None else one_of(columns["flow_run_id"], leaf.any_)]


def _subflow_runs(columns: Columns, leaf: Any) -> list[Condition]:
    subflows = TABLES["flow_runs"].alias()
    found = exists(select(1).where(subflows.c.parent_task_run_id == columns["id"]))
    return [true() if leaf.exists_ is None else found if leaf.exists_ else ~found]


def _flow_or_deployment_name(columns: Columns, leaf: Any) -> list[Condition]:
    if not leaf.like_:
        return [true()]
    flows = TABLES["flows"].alias()
    pattern = f"%{leaf.like_}%"
    flow = columns["flow_id"].in_(select(flows.c.id).where(like(flows.c.name, pattern)))
    return [like(columns["name"], pattern) | flow]


def _text(columns: Columns, leaf: Any) -> list[Condition]:
    return search(columns["message"] + " " + columns["name"], leaf.query)


SPECIAL: dict[tuple[str, str], Special] = {
    ("flows", "deployment"): _flow_deployment,
    ("flow_runs", "start_time"): _run_start,
    ("flow_runs", "parent_flow_run_id"): _parent_flow_run,
    ("flow_runs", "created_by"): _creator,
    ("task_runs", "flow_run_id"): _task_flow_run,
    ("task_runs", "subflow_runs"): _subflow_runs,
    ("deployments", "flow_or_deployment_name"): _flow_or_deployment_name,
    ("deployments", "concurrency_limit"): lambda columns, leaf: [],  # noqa: ARG005 (ignored, as in Prefect)
    ("logs", "text"): _text,
    ("block_schemas", "block_capabilities"): lambda columns, leaf: [_or_true(_words(columns["capabilities"], leaf))],
}
