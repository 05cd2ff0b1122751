"""The version of the tables, kept in the database so that a later version of ours knows what it opens."""

from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, inspect, select

from gateway.embedded.database.base import DatabaseError

VERSION = 1

STAMP = Table("prefect_graphql", MetaData(), Column("version", Integer, nullable=False))


def prepare(connection: Connection, metadata: MetaData) -> None:
    """Create the tables in an empty database.

    Raises DatabaseError for a database with other tables, or with tables of another version.
    """
    names = inspect(connection).get_table_names()
    if not names:
        STAMP.create(connection)
        connection.execute(insert(STAMP).values(version=VERSION))
        _copied(metadata).create_all(connection)
    elif STAMP.name not in names:
        raise DatabaseError(
            "The database belongs to another program (it has tables, but none of ours): give another one."
        )
    elif (version := connection.scalar(select(STAMP.c.version))) != VERSION:
        raise DatabaseError(f"The database has version {version} of the tables, this program needs version {VERSION}.")


def _copied(metadata: MetaData) -> MetaData:
    """Copy the tables: creating them in PostgreSQL marks the constraints that it adds last, and SQLite would lack them."""
    copy = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(copy)
    return copy
