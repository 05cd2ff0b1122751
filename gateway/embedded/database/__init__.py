"""The embedded server's database: SQLite or PostgreSQL behind one `read` and one `write`."""

from sqlalchemy import MetaData, make_url
from sqlalchemy.exc import ArgumentError

from gateway.embedded.database.base import Database, DatabaseError
from gateway.embedded.database.postgres import PostgresDatabase
from gateway.embedded.database.sqlite import SqliteDatabase

__all__ = ["Database", "DatabaseError", "open_database"]


async def open_database(url: str, metadata: MetaData) -> Database:
    """Open the database at `sqlite:///file`, `sqlite+aiosqlite:///file` or `postgresql://...`; create missing tables.

    Raises DatabaseError, with a message of one line, when the database can't be opened.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(
            "The database's URL can't be read: give sqlite:///file or postgresql://user@host/database."
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return await SqliteDatabase.open(parsed, metadata)
        case "postgresql" | "postgres":
            return await PostgresDatabase.open(parsed, metadata)
        case other:
            raise DatabaseError(
                f"Databases of the kind {other!r} are not supported: give sqlite:///file or postgresql://..."
            )
