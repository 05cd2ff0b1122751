"""States of task runs that completed with a cache key, found again by it."""

import uuid
from datetime import datetime

from pydantic_core import from_json
from sqlalchemy import Column, Connection, ForeignKey, Index, Table, insert, select

from gateway.embedded.moments import now
from gateway.embedded.orchestration.states import State, read_state
from gateway.embedded.tables import METADATA, TABLES
from gateway.embedded.tables.types import STRING, Timestamp

STATES = TABLES["task_run_states"]

CACHE = Table(
    "task_run_state_cache",
    METADATA,
    Column("id", STRING, primary_key=True),
    Column("created", Timestamp, nullable=False),
    Column("cache_key", STRING, nullable=False),
    Column("cache_expiration", Timestamp),
    Column(
        "task_run_state_id", STRING, ForeignKey("task_run_states.id", ondelete="CASCADE"), nullable=False, index=True
    ),
)
Index("ix_task_run_state_cache_cache_key_created", CACHE.c.cache_key, CACHE.c.created)


def remember(connection: Connection, key: str, expiration: datetime | None, state: State) -> None:
    """Let a state be found by a key until it expires."""
    entry = {"id": str(uuid.uuid4()), "created": now(), "cache_key": key, "cache_expiration": expiration}
    connection.execute(insert(CACHE), {**entry, "task_run_state_id": state.id})


def cached_state(connection: Connection, key: str) -> State | None:
    """Find the state that was last stored under a key and has not expired."""
    fresh = CACHE.c.cache_expiration.is_(None) | (CACHE.c.cache_expiration > now())
    found = (
        select(STATES)
        .join(CACHE, CACHE.c.task_run_state_id == STATES.c.id)
        .where(CACHE.c.cache_key == key, fresh)
        .order_by(CACHE.c.created.desc())
        .limit(1)
    )
    row = connection.execute(found).mappings().first()
    if row is None:
        return None
    data = None if row["data"] is None else from_json(row["data"])
    kept = {"timestamp": row["timestamp"].isoformat(), "data": data, "state_details": from_json(row["state_details"])}
    return read_state({**row, **kept})
