"""The tables of events: the events, and which resources each of them involves."""

from sqlalchemy import Column, Index, Table

from gateway.embedded.tables import METADATA
from gateway.embedded.tables.types import STRING, Document, Timestamp

EVENTS = Table(
    "events",
    METADATA,
    Column("id", STRING, primary_key=True, nullable=False),
    Column("event", STRING, nullable=False),
    Column("occurred", Timestamp, nullable=False),
    Column("received", Timestamp, nullable=False),
    Column("resource_id", STRING, nullable=False),
    Column("resource", Document, nullable=False),
    Column("related", Document, nullable=False),
    Column("payload", Document, nullable=False),
    Column("follows", STRING),
)

INVOLVED = Table(
    "event_resources",
    METADATA,
    Column("resource_id", STRING, primary_key=True, nullable=False),
    Column("occurred", Timestamp, primary_key=True, nullable=False),
    Column("event_id", STRING, primary_key=True, nullable=False),
    sqlite_with_rowid=False,
)
"""The resources that an event is about or related to: all are found by one of them without a look at other events."""

for _name, *_keys in (
    ("ix_events__occurred_id", EVENTS.c.occurred, EVENTS.c.id),
    ("ix_events__resource_id_occurred_id", EVENTS.c.resource_id, EVENTS.c.occurred, EVENTS.c.id),
    ("ix_events__received", EVENTS.c.received),
):
    Index(_name, *_keys)
