"""The tables of automations beside their own: what they are about, what they have counted, what has set them off."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table

from gateway.embedded.tables import METADATA, TABLES
from gateway.embedded.tables.types import STRING, Document, Timestamp

AUTOMATIONS = TABLES["automations"]


def _automation_id() -> Column[str]:
    return Column("automation_id", STRING, ForeignKey("automations.id", ondelete="CASCADE"), nullable=False)


RELATED = Table(
    "automation_related_resources",
    METADATA,
    Column("resource_id", STRING, primary_key=True, nullable=False),
    Column("automation_id", STRING, ForeignKey("automations.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    Column("is_owner", Boolean, nullable=False),
)
"""The resources that automations act on or belong to."""

WINDOWS = Table(
    "automation_windows",
    METADATA,
    Column("trigger_id", STRING, primary_key=True, nullable=False),
    Column("key", STRING, primary_key=True, nullable=False),
    _automation_id(),
    Column("start", Timestamp, nullable=False),
    Column("end", Timestamp, nullable=False),
    Column("count", Integer, nullable=False),
    Column("last_event", Document),
)
"""The span of time in which a trigger counts events of one kind; `key` is the JSON of the values by which it tells kinds."""

CHILDREN = Table(
    "automation_child_firings",
    METADATA,
    Column("parent_id", STRING, primary_key=True, nullable=False),
    Column("trigger_id", STRING, primary_key=True, nullable=False),
    _automation_id(),
    Column("triggered", Timestamp, nullable=False),
    Column("firing", Document, nullable=False),
)
"""The last firing of each trigger within another, until that fires."""

FIRINGS = Table(
    "automation_firings",
    METADATA,
    Column("id", STRING, primary_key=True, nullable=False),
    Column("automation", Document, nullable=False),
    Column("firing", Document, nullable=False),
    Column("taken", Timestamp),
)
"""Automations that were set off and have not acted yet; `taken` is when somebody began to."""

Index("ix_automation_related_resources__automation_id", RELATED.c.automation_id)
Index("ix_automation_windows__end", WINDOWS.c.end)
