"""The version of the tables, kept in the database so that a later version of ours knows what it opens."""

import logging

from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, inspect, select, text

from gateway.embedded.database.base import DatabaseError
from gateway.embedded.database.planner import tell_planner

VERSION = 1

# Ours are named so; a constraint's index is none of these.
INDEXES = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND substr(name, 1, 3) IN ('ix_', 'uq_')",
    "postgresql": (
        "SELECT indexname, tablename FROM pg_indexes"
        " WHERE schemaname = current_schema() AND substr(indexname, 1, 3) IN ('ix_', 'uq_')"
    ),
}

log = logging.getLogger(__name__)

STAMP = Table("prefect_graphql", MetaData(), Column("version", Integer, nullable=False))


def prepare(connection: Connection, metadata: MetaData) -> None:
    """Create the tables in an empty database, and in one of ours what a later version added: tables and indexes.

    Raises DatabaseError for a database with other tables, or with tables of another version.
    """
    names = inspect(connection).get_table_names()
    if not names:
        STAMP.create(connection)
        connection.execute(insert(STAMP).values(version=VERSION))
    elif STAMP.name not in names:
        raise DatabaseError(
            "The database belongs to another program (it has tables, but none of ours): give another one."
        )
    elif (version := connection.scalar(select(STAMP.c.version))) != VERSION:
        raise DatabaseError(f"The database has version {version} of the tables, this program needs version {VERSION}.")
    _copied(metadata).create_all(connection)
    if connection.dialect.name == "sqlite":
        _make_beside(connection, metadata)
    _make_indexes(connection, metadata, tell=bool(names))


def _make_beside(connection: Connection, metadata: MetaData) -> None:
    """Make what SQLite has beside the tables: each says how in its `info`, and each statement makes one thing or fills it."""
    there = set(connection.scalars(text("SELECT name FROM sqlite_master")))
    for table in metadata.tables.values():
        if (beside := table.info.get("sqlite")) and beside.name not in there:
            for statement in beside.statements:
                connection.exec_driver_sql(statement)


def _copied(metadata: MetaData) -> MetaData:
    """Copy the tables: creating them in PostgreSQL marks the constraints that it adds last, and SQLite would lack them."""
    copy = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(copy).indexes.clear()
    return copy


def _make_indexes(connection: Connection, metadata: MetaData, *, tell: bool) -> None:
    """Make the indexes that are missing, and drop ours that are declared no more: they cost writes and help nobody."""
    dialect = connection.dialect.name
    every = (index for table in metadata.tables.values() for index in table.indexes)
    declared = {str(index.name): index for index in every if index.info.get("dialect", dialect) == dialect}
    there = {name for name, table in connection.execute(text(INDEXES[dialect])) if table in metadata.tables}
    missing = [index for name, index in declared.items() if name not in there]
    if missing and tell:
        log.warning("The database gets %d new indexes; with many rows this takes minutes.", len(missing))
    for name in there - declared.keys():
        connection.execute(text(f'DROP INDEX "{name}"'))
    for index in missing:
        index.create(connection)
    if dialect == "sqlite":
        tell_planner(connection, list(declared.values()))
