"""The tags of runs on SQLite: a table beside that of the runs, kept by triggers, in which a tag finds its runs.

PostgreSQL has indexes that look into a list; SQLite would read every run.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, MetaData, Table, Text

MANY = ("flow_runs", "task_runs")
"""Tables whose rows are too many to be looked through."""

TAGS = {name: Table(f"{name}_tags", MetaData(), Column("tag", Text), Column("id", Text)) for name in MANY}
"""The table of tags of each: a row for each tag of each run, whose id it is."""


@dataclass(frozen=True)
class Beside:
    """What stands beside a table: its name, and the statements that make it where it is missing."""

    name: str
    statements: tuple[str, ...]


def tags_of(name: str) -> Beside:
    """Return the table of tags of a table."""
    return Beside(TAGS[name].name, tuple(_statements(name, TAGS[name].name)))


def _statements(name: str, table: str) -> Iterator[str]:
    """Write what makes the table of tags, fills it with those of the rows that are there, and keeps it."""
    take = f"INSERT OR IGNORE INTO {table} SELECT value, new.id FROM json_each(new.tags)"  # noqa: S608 (our own names)
    drop = f"DELETE FROM {table} WHERE id = old.id AND tag IN (SELECT value FROM json_each(old.tags))"  # noqa: S608
    yield f"CREATE TABLE {table} (tag TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tag, id)) WITHOUT ROWID"
    yield f"INSERT OR IGNORE INTO {table} SELECT value, {name}.id FROM {name}, json_each({name}.tags)"  # noqa: S608
    yield f"CREATE TRIGGER {table}_insert AFTER INSERT ON {name} BEGIN {take}; END"
    yield f"CREATE TRIGGER {table}_update AFTER UPDATE OF tags ON {name} BEGIN {drop}; {take}; END"
    yield f"CREATE TRIGGER {table}_delete AFTER DELETE ON {name} BEGIN {drop}; END"
