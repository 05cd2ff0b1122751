"""The columns of a table, made from the row model of its collection."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey
from sqlalchemy.types import TypeEngine

from gateway.embedded.tables.types import STRING, Document, Duration, Tags, Timestamp
from schema.types import Computed

ColumnType = TypeEngine[Any] | type[TypeEngine[Any]]

TYPES: dict[object, ColumnType] = {
    str: STRING,
    bool: Boolean,
    int: BigInteger,
    float: Float,
    datetime: Timestamp,
    list[str]: Tags,
}
# REST sends seconds; they are kept as what they are, so that they add up exactly.
DURATIONS = frozenset({"total_run_time"})

# What a row refers to: the table, and what becomes of the row when that is deleted. A run outlives its deployment,
# and logs are deleted on their own, so these refer to nothing here, as in Prefect.
REFERENCES = {
    ("flow_runs", "flow_id"): ("flows", "CASCADE"),
    ("flow_runs", "parent_task_run_id"): ("task_runs", "SET NULL"),
    ("flow_runs", "work_queue_id"): ("work_queues", "SET NULL"),
    ("task_runs", "flow_run_id"): ("flow_runs", "CASCADE"),
    ("flow_run_states", "flow_run_id"): ("flow_runs", "CASCADE"),
    ("task_run_states", "task_run_id"): ("task_runs", "CASCADE"),
    ("deployments", "flow_id"): ("flows", "CASCADE"),
    ("deployments", "work_queue_id"): ("work_queues", "SET NULL"),
    ("deployments", "concurrency_limit_id"): ("concurrency_limits_v2", "SET NULL"),
    ("deployment_schedules", "deployment_id"): ("deployments", "CASCADE"),
    ("work_queues", "work_pool_id"): ("work_pools", "CASCADE"),
    ("flow_run_inputs", "flow_run_id"): ("flow_runs", "CASCADE"),
    ("workers", "work_pool_id"): ("work_pools", "CASCADE"),
    ("block_schemas", "block_type_id"): ("block_types", "CASCADE"),
    ("block_documents", "block_type_id"): ("block_types", "CASCADE"),
    ("block_documents", "block_schema_id"): ("block_schemas", "CASCADE"),
    ("block_schema_references", "parent_id"): ("block_schemas", "CASCADE"),
    ("block_schema_references", "reference_id"): ("block_schemas", "CASCADE"),
    ("block_document_references", "parent_id"): ("block_documents", "CASCADE"),
    ("block_document_references", "reference_id"): ("block_documents", "CASCADE"),
    ("deployments", "storage_document_id"): ("block_documents", "CASCADE"),
    ("deployments", "infrastructure_document_id"): ("block_documents", "CASCADE"),
    ("flow_runs", "infrastructure_document_id"): ("block_documents", "CASCADE"),
}

# Columns that no row shows.
HIDDEN: dict[str, dict[str, ColumnType]] = {
    "flow_runs": {"state_timestamp": Timestamp},
    "task_runs": {"state_timestamp": Timestamp},
    "flow_run_states": {"flow_run_id": STRING},
    "task_run_states": {"task_run_id": STRING},
    "deployments": {"concurrency_limit_id": STRING},
    "concurrency_limits_v2": {"denied_slots": BigInteger, "avg_slot_occupancy_seconds": Float},
}


def _now() -> datetime:
    return datetime.now(UTC)


def _bare(annotation: Any) -> Any:
    """Strip an annotation of its metadata, of `| None` and of NewType: what is left says how the value is stored."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif NoneType in (options := get_args(annotation)) and len(options) == 2:
            annotation = options[0] if options[1] is NoneType else options[1]
        else:
            return annotation


def _type(name: str, field: FieldInfo) -> ColumnType:
    if name in DURATIONS:
        return Duration
    annotation = _bare(field.annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return STRING
    return TYPES.get(annotation, Document)


def is_stored(field: FieldInfo) -> bool:
    """Tell whether a field of a row model has a column, and is not worked out when it is read."""
    return Computed not in field.metadata


def columns(table: str, row: type[BaseModel]) -> Iterator[Column[Any]]:
    """Make the columns of the table that keeps the rows of a model."""
    for name, field in row.model_fields.items():
        if is_stored(field):
            nullable = field.annotation is Any or NoneType in get_args(field.annotation)
            yield _column(table, name, _type(name, field), nullable=nullable, default=_default(name, field))
    for name, kind in HIDDEN.get(table, {}).items():
        yield _column(table, name, kind, nullable=True)


def _default(name: str, field: FieldInfo) -> Callable[[], Any] | None:
    if name in {"created", "updated"}:
        return _now
    if name in DURATIONS:
        return timedelta
    value = field.get_default(call_default_factory=True, validated_data={})
    return None if value is None or field.is_required() else lambda: value.value if isinstance(value, Enum) else value


def _column(
    table: str, name: str, kind: ColumnType, *, nullable: bool, default: Callable[[], Any] | None = None
) -> Column[Any]:
    keys = []
    if reference := REFERENCES.get((table, name)):
        parent, on_delete = reference
        # Named and added last: runs and task runs refer to each other.
        keys.append(
            ForeignKey(f"{parent}.id", ondelete=on_delete, name=f"fk_{table}_{name}", use_alter=parent == "task_runs")
        )
    onupdate = _now if name == "updated" else None
    return Column(name, kind, *keys, primary_key=name == "id", nullable=nullable, default=default, onupdate=onupdate)
